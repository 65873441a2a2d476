//! The graph that one training step of a tiny network leaves behind, drawn with its values and gradients.
//!
//! `cargo run --release -p nn --example 05_graph` prints it for Graphviz; with a file's name behind `--` it writes an
//! SVG picture.

use autograd::{Graph, Indices, Param, Tensor, draw};
use nn::{CrossEntropyLoss, Linear};

/// Two examples through 2 → 3 → 2 and a loss. With these weights each ReLU is inactive for at most one of the examples.
pub fn graph() -> Graph<f64> {
    let layer = |weight: &[f64], bias: &[f64]| Linear {
        weight: Param::new(Tensor::from_slice(weight, [bias.len(), weight.len() / bias.len()])),
        bias: Some(Param::new(Tensor::from_slice(bias, [bias.len()]))),
    };
    let fc1 = layer(&[1.0, -1.0, 0.5, 0.5, -1.0, 1.0], &[0.0, 0.5, 0.25]);
    let fc2 = layer(&[1.0, 0.5, -0.5, -0.5, 1.0, 0.25], &[0.0, 0.25]);
    let x = Tensor::from_vec(vec![1.0, 2.0, 2.0, -1.0], [2, 2]);

    let hidden = x.linear_relu(&fc1.weight.tensor(), fc1.bias.as_ref().map(Param::tensor).as_ref());
    let logits = hidden.linear(&fc2.weight.tensor(), fc2.bias.as_ref().map(Param::tensor).as_ref());
    let loss = CrossEntropyLoss::new().forward(&logits, &Indices::from([0, 1]));

    let mut graph = draw(&loss).named("x", &x).named("hidden", &hidden).named("logits", &logits).named("loss", &loss);
    for (name, layer) in [("fc1", &fc1), ("fc2", &fc2)] {
        graph = graph.named(&format!("{name}.weight"), &layer.weight.tensor());
        graph = layer.bias.iter().fold(graph, |graph, bias| graph.named(&format!("{name}.bias"), &bias.tensor()));
    }
    graph.with_values().with_gradients()
}

fn main() {
    // On stderr: the drawing itself may go through a pipe to Graphviz.
    eprintln!("Shows: the graph that one training step records, with the values and gradients in it");
    eprintln!("Uses:  draw, Graph::named, with_values, with_gradients, to_dot, to_svg");
    match std::env::args().nth(1) {
        Some(file) => std::fs::write(&file, graph().to_svg()).unwrap_or_else(|error| panic!("{file}: {error}")),
        None => print!("{}", graph().to_dot()),
    }
}
