//! Exclusive or, and two moons: a small network bends the line between two classes.
//!
//! `cargo run --release -p nn --example 07_two_moons` prints both, and draws the moons with the decision boundary as
//! SVG (to the path that is given, or to the folder of temporary files).

use std::fmt::Write;
use std::path::PathBuf;

use autograd::{Indices, Random, Stream, Tensor, accuracy, no_grad};
use nn::{CrossEntropyLoss, Layer, Linear, Mode, Module, Sequential, Tanh};
use optim::Adam;

fn network(hidden: usize) -> Sequential {
    let mut random = Random::new(0);
    Sequential::new()
        .add(Linear::new(2, hidden, &mut random))
        .add(Tanh)
        .add(Linear::new(hidden, hidden, &mut random))
        .add(Tanh)
        .add(Linear::new(hidden, 2, &mut random))
}

/// Trains on all points at once, and returns the accuracy on them.
fn train(model: &Sequential, points: &Tensor, classes: &Indices, steps: usize) -> f64 {
    let (criterion, stream) = (CrossEntropyLoss::new(), Stream::new(1));
    let mut adam = Adam::new(model.parameters(), 0.02);
    for _ in 0..steps {
        adam.step(&criterion.forward(&model.forward(points, Mode::Train(&stream)), classes).backward());
    }
    no_grad(|| accuracy(&model.forward(points, Mode::Eval), classes))
}

/// Two half circles that reach into each other, with some noise.
fn moons(count: usize) -> (Tensor, Indices) {
    let mut random = Random::new(7);
    let mut points = Vec::new();
    for index in 0..count {
        let angle = std::f64::consts::PI * random.uniform();
        let (x, y) = if index % 2 == 0 { (angle.cos(), angle.sin()) } else { (1.0 - angle.cos(), 0.5 - angle.sin()) };
        points.extend([x, y].map(|at| (at + 0.2 * (random.uniform() + random.uniform() - 1.0)) as f32));
    }
    (Tensor::from_vec(points, [count, 2]), (0..count).map(|index| index % 2).collect())
}

/// The share of class 1 that the network sees at the centres of a grid of cells over [-1.5, 2.5] × [-1, 1.5].
fn grid(model: &Sequential, columns: usize, rows: usize) -> Vec<f32> {
    let centre =
        |index: usize, count: usize, from: f32, to: f32| from + (to - from) * (index as f32 + 0.5) / count as f32;
    let cells = (0..rows * columns)
        .flat_map(|cell| [centre(cell % columns, columns, -1.5, 2.5), centre(cell / columns, rows, 1.5, -1.0)]);
    let cells = Tensor::from_vec(cells.collect(), [rows * columns, 2]);
    no_grad(|| model.forward(&cells, Mode::Eval).softmax(1).select(1, 1).to_vec())
}

fn svg(model: &Sequential, points: &Tensor, classes: &Indices) -> String {
    let (columns, rows) = (160, 100);
    let mut svg =
        String::from(r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 100" width="800" height="500">"#);
    for (cell, share) in grid(model, columns, rows).into_iter().enumerate() {
        let (red, blue) = (235.0 - 90.0 * share, 145.0 + 90.0 * share);
        let (x, y) = (cell % columns, cell / columns);
        let colour = format!("rgb({red:.0},180,{blue:.0})");
        write!(svg, r#"<rect x="{x}" y="{y}" width="1.05" height="1.05" fill="{colour}"/>"#).expect("a string");
    }
    for (point, &class) in points.to_vec().chunks(2).zip(classes.as_slice()) {
        let (x, y) = ((point[0] + 1.5) * 40.0, (1.5 - point[1]) * 40.0);
        let colour = if class == 0 { "#a02010" } else { "#1030a0" };
        write!(svg, r#"<circle cx="{x:.1}" cy="{y:.1}" r="0.9" fill="{colour}"/>"#).expect("a string");
    }
    svg + "</svg>\n"
}

fn main() {
    println!(
        "Shows: exclusive or and two moons, which no straight line separates, and the boundary that a network learns"
    );
    println!("Uses:  Sequential, Linear, Tanh, CrossEntropyLoss, Adam, Tensor::softmax, no_grad\n");
    let corners = Tensor::from_vec(vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [4, 2]);
    let odd = Indices::from([0, 1, 1, 0]);
    let model = network(4);
    let reached = train(&model, &corners, &odd, 300);
    println!("exclusive or: {:.0}% of 4 corners", 100.0 * reached);
    assert_eq!(reached, 1.0, "exclusive or was not learned");

    let (points, classes) = moons(400);
    let model = network(16);
    let reached = train(&model, &points, &classes, 400);
    println!("two moons: {:.1}% of 400 points", 100.0 * reached);
    for row in grid(&model, 72, 22).chunks(72) {
        println!("  {}", row.iter().map(|&share| if share > 0.5 { '#' } else { '.' }).collect::<String>());
    }
    let path = std::env::args_os().nth(1).map_or_else(|| std::env::temp_dir().join("two_moons.svg"), PathBuf::from);
    std::fs::write(&path, svg(&model, &points, &classes)).expect("the drawing can be written");
    println!("the boundary in colours: {}", path.display());
    assert!(reached > 0.97, "the classes of the moons were not learned");
}
