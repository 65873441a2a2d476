//! A schedule that multiplies the learning rate by a function of the step, again and again.

use super::Schedule;

/// The product of what a function returns for the steps 1 to t: each learning rate is the one before it times the
/// function of the step
/// ([`MultiplicativeLR`](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiplicativeLR.html)).
/// For a function of the step that is itself the factor, PyTorch's `LambdaLR`, a closure is a [`Schedule`].
///
/// The products of the first `steps` steps are computed when the schedule is made; after that the factor stays what it
/// is.
///
/// ```
/// use optim::schedule::{MultiplicativeLR, Schedule};
/// let schedule = MultiplicativeLR::new(|step| if step % 2 == 0 { 0.5 } else { 1.0 }, 4);
/// assert_eq!([0, 1, 2, 3, 4, 5].map(|step| schedule.factor(step)), [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
/// ```
#[derive(Clone, Debug)]
pub struct MultiplicativeLR {
    /// The factor at each step.
    factors: Vec<f64>,
}

impl MultiplicativeLR {
    /// Multiplies by `of_step(t)` at each step t from 1 to `steps`.
    pub fn new(of_step: impl Fn(u64) -> f64, steps: u64) -> Self {
        let mut product = 1.0;
        let later = (1..=steps).map(|step| {
            product *= of_step(step);
            product
        });
        MultiplicativeLR { factors: std::iter::once(1.0).chain(later).collect() }
    }
}

impl Schedule for MultiplicativeLR {
    fn factor(&self, step: u64) -> f64 {
        let last = self.factors.len() - 1;
        self.factors[usize::try_from(step).map_or(last, |step| step.min(last))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The learning rates of PyTorch's scheduler with the same function, from a first one of 1.
    const PYTORCH: [f64; 8] = [1.0, 0.6, 0.42, 0.336, 0.3024, 0.3024, 0.33264000000000005, 0.39916800000000013];

    #[test]
    fn factors_are_the_learning_rates_of_pytorch() {
        let schedule = MultiplicativeLR::new(|step| 0.5 + 0.1 * step as f64, 7);
        for (step, expected) in (0..).zip(PYTORCH) {
            let found = schedule.factor(step);
            assert!((found - expected).abs() < 1e-15, "step {step}: {found}");
        }
        assert_eq!([8, u64::MAX].map(|step| schedule.factor(step)), [schedule.factor(7); 2]);
        assert_eq!(MultiplicativeLR::new(|_| 0.5, 0).factor(3), 1.0);
    }
}
