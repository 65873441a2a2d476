//! NAdam (Dozat, *Incorporating Nesterov momentum into Adam*, 2016), with PyTorch's details
//! ([`torch.optim.NAdam`](https://docs.pytorch.org/docs/stable/generated/torch.optim.NAdam.html)).

use autograd::Float;

use crate::driver::Driver;
use crate::moments::{HasMoments, Moments};
use crate::parameter::IntoParameter;
use crate::rule::{Pass, Rule, Updated};
use crate::settings::{Decay, builders, momentum_is, not_negative};

/// NAdam's formula.
///
/// With the means m and v̂ of the gradient g (plus weight_decay · w) and of its square, as in [`Moments`]; at step t,
/// with μₜ = β₁ (1 - ½ · 0.96^(t · momentum_decay)) and the product Π of all μ so far,
///
///   w ← w - lr · (1 - μₜ) / (1 - Π) · g / (√v̂ + ε) - lr · μₜ₊₁ / (1 - Π μₜ₊₁) · m / (√v̂ + ε)
///
/// Π is kept in `f32`, as in PyTorch, for weights of either type.
///
/// With `decoupled_weight_decay` the decay acts on the weight itself: w ← w (1 - lr · weight_decay) before that.
#[derive(Clone, Debug, PartialEq)]
pub struct NAdamRule {
    moments: Moments,
    momentum_decay: f64,
    decoupled_weight_decay: bool,
}

builders!(NAdamRule: decoupled_weight_decay);

impl HasMoments for NAdamRule {
    fn moments(&mut self) -> &mut Moments {
        &mut self.moments
    }
}

impl NAdamRule {
    fn momentum_at(&self, step: u64) -> f64 {
        self.moments.betas.0 * (1.0 - 0.5 * 0.96_f64.powf(step as f64 * self.momentum_decay))
    }
}

impl<T: Float> Rule<T> for NAdamRule {
    fn slots(&self) -> &'static [&'static str] {
        self.moments.slots()
    }

    fn scalars(&self) -> &'static [&'static str] {
        &["mu_product"]
    }

    fn initial(&self, slot: &str) -> T {
        if slot == "mu_product" { T::ONE } else { T::ZERO }
    }

    momentum_is!(moments.betas.0);

    fn update(&self, mut pass: Pass<'_, T>) -> Updated {
        let (step, lr) = (pass.step(), pass.learning_rate());
        let (momentum, next) = (self.momentum_at(step), self.momentum_at(step + 1));
        let product = f64::from(pass.scalar(0).to_f64() as f32 * momentum as f32);
        *pass.scalar(0) = T::from_f64(product);
        let of_gradient = lr * (1.0 - momentum) / (1.0 - product);
        let of_mean = lr * next / (1.0 - product * next);
        let decay = Decay::<T>::new(self.moments.weight_decay, self.decoupled_weight_decay, lr);
        let means = self.moments.at_step::<T>(step, of_mean / self.moments.eps);
        let (of_gradient, of_mean) = (T::from_f64(of_gradient), T::from_f64(of_mean));
        pass.run(move |weight, gradient, state: &mut [T; 2]| {
            let (kept, gradient) = decay.apply(weight, gradient);
            let (mean, divisor) = means.advance::<2, false>(weight, gradient, state);
            kept - of_gradient * gradient / divisor - of_mean * mean / divisor
        })
    }
}

/// Adam with Nesterov's momentum. See [`NAdamRule`] for the formula. The state is `exp_avg` (m), `exp_avg_sq` (v) and,
/// for a whole parameter, `mu_product` (Π).
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::NAdam;
/// let weight: Param = Param::new(Tensor::full([1], 3.0));
/// let mut nadam = NAdam::new([weight.clone()], 0.1);
/// (0..100).for_each(|_| nadam.step(&weight.tensor().powf(2.0).sum().backward()));
/// assert!(weight.tensor().item().abs() < 0.1);
/// ```
pub type NAdam<T = f32> = Driver<T, NAdamRule>;

impl<T: Float> NAdam<T> {
    /// NAdam of these parameters, or pairs of a name and a parameter, with PyTorch's defaults: betas 0.9 and 0.999, eps
    /// 10⁻⁸, a momentum decay of 0.004, no weight decay. PyTorch's learning rate is 0.002.
    ///
    /// # Panics
    /// As [`Driver::with_rule`].
    #[track_caller]
    pub fn new<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>, lr: f64) -> Self {
        let moments = Moments::new(1e-8, 0.0);
        Driver::with_rule(parameters, lr, NAdamRule { moments, momentum_decay: 4e-3, decoupled_weight_decay: false })
    }

    /// How fast the momentum rises, from half of the first beta to all of it.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn momentum_decay(self, momentum_decay: f64) -> Self {
        let momentum_decay = not_negative("momentum decay", momentum_decay);
        self.with(|rule| rule.momentum_decay = momentum_decay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::follows;

    #[test]
    fn it_follows_the_formula() {
        for decoupled in [false, true] {
            let build = |weights| {
                let nadam = NAdam::new(weights, 0.3).betas(0.8, 0.9).eps(1e-3).weight_decay(0.1);
                nadam.momentum_decay(0.5).decoupled_weight_decay(decoupled)
            };
            follows(build, || {
                let (mut m, mut v, mut product) = (0.0, 0.0, 1.0);
                let mu = |t: i32| 0.8 * (1.0 - 0.5 * 0.96_f64.powf(f64::from(t) * 0.5));
                move |w, g, t| {
                    let (w, g) = if decoupled { (w - 0.3 * 0.1 * w, g) } else { (w, g + 0.1 * w) };
                    m = 0.8 * m + 0.2 * g;
                    v = 0.9 * v + 0.1 * g * g;
                    product = f64::from(product as f32 * mu(t) as f32);
                    let root = f64::sqrt(v / (1.0 - 0.9_f64.powi(t))) + 1e-3;
                    let (now, next) = ((1.0 - mu(t)) / (1.0 - product), mu(t + 1) / (1.0 - product * mu(t + 1)));
                    w - 0.3 * (now * g + next * m) / root
                }
            });
        }
    }
}
