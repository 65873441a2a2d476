//! The progress of a training run, for the page's curves.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::train::{Epoch, History, Observer, Step, Trainer};

/// The data about a run that the page shows.
#[derive(Debug)]
pub(super) struct Progress {
    /// The number of epochs of the run.
    epochs: usize,
    /// The number of images in an epoch.
    images: usize,
    history: History,
    images_per_second: f64,
    finished: bool,
}

impl Progress {
    /// The data as JSON: positions in the run in epochs, accuracies from 0 to 1.
    pub(super) fn to_json(&self) -> Value {
        let epoch = |images: f64| images / self.images as f64;
        let losses = self.history.curve.points().map(|(images, point)| [epoch(images), point.mean_loss()]);
        json!({
            "epochs": self.epochs,
            "losses": losses.collect::<Vec<_>>(),
            "accuracies": self.history.epochs.iter().map(|epoch| epoch.test_accuracy).collect::<Vec<_>>(),
            "images_per_second": self.images_per_second.round(),
            "finished": self.finished,
        })
    }
}

/// The minimum time between two updates. The page asks less often than this.
const PACE: Duration = Duration::from_millis(100);

/// The observer that passes the progress of a run to the page.
#[derive(Debug)]
pub struct Watcher {
    progress: Arc<Mutex<Progress>>,
    /// The time of the last update.
    updated: Instant,
}

impl Watcher {
    /// An observer for a run that starts or is resumed now.
    pub fn new(run: &Trainer<'_>) -> Self {
        let progress = Progress {
            epochs: run.settings().epochs,
            images: run.data().train.len(),
            history: run.history().clone(),
            images_per_second: 0.0,
            finished: false,
        };
        Watcher { progress: Arc::new(Mutex::new(progress)), updated: Instant::now() }
    }

    /// The shared progress, for the page.
    pub(super) fn progress(&self) -> Arc<Mutex<Progress>> {
        Arc::clone(&self.progress)
    }

    /// Marks the run as finished.
    pub fn finish(&self) {
        self.progress.lock().expect("nobody panics").finished = true;
    }

    fn update(&mut self, run: &Trainer<'_>, images_per_second: f64) {
        let mut progress = self.progress.lock().expect("nobody panics");
        progress.history = run.history().clone();
        progress.images_per_second = images_per_second;
        self.updated = Instant::now();
    }
}

impl Observer for Watcher {
    fn step(&mut self, step: &Step, run: &Trainer<'_>) {
        if self.updated.elapsed() >= PACE {
            self.update(run, step.so_far.images as f64 / step.duration.as_secs_f64());
        }
    }

    fn epoch(&mut self, epoch: &Epoch, run: &Trainer<'_>) -> ControlFlow<()> {
        self.update(run, epoch.speed());
        ControlFlow::Continue(())
    }
}
