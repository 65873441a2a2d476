//! What `train --out DIR` leaves: a page that tells how the run went, its curves as SVG and PNG, and its history as
//! CSV and JSON.
//!
//! [`Report::files`] makes them all in memory; [`write()`] puts them into the folder, each whole or not at all.

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
use crate::failure::Failure;
use crate::train::Trainer;

/// The files of a report, the page last.
const NAMES: [&str; 5] = ["history.csv", "history.json", "curves.svg", "curves.png", "report.html"];

/// A run that has ended, ready to be told.
pub struct Report<'a> {
    /// The run.
    pub trainer: &'a Trainer<'a>,
    /// What the user chose for it.
    pub run: &'a Run,
    /// How its network reads the test images.
    pub evaluation: Evaluation,
    /// Threads that it computed on.
    pub threads: usize,
}

impl<'a> Report<'a> {
    /// Reads the test images. Call it inside [`autograd::with_threads`].
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

    /// A line for each epoch.
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
            "settings": self.trainer.settings(),
            "data": self.run.data,
            "threads": self.threads,
            "seconds": history.elapsed.as_secs_f64(),
            "test_accuracy": confusion.accuracy(),
            "labels": self.trainer.data().labels,
            "confusion": (0..confusion.classes()).map(|label| confusion.row(label)).collect::<Vec<_>>(),
            "epochs": epochs.collect::<Vec<_>>(),
            "curve": curve.collect::<Vec<_>>(),
        });
        format!("{json:#}\n")
    }
}

/// Finds out whether the files can be written to the folder, which need not exist yet. Nothing is made or changed.
///
/// # Errors
/// If they cannot.
pub fn check(folder: &Path) -> Result<(), Failure> {
    let failed = |path: &Path, source| Failure::Target { path: path.to_owned(), source };
    let missing =
        folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && path.symlink_metadata().is_err());
    if let Some(highest) = missing.last() {
        // What can be made there as a file can be made as a folder; without a slash at its end it is a path of either.
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

/// Writes the files to the folder, which is made if it does not exist: all of them are whole on the disk, beside their
/// paths, before the first is moved there.
///
/// # Errors
/// If one cannot be written. Those that were there are still there then.
pub fn write(folder: &Path, files: &[(&'static str, Vec<u8>)]) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|source| Failure::Target { path: folder.to_owned(), source })?;
    let failed = |name: &str, source| Failure::Target { path: folder.join(name), source };
    let mut staged = Vec::new();
    for (name, bytes) in files {
        staged.push((name, Staged::new(folder.join(name), bytes).map_err(|source| failed(name, source))?));
    }
    staged.into_iter().try_for_each(|(name, file)| file.commit().map_err(|source| failed(name, source)))
}
