//! A schedule that multiplies the learning rate by a function of the step, again and again.

use std::sync::{Mutex, PoisonError};

use super::Schedule;

/// The product of what a function returns for the steps 1 to t: each learning rate is the one before it times the
/// function of the step
/// ([`MultiplicativeLR`](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiplicativeLR.html)).
/// For a function of the step that is itself the factor, PyTorch's `LambdaLR`, a closure is a [`Schedule`].
///
/// The product so far is kept, so that a step costs one call of the function. That is no state of the schedule: another
/// one, or this one at an earlier step, computes the same product from the first step on.
///
/// ```
/// use optim::schedule::{MultiplicativeLR, Schedule};
/// let schedule = MultiplicativeLR::new(|step| if step % 2 == 0 { 0.5 } else { 1.0 });
/// assert_eq!([0, 1, 2, 3, 4].map(|step| schedule.factor(step)), [1.0, 1.0, 0.5, 0.5, 0.25]);
/// ```
#[derive(Debug)]
pub struct MultiplicativeLR<F> {
    of_step: F,
    /// A step, and the factor there.
    known: Mutex<(u64, f64)>,
}

impl<F: Fn(u64) -> f64> MultiplicativeLR<F> {
    /// Multiplies by `of_step(t)` at each step t from 1 on.
    pub fn new(of_step: F) -> Self {
        MultiplicativeLR { of_step, known: Mutex::new((0, 1.0)) }
    }
}

impl<F: Fn(u64) -> f64> Schedule for MultiplicativeLR<F> {
    fn factor(&self, step: u64) -> f64 {
        // The lock is not held while the caller's function runs.
        let known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, product) = if known.0 <= step { known } else { (0, 1.0) };
        let product = (from + 1..=step).fold(product, |product, step| product * (self.of_step)(step));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = (step, product);
        product
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The learning rates of PyTorch's scheduler with the same function, from a first one of 1.
    const PYTORCH: [f64; 8] = [1.0, 0.6, 0.42, 0.336, 0.3024, 0.3024, 0.33264000000000005, 0.39916800000000013];

    #[test]
    fn factors_are_the_learning_rates_of_pytorch_whatever_the_order_of_the_steps() {
        let schedule = MultiplicativeLR::new(|step| 0.5 + 0.1 * step as f64);
        let alone = |step: u64| MultiplicativeLR::new(|step| 0.5 + 0.1 * step as f64).factor(step);
        for step in [0, 1, 2, 3, 4, 5, 6, 7, 3, 7, 0, 7] {
            let found = schedule.factor(step);
            assert!((found - PYTORCH[step as usize]).abs() < 1e-15, "step {step}: {found}");
            assert_eq!(found.to_bits(), alone(step).to_bits(), "step {step}: another schedule computes other bits");
        }
    }
}
