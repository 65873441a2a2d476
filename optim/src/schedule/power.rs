//! Schedules that multiply the learning rate by a constant, again and again.

use super::Schedule;
use crate::settings::not_negative;

/// γ to the power of ⌊t / `size`⌋: a decay by γ every `size` steps
/// ([`StepLR`](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html)).
///
/// ```
/// use optim::schedule::{Schedule, StepLR};
/// let schedule = StepLR::new(2, 0.5);
/// assert_eq!([0, 1, 2, 3, 4].map(|step| schedule.factor(step)), [1.0, 1.0, 0.5, 0.5, 0.25]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StepLR {
    size: u64,
    gamma: f64,
}

impl StepLR {
    /// A decay by `gamma` every `size` steps.
    ///
    /// # Panics
    /// If `size` is 0, or `gamma` negative or not finite.
    #[track_caller]
    pub fn new(size: u64, gamma: f64) -> Self {
        assert!(size > 0, "StepLR: a size of 0 steps");
        StepLR { size, gamma: not_negative("gamma", gamma) }
    }
}

impl Schedule for StepLR {
    fn factor(&self, step: u64) -> f64 {
        self.gamma.powf((step / self.size) as f64)
    }
}

/// γ to the power of the number of milestones that are not above t: a decay by γ at each
/// ([`MultiStepLR`](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiStepLR.html)).
///
/// ```
/// use optim::schedule::{MultiStepLR, Schedule};
/// let schedule = MultiStepLR::new([1, 3], 0.5);
/// assert_eq!([0, 1, 2, 3, 4].map(|step| schedule.factor(step)), [1.0, 0.5, 0.5, 0.25, 0.25]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MultiStepLR {
    milestones: Vec<u64>,
    gamma: f64,
}

impl MultiStepLR {
    /// A decay by `gamma` at each of the milestones, whose order does not matter.
    ///
    /// # Panics
    /// If `gamma` is negative or not finite.
    #[track_caller]
    pub fn new(milestones: impl Into<Vec<u64>>, gamma: f64) -> Self {
        MultiStepLR { milestones: milestones.into(), gamma: not_negative("gamma", gamma) }
    }
}

impl Schedule for MultiStepLR {
    fn factor(&self, step: u64) -> f64 {
        let reached = self.milestones.iter().filter(|&&milestone| milestone <= step).count();
        self.gamma.powf(reached as f64)
    }
}

/// γᵗ: a decay by γ at each step
/// ([`ExponentialLR`](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ExponentialLR.html)).
///
/// ```
/// use optim::schedule::{ExponentialLR, Schedule};
/// assert_eq!(ExponentialLR::new(0.5).factor(3), 0.125);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ExponentialLR {
    gamma: f64,
}

impl ExponentialLR {
    /// A decay by `gamma` at each step.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn new(gamma: f64) -> Self {
        ExponentialLR { gamma: not_negative("gamma", gamma) }
    }
}

impl Schedule for ExponentialLR {
    fn factor(&self, step: u64) -> f64 {
        self.gamma.powf(step as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::follows;
    use super::*;

    #[test]
    fn powers_follow_their_formulas() {
        follows(StepLR::new(7, 0.3), |t| 0.3_f64.powf((t / 7.0).floor()));
        follows(ExponentialLR::new(0.9), |t| (t * 0.9_f64.ln()).exp());
        // A milestone that is there twice counts twice.
        follows(MultiStepLR::new([20, 5, 5], 0.1), |t| {
            if t < 5.0 {
                1.0
            } else if t < 20.0 {
                1e-2
            } else {
                1e-3
            }
        });
        follows(MultiStepLR::new([], 0.1), |_| 1.0);
    }

    #[test]
    #[should_panic(expected = "a size of 0 steps")]
    fn steps_have_a_size() {
        let _ = StepLR::new(0, 0.5);
    }
}
