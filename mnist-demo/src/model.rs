//! The network: 784 → 256 → 128 → 10 for the digits. For other data sets the first and the last width differ.

use autograd::Random;
use nn::{Linear, ReLU, Sequential};

use crate::dataset::Dataset;

/// The widths of the layers, for people: `784 → 256 → 128 → 10, ReLU`.
pub fn description(pixels: usize, classes: usize) -> String {
    format!("{pixels} → 256 → 128 → {classes}, ReLU")
}

/// The number of classes of MNIST.
pub const DIGITS: usize = 10;

/// The name of the last layer's weight. Its shape is `[classes, 128]`, which gives the number of classes of a network.
pub const LAST_WEIGHT: &str = "fc3.weight";

/// The network for a data set, with initial weights drawn from `random`.
pub fn perceptron(data: &Dataset, random: &mut Random) -> Sequential {
    perceptron_for(data.train.width(), data.classes, random)
}

/// The same network for images of `pixels` pixels and for `classes` classes:
/// `Linear(pixels, 256) → ReLU → Linear(256, 128) → ReLU → Linear(128, classes)`.
pub fn perceptron_for(pixels: usize, classes: usize, random: &mut Random) -> Sequential {
    Sequential::new()
        .named("fc1", Linear::new(pixels, 256, &mut *random))
        .named("relu1", ReLU)
        .named("fc2", Linear::new(256, 128, &mut *random))
        .named("relu2", ReLU)
        .named("fc3", Linear::new(128, classes, random))
}
