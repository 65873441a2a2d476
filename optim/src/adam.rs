//! Adam (Kingma and Ba, *Adam: a method for stochastic optimization*, 2015), with PyTorch's details
//! ([`torch.optim.Adam`](https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html)).

use autograd::Float;

use crate::adamw::AdamWRule;
use crate::driver::Driver;
use crate::moments::{Formula, HasAmsgrad, HasMoments, Moments, correction};
use crate::parameter::IntoParameter;
use crate::rule::{Pass, Rule, Updated};
use crate::settings::{builders, decayed, momentum_is};

/// Adam's formula.
///
/// With the means m̂ and v̂ of the gradient (plus weight_decay · w) and of its square, as in [`Moments`]:
///
///   w ← w - lr · m̂ / (√v̂ + ε)
///
/// With `decoupled_weight_decay` it is [`AdamW`](crate::AdamW)'s.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamRule {
    moments: Moments,
    decoupled_weight_decay: bool,
}

builders!(AdamRule: decoupled_weight_decay);

impl HasMoments for AdamRule {
    fn moments(&mut self) -> &mut Moments {
        &mut self.moments
    }
}

impl HasAmsgrad for AdamRule {}

impl<T: Float> Rule<T> for AdamRule {
    fn slots(&self) -> &'static [&'static str] {
        self.moments.slots()
    }

    momentum_is!(moments.betas.0);

    fn is_elementwise(&self) -> bool {
        true
    }

    #[inline(never)]
    fn update(&self, pass: Pass<'_, T>) -> Updated {
        self.moments.run(pass, self)
    }
}

impl<T: Float> Formula<T> for &AdamRule {
    fn run<const SLOTS: usize, const HIDDEN: bool>(self, pass: Pass<'_, T>) -> Updated {
        if self.decoupled_weight_decay {
            return AdamWRule(self.moments.clone()).run::<SLOTS, HIDDEN>(pass);
        }
        let step_size = pass.learning_rate() / correction(self.moments.betas.0, pass.step());
        let means = self.moments.at_step::<T>(pass.step(), step_size / self.moments.eps);
        let (step_size, weight_decay) = (T::from_f64(step_size), T::from_f64(self.moments.weight_decay));
        pass.run(move |weight, gradient, state: &mut [T; SLOTS]| {
            weight - step_size * means.next::<SLOTS, HIDDEN>(weight, decayed(gradient, weight, weight_decay), state)
        })
    }
}

/// Adam. See [`AdamRule`] for the formula. The state is `exp_avg` (m), `exp_avg_sq` (v) and, with `amsgrad`,
/// `max_exp_avg_sq`.
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::Adam;
/// let weight: Param = Param::new(Tensor::ones([3]));
/// let mut adam = Adam::new([weight.clone()], 1e-3).betas(0.9, 0.99).weight_decay(1e-4).amsgrad(true);
/// adam.step(&weight.tensor().sum().backward());
/// assert!((weight.tensor().to_vec()[0] - 0.999).abs() < 1e-6);
/// ```
pub type Adam<T = f32> = Driver<T, AdamRule>;

impl<T: Float> Adam<T> {
    /// Adam of these parameters, or pairs of a name and a parameter, with PyTorch's defaults: betas 0.9 and 0.999, eps
    /// 10⁻⁸, no weight decay.
    ///
    /// # Panics
    /// As [`Driver::with_rule`].
    #[track_caller]
    pub fn new<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Driver::with_rule(parameters, lr, AdamRule { moments: Moments::new(1e-8, 0.0), decoupled_weight_decay: false })
    }
}

instances!(AdamRule);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Optimizer;
    use autograd::{Param, StateError, Tensor};

    fn quadratic(weight: &Param<f64>) -> autograd::Gradients<f64> {
        (weight.tensor().powf(2.0) * 0.5).sum().backward()
    }

    /// The formula, read once more, in f64.
    fn by_hand(steps: i32, amsgrad: bool) -> f64 {
        let (mut w, mut m, mut v, mut largest) = (2.0_f64, 0.0, 0.0, 0.0_f64);
        for t in 1..=steps {
            let g = w + 0.1 * w;
            m = 0.8 * m + 0.2 * g;
            v = 0.9 * v + 0.1 * g * g;
            largest = largest.max(v);
            let (m_hat, v_hat) =
                (m / (1.0 - 0.8_f64.powi(t)), if amsgrad { largest } else { v } / (1.0 - 0.9_f64.powi(t)));
            w -= 0.3 * m_hat / (v_hat.sqrt() + 1e-3);
        }
        w
    }

    #[test]
    fn it_follows_the_formula() {
        let weight = Param::new(Tensor::from_vec(vec![2.0], [1]));
        let mut adam = Adam::new([weight.clone()], 0.3).betas(0.8, 0.9).eps(1e-3).weight_decay(0.1);
        (0..20).for_each(|_| adam.step(&quadratic(&weight)));
        assert!((weight.tensor().item() - by_hand(20, false)).abs() < 1e-12);

        weight.set(&Tensor::from_vec(vec![2.0], [1]));
        let mut amsgrad = Adam::new([weight.clone()], 0.3).betas(0.8, 0.9).eps(1e-3).weight_decay(0.1).amsgrad(true);
        (0..20).for_each(|_| amsgrad.step(&quadratic(&weight)));
        assert!((weight.tensor().item() - by_hand(20, true)).abs() < 1e-12);
    }

    #[test]
    fn moments_of_dead_weights_reach_zero_and_not_the_denormals() {
        let weight = Param::new(Tensor::from_vec(vec![1.0_f32], [1]));
        let mut adam = Adam::new([weight.clone()], 0.0);
        adam.step(&weight.tensor().sum().backward());
        for _ in 0..2000 {
            adam.step(&(weight.tensor() * 0.0).sum().backward());
            let moment = adam.state()[0].slots[0].1[0];
            assert!(moment == 0.0 || moment >= f32::MIN_POSITIVE, "{moment:e} is denormal");
        }
        assert_eq!(adam.state()[0].slots[0].1, [0.0]);
    }

    #[test]
    fn a_run_goes_on_from_its_state() {
        let run = |interrupted: bool| {
            let weight = Param::new(Tensor::from_vec(vec![2.0, -1.0], [2]));
            let mut adam = Adam::new([weight.clone()], 0.1);
            (0..5).for_each(|_| adam.step(&quadratic(&weight)));
            if interrupted {
                let mut other = Adam::new([weight.clone()], 0.1);
                let state = adam.state();
                other.restore(state[0].name, state[0].step, &state[0].slots).unwrap();
                adam = other;
            }
            (0..5).for_each(|_| adam.step(&quadratic(&weight)));
            weight.tensor().to_vec()
        };
        assert_eq!(run(true), run(false));
    }

    #[test]
    fn a_state_that_does_not_fit_changes_nothing() {
        let weight: Param = Param::new(Tensor::ones([2]));
        let mut adam = Adam::new([("w", weight)], 0.1);
        type Slots = &'static [(&'static str, &'static [f32])];
        let refused: [(&str, Slots); 4] = [
            ("v", &[("exp_avg", &[0.0; 2]), ("exp_avg_sq", &[0.0; 2])]),
            ("w", &[("exp_avg", &[0.0; 2])]),
            ("w", &[("exp_avg", &[0.0; 3]), ("exp_avg_sq", &[0.0; 2])]),
            ("w", &[("exp_avg", &[0.0; 2]), ("exp_avg_sq", &[0.0; 2]), ("momentum_buffer", &[0.0; 2])]),
        ];
        for (name, slots) in refused {
            let error: StateError = adam.restore(name, 3, slots).unwrap_err();
            assert!(!error.to_string().is_empty());
            assert_eq!(adam.state()[0].step, 0);
        }
    }

    #[test]
    fn what_has_no_gradient_or_is_frozen_stays() {
        let (used, unused, frozen): (Param, Param, Param) =
            (Param::new(Tensor::ones([1])), Param::new(Tensor::ones([1])), Param::new(Tensor::ones([1])));
        let mut adam =
            Adam::new([("a", used.clone()), ("b", unused.clone()), ("c", frozen.clone()), ("tied", used.clone())], 0.1);
        assert_eq!(adam.state().len(), 3, "a parameter with two names counts once");
        frozen.freeze();
        adam.step(&(used.tensor() + frozen.tensor()).sum().backward());
        assert!(used.tensor().item() < 1.0);
        assert_eq!((unused.tensor().item(), frozen.tensor().item()), (1.0, 1.0));
        assert_eq!(adam.state().iter().map(|state| state.step).collect::<Vec<_>>(), [1, 0, 0]);
    }

    #[test]
    #[should_panic(expected = "a beta of 1 is not in [0, 1)")]
    fn a_beta_forgets() {
        let _ = Adam::new([] as [Param; 0], 0.1).betas(0.9, 1.0);
    }
}
