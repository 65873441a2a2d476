//! The graph at its limits: depth, width, sharing, second backward passes, and panics at the caller's line.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

use autograd::{Backward, Indices, Op, Order, Param, Tensor, grad, grad_with, no_grad};

fn leaf(values: &[f32]) -> Tensor {
    Tensor::from_slice(values, [values.len()]).requires_grad()
}

#[test]
fn a_chain_of_a_million_nodes_is_built_differentiated_and_dropped() {
    // The stack is too small for a million nested calls, or even ten thousand.
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
fn a_graph_that_two_threads_drop_is_dropped_once() {
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

/// The number of levels of a graph that is too deep for recursion. Unoptimised builds are slower, so they use fewer.
const LEVELS: usize = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

/// Runs `body` on a stack that is too small for a few thousand nested calls.
fn on_a_small_stack(body: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let small = thread::Builder::new().stack_size(256 << 10);
        small.spawn_scoped(scope, body).unwrap().join().unwrap();
    });
}

#[test]
fn a_graph_of_any_shape_is_dropped_without_recursion() {
    type Level = fn(&Tensor) -> Tensor;
    let shapes: [Level; 5] =
        [|y| y + y.tanh(), |y| y * y, |y| y.tanh() + y, |y| (y + y.sin()) * y, |y| y.unsqueeze(0).select(0, 0) + y];
    for level in shapes {
        on_a_small_stack(|| {
            let x = leaf(&[0.5]);
            drop((0..LEVELS / 2).fold(x.clone(), |y, _| level(&y)));
        });
    }
}

#[test]
fn gradients_that_were_recorded_are_dropped_without_recursion() {
    on_a_small_stack(|| {
        let x = leaf(&[0.5]);
        let y = (0..LEVELS / 10).fold(x.clone(), |y, _| &y + y.tanh());
        let slope = grad(&y, &[&x], Order::Higher);
        drop(y);
        drop(slope);
    });
}

#[test]
fn a_graph_that_many_threads_drop_at_once_is_dropped_without_recursion() {
    const HEADS: usize = 8;
    for round in 0..if cfg!(debug_assertions) { 2 } else { 10 } {
        // Chains that cross at every level, each held by one thread: the threads meet repeatedly while they drop them.
        let x = leaf(&[0.5]);
        let mut strands: Vec<Tensor> = (0..HEADS).map(|strand| &x * strand as f32).collect();
        for level in 0..LEVELS / 50 {
            strands = (0..HEADS).map(|i| &strands[i] + &strands[(i + level + round) % HEADS]).collect();
        }
        let start = std::sync::Barrier::new(HEADS);
        thread::scope(|scope| {
            for head in strands {
                let start = &start;
                let small = thread::Builder::new().stack_size(256 << 10);
                let let_go = move || {
                    start.wait();
                    drop(head);
                };
                small.spawn_scoped(scope, let_go).unwrap();
            }
        });
    }
}

#[test]
fn operations_that_hold_tensors_with_their_graphs_are_dropped_without_recursion() {
    /// An operation that holds a tensor with its edge, which the book advises against.
    #[derive(Debug)]
    struct Holder {
        _held: Tensor,
        _other_type: Option<Tensor<f64>>,
    }
    impl Op<f32> for Holder {
        fn name(&self) -> &'static str {
            "holder"
        }
        fn backward(&self, ctx: &mut Backward<'_, f32>) {
            let grad = ctx.grad();
            ctx.propagate(0, || grad);
        }
    }
    on_a_small_stack(|| {
        let x = leaf(&[0.5]);
        let mut other = Tensor::from_vec(vec![0.5_f64], [1]).requires_grad();
        let y = (0..LEVELS / 2).fold(x.clone(), |y, level| {
            other = &other + 1.0;
            let _other_type = (level % 10 == 0).then(|| other.clone());
            Tensor::from_vec(vec![0.5], [1]).record(&[&x], |_| Holder { _held: y, _other_type })
        });
        drop(other);
        drop(y);
    });
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
fn gradients_that_are_not_needed_are_not_computed() {
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
fn a_backward_pass_of_higher_order_keeps_the_graph_and_one_of_first_order_frees_it() {
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
fn gradients_can_be_requested_for_any_tensor() {
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
fn nodes_on_no_path_to_a_target_are_neither_run_nor_freed() {
    let (a, b) = (leaf(&[2.0]), leaf(&[3.0]));
    let beside = b.exp();
    let y = (&a * &a * &beside).sum();
    let found = grad(&y, &[&a], Order::First);
    assert_eq!(found[0].to_vec(), [4.0 * 3.0_f32.exp()]);
    // The node of `exp` was newer than `a`, but led only to `b`.
    assert_eq!(beside.backward().get(&b).unwrap().to_vec(), [3.0_f32.exp()]);
}

#[test]
fn the_graph_behind_a_target_can_still_be_used() {
    let x = leaf(&[1.0, 2.0]);
    let h = &x * &x;
    let y = (&h * 3.0).sum();
    let gradient_of_h = grad(&y, &[&h], Order::First).remove(0);
    assert_eq!(gradient_of_h.to_vec(), [3.0, 3.0]);
    assert_eq!(h.backward_with(&gradient_of_h).get(&x).unwrap().to_vec(), [6.0, 12.0]);
    // A result is its own target.
    let z = &x * 2.0;
    assert_eq!(grad_with(&z, &[&z], &Tensor::ones([2]), Order::First)[0].to_vec(), [1.0, 1.0]);
    assert_eq!(z.sum().backward().get(&x).unwrap().to_vec(), [2.0, 2.0]);
}

#[test]
fn a_target_on_the_path_to_another_target_is_passed() {
    let x = leaf(&[1.0, 2.0]);
    let h = &x * &x;
    let k = &h * &h;
    let found = grad(&(&h + &k).sum(), &[&x, &h], Order::First);
    assert_eq!(found[1].to_vec(), [3.0, 9.0]);
    assert_eq!(found[0].to_vec(), [6.0, 36.0]);
    assert!(panic_of(|| drop(k.sum().backward())).0.contains("walked before"), "what was run was freed");
}

#[test]
fn a_backward_pass_of_first_order_can_keep_the_graph() {
    let x = leaf(&[2.0]);
    let y = (&x * &x * &x).sum();
    let kept = [y.backward_retain_graph(), y.backward_with_retain_graph(&Tensor::ones(()))];
    assert!(kept.iter().all(|gradients| gradients.get(&x).unwrap().to_vec() == [12.0]));
    let gradient = grad(&y, &[&x], Order::RetainGraph).remove(0);
    assert!(!gradient.is_tracked(), "of first order");
    assert_eq!(y.backward().get(&x).unwrap().to_vec(), [12.0]);
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
            assert_eq!(line, line_of($words), "{message} is reported at another line");
        })*
    };
}

/// The line of this file that contains the words.
fn line_of(words: &str) -> u32 {
    let quoted = format!("\"{words}\": ");
    let position = include_str!("graph.rs").lines().position(|line| line.contains(&quoted));
    position.expect("the words stand in this file") as u32 + 1
}

#[test]
fn wrong_calls_panic_with_a_clear_message_at_the_callers_line() {
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
