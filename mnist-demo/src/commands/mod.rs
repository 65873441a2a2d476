//! The commands, a file for each: its arguments, and `run`. Here is what they share.

pub mod eval;
pub mod graph;
pub mod predict;
pub mod serve;
pub mod summary;
pub mod train;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use crate::console::{accuracy_line, print_line};
use crate::dataset::Dataset;
use crate::failure::Failure;
use crate::idx::DataError;
use crate::reading::{QUICK_EPOCHS, Reader};

/// How many threads a command computes on.
#[derive(Debug, Args)]
pub struct Threads {
    /// Threads to compute on; 0 means as many as the machine has. Their number does not change the results
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    pub threads: u16,
}

/// Which data set a command is about.
#[derive(Debug, Args)]
pub struct Source {
    /// Folder with another data set in MNIST's form, Fashion-MNIST for one: train-images-idx3-ubyte, train-labels-idx1-ubyte and the same with t10k for
    /// train, each plain or .gz [default: the MNIST digits, which are part of the program]
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
            eprintln!("no --weights: training on MNIST for {QUICK_EPOCHS} epochs first");
            let start = Instant::now();
            let (reader, epoch) = Reader::train()?;
            let seconds = start.elapsed().as_secs_f64();
            eprintln!("trained in {seconds:.1} s; test accuracy {:.2}%", 100.0 * epoch.test_accuracy);
            Ok(reader)
        }
    }
}

/// Makes sure that a file can be made beside `path` and moved there, and leaves nothing behind.
fn try_to_write(path: &Path) -> Result<(), Failure> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let tried = if path.is_dir() {
        Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"))
    } else {
        tempfile::tempfile_in(folder).map(drop)
    };
    tried.map_err(|source| Failure::Target { path: path.to_owned(), source })
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
