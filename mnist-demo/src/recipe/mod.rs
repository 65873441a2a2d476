//! How the network is trained: the parts of a run that are neither the data set nor a number on the command line.

mod distortion;

use std::f64::consts::PI;
use std::fmt;

use autograd::{Indices, Param, Random, Tensor};
use clap::ValueEnum;
use nn::CrossEntropyLoss;
use optim::{Adam, AdamW, Optimizer};
use serde::{Deserialize, Serialize};

use crate::dataset::Images;
use crate::model::Model;
use distortion::Distortion;

/// A way to train: the choices in which training methods differ. Each method here is a function of its arguments
/// alone, so that a run can be interrupted and resumed without a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Recipe {
    /// Adam with a constant learning rate, cross-entropy, unchanged images
    Plain,
    /// For the best accuracy: distorted images, label smoothing, AdamW with a learning rate that rises and then falls
    Best,
}

/// What keeps a network from fitting its training images too closely in [`Recipe::Best`].
struct Regularization {
    distortion: Distortion,
    weight_decay: f64,
    label_smoothing: f64,
}

impl Regularization {
    /// That of a network. These values were chosen by the accuracy on 6,000 images that were held out of the training
    /// set, those of the CNN on two such sets.
    fn of(model: Model) -> Self {
        match model {
            Model::Mlp => {
                let distortion =
                    Distortion { rotation: 10.0, slant: 0.15, scale: 0.12, shift: 1.5, bend: 1.5, ink: 0.0 };
                Regularization { distortion, weight_decay: 0.01, label_smoothing: 0.05 }
            }
            Model::Cnn => {
                let distortion =
                    Distortion { rotation: 8.0, slant: 0.12, scale: 0.096, shift: 1.0, bend: 1.2, ink: 0.5 };
                Regularization { distortion, weight_decay: 0.05, label_smoothing: 0.1 }
            }
        }
    }
}

/// The fraction of a run in which the learning rate rises.
const RISE: f64 = 0.05;

/// The position in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The next step, from 0.
    pub step: usize,
    /// The number of steps of the whole run.
    pub steps: usize,
}

impl Recipe {
    /// The default number of epochs, batch size and learning rate.
    pub fn usual(self, model: Model) -> (usize, usize, f64) {
        match (self, model) {
            (Recipe::Plain, _) => (10, 64, 0.001),
            (Recipe::Best, Model::Mlp) => (60, 128, 0.002),
            (Recipe::Best, Model::Cnn) => (30, 128, 0.002),
        }
    }

    /// The optimizer, before its first step.
    pub fn optimizer(
        self,
        model: Model,
        parameters: Vec<(String, Param)>,
        learning_rate: f64,
    ) -> Box<dyn Optimizer + Send> {
        match self {
            Recipe::Plain => Box::new(Adam::new(parameters, learning_rate)),
            Recipe::Best => {
                let decay = Regularization::of(model).weight_decay;
                Box::new(AdamW::new(parameters, learning_rate).weight_decay(decay))
            }
        }
    }

    /// The optimizer in words; `learning_rate` is the one of the command line.
    pub fn describe_optimizer(self, model: Model, learning_rate: f64) -> String {
        match self {
            Recipe::Plain => format!("Adam, learning rate {learning_rate}"),
            Recipe::Best => {
                let decay = Regularization::of(model).weight_decay;
                format!("AdamW, weight decay {decay}, learning rate rises to {learning_rate}, then falls to 0")
            }
        }
    }

    /// The learning rate of a step; `base` is the one of the command line.
    pub fn learning_rate(self, base: f64, position: Position) -> f64 {
        match self {
            Recipe::Plain => base,
            // A linear rise, then half a cosine wave down to zero.
            Recipe::Best => {
                let done = (position.step as f64 + 0.5) / position.steps as f64;
                base * if done < RISE { done / RISE } else { 0.5 + 0.5 * (PI * (done - RISE) / (1.0 - RISE)).cos() }
            }
        }
    }

    /// The batch of a step: the chosen images, `[chosen, pixels]`, and their labels. `random` is the stream of this
    /// step.
    pub fn batch(self, model: Model, images: &Images, chosen: &[usize], random: Random) -> (Tensor, Indices) {
        match self {
            Recipe::Plain => images.batch(chosen),
            Recipe::Best => Regularization::of(model).distortion.batch(images, chosen, &random),
        }
    }

    /// The loss function.
    pub fn criterion(self, model: Model) -> CrossEntropyLoss {
        match self {
            // Adam's ε is 10²³ times as large: the weights do not show what is left out, and the last epochs are fast.
            Recipe::Plain => CrossEntropyLoss::new().min_gradient(1e-31),
            Recipe::Best => CrossEntropyLoss::new().label_smoothing(Regularization::of(model).label_smoothing),
        }
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Recipe::Plain => "plain",
            Recipe::Best => "best",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_learning_rate_rises_and_falls() {
        let rate = |step| Recipe::Best.learning_rate(0.002, Position { step, steps: 1000 });
        assert!(rate(0) < 0.0001 && rate(49) > 0.0019 && rate(999) < 1e-7);
        assert!((1..50).all(|step| rate(step) > rate(step - 1)) && (51..1000).all(|step| rate(step) < rate(step - 1)));
        assert_eq!(Recipe::Plain.learning_rate(0.002, Position { step: 7, steps: 1000 }), 0.002);
    }
}
