//! The network: 784 → 256 → 128 → 10 for the digits, and as wide at its ends as another data set wants.

use autograd::Random;
use nn::{Linear, ReLU, Sequential};

use crate::dataset::Dataset;

/// A layer, before it has numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// From so many inputs to so many outputs.
    Linear(usize, usize),
    /// A rectifier.
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

/// The classes of MNIST.
pub const DIGITS: usize = 10;

/// The weight of the last layer, whose shape is `[classes, 128]`: it tells for how many classes a network is.
pub const LAST_WEIGHT: &str = "fc3.weight";

/// The network for a data set, with its first numbers.
pub fn perceptron(data: &Dataset, random: &mut Random) -> Sequential {
    perceptron_for(data.train.width(), data.classes, random)
}

/// The same network for images of so many pixels in so many classes.
pub fn perceptron_for(pixels: usize, classes: usize, random: &mut Random) -> Sequential {
    layers(pixels, classes).into_iter().fold(Sequential::new(), |model, (name, layer)| match layer {
        Layer::Linear(inputs, outputs) => model.named(name, Linear::new(inputs, outputs, &mut *random)),
        Layer::Relu => model.named(name, ReLU),
    })
}
