//! The network: 784 → 256 → 128 → 10 for the digits. For other data sets the first and the last width differ.

use autograd::Random;
use nn::{Linear, ReLU, Sequential};

use crate::dataset::Dataset;

/// The description of a layer, without parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// A linear layer with these numbers of inputs and outputs.
    Linear(usize, usize),
    /// A rectified linear unit.
    Relu,
}

/// The layers with their names: `Linear(pixels, 256) → ReLU → Linear(256, 128) → ReLU → Linear(128, classes)`.
pub fn layers(pixels: usize, classes: usize) -> [(&'static str, Layer); 5] {
    [
        ("fc1", Layer::Linear(pixels, 256)),
        ("relu1", Layer::Relu),
        ("fc2", Layer::Linear(256, 128)),
        ("relu2", Layer::Relu),
        ("fc3", Layer::Linear(128, classes)),
    ]
}

/// The widths of the layers, for people: `784 → 256 → 128 → 10, ReLU`.
pub fn description(pixels: usize, classes: usize) -> String {
    let outputs = layers(pixels, classes).into_iter().filter_map(|(_, layer)| match layer {
        Layer::Linear(_, outputs) => Some(outputs),
        Layer::Relu => None,
    });
    let widths: Vec<String> = [pixels].into_iter().chain(outputs).map(|width| width.to_string()).collect();
    format!("{}, ReLU", widths.join(" → "))
}

/// The number of classes of MNIST.
pub const DIGITS: usize = 10;

/// The name of the last layer's weight. Its shape is `[classes, 128]`, which gives the number of classes of a network.
pub const LAST_WEIGHT: &str = "fc3.weight";

/// The network for a data set, with initial weights drawn from `random`.
pub fn perceptron(data: &Dataset, random: &mut Random) -> Sequential {
    perceptron_for(data.train.width(), data.classes, random)
}

/// The same network for images of `pixels` pixels and for `classes` classes.
pub fn perceptron_for(pixels: usize, classes: usize, random: &mut Random) -> Sequential {
    layers(pixels, classes).into_iter().fold(Sequential::new(), |model, (name, layer)| match layer {
        Layer::Linear(inputs, outputs) => model.named(name, Linear::new(inputs, outputs, &mut *random)),
        Layer::Relu => model.named(name, ReLU),
    })
}
