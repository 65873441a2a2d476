//! AdamW (Loshchilov and Hutter, *Decoupled weight decay regularization*, 2019), with PyTorch's details
//! ([`torch.optim.AdamW`](https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html)).

use autograd::{Float, Param};

use crate::adam::AdamRule;
use crate::optimizer::{Driver, Rule, fraction, not_negative};

/// Adam whose decay acts on the weight itself, w ← w (1 - lr · weight_decay), and not on its gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamWRule(AdamRule);

impl<T: Float> Rule<T, 2> for AdamWRule {
    const NAMES: [&'static str; 2] = ["exp_avg", "exp_avg_sq"];

    fn learning_rate(&mut self) -> &mut f64 {
        &mut self.0.lr
    }

    fn at_step(&self, step: u64) -> impl Fn(T, T, &mut [T; 2]) -> T + Sync {
        let corrected = self.0.corrected::<T>(step);
        let kept = T::ONE - corrected.lr * corrected.weight_decay;
        move |weight, gradient, [m, v]| {
            corrected.moments(weight, gradient, m, v);
            corrected.moved(weight * kept, *m, *v)
        }
    }
}

/// [`AdamWRule`] with the largest mean square so far.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamWAmsGradRule(AdamRule);

impl<T: Float> Rule<T, 3> for AdamWAmsGradRule {
    const NAMES: [&'static str; 3] = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];

    fn learning_rate(&mut self) -> &mut f64 {
        &mut self.0.lr
    }

    fn at_step(&self, step: u64) -> impl Fn(T, T, &mut [T; 3]) -> T + Sync {
        let corrected = self.0.corrected::<T>(step);
        let kept = T::ONE - corrected.lr * corrected.weight_decay;
        move |weight, gradient, [m, v, largest]| {
            corrected.moments(weight, gradient, m, v);
            *largest = largest.maximum(*v);
            corrected.moved(weight * kept, *m, *largest)
        }
    }
}

/// Adam with decoupled weight decay. See [`AdamWRule`].
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::AdamW;
/// let weight: Param = Param::new(Tensor::full([1], 10.0));
/// let mut adamw = AdamW::new([weight.clone()], 0.1).weight_decay(0.5);
/// adamw.step(&weight.tensor().sum().backward());
/// assert!((weight.tensor().item() - (10.0 * 0.95 - 0.1)).abs() < 1e-5);
/// ```
pub type AdamW<T = f32> = Driver<T, AdamWRule, 2>;

/// [`AdamW`] with `amsgrad`.
pub type AdamWAmsGrad<T = f32> = Driver<T, AdamWAmsGradRule, 3>;

impl<T: Float> AdamW<T> {
    /// AdamW with PyTorch's defaults: betas 0.9 and 0.999, eps 10⁻⁸, weight decay 0.01.
    ///
    /// # Panics
    /// If the learning rate is negative or not a number.
    #[track_caller]
    pub fn new(parameters: impl IntoIterator<Item = Param<T>>, lr: f64) -> Self {
        Driver::with_rule(parameters, AdamWRule(AdamRule::new(lr, 0.01)))
    }

    /// How slowly the means of the gradient and of its square forget, each in [0, 1).
    ///
    /// # Panics
    /// If one is not.
    #[track_caller]
    pub fn betas(mut self, first: f64, second: f64) -> Self {
        self.rule.0.betas = (fraction("beta", first), fraction("beta", second));
        self
    }

    /// What is added to the root of the mean square, outside of the root.
    ///
    /// # Panics
    /// If it is negative or not a number.
    #[track_caller]
    pub fn eps(mut self, eps: f64) -> Self {
        self.rule.0.eps = not_negative("eps", eps);
        self
    }

    /// The share of each weight, times the learning rate, that a step takes away.
    ///
    /// # Panics
    /// If it is negative or not a number.
    #[track_caller]
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.rule.0.weight_decay = not_negative("weight decay", weight_decay);
        self
    }

    /// Divides by the largest mean square so far. Takes one more number of state for each weight, and starts from the beginning.
    pub fn amsgrad(self) -> AdamWAmsGrad<T> {
        self.rebuilt(|rule| AdamWAmsGradRule(rule.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::Tensor;

    #[test]
    fn the_decay_does_not_pass_through_the_moments() {
        let weight = Param::new(Tensor::from_vec(vec![4.0_f64], [1]));
        let mut adamw = AdamW::new([weight.clone()], 0.5).weight_decay(0.1);
        for step in 1..=3 {
            adamw.step(&(weight.tensor() * 0.0).sum().backward());
            assert!((weight.tensor().item() - 4.0 * 0.95_f64.powi(step)).abs() < 1e-12);
        }
    }
}
