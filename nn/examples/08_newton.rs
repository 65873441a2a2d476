//! Newton's method: the gradient of a gradient is a Hessian.
//!
//! `cargo run --release -p nn --example 08_newton`
//!
//! Rosenbrock's function has its minimum, 0, at (1, 1), at the end of a long bent valley. Gradient descent creeps along
//! the valley; Newton's method, which knows the curvature, takes a few steps. The curvature comes from `grad` with
//! `Order::Higher`, whose result can be differentiated again.

use autograd::{Order, Tensor, grad};

/// f(x, y) = (1 - x)² + 100 (y - x²)²
fn rosenbrock(point: &Tensor<f64>) -> Tensor<f64> {
    let (x, y) = (point.select(0, 0), point.select(0, 1));
    (1.0 - &x).square() + 100.0 * (y - x.square()).square()
}

/// The value, the gradient and the Hessian, row by row.
fn derivatives(point: [f64; 2]) -> (f64, [f64; 2], [[f64; 2]; 2]) {
    let point = Tensor::from_vec(point.to_vec(), [2]).requires_grad();
    let value = rosenbrock(&point);
    let gradient = grad(&value, &[&point], Order::Higher).remove(0);
    let rows = [0, 1].map(|row| {
        let second = grad(&gradient.select(0, row), &[&point], Order::RetainGraph).remove(0).to_vec();
        [second[0], second[1]]
    });
    (value.item(), [gradient.to_vec()[0], gradient.to_vec()[1]], rows)
}

/// The step s with H s = g.
fn solve([[a, b], [c, d]]: [[f64; 2]; 2], [g, h]: [f64; 2]) -> [f64; 2] {
    let determinant = a * d - b * c;
    [(g * d - h * b) / determinant, (a * h - c * g) / determinant]
}

fn main() {
    let start = [-1.2, 1.0];
    println!("Shows: Newton's method on Rosenbrock's function, with the Hessian as the gradient of a gradient");
    println!("Uses:  grad with Order::Higher and Order::RetainGraph, Tensor::select, backward\n");
    println!("Newton's method");
    println!("step        x           y           f(x, y)");
    let (mut point, mut newton) = (start, f64::INFINITY);
    for step in 0..=8 {
        let (value, gradient, hessian) = derivatives(point);
        println!("{step:4}  {:10.6}  {:10.6}  {value:16.6e}", point[0], point[1]);
        let [dx, dy] = solve(hessian, gradient);
        (point, newton) = ([point[0] - dx, point[1] - dy], value);
    }

    println!("gradient descent from the same point, with a rate of 0.001");
    let (mut point, mut descent) = (start, f64::INFINITY);
    for step in 0..=10_000 {
        let x = Tensor::from_vec(point.to_vec(), [2]).requires_grad();
        let value = rosenbrock(&x);
        descent = value.item();
        if [0, 10, 100, 1000, 10_000].contains(&step) {
            println!("{step:5} {:10.6}  {:10.6}  {descent:16.6e}", point[0], point[1]);
        }
        let gradient = value.backward().get(&x).expect("f depends on x").to_vec();
        point = [point[0] - 0.001 * gradient[0], point[1] - 0.001 * gradient[1]];
    }
    assert!(newton < 1e-20 && descent > 1e-8, "Newton's method should be far ahead: {newton:e} and {descent:e}");
}
