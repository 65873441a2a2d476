//! `eval`: the test accuracy of saved weights.

use std::path::PathBuf;

use autograd::{Random, with_threads};
use clap::Args;

use super::{Source, Threads, print_last, weights};
use crate::failure::Failure;
use crate::model::Sizes;
use crate::train::accuracy;

/// The arguments of `eval`.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true, after_help = "Example: mnist-demo eval --weights weights.safetensors")]
pub struct Arguments {
    /// The weights: a safetensors file written by train --save or by PyTorch, or a folder of train --checkpoint, of
    /// which the newest checkpoint is used
    #[arg(long, value_name = "PATH")]
    weights: PathBuf,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    source: Source,
}

/// Loads the weights and prints their test accuracy.
///
/// # Errors
/// If the data set or the weights cannot be read, or do not fit together.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let data = arguments.source.read()?;
    let (weights, sizes) = (weights(&arguments.weights)?, Sizes::of(&data));
    weights.model.check(sizes)?;
    let model = weights.model.network(sizes, &mut Random::new(0));
    weights.load(&model)?;
    print_last(with_threads(arguments.threads.count(), || accuracy(&model, &data.test)))
}
