//! A network that obeys a law of physics: u'' + 2 d u' + w² u = 0, a damped oscillator that starts at 1 and at rest.
//!
//! `cargo run --release -p nn --example 09_oscillator`
//!
//! Nobody tells the network what the solution is. Its loss is how much it violates the equation, and the start. That
//! takes the derivatives of the network by its input, and then their gradients by the weights: third derivatives in
//! all. (Raissi, Perdikaris and Karniadakis: *Physics-informed neural networks*, 2019.)

use autograd::{Order, Random, Stream, Tensor, grad, with_threads};
use nn::{Layer, Linear, Mode, Module, Sequential, Tanh};
use optim::schedule::CosineAnnealingLR;
use optim::{Adam, Optimizer};

const DAMPING: f64 = 0.6;
const FREQUENCY: f64 = 4.0;
const END: f64 = 3.0;

/// u(t) = e^(-d t) (cos v t + d/v sin v t) with v² = w² - d²
fn exact(t: f64) -> f64 {
    let v = (FREQUENCY * FREQUENCY - DAMPING * DAMPING).sqrt();
    (-DAMPING * t).exp() * ((v * t).cos() + DAMPING / v * (v * t).sin())
}

fn network() -> Sequential<f64> {
    let mut random = Random::new(0);
    Sequential::new()
        .add(Linear::new(1, 32, &mut random))
        .add(Tanh)
        .add(Linear::new(32, 32, &mut random))
        .add(Tanh)
        .add(Linear::new(32, 1, &mut random))
}

/// The times, the network's values there, and their first and second derivatives.
fn derivatives(model: &Sequential<f64>, t: &Tensor<f64>, mode: Mode<'_>) -> [Tensor<f64>; 3] {
    let u = model.forward(t, mode);
    let of_sum = |y: &Tensor<f64>| grad(&y.sum(), &[t], Order::Higher).remove(0);
    let first = of_sum(&u);
    let second = of_sum(&first);
    [u, first, second]
}

fn loss(model: &Sequential<f64>, times: &Tensor<f64>, mode: Mode<'_>) -> Tensor<f64> {
    let [u, first, second] = derivatives(model, times, mode);
    let residual = second + first * (2.0 * DAMPING) + u * (FREQUENCY * FREQUENCY);
    let start = Tensor::zeros([1, 1]).requires_grad();
    let [u, first, _] = derivatives(model, &start, mode);
    residual.square().mean() + 100.0 * (u - 1.0).square().sum() + 10.0 * first.square().sum()
}

fn main() {
    println!("Shows: a network that solves a differential equation, with derivatives of the network in its loss");
    println!("Uses:  grad with Order::Higher, Tensor::backward, CosineAnnealingLR, Adam::follow\n");
    let steps = std::env::args().nth(1).map_or(20_000, |text| text.parse().expect("a number of steps"));
    let model = network();
    let times = Tensor::linspace(0.0, END, 64).reshape([64, 1]).requires_grad();
    let mut adam = Adam::new(model.parameters(), 0.005);
    let rate = CosineAnnealingLR::new(steps as u64);
    let mut losses = Vec::new();
    with_threads(1, || {
        let stream = Stream::new(1);
        for step in 0..steps {
            adam.follow(&rate, step as u64);
            let loss = loss(&model, &times, Mode::Train(&stream));
            losses.push(loss.item());
            if step % (steps / 8).max(1) == 0 {
                println!("step {step:5}  loss {:.6}", losses[step]);
            }
            adam.step(&loss.backward());
        }
    });
    println!("\n   t     network     exact");
    let mut worst: f64 = 0.0;
    for step in 0..=24 {
        let t = END * f64::from(step) / 24.0;
        let found = model.forward(&Tensor::from_vec(vec![t], [1, 1]), Mode::Eval).item();
        worst = worst.max((found - exact(t)).abs());
        let column = |u: f64| ((u + 1.0) * 24.0).round() as usize;
        let mut line = vec![' '; 52];
        (line[column(exact(t))], line[column(found)]) = ('·', 'o');
        println!("{t:5.2}  {found:9.4}  {:9.4}  |{}|", exact(t), line.into_iter().collect::<String>());
    }
    println!("largest distance: {worst:.4}");
    assert!(losses[steps - 1] < losses[0] / 20.0, "the loss did not fall");
    assert!(steps < 20_000 || worst < 0.01, "the network is {worst} from the solution");
}
