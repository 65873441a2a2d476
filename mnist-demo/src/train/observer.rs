//! The interface through which the console, the page with live curves, and tests follow a run.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{Epoch, Tally, Trainer};

/// A step that was just taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its epoch, from 1.
    pub epoch: usize,
    /// The images and losses of this step.
    pub step: Tally,
    /// The images and losses of the epoch so far, this step included.
    pub so_far: Tally,
    /// The time of the epoch's steps so far, this step included.
    pub duration: Duration,
}

/// An observer of a run. The run waits while it is called, but this time is not included in the run's times.
pub trait Observer: Send {
    /// Called before the first step. A resumed run already has a history.
    fn start(&mut self, run: &Trainer<'_>) {
        let _ = run;
    }

    /// Called after each step.
    fn step(&mut self, step: &Step, run: &Trainer<'_>) {
        let _ = (step, run);
    }

    /// Called after an error that does not end the run; `failure` is a line for the user.
    fn failed(&mut self, failure: &str) {
        let _ = failure;
    }

    /// Called after each epoch; `Break` ends the run.
    fn epoch(&mut self, epoch: &Epoch, run: &Trainer<'_>) -> ControlFlow<()> {
        let _ = (epoch, run);
        ControlFlow::Continue(())
    }
}

/// Several observers: all of them are called, and each of them can end the run.
impl Observer for Vec<&mut dyn Observer> {
    fn start(&mut self, run: &Trainer<'_>) {
        self.iter_mut().for_each(|observer| observer.start(run));
    }

    fn step(&mut self, step: &Step, run: &Trainer<'_>) {
        self.iter_mut().for_each(|observer| observer.step(step, run));
    }

    fn failed(&mut self, failure: &str) {
        self.iter_mut().for_each(|observer| observer.failed(failure));
    }

    fn epoch(&mut self, epoch: &Epoch, run: &Trainer<'_>) -> ControlFlow<()> {
        let ends = self.iter_mut().filter_map(|observer| observer.epoch(epoch, run).is_break().then_some(())).count();
        if ends > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
