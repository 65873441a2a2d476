//! The command line.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use autograd::{Random, with_threads};
use clap::{Args, Parser, Subcommand};
use nn::checkpoint::{self, CheckpointError};

use crate::dataset::Dataset;
use crate::idx::DataError;
use crate::model::perceptron;
use crate::report::{Console, accuracy_line, print_line};
use crate::train::{self, Settings};

/// Trains a small neural network to read handwritten digits, and tells how well it does.
///
/// Without a command it trains: 10 epochs on the MNIST digits, which are part of the program.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    train: Train,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train the network and print its test accuracy after each epoch (the default)
    Train(Train),
    /// Print the test accuracy of saved weights
    Eval(Eval),
}

#[derive(Debug, Args)]
struct Train {
    /// Passes over the training images
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = positive, allow_negative_numbers = true)]
    epochs: usize,
    /// Images in a step
    #[arg(long, value_name = "B", default_value_t = 64, value_parser = positive, allow_negative_numbers = true)]
    batch_size: usize,
    /// Learning rate of the optimizer, Adam
    #[arg(long, value_name = "F", default_value_t = 0.001, value_parser = learning_rate, allow_negative_numbers = true)]
    lr: f64,
    /// Where the first weights and the order of the images come from: the same seed gives the same weights
    #[arg(long, value_name = "S", default_value_t = 0, allow_negative_numbers = true)]
    seed: u64,
    #[command(flatten)]
    common: Common,
    /// Write the trained weights to this file, in the safetensors format
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Eval {
    /// The weights, as `train --save` or PyTorch's safetensors wrote them
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Common {
    /// Threads to compute on; 0 means as many as the machine has. Their number does not change the results
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024), allow_negative_numbers = true)]
    threads: u16,
    /// Folder with another data set of the same form (train-images-idx3-ubyte[.gz] and so on), Fashion-MNIST for one
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| "wanted a whole number from 1 on".to_owned())
}

fn learning_rate(text: &str) -> Result<f64, String> {
    let wanted = || "wanted a number above 0".to_owned();
    text.parse().ok().filter(|&number: &f64| number.is_finite() && number > 0.0).ok_or_else(wanted)
}

/// Why a command failed: one line for the person who called it.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error("{path}: cannot be written: {source}")]
    Target { path: PathBuf, source: io::Error },
    #[error("the output could not be written: {0}")]
    Output(#[from] io::Error),
}

/// Runs the program on the process's arguments. The exit code is 0, 1 for a failure, 2 for wrong usage.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = autograd::kernels::simd::isa::try_selected() {
        eprintln!("error: {error}");
        return ExitCode::from(2);
    }
    let outcome = match cli.command {
        Some(Command::Eval(eval)) => evaluate(&eval),
        Some(Command::Train(train)) => learn(&train),
        None => learn(&cli.train),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn read(common: &Common) -> Result<Dataset, DataError> {
    common.data.as_deref().map_or_else(Dataset::embedded, Dataset::from_folder)
}

fn learn(arguments: &Train) -> Result<(), Failure> {
    if let Some(path) = &arguments.save {
        // Now, and not after the training, is the time to hear that the weights have no place to go.
        try_to_write(path).map_err(|source| Failure::Target { path: path.clone(), source })?;
    }
    let data = read(&arguments.common)?;
    let settings = Settings {
        epochs: arguments.epochs,
        batch_size: arguments.batch_size,
        learning_rate: arguments.lr,
        seed: arguments.seed,
    };
    let model = perceptron(&data, &mut Random::new(settings.seed));
    let mut console = Console::new(settings.epochs, data.train.len(), arguments.save.is_some());
    with_threads(arguments.common.threads.into(), || train::train(&model, &data, &settings, &mut console));
    let last = console.finish()?;
    if let Some(path) = &arguments.save {
        checkpoint::save(&model, path)?;
    }
    print_last(last.map_or(f64::NAN, |epoch| epoch.test_accuracy))
}

fn evaluate(arguments: &Eval) -> Result<(), Failure> {
    let data = read(&arguments.common)?;
    let model = perceptron(&data, &mut Random::new(0));
    checkpoint::load(&model, &arguments.weights)?;
    print_last(with_threads(arguments.common.threads.into(), || train::accuracy(&model, &data.test)))
}

/// The last line; that nobody reads it is no failure.
fn print_last(accuracy: f64) -> Result<(), Failure> {
    match print_line(&accuracy_line(accuracy)) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
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
