//! The network: 784 → 256 → 128 → 10 for the digits, and as wide at its ends as another data set wants.

use std::path::Path;

use autograd::Random;
use nn::checkpoint::{self, CheckpointError};
use nn::{Linear, Module, ReLU, Sequential};

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

/// The first value of a network that is NaN or infinite, and the name of its parameter.
pub fn first_non_finite(model: &impl Module) -> Option<(String, f32)> {
    model.named_parameters().into_iter().find_map(|(name, param)| {
        let value = param.tensor().to_vec().into_iter().find(|value| !value.is_finite())?;
        Some((name, value))
    })
}

/// Puts the weights in a file into the network. Whatever reads digits with weights of a file loads them here.
///
/// # Errors
/// If the file cannot be read, its weights are not the network's, or one of them is NaN or infinite, as after a
/// training that diverged: such a network answers nonsense without saying so. The network has those values then.
pub fn load(model: &impl Module, path: &Path) -> Result<(), CheckpointError> {
    checkpoint::load(model, path)?;
    match first_non_finite(model) {
        Some((name, value)) => Err(CheckpointError::Mismatch {
            path: path.to_owned(),
            name,
            found: value.to_string(),
            expected: "finite values: these weights are of a training that diverged".to_owned(),
        }),
        None => Ok(()),
    }
}
