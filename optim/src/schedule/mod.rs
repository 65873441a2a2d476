//! Schedules of the learning rate: functions of the step, which all groups of an optimizer follow, each from its own
//! first learning rate.
//!
//! A [`Schedule`] has no state: the factor of a step depends on its number alone, so that a run that goes on from a
//! checkpoint needs nothing but this number. [`Optimizer::follow`](crate::Optimizer::follow) sets what the schedule
//! says. The unit of a step is the caller's: a batch or an epoch. `follow` is a method of the trait
//! [`Optimizer`](crate::Optimizer), and `then` and `times` are methods of the trait [`Schedule`]: a program that calls
//! them needs `use` lines for both, as this one has.
//!
//! ```
//! use autograd::{Param, Tensor};
//! use optim::schedule::{CosineAnnealingLR, LinearLR, Schedule};
//! use optim::{Optimizer, Sgd};
//!
//! let weight: Param = Param::new(Tensor::full([1], 4.0));
//! let mut sgd = Sgd::new([weight.clone()], 0.1);
//! // A rise over 10 steps, then half a cosine wave down to 0.
//! let schedule = LinearLR::new(0.1, 1.0, 10).then(10, CosineAnnealingLR::new(90));
//! for step in 0..100 {
//!     sgd.follow(&schedule, step);
//!     sgd.step(&weight.tensor().powf(2.0).sum().backward());
//! }
//! assert!(weight.tensor().item() < 1e-3);
//! assert!(sgd.learning_rate() < 1e-4);
//! ```
//!
//! | schedule | factor at step t |
//! |---|---|
//! | [`StepLR`] | γ to the power of ⌊t / size⌋ |
//! | [`MultiStepLR`] | γ to the power of the milestones that are not above t |
//! | [`ExponentialLR`] | γᵗ |
//! | [`ConstantLR`] | a constant before `steps`, 1 from there on |
//! | [`LinearLR`] | from `start` to `end` over `steps`, in a straight line |
//! | [`PolynomialLR`] | (1 - t / steps) to a power; 0 from `steps` on |
//! | [`CosineAnnealingLR`] | ½ (1 + cos(π t / steps)) |
//! | [`CosineAnnealingWarmRestarts`] | the same, again and again |
//! | [`OneCycleLR`] | up to 1 and down again, in two half waves; the momentum the other way round |
//! | [`CyclicLR`] | up and down in straight lines, again and again; the momentum the other way round |
//! | [`MultiplicativeLR`] | the product of what a function returns for the steps 1 to t |
//! | a closure | what it returns |
//! | [`a.then(t, b)`](Schedule::then), [`a.times(b)`](Schedule::times) | one after the other; the product |
//!
//! They have the names of PyTorch's schedulers
//! ([`torch.optim.lr_scheduler`](https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate)) and
//! their closed formulas. Where PyTorch takes a learning rate (`eta_min`, `max_lr`), these take a share of the first
//! one. [`ReduceLROnPlateau`] depends on a metric and thus has a state.

mod cosine;
mod cyclic;
mod line;
mod momenta;
mod multiplicative;
mod one_cycle;
mod plateau;
mod power;

pub use cosine::{CosineAnnealingLR, CosineAnnealingWarmRestarts};
pub use cyclic::{CyclicLR, Scaling};
pub use line::{ConstantLR, LinearLR, PolynomialLR};
pub use multiplicative::MultiplicativeLR;
pub use one_cycle::{Annealing, OneCycleLR};
pub use plateau::{Better, ReduceLROnPlateau, Threshold};
pub use power::{ExponentialLR, MultiStepLR, StepLR};

/// A function of the step. Closures are schedules, as PyTorch's `LambdaLR`.
///
/// ```
/// use optim::schedule::Schedule;
/// let halves = |step: u64| 1.0 / (step + 1) as f64;
/// assert_eq!(halves.factor(3), 0.25);
/// ```
pub trait Schedule {
    /// What the first learning rates are multiplied by at this step, which counts from 0: for
    /// [`scale_learning_rate`](crate::Optimizer::scale_learning_rate).
    fn factor(&self, step: u64) -> f64;

    /// The momentum at this step, or β₁ of Adam's family, if the schedule changes it: for
    /// [`follow`](crate::Optimizer::follow).
    fn momentum(&self, step: u64) -> Option<f64> {
        let _ = step;
        None
    }

    /// This schedule before the step `milestone`, and from there on `next`, which counts from 0 there.
    ///
    /// ```
    /// use optim::schedule::{ConstantLR, ExponentialLR, Schedule};
    /// let schedule = ConstantLR::new(0.5, 2).then(4, ExponentialLR::new(0.5));
    /// assert_eq!([0, 1, 2, 3, 4, 5].map(|step| schedule.factor(step)), [0.5, 0.5, 1.0, 1.0, 1.0, 0.5]);
    /// ```
    fn then<S: Schedule>(self, milestone: u64, next: S) -> SequentialLR<Self, S>
    where
        Self: Sized,
    {
        SequentialLR { first: self, milestone, next }
    }

    /// The product of two schedules, as PyTorch's `ChainedScheduler`.
    fn times<S: Schedule>(self, other: S) -> Product<Self, S>
    where
        Self: Sized,
    {
        Product(self, other)
    }
}

impl<F: Fn(u64) -> f64> Schedule for F {
    fn factor(&self, step: u64) -> f64 {
        self(step)
    }
}

impl Schedule for Box<dyn Schedule + '_> {
    fn factor(&self, step: u64) -> f64 {
        self.as_ref().factor(step)
    }

    fn momentum(&self, step: u64) -> Option<f64> {
        self.as_ref().momentum(step)
    }
}

/// One schedule after another: see [`Schedule::then`].
#[derive(Clone, Debug, PartialEq)]
pub struct SequentialLR<A, B> {
    first: A,
    milestone: u64,
    next: B,
}

impl<A: Schedule, B: Schedule> Schedule for SequentialLR<A, B> {
    fn factor(&self, step: u64) -> f64 {
        match step.checked_sub(self.milestone) {
            Some(step) => self.next.factor(step),
            None => self.first.factor(step),
        }
    }

    fn momentum(&self, step: u64) -> Option<f64> {
        match step.checked_sub(self.milestone) {
            Some(step) => self.next.momentum(step),
            None => self.first.momentum(step),
        }
    }
}

/// The product of two schedules: see [`Schedule::times`].
#[derive(Clone, Debug, PartialEq)]
pub struct Product<A, B>(A, B);

impl<A: Schedule, B: Schedule> Schedule for Product<A, B> {
    fn factor(&self, step: u64) -> f64 {
        self.0.factor(step) * self.1.factor(step)
    }

    /// That of the schedule which changes it; of two, the second one's.
    fn momentum(&self, step: u64) -> Option<f64> {
        self.1.momentum(step).or_else(|| self.0.momentum(step))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Compares a schedule with a formula at the first steps.
    pub(crate) fn follows(schedule: impl Schedule, formula: impl Fn(f64) -> f64) {
        for step in 0..40 {
            let (found, wanted) = (schedule.factor(step), formula(step as f64));
            assert!((found - wanted).abs() < 1e-12, "step {step}: found {found}, expected {wanted}");
        }
    }

    #[test]
    fn schedules_are_put_together() {
        let all = LinearLR::new(0.0, 1.0, 4).then(4, |_| 1.0).then(10, ExponentialLR::new(0.5)).times(|_| 3.0);
        let all: Box<dyn Schedule> = Box::new(all);
        follows(all, |t| {
            3.0 * match t {
                0.0..4.0 => t / 4.0,
                4.0..10.0 => 1.0,
                _ => 0.5_f64.powf(t - 10.0),
            }
        });
    }
}
