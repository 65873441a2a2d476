//! `summary`: the network's layers, their output shapes and parameter counts.

use autograd::Random;
use clap::Args;
use nn::Module;

use super::{Source, print};
use crate::failure::Failure;
use crate::locale;
use crate::model::{Layer, layers, perceptron};

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
    let (mut width, mut sum) = (data.train.width(), 0);
    let mut lines = vec![line("layer", "kind", "output", "parameters"), line("input", "", &output(width), "0")];
    for (name, layer) in layers(width, data.classes) {
        let (kind, parameters) = match layer {
            Layer::Linear(inputs, outputs) => {
                width = outputs;
                (locale::shown(&format!("Linear({inputs} → {outputs})")).into_owned(), (inputs + 1) * outputs)
            }
            Layer::Relu => ("ReLU".to_owned(), 0),
        };
        sum += parameters;
        lines.push(line(name, &kind, &output(width), &parameters.to_string()));
    }
    let counted = perceptron(&data, &mut Random::new(0)).parameter_count();
    assert_eq!(sum, counted, "the sum over the layers is the network's parameter count");
    let bytes = size_of::<f32>() * sum;
    lines.push(format!("{sum} parameters, {:.1} KiB as f32", bytes as f64 / 1024.0));
    print(&lines.join("\n"))
}

fn output(width: usize) -> String {
    format!("[N, {width}]")
}

fn line(name: &str, kind: &str, output: &str, parameters: &str) -> String {
    format!("{name:<6}  {kind:<18}  {output:<9}  {parameters:>10}")
}
