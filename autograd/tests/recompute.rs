//! Segments whose values are computed again: the same bits, for less memory.

use std::sync::{Arc, Mutex};

use autograd::check::{gradcheck, gradgradcheck};
use autograd::{Gradients, Order, Param, Random, Tensor, grad, no_grad, recompute};

fn randn(shape: &[usize], seed: u64) -> Tensor<f64> {
    Tensor::randn(shape, seed)
}

/// Two layers with batch norm, whose running mean is kept, and dropout, whose stream goes on.
struct Block {
    weights: [Param<f64>; 2],
    running_mean: Param<f64>,
    batches: Param<f64>,
    random: Mutex<Random>,
}

impl Block {
    fn new(seed: u64) -> Arc<Block> {
        Arc::new(Block {
            weights: [randn(&[8, 8], seed), randn(&[8, 8], seed + 1)].map(Param::new),
            running_mean: Param::buffer(Tensor::zeros([8])),
            batches: Param::buffer(Tensor::zeros([1])),
            random: Mutex::new(Random::new(seed)),
        })
    }

    fn forward(&self, x: &Tensor<f64>) -> Tensor<f64> {
        let x = x.linear_relu(&self.weights[0].tensor(), None);
        let (x, mean, _) = x.batch_norm(None, None, 1e-5);
        self.running_mean.set(&(self.running_mean.tensor() * 0.9 + mean * 0.1));
        self.batches.update(|batches| batches[0] += 1.0);
        let noise = self.random.lock().unwrap().uniform();
        let x = x.dropout(0.5, &mut *self.random.lock().unwrap()).dropout(0.1, 3) * (1.0 + noise);
        x.linear(&self.weights[1].tensor(), None).tanh()
    }
}

/// What a step leaves behind: loss, gradients and states.
fn step(is_recomputed: bool, order: Order) -> Vec<f64> {
    let blocks = [Block::new(0), Block::new(10)];
    let x = randn(&[16, 8], 20).requires_grad();
    let mut y = x.clone();
    for block in &blocks {
        let inner = Arc::clone(block);
        // The block's input is used beside it too, and the weights twice.
        let z = if is_recomputed { recompute(move |x| inner.forward(&x), &y) } else { inner.forward(&y) };
        y = y + z * block.weights[0].tensor().sum();
    }
    let loss = y.powf(2.0).mean();
    let mut found = vec![loss.item()];
    match order {
        Order::First => {
            let gradients: Gradients<f64> = loss.backward();
            found.extend(gradients.get(&x).unwrap().to_vec());
            for weight in blocks.iter().flat_map(|block| &block.weights) {
                found.extend(gradients.of(weight).unwrap().to_vec());
            }
        }
        _ => {
            let first = grad(&loss, &[&x], order).remove(0);
            found.extend(first.to_vec());
            let again = if order == Order::Higher { first.powf(2.0).sum() } else { loss };
            found.extend(grad(&again, &[&x], Order::First).remove(0).to_vec());
        }
    }
    for block in &blocks {
        found.extend(block.running_mean.tensor().to_vec());
        found.push(block.batches.tensor().item());
        found.push(block.random.lock().unwrap().position() as f64);
    }
    found
}

#[test]
fn everything_has_the_same_bits_as_without() {
    for order in [Order::First, Order::RetainGraph] {
        let (plain, recomputed) = (step(false, order), step(true, order));
        assert_eq!(plain.len(), recomputed.len());
        assert!(plain.iter().zip(&recomputed).all(|(a, b)| a.to_bits() == b.to_bits()), "{order:?}");
    }
}

#[test]
fn higher_orders_are_the_same_but_for_the_order_of_sums() {
    let (plain, recomputed) = (step(false, Order::Higher), step(true, Order::Higher));
    let is_same = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * (1.0 + a.abs());
    assert!(plain.len() == recomputed.len() && plain.iter().zip(&recomputed).all(is_same));
    // Loss and first gradients have the same bits here too.
    assert_eq!(plain[..1 + 16 * 8], recomputed[..1 + 16 * 8]);
}

#[test]
fn gradients_agree_with_differences_in_both_orders() {
    let f = |x: &[Tensor<f64>]| {
        let captured = x[2].exp();
        recompute(move |[a, b]| (a.matmul(&b).tanh() * &captured).exp(), [&x[0], &x[1]])
    };
    let inputs = [randn(&[2, 3], 0), randn(&[3, 2], 1), randn(&[2], 2)];
    gradcheck(f, &inputs).unwrap();
    gradgradcheck(f, &inputs).unwrap();
}

#[test]
fn segments_lie_inside_each_other() {
    let run = |nested: bool| {
        let block = Block::new(0);
        let (inner, outer) = (Arc::clone(&block), Arc::clone(&block));
        let x = randn(&[4, 8], 5).requires_grad();
        let f = move |x: Tensor<f64>| {
            let inner = Arc::clone(&inner);
            let y = if nested { recompute(move |x| inner.forward(&x), &x) } else { inner.forward(&x) };
            outer.forward(&(y * 2.0))
        };
        let y = if nested { recompute(f, &x) } else { f(x.clone()) };
        let gradients = y.sum().backward();
        let weight = gradients.of(&block.weights[0]).unwrap().to_vec();
        (
            gradients.get(&x).unwrap().to_vec(),
            weight,
            block.batches.tensor().item(),
            block.running_mean.tensor().to_vec(),
        )
    };
    let (plain, nested) = (run(false), run(true));
    assert_eq!(plain, nested);
    assert_eq!(nested.2, 2.0);
}

#[test]
fn a_parameter_alone_gets_its_gradient_and_only_what_is_asked_for_is_walked() {
    let (weight, other) = (Param::new(randn(&[3], 0)), Param::new(randn(&[3], 1)));
    let (inner, second) = (weight.clone(), other.clone());
    let y = recompute(move |x| x * inner.tensor().exp() + second.tensor(), &Tensor::ones([3]));
    let leaf = other.tensor();
    let expected = weight.tensor().exp().to_vec();
    assert_eq!(grad(&y.sum(), &[&leaf], Order::RetainGraph)[0].to_vec(), [1.0; 3]);
    let gradients = y.sum().backward();
    assert_eq!(gradients.of(&weight).unwrap().to_vec(), expected);
    assert_eq!(gradients.len(), 2);
}

#[test]
fn the_versions_of_the_first_run_are_read_again() {
    let weight = Param::new(Tensor::from_vec(vec![3.0], [1]));
    let inner = weight.clone();
    let x = Tensor::from_vec(vec![2.0], [1]).requires_grad();
    let y = recompute(move |x| x * inner.tensor(), &x);
    weight.update(|values| values[0] = 100.0);
    assert_eq!(y.backward().get(&x).unwrap().item(), 3.0);
}

#[test]
fn where_nothing_is_recorded_the_closure_just_runs() {
    let x = randn(&[3], 0);
    assert!(!recompute(|x| x.exp(), &x).is_tracked());
    let x = x.requires_grad();
    assert!(!no_grad(|| recompute(|x| x.exp(), &x)).is_tracked());
    assert!(!recompute(|x| x.detach(), &x).is_tracked());
    assert_eq!(recompute(|x| x, &x).sum().backward().get(&x).unwrap().to_vec(), [1.0; 3]);
}

#[test]
#[should_panic(expected = "recompute: the closure read other parameters or drew other random numbers")]
fn a_closure_that_does_something_else_is_seen() {
    let (random, runs) = (Mutex::new(Random::new(0)), Mutex::new(0));
    let x = randn(&[3], 0).requires_grad();
    let f = move |x: Tensor<f64>| {
        *runs.lock().unwrap() += 1;
        if *runs.lock().unwrap() == 1 { x.dropout(0.5, &mut *random.lock().unwrap()) } else { x * 2.0 }
    };
    recompute(f, &x).sum().backward();
}

#[test]
#[should_panic(expected = "recompute: the output had shape [3], and [2] when it was computed again")]
fn a_result_of_another_shape_is_seen() {
    let runs = Mutex::new(0);
    let x = randn(&[3], 0).requires_grad();
    let f = move |x: Tensor<f64>| {
        *runs.lock().unwrap() += 1;
        x.narrow(0, 0, 4 - *runs.lock().unwrap())
    };
    recompute(f, &x).backward_with(&Tensor::ones([3]));
}

#[test]
fn draws_of_forked_tasks_are_refused_unless_they_have_a_seed() {
    let x = randn(&[64], 0).requires_grad();
    let seeded = recompute(|x| autograd::join(|| x.dropout(0.5, 1), || x.dropout(0.5, 2)).0, &x);
    let kept = seeded.to_vec().iter().map(|&y| if y == 0.0 { 0.0 } else { 2.0 }).collect::<Vec<_>>();
    assert_eq!(seeded.sum().backward().get(&x).unwrap().to_vec(), kept);
    for is_nested in [false, true] {
        let random = Arc::new(Mutex::new(Random::new(0)));
        let draw = move |x: Tensor<f64>| {
            let random = Arc::clone(&random);
            let drop_out = move |x: Tensor<f64>| x.dropout(0.5, &mut *random.lock().unwrap());
            autograd::join(|| if is_nested { recompute(drop_out, &x) } else { drop_out(x) }, || ()).0
        };
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| recompute(draw, &x)));
        let message = *caught.unwrap_err().downcast::<String>().unwrap();
        assert!(message.starts_with("recompute: a task that was forked inside of the closure drew"), "{message}");
    }
}
