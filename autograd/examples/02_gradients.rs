//! The origin of a tensor: the graph, the backward pass, and gradients of gradients.
//!
//! `cargo run --release -p autograd --example 02_gradients`

use autograd::{Order, Tensor, grad, no_grad};

fn main() {
    println!("Shows: gradients by the backward pass, and gradients of gradients");
    println!("Uses:  Tensor::requires_grad, backward, Gradients::get, grad with Order::Higher, no_grad\n");
    let x: Tensor<f64> = Tensor::linspace(-2.0, 2.0, 5).requires_grad();

    // Every operation on a tracked tensor records a node; backward visits the nodes from the newest to the oldest.
    let y = (&x * &x * &x - &x * 2.0).sum();
    println!("y = {y}");
    let gradients = y.backward();
    let slope = gradients.get(&x).expect("y depends on x");
    println!("dy/dx = {slope}");
    assert_eq!(slope.to_vec(), [10.0, 1.0, -2.0, 1.0, 10.0]);

    // With Order::Higher the backward pass is recorded too, so the gradient can be differentiated again.
    let y = (&x * &x * &x).sum();
    let slope = grad(&y, &[&x], Order::Higher).remove(0);
    let curvature = grad(&slope.sum(), &[&x], Order::First).remove(0);
    println!("d²(x³)/dx² = {curvature}");
    assert_eq!(curvature.to_vec(), [-12.0, -6.0, 0.0, 6.0, 12.0]);

    // Under no_grad nothing is recorded.
    assert!(!no_grad(|| &x * 2.0).is_tracked());
}
