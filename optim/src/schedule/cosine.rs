//! Schedules that are half waves of a cosine.

use std::f64::consts::PI;

use super::Schedule;
use crate::settings::{fraction, not_negative};

/// From `start` to `end` along half a wave, of which the share `done` is done.
fn half_wave(start: f64, end: f64, done: f64) -> f64 {
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

/// Half a wave from 1 down to a least factor, again and again, each `growth` times as long as the one before (Loshchilov
/// and Hutter, 2017;
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

/// One cycle: half a wave up from 1 / 25 to 1, and one down to 1 / 250000 (Smith and Topin, *Super-convergence: very
/// fast training of neural networks using large learning rates*, 2018;
/// [`OneCycleLR`](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html)). The
/// optimizer's learning rate is the largest one, PyTorch's `max_lr`.
///
/// ```
/// use optim::schedule::{OneCycleLR, Schedule};
/// let schedule = OneCycleLR::new(10);
/// assert!((schedule.factor(0) - 1.0 / 25.0).abs() < 1e-15);
/// assert_eq!(schedule.factor(2), 1.0);
/// assert!(schedule.factor(9) < 1e-5);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct OneCycleLR {
    steps: u64,
    rise: f64,
    start: f64,
    end: f64,
}

impl OneCycleLR {
    /// A cycle of `steps` steps, of which three tenths rise; then the last factor stays.
    ///
    /// # Panics
    /// If `steps` is 0.
    #[track_caller]
    pub fn new(steps: u64) -> Self {
        assert!(steps > 0, "OneCycleLR: 0 steps");
        OneCycleLR { steps, rise: 0.3, start: 1.0 / 25.0, end: 1.0 / 25.0 / 1e4 }
    }

    /// The share of the steps that rises, in [0, 1): PyTorch's `pct_start`.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    pub fn rise(mut self, share: f64) -> Self {
        self.rise = fraction("share of rising steps", share);
        self
    }

    /// The first and the last factor: PyTorch's 1 / `div_factor` and 1 / (`div_factor` · `final_div_factor`).
    ///
    /// # Panics
    /// If one is negative or not finite.
    #[track_caller]
    pub fn between(mut self, start: f64, end: f64) -> Self {
        (self.start, self.end) = (not_negative("start", start), not_negative("end", end));
        self
    }
}

impl Schedule for OneCycleLR {
    fn factor(&self, step: u64) -> f64 {
        let last = (self.steps - 1) as f64;
        let (top, step) = (self.rise * self.steps as f64 - 1.0, (step as f64).min(last));
        if step < top {
            half_wave(self.start, 1.0, step / top)
        } else if step < last {
            let top = top.max(0.0);
            half_wave(1.0, self.end, (step - top) / (last - top))
        } else {
            self.end
        }
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
    fn a_cycle_rises_and_falls() {
        // The top is at 0.25 · 20 - 1 = 4, the end at 19.
        follows(OneCycleLR::new(20).rise(0.25).between(0.5, 0.1), |t| match t {
            0.0..4.0 => 1.0 - 0.5 * (1.0 + (PI * t / 4.0).cos()) / 2.0,
            4.0..19.0 => 0.1 + 0.9 * (1.0 + (PI * (t - 4.0) / 15.0).cos()) / 2.0,
            _ => 0.1,
        });
        // Without a rise, and of a single step.
        follows(OneCycleLR::new(3).rise(0.0).between(0.5, 0.0), |t| match t {
            0.0 => 1.0,
            1.0 => 0.5,
            _ => 0.0,
        });
        follows(OneCycleLR::new(1).between(0.5, 0.25), |_| 0.25);
    }

    #[test]
    #[should_panic(expected = "CosineAnnealingLR: 0 steps")]
    fn a_wave_has_a_length() {
        let _ = CosineAnnealingLR::new(0);
    }
}
