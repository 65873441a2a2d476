//! The commands. Each has a file with its arguments and a function `run`; this file has what they share.

pub mod eval;
pub mod graph;
pub mod launch;
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

use crate::classifier::{Classifier, QUICK_EPOCHS};
use crate::console::{accuracy_line, eprint_line, percent, print_line};
use crate::dataset::{Dataset, split_path};
use crate::failure::Failure;
use crate::idx::DataError;
use crate::labels::Labels;
use crate::model::DIGITS;
use crate::weights::Weights;

/// The number of threads of a command.
#[derive(Debug, Args)]
pub struct Threads {
    /// Number of threads; 0 means one for each core. More threads than cores are slower. The results do not depend on
    /// the number of threads
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = values::threads)]
    pub threads: u16,
}

impl Threads {
    /// The number for [`autograd::with_threads`]. Warns the user if there are more threads than cores.
    pub fn count(&self) -> usize {
        let (threads, cores) = (usize::from(self.threads), values::cores());
        if threads > cores {
            let machine = values::cores_in_words();
            eprint_line(&format!("warning: --threads {threads} is slower than 0: this machine has {machine}"));
        }
        threads
    }
}

/// The data set of a command.
#[derive(Debug, Args)]
pub struct Source {
    /// Folder with another data set in MNIST's file format, such as Fashion-MNIST or EMNIST. MNIST's file names are
    /// train-images-idx3-ubyte, train-labels-idx1-ubyte, and the same with t10k instead of train. EMNIST's are
    /// emnist-letters-train-images-idx3-ubyte and so on; its images are stored transposed, which is corrected. The
    /// files can be compressed (.gz). The names of the classes are read from labels.txt or from EMNIST's mapping file
    /// in the same folder [default: the MNIST digits, which are built into the program]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The split of EMNIST in that folder, as in the file names: letters, balanced or another. Needed if the folder
    /// has several
    #[arg(long, value_name = "NAME", requires = "data")]
    pub split: Option<String>,
}

impl Source {
    /// Reads the data set.
    ///
    /// # Errors
    /// If it is incomplete or wrong.
    pub fn read(&self) -> Result<Dataset, DataError> {
        self.path().as_deref().map_or_else(Dataset::embedded, Dataset::from_folder)
    }

    /// The path of the data set, if the user gave one: a folder or a split in it, for [`Dataset::from_folder`].
    pub fn path(&self) -> Option<PathBuf> {
        let folder = self.data.as_deref()?;
        Some(self.split.as_deref().map_or_else(|| folder.to_owned(), |split| split_path(folder, split)))
    }
}

/// The network that classifies pictures, and the names of its classes.
#[derive(Debug, Args)]
pub struct Network {
    /// The weights: a file written by train --save, or a folder of train --checkpoint, of which the newest checkpoint
    /// is used. Without this option the network is first trained on MNIST for 3 epochs, which takes some seconds
    #[arg(long, value_name = "PATH")]
    weights: Option<PathBuf>,
    /// The names of the classes: a text file with one label per line, or EMNIST's mapping [default: the labels in the
    /// file of the weights, those of the checkpoint's data set, labels.txt beside the weights, or the class numbers]
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

impl Network {
    /// The classifier, with the weights that the user gave, or with weights that are trained now.
    ///
    /// # Errors
    /// If the weights or the labels cannot be read, or do not fit together.
    fn classifier(&self) -> Result<Classifier, Failure> {
        if let Some(path) = &self.weights {
            let (classifier, note) = Classifier::load(&weights(path)?, self.labels.as_deref())?;
            if let Some(note) = note {
                eprint_line(&format!("not used: {note}"));
            }
            return Ok(classifier);
        }
        // The labels are read before the training, so that a wrong file is reported at once.
        let labels = self.labels.as_deref().map(|path| Labels::read(path, DIGITS)).transpose()?;
        eprint_line(&format!("no --weights: training on MNIST for {QUICK_EPOCHS} epochs first"));
        let start = Instant::now();
        let (classifier, epoch) = Classifier::train()?;
        let seconds = start.elapsed().as_secs_f64();
        eprint_line(&format!("trained in {seconds:.1} s; test accuracy {}", percent(epoch.test_accuracy)));
        Ok(labels.into_iter().fold(classifier, Classifier::with_labels))
    }
}

/// Finds trained weights, and prints the name of the checkpoint if it is chosen from a folder.
fn weights(path: &Path) -> Result<Weights, Failure> {
    let weights = Weights::find(path)?;
    for damaged in &weights.damaged {
        eprint_line(&format!("damaged, not used: {damaged}"));
    }
    if let Some(snapshot) = weights.snapshot.as_ref().filter(|_| weights.path != path) {
        eprint_line(&format!("using {}: {}", weights.path.display(), snapshot.progress));
    }
    Ok(weights)
}

/// Checks that a result can be written to `path`. Nothing is created or changed.
fn try_to_write(path: &Path) -> Result<(), Failure> {
    file::check(path).map_err(|source| Failure::Target { path: path.to_owned(), source })
}

/// Prints the test accuracy, the last line of a command.
fn print_last(accuracy: f64) -> Result<(), Failure> {
    print(&accuracy_line(accuracy))
}

/// Prints the last lines of a command. A closed stdout is no failure.
fn print(lines: &str) -> Result<(), Failure> {
    match print_line(lines) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
