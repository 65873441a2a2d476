//! The commands, a file for each: its arguments, and `run`. Here is what they share.

pub mod eval;
pub mod graph;
pub mod predict;
pub mod results;
pub mod serve;
pub mod summary;
pub mod train;
pub mod values;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use nn::file;

use crate::console::{accuracy_line, percent, print_line, tell};
use crate::dataset::Dataset;
use crate::failure::Failure;
use crate::idx::DataError;
use crate::reading::{QUICK_EPOCHS, Reader};

/// How many threads a command computes on.
#[derive(Debug, Args)]
pub struct Threads {
    /// Threads to compute on; 0 means as many as the machine has, and more than that make it slower. Their number
    /// does not change the results
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = values::threads)]
    pub threads: u16,
}

impl Threads {
    /// Their number for [`autograd::with_threads`]. Tells the user if it is more than is of use.
    pub fn count(&self) -> usize {
        let (threads, cores) = (usize::from(self.threads), values::cores());
        if threads > cores {
            let machine = values::cores_in_words();
            tell(&format!("warning: --threads {threads} is slower than 0: this machine has {machine}"));
        }
        threads
    }
}

/// Which data set a command is about.
#[derive(Debug, Args)]
pub struct Source {
    /// Folder with another data set in MNIST's form, Fashion-MNIST for one: train-images-idx3-ubyte,
    /// train-labels-idx1-ubyte and the same with t10k for train, each plain or .gz [default: the MNIST digits, which
    /// are part of the program]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

impl Source {
    /// Reads the data set.
    ///
    /// # Errors
    /// If it is not whole and right.
    pub fn read(&self) -> Result<Dataset, DataError> {
        self.data.as_deref().map_or_else(Dataset::embedded, Dataset::from_folder)
    }
}

/// The network that reads pictures: with weights from a file, or trained now.
fn reader(weights: Option<&Path>) -> Result<Reader, Failure> {
    match weights {
        Some(path) => Ok(Reader::load(path)?),
        None => {
            tell(&format!("no --weights: training on MNIST for {QUICK_EPOCHS} epochs first"));
            let start = Instant::now();
            let (reader, epoch) = Reader::train()?;
            let seconds = start.elapsed().as_secs_f64();
            tell(&format!("trained in {seconds:.1} s; test accuracy {}", percent(epoch.test_accuracy)));
            Ok(reader)
        }
    }
}

/// Finds out whether a result can be written to `path`; nothing is made there or changed.
fn try_to_write(path: &Path) -> Result<(), Failure> {
    file::check(path).map_err(|source| Failure::Target { path: path.to_owned(), source })
}

/// Prints the last line of a command that knows a test accuracy.
fn print_last(accuracy: f64) -> Result<(), Failure> {
    print(&accuracy_line(accuracy))
}

/// Prints the last lines of a command; that nobody reads them is no failure.
fn print(lines: &str) -> Result<(), Failure> {
    match print_line(lines) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
