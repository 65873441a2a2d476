//! RMSprop (Hinton, *Lecture 6e: RMSprop*, 2012; centered: Graves, *Generating sequences with recurrent neural
//! networks*, 2013), with PyTorch's details
//! ([`torch.optim.RMSprop`](https://docs.pytorch.org/docs/stable/generated/torch.optim.RMSprop.html)).

use autograd::Float;

use crate::driver::Driver;
use crate::parameter::IntoParameter;
use crate::rule::{Pass, Rule, Updated};
use crate::settings::{builders, decayed, fraction, momentum_is};
use crate::tiny::{Squares, Sums, divisor};

/// RMSprop's formula: with the gradient g (plus weight_decay · w),
///
///   v ← α v + (1 - α) g²        w ← w - lr · g / (√v + ε)
///
/// If it is centered, with the variance v - a² in place of v, where a ← α a + (1 - α) g. (A variance that is negative
/// by rounding counts as 0, of which PyTorch takes the root.)
///
/// With momentum, b ← momentum · b + g / (√v + ε), and w ← w - lr · b.
///
/// Of v, a and b, values near the denormals are cleared where the weights do not show it.
#[derive(Clone, Debug, PartialEq)]
pub struct RMSpropRule {
    alpha: f64,
    eps: f64,
    weight_decay: f64,
    momentum: f64,
    centered: bool,
}

builders!(RMSpropRule: eps, weight_decay, momentum);

impl<T: Float> Rule<T> for RMSpropRule {
    fn slots(&self) -> &'static [&'static str] {
        match (self.momentum > 0.0, self.centered) {
            (false, false) => &["square_avg"],
            (true, false) => &["square_avg", "momentum_buffer"],
            (false, true) => &["square_avg", "grad_avg"],
            (true, true) => &["square_avg", "grad_avg", "momentum_buffer"],
        }
    }

    momentum_is!(momentum);

    fn is_elementwise(&self) -> bool {
        true
    }

    fn update(&self, pass: Pass<'_, T>) -> Updated {
        let formula = Formula {
            lr: T::from_f64(pass.learning_rate()),
            eps: T::from_f64(self.eps),
            weight_decay: T::from_f64(self.weight_decay),
            alpha: (T::from_f64(self.alpha), T::from_f64(1.0 - self.alpha)),
            momentum: T::from_f64(self.momentum),
            squares: Squares::new(self.alpha, self.eps),
            // A mean of the gradients shows by way of its square alone, so only denormal ones are cleared.
            means: Sums::new(f64::INFINITY),
            sums: Sums::new(pass.learning_rate()),
        };
        match (self.momentum > 0.0, self.centered) {
            (false, false) => pass.run(move |w, g, [v]| formula.plain(w, g, v, None)),
            (true, false) => pass.run(move |w, g, [v, b]| formula.with_momentum(w, g, v, None, b)),
            (false, true) => pass.run(move |w, g, [v, a]| formula.plain(w, g, v, Some(a))),
            (true, true) => pass.run(move |w, g, [v, a, b]| formula.with_momentum(w, g, v, Some(a), b)),
        }
    }
}

/// The settings of a step, in the type of the weights.
#[derive(Clone, Copy)]
struct Formula<T> {
    lr: T,
    eps: T,
    weight_decay: T,
    alpha: (T, T),
    momentum: T,
    squares: Squares<T>,
    means: Sums<T>,
    sums: Sums<T>,
}

impl<T: Float> Formula<T> {
    /// g / (√v + ε), with the next v and, if it is centered, a.
    #[inline(always)]
    fn direction(&self, weight: T, gradient: T, square: &mut T, mean: Option<&mut T>) -> T {
        let gradient = decayed(gradient, weight, self.weight_decay);
        *square = self.squares.next(*square, gradient, gradient);
        let mut variance = *square;
        if let Some(mean) = mean {
            *mean = self.means.next(weight, *mean, self.alpha.0, gradient, self.alpha.1);
            variance -= *mean * *mean;
            variance = if variance < T::ZERO { T::ZERO } else { variance };
        }
        gradient / divisor(variance.sqrt() + self.eps)
    }

    #[inline(always)]
    fn plain(&self, weight: T, gradient: T, square: &mut T, mean: Option<&mut T>) -> T {
        weight - self.lr * self.direction(weight, gradient, square, mean)
    }

    #[inline(always)]
    fn with_momentum(&self, weight: T, gradient: T, square: &mut T, mean: Option<&mut T>, buffer: &mut T) -> T {
        let direction = self.direction(weight, gradient, square, mean);
        *buffer = self.sums.next(weight, *buffer, self.momentum, direction, T::ONE);
        weight - self.lr * *buffer
    }
}

/// RMSprop: gradients divided by the root of their mean square. See [`RMSpropRule`] for the formula. The state is
/// `square_avg` (v); if it is centered, `grad_avg` (a); with momentum, `momentum_buffer` (b).
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::RMSprop;
/// let weight: Param = Param::new(Tensor::ones([1]));
/// let mut rmsprop = RMSprop::new([weight.clone()], 0.01).alpha(0.75).momentum(0.9);
/// rmsprop.step(&(weight.tensor() * 5.0).sum().backward());
/// assert!((weight.tensor().item() - 0.98).abs() < 1e-6);
/// ```
pub type RMSprop<T = f32> = Driver<T, RMSpropRule>;

impl<T: Float> RMSprop<T> {
    /// RMSprop of these parameters, or pairs of a name and a parameter, with PyTorch's defaults: alpha 0.99, eps 10⁻⁸,
    /// no weight decay, no momentum, not centered. PyTorch's learning rate is 0.01.
    ///
    /// # Panics
    /// As [`Driver::with_rule`].
    #[track_caller]
    pub fn new<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>, lr: f64) -> Self {
        let rule = RMSpropRule { alpha: 0.99, eps: 1e-8, weight_decay: 0.0, momentum: 0.0, centered: false };
        Driver::with_rule(parameters, lr, rule)
    }

    /// How slowly the mean square forgets, in [0, 1).
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    pub fn alpha(self, alpha: f64) -> Self {
        let alpha = fraction("alpha", alpha);
        self.with(|rule| rule.alpha = alpha)
    }

    /// Whether to divide by the deviation of the gradients, and not by their size.
    #[track_caller]
    pub fn centered(self, centered: bool) -> Self {
        self.with(|rule| rule.centered = centered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::follows;
    use autograd::{Param, Tensor};

    #[test]
    fn it_follows_the_formula() {
        for (momentum, centered) in [(0.0, false), (0.9, false), (0.0, true), (0.9, true)] {
            let build = |weights| {
                let rmsprop = RMSprop::new(weights, 0.03).alpha(0.8).eps(1e-3).weight_decay(0.1);
                rmsprop.momentum(momentum).centered(centered)
            };
            follows(build, || {
                let (mut v, mut a, mut b) = (0.0, 0.0, 0.0);
                move |w, g, _| {
                    let g = g + 0.1 * w;
                    v = 0.8 * v + 0.2 * g * g;
                    a = 0.8 * a + 0.2 * g;
                    let variance = if centered { v - a * a } else { v };
                    b = momentum * b + g / (f64::sqrt(variance) + 1e-3);
                    w - 0.03 * b
                }
            });
        }
    }

    #[test]
    fn a_variance_of_zero_is_never_negative() {
        let weight: Param = Param::new(Tensor::ones([1]));
        let mut rmsprop = RMSprop::new([weight.clone()], 1e-3).alpha(0.5).centered(true);
        (0..1000).for_each(|_| rmsprop.step(&(weight.tensor() * 0.1).sum().backward()));
        assert!(!weight.tensor().item().is_nan());
    }
}
