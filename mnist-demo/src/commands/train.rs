//! `train`: the default.

use std::io;
use std::path::{Path, PathBuf};

use autograd::{Random, with_threads};
use clap::Args;
use nn::checkpoint;

use super::{Common, print_last};
use crate::console::Console;
use crate::failure::Failure;
use crate::model::perceptron;
use crate::train::{self, Observer, Settings};

/// The arguments of `train`.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct Arguments {
    /// Passes over the training images
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = positive)]
    epochs: usize,
    /// Images in a step
    #[arg(long, value_name = "B", default_value_t = 64, value_parser = positive)]
    batch_size: usize,
    /// Learning rate of the optimizer, Adam
    #[arg(long, value_name = "F", default_value_t = 0.001, value_parser = learning_rate)]
    lr: f64,
    /// Where the first weights and the order of the images come from: the same seed gives the same weights
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    common: Common,
    /// Write the trained weights to this file, in the safetensors format
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| "wanted a whole number from 1 on".to_owned())
}

fn learning_rate(text: &str) -> Result<f64, String> {
    let wanted = || "wanted a number above 0".to_owned();
    text.parse().ok().filter(|&number: &f64| number.is_finite() && number > 0.0).ok_or_else(wanted)
}

/// Trains, and shows it to whoever watches.
///
/// # Errors
/// If the data set cannot be read, or a result cannot be written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(path) = &arguments.save {
        // Now, and not after the training, is the time to hear that the weights have no place to go.
        try_to_write(path).map_err(|source| Failure::Target { path: path.clone(), source })?;
    }
    let data = arguments.common.read()?;
    let settings = Settings {
        epochs: arguments.epochs,
        batch_size: arguments.batch_size,
        learning_rate: arguments.lr,
        seed: arguments.seed,
    };
    let model = perceptron(&data, &mut Random::new(settings.seed));
    let mut console = Console::new(settings.epochs, data.train.len(), arguments.save.is_some());
    // Whoever else wants to watch the run as it goes stands in this list.
    let mut observers: Vec<&mut dyn Observer> = vec![&mut console];
    with_threads(arguments.common.threads.into(), || train::train(&model, &data, &settings, &mut observers));
    let last = console.finish()?;
    if let Some(path) = &arguments.save {
        checkpoint::save(&model, path)?;
    }
    print_last(last.map_or(f64::NAN, |epoch| epoch.test_accuracy))
}

/// Makes sure that a file can be made beside `path` and moved there, and leaves nothing behind.
fn try_to_write(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    tempfile::tempfile_in(folder).map(drop)
}
