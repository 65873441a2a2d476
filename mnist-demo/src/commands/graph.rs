//! `graph`: a drawing of the computation graph of one training step.

use std::path::{Path, PathBuf};

use autograd::{Graph, Random, Stream, draw};
use clap::Args;
use nn::{CrossEntropyLoss, Layer, Mode, Module, file};

use super::results::Results;
use super::{Source, print, try_to_write};
use crate::dataset::Dataset;
use crate::failure::Failure;
use crate::model::{Model, Sizes};

const EXAMPLES: &str = "\
Examples:
  mnist-demo graph --svg graph.svg           a picture for a browser
  mnist-demo graph | dot -Tpdf > graph.pdf   with Graphviz";

/// The arguments of `graph`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Write the drawing to this file as an SVG picture
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the drawing to this file in DOT, the language of Graphviz. Without --svg and --dot, DOT is printed
    #[arg(long, value_name = "FILE")]
    dot: Option<PathBuf>,
    /// The network
    #[arg(long, value_name = "NAME", default_value_t = Model::Mlp)]
    model: Model,
    #[command(flatten)]
    source: Source,
}

/// The batch size of the step that is drawn.
const IMAGES: usize = 64;

/// Draws the graph that the forward pass of a training step records for the backward pass.
///
/// # Errors
/// If the data set cannot be read, or the drawing cannot be written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.svg.is_some() && arguments.svg == arguments.dot {
        return Err(Failure::Usage(
            "--svg and --dot name the same file: one drawing would replace the other".to_owned(),
        ));
    }
    arguments.svg.iter().chain(&arguments.dot).try_for_each(|path| try_to_write(path))?;
    let data = arguments.source.read()?;
    arguments.model.check(Sizes::of(&data))?;
    let graph = drawn(arguments.model, &data);
    if arguments.svg.is_none() && arguments.dot.is_none() {
        return print(graph.to_dot().trim_end());
    }
    let mut results = Results::default();
    let mut save = |path: &Path, drawing: String| {
        let answer = file::write(path, drawing.as_bytes());
        results.saved("drawing", path, answer.map_err(|source| Failure::Target { path: path.to_owned(), source }));
    };
    arguments.svg.iter().for_each(|path| save(path, graph.to_svg()));
    arguments.dot.iter().for_each(|path| save(path, graph.to_dot()));
    results.outcome()
}

fn drawn(model: Model, data: &Dataset) -> Graph {
    let model = model.network(Sizes::of(data), &mut Random::new(0));
    let chosen: Vec<usize> = (0..data.train.len().min(IMAGES)).collect();
    let (images, labels) = data.train.batch(&chosen);
    let scores = model.forward(&images, Mode::Train(&Stream::new(0)));
    let loss = CrossEntropyLoss::new().forward(&scores, &labels);
    let graph = draw(&loss).named("images", &images).named("scores", &scores).named("loss", &loss);
    model.named_parameters().iter().fold(graph, |graph, (name, param)| graph.named(name, &param.tensor()))
}
