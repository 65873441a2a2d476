//! How a training run is getting on, for the page's curves.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::train::{Epoch, History, Observer, Step, Trainer};

/// What a page shows of a run.
#[derive(Debug)]
pub(super) struct Progress {
    /// Epochs that there will be.
    epochs: usize,
    /// Images in an epoch.
    images: usize,
    history: History,
    images_per_second: f64,
    finished: bool,
}

impl Progress {
    /// As the page takes it: places in the run in epochs, accuracies as shares.
    pub(super) fn to_json(&self) -> Value {
        let place = |images: f64| images / self.images as f64;
        let losses = self.history.curve.points().map(|(images, point)| [place(images), point.mean_loss()]);
        json!({
            "epochs": self.epochs,
            "losses": losses.collect::<Vec<_>>(),
            "accuracies": self.history.epochs.iter().map(|epoch| epoch.test_accuracy).collect::<Vec<_>>(),
            "images_per_second": self.images_per_second.round(),
            "finished": self.finished,
        })
    }
}

/// How often the page learns of steps: more often than it asks.
const PACE: Duration = Duration::from_millis(100);

/// Watches a run for the page.
#[derive(Debug)]
pub struct Watcher {
    progress: Arc<Mutex<Progress>>,
    /// When the page last learnt of a step.
    told: Instant,
}

impl Watcher {
    /// Of a run that begins or goes on now.
    pub fn new(run: &Trainer<'_>) -> Self {
        let progress = Progress {
            epochs: run.settings().epochs,
            images: run.data().train.len(),
            history: run.history().clone(),
            images_per_second: 0.0,
            finished: false,
        };
        Watcher { progress: Arc::new(Mutex::new(progress)), told: Instant::now() }
    }

    /// What it has seen, for the page.
    pub(super) fn progress(&self) -> Arc<Mutex<Progress>> {
        Arc::clone(&self.progress)
    }

    /// The run is over.
    pub fn finish(&self) {
        self.progress.lock().expect("nobody panics").finished = true;
    }

    fn tell(&mut self, run: &Trainer<'_>, images_per_second: f64) {
        let mut progress = self.progress.lock().expect("nobody panics");
        progress.history = run.history().clone();
        progress.images_per_second = images_per_second;
        self.told = Instant::now();
    }
}

impl Observer for Watcher {
    fn step(&mut self, step: &Step, run: &Trainer<'_>) {
        if self.told.elapsed() >= PACE {
            self.tell(run, step.so_far.images as f64 / step.duration.as_secs_f64());
        }
    }

    fn epoch(&mut self, epoch: &Epoch, run: &Trainer<'_>) -> ControlFlow<()> {
        self.tell(run, epoch.speed());
        ControlFlow::Continue(())
    }
}
