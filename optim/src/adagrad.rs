//! Adagrad (Duchi, Hazan and Singer, *Adaptive subgradient methods for online learning and stochastic optimization*,
//! 2011), with PyTorch's details
//! ([`torch.optim.Adagrad`](https://docs.pytorch.org/docs/stable/generated/torch.optim.Adagrad.html)).

use autograd::Float;

use crate::driver::Driver;
use crate::parameter::IntoParameter;
use crate::rule::{Pass, Rule, Updated};
use crate::settings::{builders, decayed, not_negative};
use crate::tiny::divisor;

/// Adagrad's formula: at step t, with the gradient g (plus weight_decay · w),
///
///   s ← s + g²        w ← w - lr / (1 + (t - 1) · lr_decay) · g / (√s + ε)
#[derive(Clone, Debug, PartialEq)]
pub struct AdagradRule {
    lr_decay: f64,
    weight_decay: f64,
    initial_accumulator_value: f64,
    eps: f64,
}

builders!(AdagradRule: eps, weight_decay);

impl<T: Float> Rule<T> for AdagradRule {
    fn slots(&self) -> &'static [&'static str] {
        &["sum"]
    }

    fn initial(&self, _slot: &str) -> T {
        T::from_f64(self.initial_accumulator_value)
    }

    fn is_elementwise(&self) -> bool {
        true
    }

    fn update(&self, pass: Pass<'_, T>) -> Updated {
        let rate = T::from_f64(pass.learning_rate() / (1.0 + (pass.step() - 1) as f64 * self.lr_decay));
        let (eps, weight_decay) = (T::from_f64(self.eps), T::from_f64(self.weight_decay));
        pass.run(move |weight, gradient, [sum]| {
            let gradient = decayed(gradient, weight, weight_decay);
            *sum += gradient * gradient;
            weight - rate * gradient / divisor(sum.sqrt() + eps)
        })
    }
}

/// Adagrad: steps that become shorter as the squares of the gradients add up. See [`AdagradRule`] for the formula. The
/// state is `sum` (s).
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::Adagrad;
/// let weight: Param = Param::new(Tensor::zeros([1]));
/// let mut adagrad = Adagrad::new([weight.clone()], 0.5).lr_decay(1.0);
/// for expected in [-0.5, -0.5 - 0.25 / 2_f32.sqrt()] {
///     adagrad.step(&(weight.tensor() * 3.0).sum().backward());
///     assert!((weight.tensor().item() - expected).abs() < 1e-6);
/// }
/// ```
pub type Adagrad<T = f32> = Driver<T, AdagradRule>;

impl<T: Float> Adagrad<T> {
    /// Adagrad of these parameters, or pairs of a name and a parameter, with PyTorch's defaults: eps 10⁻¹⁰, no decay,
    /// a sum that begins at 0. PyTorch's learning rate is 0.01.
    ///
    /// # Panics
    /// As [`Driver::with_rule`].
    #[track_caller]
    pub fn new<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>, lr: f64) -> Self {
        let rule = AdagradRule { lr_decay: 0.0, weight_decay: 0.0, initial_accumulator_value: 0.0, eps: 1e-10 };
        Driver::with_rule(parameters, lr, rule)
    }

    /// How the learning rate falls, also without a schedule: by the factor 1 / (1 + (t - 1) · `lr_decay`) at step t.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn lr_decay(self, lr_decay: f64) -> Self {
        let lr_decay = not_negative("lr_decay", lr_decay);
        self.with(|rule| rule.lr_decay = lr_decay)
    }

    /// The sum of squares before the first step.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn initial_accumulator_value(self, value: f64) -> Self {
        let value = not_negative("initial accumulator value", value);
        self.with(|rule| rule.initial_accumulator_value = value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::follows;

    #[test]
    fn it_follows_the_formula() {
        let build = |weights| {
            let adagrad = Adagrad::new(weights, 0.3).lr_decay(0.1).weight_decay(0.2);
            adagrad.initial_accumulator_value(0.5).eps(1e-3)
        };
        follows(build, || {
            let mut sum = 0.5;
            move |w, g, t| {
                let g = g + 0.2 * w;
                sum += g * g;
                w - 0.3 / (1.0 + 0.1 * f64::from(t - 1)) * g / (f64::sqrt(sum) + 1e-3)
            }
        });
    }
}
