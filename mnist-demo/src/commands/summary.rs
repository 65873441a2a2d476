//! `summary`: the network's layers, their output shapes and parameter counts.

use autograd::Random;
use clap::Args;

use super::{Source, print};
use crate::failure::Failure;
use crate::model::{Model, Sizes};

/// The arguments of `summary`.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct Arguments {
    /// The network
    #[arg(long, value_name = "NAME", default_value_t = Model::Mlp)]
    model: Model,
    #[command(flatten)]
    source: Source,
}

/// Prints a line for each layer, and the sum of the parameters.
///
/// # Errors
/// If the data set, which determines the first and the last width, cannot be read.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let data = arguments.source.read()?;
    let sizes = Sizes::of(&data);
    arguments.model.check(sizes)?;
    let model = arguments.model.network(sizes, &mut Random::new(0));
    print(&nn::summary(&model, [1, data.train.width()]).to_string())
}
