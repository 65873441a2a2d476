//! AdamW (Loshchilov and Hutter, *Decoupled weight decay regularization*, 2019), with PyTorch's details
//! ([`torch.optim.AdamW`](https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html)).

use autograd::Float;

use crate::driver::Driver;
use crate::moments::{Formula, HasAmsgrad, HasMoments, Moments, correction};
use crate::parameter::IntoParameter;
use crate::rule::{Pass, Rule, Updated};
use crate::settings::momentum_is;

/// [Adam](crate::AdamRule) whose decay acts on the weight itself and not on its gradient:
///
///   w ← w (1 - lr · weight_decay) - lr · m̂ / (√v̂ + ε)
#[derive(Clone, Debug, PartialEq)]
pub struct AdamWRule(pub(crate) Moments);

impl HasMoments for AdamWRule {
    fn moments(&mut self) -> &mut Moments {
        &mut self.0
    }
}

impl HasAmsgrad for AdamWRule {}

impl<T: Float> Rule<T> for AdamWRule {
    fn slots(&self) -> &'static [&'static str] {
        self.0.slots()
    }

    fn is_elementwise(&self) -> bool {
        true
    }

    momentum_is!(0.betas.0);

    #[inline(never)]
    fn update(&self, pass: Pass<'_, T>) -> Updated {
        self.0.run(pass, self)
    }
}

impl<T: Float> Formula<T> for &AdamWRule {
    fn run<const SLOTS: usize, const HIDDEN: bool>(self, pass: Pass<'_, T>) -> Updated {
        let step_size = pass.learning_rate() / correction(self.0.betas.0, pass.step());
        let means = self.0.at_step::<T>(pass.step(), step_size / self.0.eps);
        let kept = T::ONE - T::from_f64(pass.learning_rate()) * T::from_f64(self.0.weight_decay);
        let step_size = T::from_f64(step_size);
        pass.run(move |weight, gradient, state: &mut [T; SLOTS]| {
            weight * kept - step_size * means.next::<SLOTS, HIDDEN>(weight, gradient, state)
        })
    }
}

/// Adam with decoupled weight decay. See [`AdamWRule`] for the formula. The state is that of [`Adam`](crate::Adam).
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::AdamW;
/// let weight: Param = Param::new(Tensor::full([1], 10.0));
/// let mut adamw = AdamW::new([weight.clone()], 0.1).weight_decay(0.5);
/// adamw.step(&weight.tensor().sum().backward());
/// assert!((weight.tensor().item() - (10.0 * 0.95 - 0.1)).abs() < 1e-5);
/// ```
pub type AdamW<T = f32> = Driver<T, AdamWRule>;

impl<T: Float> AdamW<T> {
    /// AdamW of these parameters, or pairs of a name and a parameter, with PyTorch's defaults: betas 0.9 and 0.999, eps
    /// 10⁻⁸, weight decay 0.01.
    ///
    /// # Panics
    /// As [`Driver::with_rule`].
    #[track_caller]
    pub fn new<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Driver::with_rule(parameters, lr, AdamWRule(Moments::new(1e-8, 0.01)))
    }
}

instances!(AdamWRule);

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::{Param, Tensor};

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
