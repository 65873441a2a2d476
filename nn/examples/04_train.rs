//! A network, a loss, an optimizer: points of two spirals are classified. At the end the decision boundary is drawn
//! with characters.
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

/// The decision boundary: for the centre of each cell of a grid over [-1.1, 1.1]², the class that the network predicts.
/// Points of the spirals are drawn over it.
fn boundary(model: &Sequential, points: &Tensor, labels: &Indices) -> String {
    let (columns, rows, side) = (60, 30, 1.1);
    let centre = |index: usize, count: usize| side * ((2 * index + 1) as f32 / count as f32 - 1.0);
    let cells = (0..rows * columns).flat_map(|cell| [centre(cell % columns, columns), -centre(cell / columns, rows)]);
    let cells = Tensor::from_vec(cells.collect(), [rows * columns, 2]);
    let predicted = no_grad(|| model.forward(&cells, Mode::Eval).argmax(1, false));
    let mut picture: Vec<char> = predicted.as_slice().iter().map(|&class| if class == 0 { ' ' } else { '·' }).collect();
    for (point, &label) in points.to_vec().chunks(2).zip(labels.as_slice()) {
        let cell = |value: f32, count: usize| ((value / side + 1.0) / 2.0 * count as f32) as usize;
        picture[cell(-point[1], rows) * columns + cell(point[0], columns)] = if label == 0 { 'o' } else { '#' };
    }
    picture.chunks(columns).map(|row| row.iter().collect::<String>() + "\n").collect()
}

fn main() {
    println!("Shows: a network that learns to classify points of two spirals, and its decision boundary");
    println!(
        "Uses:  Sequential, Linear, ReLU, CrossEntropyLoss, Tensor::backward, Adam::step, accuracy, Tensor::argmax\n"
    );
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
    println!("\nthe points of the spirals (o and #), and the regions that the network assigns to them (blank and ·):");
    print!("{}", boundary(&model, &points, &labels));
    assert!(reached > 0.95, "the classes of the spirals were not learned");
}
