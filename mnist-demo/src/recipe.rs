//! How the network is trained: everything of a run that is neither the data set nor a number on the command line.

use std::fmt;

use autograd::{Indices, Param, Random, Tensor};
use clap::ValueEnum;
use nn::CrossEntropyLoss;
use optim::{Adam, Optimizer};
use serde::{Deserialize, Serialize};

use crate::dataset::Images;

/// A way to train. The loop asks it for all that ways differ in; each answer is a function of its arguments, so that a run that was interrupted goes on
/// as if it had not been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Recipe {
    /// The classic program: Adam at one learning rate, cross-entropy, the images as they are
    Plain,
}

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The step that comes, from 0.
    pub step: usize,
    /// The steps of the whole run.
    pub steps: usize,
}

impl Recipe {
    /// The optimizer, before its first step.
    pub fn optimizer(self, parameters: Vec<Param>, learning_rate: f64) -> Box<dyn Optimizer + Send> {
        match self {
            Recipe::Plain => Box::new(Adam::new(parameters, learning_rate)),
        }
    }

    /// The learning rate of a step; `base` is that of the command line.
    pub fn learning_rate(self, base: f64, _place: Place) -> f64 {
        match self {
            Recipe::Plain => base,
        }
    }

    /// What a step learns from: the chosen images, `[chosen, pixels]`, and their labels. `random` is the step's own stream.
    pub fn batch(self, images: &Images, chosen: &[usize], _random: Random) -> (Tensor, Indices) {
        match self {
            Recipe::Plain => images.batch(chosen),
        }
    }

    /// What a step makes smaller.
    pub fn criterion(self) -> CrossEntropyLoss {
        match self {
            Recipe::Plain => CrossEntropyLoss::new(),
        }
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Recipe::Plain => "plain",
        })
    }
}
