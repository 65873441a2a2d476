//! Schedules that are half waves of a cosine.

use std::f64::consts::PI;

use super::Schedule;
use crate::settings::not_negative;

/// From `start` to `end` along half a wave, of which the share `done` is done.
pub(super) fn half_wave(start: f64, end: f64, done: f64) -> f64 {
    end + (start - end) * (1.0 + (PI * done).cos()) / 2.0
}

/// Half a wave from 1 at step 0 down to a least factor at step `steps`, and up again after that (Loshchilov and Hutter,
/// *SGDR: stochastic gradient descent with warm restarts*, 2017;
/// [`CosineAnnealingLR`](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html)).
///
/// ```
/// use optim::schedule::{CosineAnnealingLR, Schedule};
/// let schedule = CosineAnnealingLR::new(4).min_factor(0.5);
/// assert_eq!([0, 2, 4].map(|step| schedule.factor(step)), [1.0, 0.75, 0.5]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CosineAnnealingLR {
    steps: u64,
    min_factor: f64,
}

impl CosineAnnealingLR {
    /// Down to 0 within `steps` steps.
    ///
    /// # Panics
    /// If `steps` is 0.
    #[track_caller]
    pub fn new(steps: u64) -> Self {
        assert!(steps > 0, "CosineAnnealingLR: 0 steps");
        CosineAnnealingLR { steps, min_factor: 0.0 }
    }

    /// The least factor: PyTorch's `eta_min`, as a share of the first learning rate.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn min_factor(mut self, min_factor: f64) -> Self {
        self.min_factor = not_negative("least factor", min_factor);
        self
    }
}

impl Schedule for CosineAnnealingLR {
    fn factor(&self, step: u64) -> f64 {
        half_wave(1.0, self.min_factor, step as f64 / self.steps as f64)
    }
}

/// Half a wave from 1 down to a least factor, again and again, each `growth` times as long as the one before
/// (Loshchilov and Hutter, 2017;
/// [`CosineAnnealingWarmRestarts`](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html)).
///
/// ```
/// use optim::schedule::{CosineAnnealingWarmRestarts, Schedule};
/// let schedule = CosineAnnealingWarmRestarts::new(2, 2);
/// assert_eq!([0, 2, 6, 14].map(|step| schedule.factor(step)), [1.0; 4]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CosineAnnealingWarmRestarts {
    first: u64,
    growth: u64,
    min_factor: f64,
}

impl CosineAnnealingWarmRestarts {
    /// The first cycle takes `first` steps, and each of the next `growth` times as many as the one before: PyTorch's
    /// `T_0` and `T_mult`.
    ///
    /// # Panics
    /// If one of them is 0.
    #[track_caller]
    pub fn new(first: u64, growth: u64) -> Self {
        assert!(first > 0 && growth > 0, "CosineAnnealingWarmRestarts: {first} steps that grow {growth} times");
        CosineAnnealingWarmRestarts { first, growth, min_factor: 0.0 }
    }

    /// The least factor: PyTorch's `eta_min`, as a share of the first learning rate.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn min_factor(mut self, min_factor: f64) -> Self {
        self.min_factor = not_negative("least factor", min_factor);
        self
    }
}

impl Schedule for CosineAnnealingWarmRestarts {
    fn factor(&self, step: u64) -> f64 {
        let (mut step, mut length) = (step, self.first);
        if self.growth == 1 {
            step %= length;
        }
        while step >= length {
            step -= length;
            length = length.saturating_mul(self.growth);
        }
        half_wave(1.0, self.min_factor, step as f64 / length as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::follows;
    use super::*;

    #[test]
    fn half_waves_follow_their_formulas() {
        follows(CosineAnnealingLR::new(30).min_factor(0.1), |t| 0.1 + 0.9 * (1.0 + (PI * t / 30.0).cos()) / 2.0);
        follows(CosineAnnealingWarmRestarts::new(7, 1), |t| (1.0 + (PI * (t % 7.0) / 7.0).cos()) / 2.0);
        // Cycles of 5, 15 and 45 steps.
        follows(CosineAnnealingWarmRestarts::new(5, 3).min_factor(0.2), |t| {
            let done = if t < 5.0 {
                t / 5.0
            } else if t < 20.0 {
                (t - 5.0) / 15.0
            } else {
                (t - 20.0) / 45.0
            };
            0.2 + 0.8 * (1.0 + (PI * done).cos()) / 2.0
        });
    }

    #[test]
    #[should_panic(expected = "CosineAnnealingLR: 0 steps")]
    fn a_wave_has_a_length() {
        let _ = CosineAnnealingLR::new(0);
    }
}
