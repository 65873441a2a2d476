//! Drives a run from its first step to its end, and writes its checkpoints.

use std::path::PathBuf;

use super::ranks::together;
use crate::checkpoint::{Folder, Run, Snapshot};
use crate::failure::Failure;
use crate::finite::first_non_finite;
use crate::train::{Event, Observer, Trainer};

/// Why a run ended without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All epochs are completed.
    Done,
    /// The target accuracy was reached.
    Reached,
    /// An observer ended the run.
    Unwatched,
    /// Ctrl-C was pressed.
    Interrupted,
}

/// Writes the checkpoints of a run. On all ranks but the first one it waits until they are written.
pub struct CheckpointWriter<'a> {
    folder: Option<&'a Folder>,
    run: &'a Run,
    /// The file of the newest one.
    pub newest: Option<PathBuf>,
    /// Whether a checkpoint could not be written. The error was reported at that time.
    pub failed: bool,
}

impl<'a> CheckpointWriter<'a> {
    /// A writer for this run and folder, which only the first rank has.
    pub fn new(folder: Option<&'a Folder>, run: &'a Run) -> Self {
        CheckpointWriter { folder, run, newest: None, failed: false }
    }

    /// Writes a checkpoint of the current state. If the first checkpoint cannot be written, the run ends, since nothing
    /// is lost yet. A later error is reported and the training continues, so that its other results are not lost.
    fn write(&mut self, trainer: &mut Trainer<'_>, observers: &mut dyn Observer) -> Result<(), Failure> {
        // Of all ranks, each of which has a piece of the optimizer's state.
        let snapshot = Snapshot::of(trainer, self.run);
        let outcome = match self.folder {
            Some(folder) => self.write_to(folder, &snapshot, trainer, observers),
            None => Ok(()),
        };
        together(trainer.group(), outcome)
    }

    fn write_to(
        &mut self,
        folder: &Folder,
        snapshot: &Snapshot,
        trainer: &Trainer<'_>,
        observers: &mut dyn Observer,
    ) -> Result<(), Failure> {
        if let Some((name, value)) = first_non_finite(snapshot.tensors()) {
            return Err(trainer.diverged(trainer.epoch_step(), format!("{name} has the value {value}")).into());
        }
        match folder.write(trainer.steps(), snapshot, self.run.keep) {
            Ok(path) => self.newest = Some(path),
            Err(error) if self.newest.is_none() => return Err(error.into()),
            Err(_) if self.failed => {}
            Err(error) => {
                self.failed = true;
                observers.failed(&format!("error: {error}; the training goes on without this checkpoint"));
            }
        }
        Ok(())
    }

    fn after_step(&mut self, trainer: &mut Trainer<'_>, observers: &mut dyn Observer) -> Result<(), Failure> {
        match self.run.every {
            Some(every) if trainer.steps().is_multiple_of(every) => self.write(trainer, observers),
            _ => Ok(()),
        }
    }
}

/// Runs until all epochs are completed or something else ends the run. With a writer there is a checkpoint before the
/// first step, which also saves the settings, and one of the final state.
///
/// # Errors
/// If the training diverges, or the first checkpoint cannot be written.
pub fn drive(
    trainer: &mut Trainer<'_>,
    target: Option<f64>,
    mut writer: Option<&mut CheckpointWriter<'_>>,
    observers: &mut dyn Observer,
) -> Result<Ending, Failure> {
    let mut keep = |trainer: &mut Trainer<'_>, observers: &mut dyn Observer, now: bool| match &mut writer {
        Some(writer) if now => writer.write(trainer, observers),
        Some(writer) => writer.after_step(trainer, observers),
        None => Ok(()),
    };
    observers.start(trainer);
    keep(trainer, observers, true)?;
    loop {
        if reached(trainer, target) {
            return Ok(Ending::Reached);
        }
        if trainer.is_done() {
            return Ok(Ending::Done);
        }
        match trainer.advance()? {
            Event::Step(step) => {
                observers.step(&step, trainer);
                let interrupted = trainer.is_interrupted();
                keep(trainer, observers, interrupted)?;
                if interrupted {
                    return Ok(Ending::Interrupted);
                }
            }
            Event::Epoch(epoch) => {
                keep(trainer, observers, true)?;
                let is_unwatched = observers.epoch(&epoch, trainer).is_break();
                if trainer.does_any(is_unwatched) {
                    return Ok(Ending::Unwatched);
                }
            }
        }
    }
}

/// Whether the epoch that just ended reached the target accuracy.
pub fn reached(trainer: &Trainer<'_>, target: Option<f64>) -> bool {
    let between_epochs = trainer.progress().so_far.images == 0;
    let last = trainer.history().epochs.last();
    between_epochs && last.zip(target).is_some_and(|(epoch, target)| epoch.test_accuracy >= target)
}
