//! Adadelta (Zeiler, *ADADELTA: an adaptive learning rate method*, 2012), with PyTorch's details
//! ([`torch.optim.Adadelta`](https://docs.pytorch.org/docs/stable/generated/torch.optim.Adadelta.html)).

use autograd::Float;

use crate::driver::Driver;
use crate::parameter::IntoParameter;
use crate::rule::{Pass, Rule, Updated};
use crate::settings::{builders, decayed, fraction};
use crate::tiny::{Squares, divisor};

/// Adadelta's formula: with the gradient g (plus weight_decay · w),
///
///   v ← ρ v + (1 - ρ) g²        d = g · √(u + ε) / √(v + ε)
///
///   u ← ρ u + (1 - ρ) d²        w ← w - lr · d
///
/// Of v and u, values near the denormals are cleared where the weights do not show it.
#[derive(Clone, Debug, PartialEq)]
pub struct AdadeltaRule {
    rho: f64,
    eps: f64,
    weight_decay: f64,
}

builders!(AdadeltaRule: eps, weight_decay);

impl<T: Float> Rule<T> for AdadeltaRule {
    fn slots(&self) -> &'static [&'static str] {
        &["square_avg", "acc_delta"]
    }

    fn is_elementwise(&self) -> bool {
        true
    }

    fn update(&self, pass: Pass<'_, T>) -> Updated {
        let (lr, eps) = (T::from_f64(pass.learning_rate()), T::from_f64(self.eps));
        let (weight_decay, squares) = (T::from_f64(self.weight_decay), Squares::new(self.rho, self.eps));
        pass.run(move |weight, gradient, [square_avg, acc_delta]| {
            let gradient = decayed(gradient, weight, weight_decay);
            *square_avg = squares.next(*square_avg, gradient, gradient);
            let delta = (*acc_delta + eps).sqrt() / divisor((*square_avg + eps).sqrt()) * gradient;
            *acc_delta = squares.next(*acc_delta, delta, delta);
            weight - lr * delta
        })
    }
}

/// Adadelta: steps as long as the last ones, whatever the scale of the gradients. See [`AdadeltaRule`] for the formula.
/// The state is `square_avg` (v) and `acc_delta` (u).
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::Adadelta;
/// let weight: Param = Param::new(Tensor::ones([1]));
/// let mut adadelta = Adadelta::new([weight.clone()], 1.0);
/// adadelta.step(&weight.tensor().sum().backward());
/// assert!((weight.tensor().item() - (1.0 - 1e-3 / 0.1_f32.sqrt())).abs() < 1e-6);
/// ```
pub type Adadelta<T = f32> = Driver<T, AdadeltaRule>;

impl<T: Float> Adadelta<T> {
    /// Adadelta of these parameters, or pairs of a name and a parameter, with PyTorch's defaults: rho 0.9, eps 10⁻⁶, no
    /// weight decay. PyTorch's learning rate is 1.
    ///
    /// # Panics
    /// As [`Driver::with_rule`].
    #[track_caller]
    pub fn new<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Driver::with_rule(parameters, lr, AdadeltaRule { rho: 0.9, eps: 1e-6, weight_decay: 0.0 })
    }

    /// How slowly the running means of the squares forget, in [0, 1).
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    pub fn rho(self, rho: f64) -> Self {
        let rho = fraction("rho", rho);
        self.with(|rule| rule.rho = rho)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::follows;

    #[test]
    fn it_follows_the_formula() {
        follows(
            |weights| Adadelta::new(weights, 0.7).rho(0.8).eps(1e-3).weight_decay(0.1),
            || {
                let (mut v, mut u) = (0.0, 0.0);
                move |w, g, _| {
                    let g = g + 0.1 * w;
                    v = 0.8 * v + 0.2 * g * g;
                    let d = g * f64::sqrt(u + 1e-3) / f64::sqrt(v + 1e-3);
                    u = 0.8 * u + 0.2 * d * d;
                    w - 0.7 * d
                }
            },
        );
    }
}
