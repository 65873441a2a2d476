//! The networks of the demo. All that distinguishes one from another is in this file: the layers, the names by which
//! saved weights are recognized, and which images a network takes.

use std::fmt;

use autograd::Random;
use clap::ValueEnum;
use nn::{Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, Unflatten};
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::failure::Failure;
use crate::picture::SIDE;

/// A network of the demo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// Multilayer perceptron: 784, 256, 128 and 10 units
    #[default]
    Mlp,
    /// Convolutional network: two convolutions of 5 x 5, each with max pooling, then 1568, 128 and 10 units
    Cnn,
}

/// The sizes that a network takes from its data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The height of an image, in pixels.
    pub rows: usize,
    /// The width of an image, in pixels.
    pub columns: usize,
    /// The number of classes.
    pub classes: usize,
}

/// The number of classes of MNIST.
pub const DIGITS: usize = 10;

/// The filters of the two convolutions, and the factor by which the two poolings divide the height and the width.
const FILTERS: [usize; 2] = [16, 32];
const POOLED: usize = 4;

impl Model {
    /// All networks.
    pub const ALL: [Model; 2] = [Model::Mlp, Model::Cnn];

    /// The network with initial weights drawn from `random`. Its input is `[images, rows · columns]`, its output the
    /// scores, `[images, classes]`.
    ///
    /// # Panics
    /// At its first use, if [`check`](Model::check) refuses the images.
    pub fn network(self, sizes: Sizes, random: &mut Random) -> Sequential {
        match self {
            Model::Mlp => perceptron_for(sizes.pixels(), sizes.classes, random),
            Model::Cnn => convolutional(sizes, random),
        }
    }

    /// The widths of the layers, for people: `784 → 256 → 128 → 10, ReLU`.
    pub fn description(self, sizes: Sizes) -> String {
        let classes = sizes.classes;
        match self {
            Model::Mlp => format!("{} → 256 → 128 → {classes}, ReLU", sizes.pixels()),
            Model::Cnn => {
                let ([first, second], features) = (FILTERS, sizes.features());
                format!("conv 5 × 5 → {first} → {second}, {features} → 128 → {classes}, ReLU, max pooling")
            }
        }
    }

    /// The name of the last layer's weight. Its shape is `[classes, 128]`, which gives the number of classes of a
    /// network.
    pub fn last_weight(self) -> &'static str {
        match self {
            Model::Mlp => "fc3.weight",
            Model::Cnn => "fc2.weight",
        }
    }

    /// The network that weights belong to, by their names. Weights of something else are taken for the perceptron's,
    /// and refused when they are loaded.
    pub fn of_weights(has_name: impl Fn(&str) -> bool) -> Self {
        if has_name("conv1.weight") { Model::Cnn } else { Model::Mlp }
    }

    /// Checks that the network takes images of this size.
    ///
    /// # Errors
    /// If they are too small for it.
    pub fn check(self, Sizes { rows, columns, .. }: Sizes) -> Result<(), Failure> {
        match self {
            Model::Cnn if rows < POOLED || columns < POOLED => Err(Failure::Usage(format!(
                "the model cnn: found images of {rows} × {columns}, expected at least {POOLED} × {POOLED}"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether this is the default, which is not written to files.
    pub(crate) fn is_default(&self) -> bool {
        *self == Model::default()
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Model::Mlp => "mlp",
            Model::Cnn => "cnn",
        })
    }
}

impl Sizes {
    /// Those of a data set.
    pub fn of(data: &Dataset) -> Self {
        Sizes { rows: data.train.rows, columns: data.train.columns, classes: data.classes }
    }

    /// Those of 28 × 28 pixels.
    pub fn of_digits(classes: usize) -> Self {
        Sizes { rows: SIDE, columns: SIDE, classes }
    }

    /// The number of pixels of an image.
    pub fn pixels(self) -> usize {
        self.rows * self.columns
    }

    /// The number of values behind the second pooling.
    fn features(self) -> usize {
        FILTERS[1] * (self.rows / POOLED) * (self.columns / POOLED)
    }
}

/// The perceptron for images of `pixels` pixels and for `classes` classes:
/// `Linear(pixels, 256) → ReLU → Linear(256, 128) → ReLU → Linear(128, classes)`.
pub fn perceptron_for(pixels: usize, classes: usize, random: &mut Random) -> Sequential {
    Sequential::new()
        .named("fc1", Linear::new(pixels, 256, &mut *random))
        .named("relu1", ReLU)
        .named("fc2", Linear::new(256, 128, &mut *random))
        .named("relu2", ReLU)
        .named("fc3", Linear::new(128, classes, random))
}

/// The convolutional network.
fn convolutional(sizes: Sizes, random: &mut Random) -> Sequential {
    let [first, second] = FILTERS;
    Sequential::new()
        .named("image", Unflatten::new(1, [1, sizes.rows, sizes.columns]))
        .named("conv1", Conv2d::new(1, first, 5, &mut *random).padding(2))
        .named("relu1", ReLU)
        .named("pool1", MaxPool2d::new(2))
        .named("conv2", Conv2d::new(first, second, 5, &mut *random).padding(2))
        .named("relu2", ReLU)
        .named("pool2", MaxPool2d::new(2))
        .named("flatten", Flatten::new())
        .named("fc1", Linear::new(sizes.features(), 128, &mut *random))
        .named("relu3", ReLU)
        .named("fc2", Linear::new(128, sizes.classes, random))
}

#[cfg(test)]
mod tests {
    use autograd::{Tensor, no_grad};
    use nn::{Layer, Mode, Module};

    use super::*;

    #[test]
    fn the_networks_have_these_weights_and_are_recognized_by_them() {
        let sizes = Sizes::of_digits(DIGITS);
        let shapes = |model: Model| {
            let named = model.network(sizes, &mut Random::new(0)).named_parameters();
            named.into_iter().map(|(name, param)| format!("{name} {}", param.tensor().shape())).collect::<Vec<_>>()
        };
        let expected = [
            "conv1.weight [16, 1, 5, 5]",
            "conv1.bias [16]",
            "conv2.weight [32, 16, 5, 5]",
            "conv2.bias [32]",
            "fc1.weight [128, 1568]",
            "fc1.bias [128]",
            "fc2.weight [10, 128]",
            "fc2.bias [10]",
        ];
        assert_eq!(shapes(Model::Cnn), expected);
        for model in Model::ALL {
            let named = model.network(sizes, &mut Random::new(0)).named_parameters();
            assert_eq!(Model::of_weights(|name| named.iter().any(|(other, _)| other == name)), model);
            let last = named.iter().find(|(name, _)| name == model.last_weight()).unwrap();
            assert_eq!(*last.1.tensor().shape(), [DIGITS, 128]);
        }
    }

    #[test]
    fn images_of_any_size_that_is_not_refused_are_taken() {
        for [rows, columns] in [[4, 4], [5, 4], [7, 9], [28, 28], [3, 9], [1, 1]] {
            let sizes = Sizes { rows, columns, classes: 3 };
            for model in Model::ALL {
                if model.check(sizes).is_ok() {
                    let network = model.network(sizes, &mut Random::new(0));
                    let scores = no_grad(|| network.forward(&Tensor::zeros([2, rows * columns]), Mode::Eval));
                    assert_eq!(*scores.shape(), [2, 3]);
                } else {
                    assert!(model == Model::Cnn && rows.min(columns) < 4);
                }
            }
        }
    }
}
