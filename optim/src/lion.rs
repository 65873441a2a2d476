//! Lion (Chen et al., *Symbolic discovery of optimization algorithms*, 2023). PyTorch has none.

use autograd::Float;

use crate::driver::Driver;
use crate::parameter::IntoParameter;
use crate::rule::{Pass, Rule, Updated};
use crate::settings::{Decay, builders, momentum_is};
use crate::tiny::next_normal_sum;

/// Lion's formula: with the gradient g,
///
///   w ← w (1 - lr · weight_decay) - lr · sign(β₁ m + (1 - β₁) g)        m ← β₂ m + (1 - β₂) g
///
/// The sign of 0 is 0. A denormal m is cleared: a weight that gets no gradients any more then is at rest.
#[derive(Clone, Debug, PartialEq)]
pub struct LionRule {
    betas: (f64, f64),
    weight_decay: f64,
}

builders!(LionRule: betas, weight_decay);

impl<T: Float> Rule<T> for LionRule {
    fn slots(&self) -> &'static [&'static str] {
        &["exp_avg"]
    }

    momentum_is!(betas.0);

    fn is_elementwise(&self) -> bool {
        true
    }

    fn update(&self, pass: Pass<'_, T>) -> Updated {
        let lr = pass.learning_rate();
        let decay = Decay::<T>::new(self.weight_decay, true, lr);
        let shares = |beta: f64| (T::from_f64(beta), T::from_f64(1.0 - beta));
        let (lr, first, second) = (T::from_f64(lr), shares(self.betas.0), shares(self.betas.1));
        pass.run(move |weight, gradient, [exp_avg]| {
            let direction = *exp_avg * first.0 + gradient * first.1;
            *exp_avg = next_normal_sum(*exp_avg, second.0, gradient, second.1);
            // The sign of NaN is 0, which would hide it.
            let sign = if direction.is_nan() { direction } else { direction.sign() };
            decay.apply(weight, gradient).0 - lr * sign
        })
    }
}

/// Lion: steps of one size in each weight, by the sign of a running mean; its weight decay is decoupled. See
/// [`LionRule`] for the formula. The state is `exp_avg` (m).
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::Lion;
/// let weight: Param = Param::new(Tensor::full([1], 2.0));
/// let mut lion = Lion::new([weight.clone()], 0.25).weight_decay(0.5);
/// lion.step(&(weight.tensor() * 5.0).sum().backward());
/// assert_eq!(weight.tensor().item(), 2.0 * (1.0 - 0.125) - 0.25);
/// ```
pub type Lion<T = f32> = Driver<T, LionRule>;

impl<T: Float> Lion<T> {
    /// Lion of these parameters, or pairs of a name and a parameter, with the paper's betas 0.9 and 0.99, and no weight
    /// decay. Its learning rates are three to ten times smaller than Adam's, 0.0001 say.
    ///
    /// # Panics
    /// As [`Driver::with_rule`].
    #[track_caller]
    pub fn new<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Driver::with_rule(parameters, lr, LionRule { betas: (0.9, 0.99), weight_decay: 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::follows;
    use autograd::{Param, Tensor};

    #[test]
    fn it_follows_the_formula() {
        follows(
            |weights| Lion::new(weights, 0.03).betas(0.8, 0.9).weight_decay(0.1),
            || {
                let mut m = 0.0;
                move |w, g, _| {
                    let direction: f64 = 0.8 * m + 0.2 * g;
                    m = 0.9 * m + 0.1 * g;
                    w * (1.0 - 0.03 * 0.1) - 0.03 * direction.signum()
                }
            },
        );
    }

    #[test]
    fn zero_moves_nothing_and_nan_is_not_hidden() {
        let weight: Param = Param::new(Tensor::ones([2]));
        let mut lion = Lion::new([weight.clone()], 0.5);
        let factors = Tensor::from_vec(vec![0.0, f32::NAN], [2]);
        lion.step(&(weight.tensor() * factors).sum().backward());
        let [still, unknown] = weight.tensor().to_vec()[..] else { panic!("two weights") };
        assert!(still == 1.0 && unknown.is_nan());
    }
}
