//! The graph at its limits: depth, width, sharing, second walks, and mistakes answered at the caller's line.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

use autograd::{Backward, Indices, Op, Order, Param, Tensor, grad, grad_with, no_grad};

fn leaf(numbers: &[f32]) -> Tensor {
    Tensor::from_slice(numbers, [numbers.len()]).requires_grad()
}

#[test]
fn a_chain_of_a_million_nodes_is_built_walked_and_dropped() {
    // A stack on which a million nested calls, or even ten thousand, would not fit.
    let small = thread::Builder::new().stack_size(256 << 10);
    let work = || {
        let x = leaf(&[1.0]);
        let chain = |x: &Tensor| (0..1_000_000).fold(x.clone(), |y, _| y + 1.0);
        let y = chain(&x);
        assert_eq!(y.item(), 1_000_001.0);
        assert_eq!(y.backward().get(&x).unwrap().to_vec(), [1.0]);
        drop(chain(&x));
        let kept = chain(&x);
        let other = &kept * 2.0;
        drop(kept);
        thread::Builder::new().stack_size(256 << 10).spawn(move || drop(other)).unwrap().join().unwrap();
    };
    small.spawn(work).unwrap().join().unwrap();
}

#[test]
fn a_graph_that_two_threads_let_go_of_is_dropped_once() {
    for _ in 0..50 {
        let x = leaf(&[1.0]);
        let shared = (0..2_000).fold(x.clone(), |y, _| y + 1.0);
        let heads = [&shared * 2.0, &shared * 3.0];
        drop(shared);
        thread::scope(|scope| {
            for head in heads {
                scope.spawn(move || drop(head));
            }
        });
    }
}

#[test]
fn gradients_of_a_shared_part_are_added() {
    let x = leaf(&[2.0, 3.0]);
    let shared = &x * &x;
    let y = (0..100).fold(Tensor::zeros([2]), |sum, k| sum + &shared * k as f32);
    let gradients = y.sum().backward();
    assert_eq!(gradients.get(&x).unwrap().to_vec(), [4950.0 * 4.0, 4950.0 * 6.0]);
}

#[test]
fn what_a_result_does_not_need_is_not_computed() {
    #[derive(Debug)]
    struct Untouchable;
    impl Op<f32> for Untouchable {
        fn name(&self) -> &'static str {
            "untouchable"
        }
        fn backward(&self, ctx: &mut Backward<'_, f32>) {
            let grad = ctx.grad();
            ctx.propagate(0, || panic!("the gradient of a constant was computed"));
            ctx.propagate(1, || grad);
        }
    }
    let (constant, x) = (Tensor::ones([2]), leaf(&[1.0, 2.0]));
    let y = Tensor::from_vec(vec![0.0, 0.0], [2]).record(&[&constant, &x], |_| Untouchable);
    assert_eq!(y.sum().backward().get(&x).unwrap().to_vec(), [1.0, 1.0]);
}

#[test]
fn a_walk_of_higher_order_keeps_the_graph_and_a_first_order_one_frees_it() {
    let x = leaf(&[2.0]);
    let y = (&x * &x * &x).sum();
    let twice: Vec<Tensor> = (0..2).map(|_| grad(&y, &[&x], Order::Higher).remove(0)).collect();
    assert_eq!(twice[0].to_vec(), [12.0]);
    assert_eq!(twice[1].to_vec(), [12.0]);
    let second = grad(&twice[0].sum(), &[&x], Order::Higher).remove(0);
    let third = grad(&second.sum(), &[&x], Order::First).remove(0);
    assert_eq!(third.to_vec(), [6.0]);
}

#[test]
fn gradients_may_be_asked_for_at_any_tensor() {
    let x = leaf(&[1.0, 2.0]);
    let middle = &x * 3.0;
    let independent = leaf(&[5.0]);
    let y = (&middle * &middle).sum();
    let found = grad(&y, &[&middle, &x, &independent], Order::First);
    assert_eq!(found[0].to_vec(), [6.0, 12.0]);
    assert_eq!(found[1].to_vec(), [18.0, 36.0]);
    assert_eq!(found[2].to_vec(), [0.0]);
}

#[test]
fn a_frozen_parameter_and_a_buffer_get_no_gradient() {
    let ones: Tensor = Tensor::ones([2]);
    let (trained, frozen, buffer) = (Param::new(ones.clone()), Param::new(ones.clone()), Param::buffer(ones));
    frozen.freeze();
    let loss = || (trained.tensor() * frozen.tensor() * buffer.tensor()).sum();
    let gradients = loss().backward();
    assert_eq!(gradients.len(), 1);
    assert!(gradients.of(&trained).is_some() && gradients.of(&frozen).is_none() && gradients.of(&buffer).is_none());
    frozen.unfreeze();
    assert!(loss().backward().of(&frozen).is_some());
}

#[test]
fn a_value_that_was_saved_does_not_change_under_its_node() {
    let weight = Param::new(Tensor::from_vec(vec![3.0], [1]));
    let y = (weight.tensor() * weight.tensor()).sum();
    weight.update(|w| w[0] = 100.0);
    assert_eq!(y.backward().of(&weight).unwrap().to_vec(), [6.0]);
    assert_eq!(weight.tensor().to_vec(), [100.0]);
}

/// The message and the line of the panic that `body` ends with.
fn panic_of(body: impl FnOnce()) -> (String, u32) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    static CAUGHT: Mutex<Option<(String, u32)>> = Mutex::new(None);
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let own = thread::current().id();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if thread::current().id() == own {
            let location = info.location().unwrap();
            let line = if location.file().ends_with("graph.rs") && location.file().contains("tests") {
                location.line()
            } else {
                0
            };
            let message = info.payload().downcast_ref::<String>().cloned().unwrap_or_default();
            *CAUGHT.lock().unwrap() = Some((message, line));
        }
    }));
    let outcome = catch_unwind(AssertUnwindSafe(body));
    std::panic::set_hook(before);
    assert!(outcome.is_err(), "no panic");
    CAUGHT.lock().unwrap().take().expect("the hook saw the panic")
}

/// Checks that each expression panics with a message that has these words in it, at its own line.
macro_rules! mistakes {
    ($($words:literal: $expression:expr;)*) => {
        $({
            let (message, line) = panic_of(|| {
                let _ = $expression;
            });
            assert!(message.contains($words), "{:?} is not in {message:?}", $words);
            assert_eq!(line, line_of($words), "{message} is told of another line");
        })*
    };
}

/// The line of this file on which the words stand.
fn line_of(words: &str) -> u32 {
    let quoted = format!("\"{words}\": ");
    let position = include_str!("graph.rs").lines().position(|line| line.contains(&quoted));
    position.expect("the words stand in this file") as u32 + 1
}

#[test]
fn mistakes_are_told_in_plain_words_at_the_callers_line() {
    let (a, b) = (Tensor::<f32>::ones([3, 4]), Tensor::<f32>::ones([2, 4]));
    let x = leaf(&[1.0, 2.0]);
    let walked = || {
        let y = &x * &x;
        let head = y.sum();
        drop(head.backward());
        y.sum()
    };
    mistakes! {
        "add: shapes [3, 4] and [2, 4] do not broadcast: dimension -2 is 3 and 2": &a + &b;
        "sub: shapes [3, 4] and [2, 4] do not broadcast": &a - b.clone();
        "div: shapes [3, 4] and [2, 4] do not broadcast": a.clone() / &b;
        "matmul: shapes [3, 4] and [2, 4]: dimension -1 of the left is 4": a.matmul(&b);
        "linear: the input has shape [3, 4], the weight [2, 3]": a.linear(&Tensor::ones([2, 3]), None);
        "reshape: shape [3, 4] has 12 elements and does not fit [5, 5]": a.reshape([5, 5]);
        "expand: shape [3, 4] does not stretch to [3, 5]": a.expand([3, 5]);
        "narrow: 5 elements from 0 on are not in dimension 1": a.narrow(1, 0, 5);
        "select: index -4 is not in dimension 0": a.select(0, -4);
        "transpose: dimension 2 is out of range for 2 dimensions (from -2 to 1)": a.transpose(0, 2);
        "sum_dim: dimension -3 is out of range": a.sum_dim(-3, false);
        "softmax: dimension 7 is out of range": a.softmax(7);
        "index_select: index 3 is not in dimension 0": a.index_select(0, [3]);
        "cross_entropy: label 4 is not one of the 4 classes": a.cross_entropy(&Indices::from([0, 4, 1]));
        "item: shape [3, 4] has 12 elements, not one": a.item();
        "from_vec: shape [2] has 2 elements, but there are 1 numbers": Tensor::from_vec(vec![1.0], [2]);
        "backward: shape [2] is not a single number": (&x * 2.0).backward();
        "backward: this tensor cannot have a gradient": a.sum().backward();
        "backward_with: the seed has shape [1], the tensor [2]": (&x * 2.0).backward_with(&Tensor::ones([1]));
        "backward: this graph was walked before and its values are freed (found at mul)": walked().backward();
        "grad: tensor 0 of those asked for is not tracked": grad(&x.sum(), &[&a], Order::First);
        "grad_with: the seed has shape [3], the tensor [2]": grad_with(&x, &[&x], &Tensor::ones([3]), Order::First);
        "grad: this tensor cannot have a gradient": grad(&no_grad(|| x.sum()), &[&x], Order::First);
        "Param::set: the parameter has shape [1], the new value [3, 4]": Param::new(Tensor::ones([1])).set(&a);
    }
}

#[test]
fn a_rule_that_makes_a_wrong_shape_is_named() {
    #[derive(Debug)]
    struct Crooked;
    impl Op<f32> for Crooked {
        fn name(&self) -> &'static str {
            "crooked"
        }
        fn backward(&self, ctx: &mut Backward<'_, f32>) {
            ctx.propagate(0, || Tensor::ones([3]));
        }
    }
    let x = leaf(&[1.0, 2.0]);
    let y = Tensor::zeros([2]).record(&[&x], |_| Crooked);
    let (message, _) = panic_of(|| drop(y.sum().backward()));
    assert_eq!(message, "crooked: backward made a gradient of shape [3] for an input of shape [2]");
}
