//! The seam for those who watch a run as it goes: the console, a page with live curves, a test.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{Epoch, Tally, Trainer};

/// A step that was just taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The epoch that it belongs to, from 1.
    pub epoch: usize,
    /// Its own images and losses.
    pub step: Tally,
    /// Those of the epoch up to and with it.
    pub so_far: Tally,
    /// The time of the epoch's steps up to and with it.
    pub duration: Duration,
}

/// Who watches a run. Nothing that it does counts into the run's times, but it is in its way.
pub trait Observer: Send {
    /// Before the first step; a run that goes on has its history already.
    fn start(&mut self, run: &Trainer<'_>) {
        let _ = run;
    }

    /// After each step.
    fn step(&mut self, step: &Step, run: &Trainer<'_>) {
        let _ = (step, run);
    }

    /// After something went wrong that does not end the run; `failure` is a line for the user.
    fn failed(&mut self, failure: &str) {
        let _ = failure;
    }

    /// After each epoch; `Break` ends the run.
    fn epoch(&mut self, epoch: &Epoch, run: &Trainer<'_>) -> ControlFlow<()> {
        let _ = (epoch, run);
        ControlFlow::Continue(())
    }
}

/// Several watch together; each sees everything, and any of them ends the run.
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
