//! `eval`: the test accuracy of saved weights.

use std::path::PathBuf;

use autograd::{Random, with_threads};
use clap::Args;
use nn::checkpoint;

use super::{Common, print_last};
use crate::failure::Failure;
use crate::model::perceptron;
use crate::train::accuracy;

/// The arguments of `eval`.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct Arguments {
    /// The weights, as `train --save` or PyTorch's safetensors wrote them
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    #[command(flatten)]
    common: Common,
}

/// Loads the weights and prints how well they do.
///
/// # Errors
/// If the data set or the weights cannot be read, or do not fit together.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let data = arguments.common.read()?;
    let model = perceptron(&data, &mut Random::new(0));
    checkpoint::load(&model, &arguments.weights)?;
    print_last(with_threads(arguments.common.threads.into(), || accuracy(&model, &data.test)))
}
