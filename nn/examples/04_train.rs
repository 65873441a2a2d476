//! A network, a loss, an optimizer: two spirals are told apart.
//!
//! `cargo run --release -p nn --example 04_train`

use autograd::{Indices, Stream, Tensor, accuracy, no_grad, with_threads};
use nn::{CrossEntropyLoss, Layer, Linear, Mode, Module, ReLU, Sequential};
use optim::Adam;

/// Points of two spirals that wind around each other, and which spiral each is on.
fn spirals(count: usize) -> (Tensor, Indices) {
    let mut points = Vec::new();
    for index in 0..count {
        let way = (index / 2) as f32 / (count / 2) as f32;
        let angle = 10.0 * way + std::f32::consts::PI * (index % 2) as f32;
        points.extend([way * angle.cos(), way * angle.sin()]);
    }
    (Tensor::from_vec(points, [count, 2]), (0..count).map(|index| index % 2).collect())
}

fn main() {
    let (points, labels) = spirals(400);
    let random = Stream::new(0);
    let model: Sequential = Sequential::new()
        .add(Linear::new(2, 64, &random))
        .add(ReLU)
        .add(Linear::new(64, 64, &random))
        .add(ReLU)
        .add(Linear::new(64, 2, &random));
    let criterion = CrossEntropyLoss::new();
    let mut adam = Adam::new(model.parameters(), 0.01);
    println!("{model}");
    let reached = with_threads(0, || {
        let stream = Stream::new(1); // For layers that draw random numbers; these do not.
        for step in 0..=500 {
            let loss = criterion.forward(&model.forward(&points, Mode::Train(&stream)), &labels);
            if step % 100 == 0 {
                println!("step {step:3}  loss {:.4}", loss.item());
            }
            adam.step(&loss.backward());
        }
        no_grad(|| accuracy(&model.forward(&points, Mode::Eval), &labels))
    });
    println!("accuracy {:.1}%", 100.0 * reached);
    assert!(reached > 0.95, "the spirals were not told apart");
}
