//! The report that `train --out DIR` writes: a page about the run, its training curves as SVG and PNG, and its history
//! as CSV and JSON.
//!
//! [`Report::files`] creates all files in memory. [`write()`] writes them to the folder; each file is either complete
//! or absent.

mod canvas;
mod curves;
mod evaluation;
mod page;
mod pictures;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nn::file::{self, Staged};
use serde_json::json;

pub use evaluation::{Evaluation, Mistake};

use crate::checkpoint::Run;
use crate::environment;
use crate::failure::Failure;
use crate::train::Trainer;

/// The files of a report, the page last.
const NAMES: [&str; 5] = ["history.csv", "history.json", "curves.svg", "curves.png", "report.html"];

/// The contents of a report: a run that has ended, and its evaluation.
pub struct Report<'a> {
    /// The run.
    pub trainer: &'a Trainer<'a>,
    /// The user's settings.
    pub run: &'a Run,
    /// The evaluation of the network on the test images.
    pub evaluation: Evaluation,
    /// The number of threads.
    pub threads: usize,
}

impl<'a> Report<'a> {
    /// Evaluates the network on the test images. Call it inside [`autograd::with_threads`].
    pub fn new(trainer: &'a Trainer<'a>, run: &'a Run) -> Self {
        let evaluation = Evaluation::new(trainer.network(), &trainer.data().test, trainer.data().classes);
        Report { trainer, run, evaluation, threads: autograd::num_threads() }
    }

    /// The files by name, the page last.
    pub fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        let curves = curves::Curves::of(self.trainer);
        let page = page::page(self, &curves).into_bytes();
        let contents =
            [self.csv().into_bytes(), self.json().into_bytes(), curves.svg().into_bytes(), curves.png(), page];
        NAMES.into_iter().zip(contents).collect()
    }

    /// The history as CSV, with a line for each epoch.
    fn csv(&self) -> String {
        let mut csv = "epoch,loss,train_accuracy,test_accuracy,seconds,images,images_per_second\n".to_owned();
        for epoch in &self.trainer.history().epochs {
            csv += &format!(
                "{},{},{},{},{},{},{:.0}\n",
                epoch.number,
                epoch.loss,
                epoch.train_accuracy,
                epoch.test_accuracy,
                epoch.duration.as_secs_f64(),
                epoch.images,
                epoch.speed()
            );
        }
        csv
    }

    fn json(&self) -> String {
        let history = self.trainer.history();
        let epochs = history.epochs.iter().map(|epoch| {
            json!({
                "epoch": epoch.number,
                "loss": epoch.loss,
                "train_accuracy": epoch.train_accuracy,
                "test_accuracy": epoch.test_accuracy,
                "seconds": epoch.duration.as_secs_f64(),
                "images": epoch.images,
            })
        });
        let curve = history.curve.points().map(
            |(images, point)| json!({ "images": images, "loss": point.mean_loss(), "accuracy": point.accuracy() }),
        );
        let confusion = &self.evaluation.confusion;
        let json = json!({
            "date": environment::date(),
            "version": environment::version(),
            "command": environment::command_line(),
            "processor": environment::processor(),
            "kernels": environment::kernels(),
            "settings": self.trainer.settings(),
            "data": self.run.data,
            "threads": self.threads,
            "seconds": history.elapsed.as_secs_f64(),
            "warning": self.trainer.warning(),
            "test_accuracy": confusion.accuracy(),
            "labels": self.trainer.data().labels,
            "confusion": (0..confusion.classes()).map(|label| confusion.row(label)).collect::<Vec<_>>(),
            "epochs": epochs.collect::<Vec<_>>(),
            "curve": curve.collect::<Vec<_>>(),
        });
        format!("{json:#}\n")
    }
}

/// Checks that the files can be written to the folder, which need not exist yet. Nothing is created or changed.
///
/// # Errors
/// If they cannot.
pub fn check(folder: &Path) -> Result<(), Failure> {
    let failed = |path: &Path, source| Failure::Target { path: path.to_owned(), source };
    let missing =
        folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && path.symlink_metadata().is_err());
    if let Some(highest) = missing.last() {
        // If a file can be created there, so can a folder. `components` removes a slash at the end, which a path of a
        // file must not have.
        let highest: PathBuf = highest.components().collect();
        return file::check(highest).map_err(|source| failed(folder, source));
    }
    if !folder.is_dir() {
        return Err(failed(folder, io::Error::new(io::ErrorKind::NotADirectory, "it is not a folder")));
    }
    NAMES.into_iter().map(|name| folder.join(name)).try_for_each(|path| {
        let answer = file::check(&path);
        answer.map_err(|source| failed(&path, source))
    })
}

/// Writes the files to the folder, which is created if it does not exist. First all files are written completely under
/// temporary names in the same folder, then they are renamed.
///
/// # Errors
/// If a file cannot be written. The files of an earlier report are then still there.
pub fn write(folder: &Path, files: &[(&'static str, Vec<u8>)]) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|source| Failure::Target { path: folder.to_owned(), source })?;
    let failed = |name: &str, source| Failure::Target { path: folder.join(name), source };
    let mut staged = Vec::new();
    for (name, bytes) in files {
        staged.push((name, Staged::new(folder.join(name), bytes).map_err(|source| failed(name, source))?));
    }
    staged.into_iter().try_for_each(|(name, file)| file.commit().map_err(|source| failed(name, source)))
}
