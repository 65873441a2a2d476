//! Schedules that are a constant, a line, or a power of a line, and end.

use super::Schedule;
use crate::settings::not_negative;

/// A constant before `steps`, and 1 from there on
/// ([`ConstantLR`](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ConstantLR.html)).
///
/// ```
/// use optim::schedule::{ConstantLR, Schedule};
/// let schedule = ConstantLR::new(0.5, 2);
/// assert_eq!([0, 1, 2].map(|step| schedule.factor(step)), [0.5, 0.5, 1.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ConstantLR {
    factor: f64,
    steps: u64,
}

impl ConstantLR {
    /// `factor` at the first `steps` steps.
    ///
    /// # Panics
    /// If the factor is negative or not finite.
    #[track_caller]
    pub fn new(factor: f64, steps: u64) -> Self {
        ConstantLR { factor: not_negative("factor", factor), steps }
    }
}

impl Schedule for ConstantLR {
    fn factor(&self, step: u64) -> f64 {
        if step < self.steps { self.factor } else { 1.0 }
    }
}

/// A straight line, `start` + (`end` - `start`) · min(t / `steps`, 1): a warm-up, or a decay
/// ([`LinearLR`](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html)).
///
/// ```
/// use optim::schedule::{LinearLR, Schedule};
/// let schedule = LinearLR::new(0.5, 1.0, 2);
/// assert_eq!([0, 1, 2, 3].map(|step| schedule.factor(step)), [0.5, 0.75, 1.0, 1.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LinearLR {
    start: f64,
    end: f64,
    steps: u64,
}

impl LinearLR {
    /// From `start` at step 0 to `end` at step `steps`, and `end` from there on.
    ///
    /// # Panics
    /// If one of the factors is negative or not finite.
    #[track_caller]
    pub fn new(start: f64, end: f64, steps: u64) -> Self {
        LinearLR { start: not_negative("start", start), end: not_negative("end", end), steps }
    }
}

impl Schedule for LinearLR {
    fn factor(&self, step: u64) -> f64 {
        if step >= self.steps {
            return self.end;
        }
        self.start + (self.end - self.start) * (step as f64 / self.steps as f64)
    }
}

/// (1 - min(t / `steps`, 1)) to a power
/// ([`PolynomialLR`](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.PolynomialLR.html)).
///
/// ```
/// use optim::schedule::{PolynomialLR, Schedule};
/// let schedule = PolynomialLR::new(2, 2.0);
/// assert_eq!([0, 1, 2, 3].map(|step| schedule.factor(step)), [1.0, 0.25, 0.0, 0.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PolynomialLR {
    steps: u64,
    power: f64,
}

impl PolynomialLR {
    /// From 1 at step 0 to 0 at step `steps`, and 0 from there on.
    ///
    /// # Panics
    /// If the power is negative or not finite.
    #[track_caller]
    pub fn new(steps: u64, power: f64) -> Self {
        PolynomialLR { steps, power: not_negative("power", power) }
    }
}

impl Schedule for PolynomialLR {
    fn factor(&self, step: u64) -> f64 {
        if step >= self.steps { 0.0 } else { (1.0 - step as f64 / self.steps as f64).powf(self.power) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::follows;
    use super::*;

    #[test]
    fn lines_follow_their_formulas() {
        follows(ConstantLR::new(0.3, 6), |t| if t < 6.0 { 0.3 } else { 1.0 });
        follows(LinearLR::new(0.2, 0.7, 16), |t| 0.2 + 0.5 * t.min(16.0) / 16.0);
        follows(LinearLR::new(1.0, 0.0, 9), |t| 1.0 - t.min(9.0) / 9.0);
        follows(LinearLR::new(0.2, 0.7, 0), |_| 0.7);
        follows(PolynomialLR::new(8, 1.5), |t| (1.0 - t.min(8.0) / 8.0).powf(1.5));
        follows(PolynomialLR::new(0, 1.0), |_| 0.0);
    }

    #[test]
    #[should_panic(expected = "a start of -1 is not a number from 0 on")]
    fn factors_are_not_negative() {
        let _ = LinearLR::new(-1.0, 1.0, 5);
    }
}
