//! Rprop (Riedmiller and Braun, *A direct adaptive method for faster backpropagation learning: the RPROP algorithm*,
//! 1993), with PyTorch's details
//! ([`torch.optim.Rprop`](https://docs.pytorch.org/docs/stable/generated/torch.optim.Rprop.html)).

use autograd::Float;

use crate::driver::Driver;
use crate::parameter::IntoParameter;
use crate::rule::{Pass, Rule, Updated};
use crate::settings::not_negative;

/// Rprop's formula: with the gradient g, the one before it p, and the length of the step d, which begins as lr,
///
///   d ← d · η₊ if g p > 0,  d · η₋ if g p < 0,  within bounds        w ← w - d · sign g        p ← g
///
/// Where the sign has changed, the weight stays and p becomes 0: the next step has the length d again.
#[derive(Clone, Debug, PartialEq)]
pub struct RpropRule {
    etas: (f64, f64),
    step_sizes: (f64, f64),
}

impl<T: Float> Rule<T> for RpropRule {
    fn slots(&self) -> &'static [&'static str] {
        &["prev", "step_size"]
    }

    fn is_elementwise(&self) -> bool {
        true
    }

    fn update(&self, pass: Pass<'_, T>) -> Updated {
        let (lr, is_first) = (T::from_f64(pass.learning_rate()), pass.step() == 1);
        let (shrink, grow) = (T::from_f64(self.etas.0), T::from_f64(self.etas.1));
        let (least, most) = (T::from_f64(self.step_sizes.0), T::from_f64(self.step_sizes.1));
        pass.run(move |weight, gradient, [previous, step_size]| {
            let agreement = (gradient * *previous).sign();
            let has_turned = agreement < T::ZERO;
            let factor = if has_turned { shrink } else { T::ONE };
            let factor = if agreement > T::ZERO { grow } else { factor };
            let length = if is_first { lr } else { *step_size } * factor;
            let length = if length < least { least } else { length };
            *step_size = if length > most { most } else { length };
            *previous = if has_turned { T::ZERO } else { gradient };
            // The sign of NaN is 0, which would hide it.
            let sign = if gradient.is_nan() { gradient } else { previous.sign() };
            weight - *step_size * sign
        })
    }
}

/// Rprop, for gradients of all data at once: each weight has a step length of its own, which grows while the sign of
/// its gradient stays. See [`RpropRule`] for the formula. The state is `prev` (p) and `step_size` (d).
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::Rprop;
/// let weight: Param = Param::new(Tensor::full([1], 3.0));
/// let mut rprop = Rprop::new([weight.clone()], 0.5);
/// for expected in [2.5, 2.5 - 0.5 * 1.2] {
///     rprop.step(&(weight.tensor() * 100.0).sum().backward());
///     assert!((weight.tensor().item() - expected).abs() < 1e-6);
/// }
/// ```
pub type Rprop<T = f32> = Driver<T, RpropRule>;

impl<T: Float> Rprop<T> {
    /// Rprop of these parameters, or pairs of a name and a parameter, with PyTorch's defaults: factors 0.5 and 1.2,
    /// steps from 10⁻⁶ to 50. The learning rate is the length of the first step, PyTorch's is 0.01.
    ///
    /// # Panics
    /// As [`Driver::with_rule`].
    #[track_caller]
    pub fn new<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Driver::with_rule(parameters, lr, RpropRule { etas: (0.5, 1.2), step_sizes: (1e-6, 50.0) })
    }

    /// By which factors a step shrinks and grows.
    ///
    /// # Panics
    /// If the first is not between 0 and 1, or the second not above 1 and finite.
    #[track_caller]
    pub fn etas(self, shrink: f64, grow: f64) -> Self {
        let is_possible = 0.0 < shrink && shrink < 1.0 && 1.0 < grow && grow.is_finite();
        assert!(is_possible, "optimizer: a step cannot shrink by {shrink} and grow by {grow}");
        self.with(|rule| rule.etas = (shrink, grow))
    }

    /// The least and the largest length of a step.
    ///
    /// # Panics
    /// If one is negative or not finite, or the first is larger than the second.
    #[track_caller]
    pub fn step_sizes(self, least: f64, most: f64) -> Self {
        let (least, most) = (not_negative("least step", least), not_negative("largest step", most));
        assert!(least <= most, "optimizer: a least step of {least} is larger than the largest, {most}");
        self.with(|rule| rule.step_sizes = (least, most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::follows;

    #[test]
    fn it_follows_the_formula() {
        let turns = std::cell::Cell::new(0);
        follows(
            |weights| Rprop::new(weights, 0.7).etas(0.4, 1.3).step_sizes(0.1, 1.5),
            || {
                let (mut previous, mut length) = (0.0, 0.7);
                let turns = &turns;
                move |w, g, _| {
                    let product: f64 = g * previous;
                    let factor = if product > 0.0 {
                        1.3
                    } else if product < 0.0 {
                        0.4
                    } else {
                        1.0
                    };
                    length = f64::clamp(length * factor, 0.1, 1.5);
                    if product < 0.0 {
                        turns.set(turns.get() + 1);
                        previous = 0.0;
                        return w;
                    }
                    previous = g;
                    w - length * g.signum()
                }
            },
        );
        assert!(turns.get() > 2);
    }
}
