//! Closures that are called with gradients.

use std::sync::{Arc, Mutex};

use autograd::{Order, Param, Tensor, grad, map_each, no_grad, with_threads};

fn x() -> Tensor<f64> {
    Tensor::from_vec(vec![1.0, 2.0], [2]).requires_grad()
}

type Seen = Arc<Mutex<Vec<Vec<f64>>>>;

fn seen() -> (Seen, impl Fn(&Tensor<f64>) + Send + Sync + 'static) {
    let seen = Seen::default();
    let inner = Arc::clone(&seen);
    (seen, move |gradient: &Tensor<f64>| inner.lock().unwrap().push(gradient.to_vec()))
}

#[test]
fn a_hook_runs_once_with_the_whole_gradient_of_leaves_and_inner_tensors() {
    let ((of_leaf, at_leaf), (of_inner, at_inner)) = (seen(), seen());
    let x = x();
    let hooked = x.on_gradient(at_leaf);
    let y = (&hooked * 3.0).on_gradient(at_inner);
    // y is used three times, the leaf twice.
    let loss = (&y * &y + &y + &hooked).sum();
    let gradients = loss.backward();
    assert_eq!(*of_inner.lock().unwrap(), [[7.0, 13.0]]);
    assert_eq!(*of_leaf.lock().unwrap(), [[22.0, 40.0]]);
    assert_eq!(gradients.get(&x).unwrap().to_vec(), [22.0, 40.0]);
}

#[test]
fn a_hook_replaces_the_gradient_or_leaves_it() {
    let x = x();
    let halved = x.on_gradient(|gradient| gradient * 0.5);
    let maybe = halved.on_gradient(|gradient| (gradient.to_vec()[0] > 1e9).then(|| gradient * 0.0));
    let y = &maybe * &maybe;
    // The result's gradient is what the hook gets, this tensor's what it returns.
    let [of_result, of_x] = <[_; 2]>::try_from(grad(&y.sum(), &[&halved, &x], Order::RetainGraph)).unwrap();
    assert_eq!((of_result.to_vec(), of_x.to_vec()), (vec![2.0, 4.0], vec![1.0, 2.0]));
    assert_eq!(y.sum().backward().get(&x).unwrap().to_vec(), [1.0, 2.0]);
    let weight = Param::new(Tensor::from_vec(vec![3.0], [1]));
    let clipped = weight.tensor().on_gradient(|gradient| gradient.clamp(-1.0, 1.0));
    assert_eq!((clipped * 100.0).backward().of(&weight).unwrap().item(), 1.0);
}

#[test]
fn what_a_hook_computes_is_differentiated_in_higher_orders() {
    let x = x();
    let y = x.on_gradient(|gradient| gradient * gradient).powf(2.0).sum();
    let first = grad(&y, &[&x], Order::Higher).remove(0);
    assert_eq!(first.to_vec(), [4.0, 16.0]); // (2 x)²
    // The second walk comes through the hook again: (8 x)².
    assert_eq!(grad(&first.sum(), &[&x], Order::First).remove(0).to_vec(), [64.0, 256.0]);
}

#[test]
fn without_a_gradient_there_is_no_hook() {
    let (seen, hook) = seen();
    let hook = Arc::new(hook);
    let other = Arc::clone(&hook);
    assert!(!Tensor::<f64>::ones([2]).on_gradient(move |g| hook(g)).is_tracked());
    assert!(!no_grad(|| x().on_gradient(move |g| other(g))).is_tracked());
    assert!(seen.lock().unwrap().is_empty());
}

#[test]
fn a_hook_may_fork_wait_and_walk_graphs() {
    let hook = |gradient: &Tensor<f64>| {
        let parts = map_each(0..8, |part| {
            let y = gradient.detach().requires_grad();
            autograd::enable_grad(|| (&y * f64::from(part)).sum()).backward().get(&y).unwrap().sum().item()
        });
        gradient * parts.iter().sum::<f64>()
    };
    let gradients = with_threads(2, || {
        let x = x();
        let gradients = x.on_gradient(hook).sum().backward();
        gradients.get(&x).unwrap().to_vec()
    });
    assert_eq!(gradients, [56.0, 56.0]);
}

#[test]
#[should_panic(expected = "made a gradient of shape [1] of one of shape [2]")]
fn a_replaced_gradient_keeps_its_shape() {
    x().on_gradient(|gradient| gradient.narrow(0, 0, 1)).sum().backward();
}
