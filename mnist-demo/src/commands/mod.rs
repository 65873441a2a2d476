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
use crate::dataset::{Dataset, split_path};
use crate::failure::Failure;
use crate::idx::DataError;
use crate::labels::Labels;
use crate::model::DIGITS;
use crate::reading::{QUICK_EPOCHS, Reader};
use crate::weights::Weights;

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
    /// train-labels-idx1-ubyte and the same with t10k for train; or EMNIST: emnist-letters-train-images-idx3-ubyte
    /// and so on, whose transposed images are put right. Each file is plain or .gz. labels.txt or EMNIST's mapping
    /// beside them has the names of the classes [default: the MNIST digits, which are part of the program]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Which split of EMNIST in that folder: letters, balanced or another, as the file names have it; needed where
    /// there are several
    #[arg(long, value_name = "NAME", requires = "data")]
    pub split: Option<String>,
}

impl Source {
    /// Reads the data set.
    ///
    /// # Errors
    /// If it is not whole and right.
    pub fn read(&self) -> Result<Dataset, DataError> {
        self.path().as_deref().map_or_else(Dataset::embedded, Dataset::from_folder)
    }

    /// The path of the data set that is named, if one is: a folder or a split in it, as [`Dataset::from_folder`]
    /// takes it.
    pub fn path(&self) -> Option<PathBuf> {
        let folder = self.data.as_deref()?;
        Some(self.split.as_deref().map_or_else(|| folder.to_owned(), |split| split_path(folder, split)))
    }
}

/// Which network reads pictures, and what its classes are called.
#[derive(Debug, Args)]
pub struct Network {
    /// The weights: a file, as train --save wrote it, or the folder of train --checkpoint, whose newest state is
    /// taken; without this the network is trained on MNIST first, for 3 epochs, which takes seconds
    #[arg(long, value_name = "PATH")]
    weights: Option<PathBuf>,
    /// The names of the classes: a text with one label a line, or EMNIST's mapping [default: those that
    /// train --save wrote into the file with the weights, those of a checkpoint's data set, labels.txt beside the
    /// weights, or the class numbers]
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

impl Network {
    /// The network, with the weights that were named or trained now.
    ///
    /// # Errors
    /// If the weights or the labels cannot be read, or do not go together.
    fn reader(&self) -> Result<Reader, Failure> {
        if let Some(path) = &self.weights {
            let (reader, note) = Reader::load(&weights(path)?, self.labels.as_deref())?;
            if let Some(note) = note {
                tell(&format!("not used: {note}"));
            }
            return Ok(reader);
        }
        // A wrong file is reported before the training.
        let labels = self.labels.as_deref().map(|path| Labels::read(path, DIGITS)).transpose()?;
        tell(&format!("no --weights: training on MNIST for {QUICK_EPOCHS} epochs first"));
        let start = Instant::now();
        let (reader, epoch) = Reader::train()?;
        let seconds = start.elapsed().as_secs_f64();
        tell(&format!("trained in {seconds:.1} s; test accuracy {}", percent(epoch.test_accuracy)));
        Ok(labels.into_iter().fold(reader, Reader::labelled))
    }
}

/// Finds trained weights, and says which checkpoint that is where it is one of several.
fn weights(path: &Path) -> Result<Weights, Failure> {
    let weights = Weights::find(path)?;
    for damaged in &weights.damaged {
        tell(&format!("damaged, not used: {damaged}"));
    }
    if let Some(snapshot) = weights.snapshot.as_ref().filter(|_| weights.path != path) {
        let place = &snapshot.progress;
        tell(&format!("using {}: epoch {}, image {}", weights.path.display(), place.epoch, place.so_far.images));
    }
    Ok(weights)
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
