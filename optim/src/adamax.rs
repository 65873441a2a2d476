//! Adamax (Kingma and Ba, *Adam: a method for stochastic optimization*, 2015, section 7.1), with PyTorch's details
//! ([`torch.optim.Adamax`](https://docs.pytorch.org/docs/stable/generated/torch.optim.Adamax.html)).

use autograd::Float;

use crate::driver::Driver;
use crate::moments::correction;
use crate::parameter::IntoParameter;
use crate::rule::{Pass, Rule, Updated};
use crate::settings::{builders, decayed, momentum_is};
use crate::tiny::{Sums, divisor};

/// Adamax's formula: at step t, with the gradient g (plus weight_decay · w),
///
///   m ← β₁ m + (1 - β₁) g        u ← max(β₂ u, |g| + ε)        w ← w - lr / (1 - β₁ᵗ) · m / u
///
/// Of m, values near the denormals are cleared where the weights do not show it.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamaxRule {
    betas: (f64, f64),
    eps: f64,
    weight_decay: f64,
}

builders!(AdamaxRule: betas, eps, weight_decay);

impl<T: Float> Rule<T> for AdamaxRule {
    fn slots(&self) -> &'static [&'static str] {
        &["exp_avg", "exp_inf"]
    }

    momentum_is!(betas.0);

    fn is_elementwise(&self) -> bool {
        true
    }

    fn update(&self, pass: Pass<'_, T>) -> Updated {
        let rate = pass.learning_rate() / correction(self.betas.0, pass.step());
        let (beta1, share) = (T::from_f64(self.betas.0), T::from_f64(1.0 - self.betas.0));
        let (beta2, eps) = (T::from_f64(self.betas.1), T::from_f64(self.eps));
        let (sums, rate) = (Sums::new(rate / self.eps), T::from_f64(rate));
        let weight_decay = T::from_f64(self.weight_decay);
        pass.run(move |weight, gradient, [exp_avg, exp_inf]| {
            let gradient = decayed(gradient, weight, weight_decay);
            *exp_avg = sums.next(weight, *exp_avg, beta1, gradient, share);
            *exp_inf = (*exp_inf * beta2).maximum(gradient.abs() + eps);
            weight - rate * *exp_avg / divisor(*exp_inf)
        })
    }
}

/// Adam with the largest gradient, which is forgotten slowly, in place of the mean square. See [`AdamaxRule`] for the
/// formula. The state is `exp_avg` (m) and `exp_inf` (u).
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::Adamax;
/// let weight: Param = Param::new(Tensor::ones([3]));
/// let mut adamax = Adamax::new([weight.clone()], 2e-3);
/// adamax.step(&(weight.tensor() * 5.0).sum().backward());
/// assert!((weight.tensor().to_vec()[0] - 0.998).abs() < 1e-6);
/// ```
pub type Adamax<T = f32> = Driver<T, AdamaxRule>;

impl<T: Float> Adamax<T> {
    /// Adamax of these parameters, or pairs of a name and a parameter, with PyTorch's defaults: betas 0.9 and 0.999,
    /// eps
    /// 10⁻⁸, no weight decay. PyTorch's learning rate is 0.002.
    ///
    /// # Panics
    /// As [`Driver::with_rule`].
    #[track_caller]
    pub fn new<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Driver::with_rule(parameters, lr, AdamaxRule { betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::follows;

    #[test]
    fn it_follows_the_formula() {
        follows(
            |weights| Adamax::new(weights, 0.3).betas(0.8, 0.9).eps(1e-3).weight_decay(0.1),
            || {
                let (mut m, mut u) = (0.0, 0.0_f64);
                move |w, g, t| {
                    let g = g + 0.1 * w;
                    m = 0.8 * m + 0.2 * g;
                    u = (0.9 * u).max(g.abs() + 1e-3);
                    w - 0.3 / (1.0 - 0.8_f64.powi(t)) * m / u
                }
            },
        );
    }
}
