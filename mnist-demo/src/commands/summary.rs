//! `summary`: the network's layers, their output shapes and parameter counts.

use autograd::Random;
use clap::Args;

use super::{Source, print};
use crate::failure::Failure;
use crate::model::perceptron;

/// The arguments of `summary`.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct Arguments {
    #[command(flatten)]
    source: Source,
}

/// Prints a line for each layer, and the sum of the parameters.
///
/// # Errors
/// If the data set, which determines the first and the last width, cannot be read.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let data = arguments.source.read()?;
    let model = perceptron(&data, &mut Random::new(0));
    print(&nn::summary(&model, [1, data.train.width()]).to_string())
}
