//! What `train --out DIR` leaves: a page that tells how the run went, its curves as SVG and PNG, and its history as CSV and JSON.
//!
//! [`Report::files`] makes them all in memory; [`write()`] puts them into the folder, each whole or not at all.

mod canvas;
mod curves;
mod evaluation;
mod page;
mod pictures;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde_json::json;

pub use evaluation::{Evaluation, Mistake};

use crate::checkpoint::Run;
use crate::failure::Failure;
use crate::train::Trainer;

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
        vec![
            ("history.csv", self.csv().into_bytes()),
            ("history.json", self.json().into_bytes()),
            ("curves.svg", curves.svg().into_bytes()),
            ("curves.png", curves.png()),
            ("report.html", page::page(self, &curves).into_bytes()),
        ]
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
        let json = json!({
            "settings": self.trainer.settings(),
            "data": self.run.data,
            "threads": self.threads,
            "seconds": history.elapsed.as_secs_f64(),
            "test_accuracy": self.evaluation.accuracy(),
            "labels": self.trainer.data().labels,
            "confusion": (0..self.evaluation.classes()).map(|label| self.evaluation.row(label)).collect::<Vec<_>>(),
            "epochs": epochs.collect::<Vec<_>>(),
            "curve": curve.collect::<Vec<_>>(),
        });
        format!("{json:#}\n")
    }
}

/// Makes sure that there is a folder that can be written to.
///
/// # Errors
/// If there is none and none can be made, or no file can be made in it.
pub fn prepare(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder)
        .and_then(|()| tempfile::tempfile_in(folder))
        .map(drop)
        .map_err(|source| Failure::Target { path: folder.to_owned(), source })
}

/// Puts the files into the folder: all of them are whole on the disk, beside their places, before the first is moved there.
///
/// # Errors
/// If one cannot be written. Those that were there are still there then.
pub fn write(folder: &Path, files: &[(&'static str, Vec<u8>)]) -> Result<(), Failure> {
    let failed = |name: &str, source| Failure::Target { path: folder.join(name), source };
    let mut builder = tempfile::Builder::new();
    // Files of the user's like any other, not private temporary ones.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut staged = Vec::new();
    for (name, bytes) in files {
        let file = builder.tempfile_in(folder).and_then(|mut file| {
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            Ok(file)
        });
        staged.push((name, file.map_err(|source| failed(name, source))?));
    }
    for (name, file) in staged {
        file.persist(folder.join(name)).map_err(|error| failed(name, error.error))?;
    }
    // A system that cannot open folders has no such call.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}
