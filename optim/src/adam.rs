//! Adam (Kingma and Ba, *Adam: a method for stochastic optimization*, 2015), with PyTorch's details
//! ([`torch.optim.Adam`](https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html)).

use autograd::{Float, Param};

use crate::optimizer::{Driver, Rule, decayed, fraction, not_negative};
use crate::tiny::{Squares, Sums, divisor};

/// Adam's formula.
///
/// With the gradient g (plus weight_decay · w), at step t:
///
///   m ← β₁ m + (1 - β₁) g        v ← β₂ v + (1 - β₂) g²
///
///   w ← w - lr / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + ε)
///
/// Of m, v and g², values near the denormals are cleared where the weights do not show it, whatever ε is: late in
/// training most are so small, and arithmetic on denormal values is many times slower. With an ε below some 10⁻¹⁴ (for
/// `f32`) v may matter while it is denormal, and is kept. Where the divisor is 0 (ε is 0, and v too small for its
/// type) a gradient of 0 leaves the weight as it is, where PyTorch's formula divides 0 by 0.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamRule {
    pub(crate) lr: f64,
    pub(crate) betas: (f64, f64),
    pub(crate) eps: f64,
    pub(crate) weight_decay: f64,
}

/// What the rules of Adam's family share at a step: the bias corrections, taken in f64 once for all weights.
#[derive(Clone, Copy)]
pub(crate) struct Corrected<T> {
    beta1: (T, T),
    squares: Squares<T>,
    sums: Sums<T>,
    step_size: T,
    root: T,
    eps: T,
    pub(crate) weight_decay: T,
    pub(crate) lr: T,
}

impl AdamRule {
    #[track_caller]
    pub(crate) fn new(lr: f64, weight_decay: f64) -> Self {
        AdamRule { lr: not_negative("learning rate", lr), betas: (0.9, 0.999), eps: 1e-8, weight_decay }
    }

    pub(crate) fn corrected<T: Float>(&self, step: u64) -> Corrected<T> {
        let (beta1, beta2) = self.betas;
        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        let step_size = self.lr / correction(beta1);
        Corrected {
            beta1: (T::from_f64(beta1), T::from_f64(1.0 - beta1)),
            squares: Squares::new(beta2, self.eps),
            sums: Sums::new(step_size / self.eps),
            step_size: T::from_f64(step_size),
            root: T::from_f64(correction(beta2).sqrt().recip()),
            eps: T::from_f64(self.eps),
            weight_decay: T::from_f64(self.weight_decay),
            lr: T::from_f64(self.lr),
        }
    }
}

impl<T: Float> Corrected<T> {
    /// The next m and v. The weight, as it is before the step, tells which m are too small to move it.
    #[inline(always)]
    pub(crate) fn moments(&self, weight: T, gradient: T, m: &mut T, v: &mut T) {
        *m = self.sums.next(weight, *m, self.beta1.0, gradient, self.beta1.1);
        *v = self.squares.next(*v, gradient, *m);
    }

    #[inline(always)]
    pub(crate) fn moved(&self, weight: T, m: T, v: T) -> T {
        weight - self.step_size * (m / divisor(v.sqrt() * self.root + self.eps))
    }
}

impl<T: Float> Rule<T, 2> for AdamRule {
    const NAMES: [&'static str; 2] = ["exp_avg", "exp_avg_sq"];

    fn learning_rate(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn at_step(&self, step: u64) -> impl Fn(T, T, &mut [T; 2]) -> T + Sync {
        let corrected = self.corrected(step);
        move |weight, gradient, [m, v]| {
            corrected.moments(weight, decayed(gradient, weight, corrected.weight_decay), m, v);
            corrected.moved(weight, *m, *v)
        }
    }
}

/// Adam with the largest v so far in v's place (Reddi, Kale and Kumar, *On the convergence of Adam and beyond*, 2018).
#[derive(Clone, Debug, PartialEq)]
pub struct AmsGradRule(AdamRule);

impl<T: Float> Rule<T, 3> for AmsGradRule {
    const NAMES: [&'static str; 3] = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];

    fn learning_rate(&mut self) -> &mut f64 {
        &mut self.0.lr
    }

    fn at_step(&self, step: u64) -> impl Fn(T, T, &mut [T; 3]) -> T + Sync {
        let corrected = self.0.corrected(step);
        move |weight, gradient, [m, v, largest]| {
            corrected.moments(weight, decayed(gradient, weight, corrected.weight_decay), m, v);
            *largest = largest.maximum(*v);
            corrected.moved(weight, *m, *largest)
        }
    }
}

/// Adam. See [`AdamRule`] for the formula.
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::Adam;
/// let weight: Param = Param::new(Tensor::ones([3]));
/// let mut adam = Adam::new([weight.clone()], 1e-3).betas(0.9, 0.99).weight_decay(1e-4);
/// adam.step(&weight.tensor().sum().backward());
/// assert!((weight.tensor().to_vec()[0] - 0.999).abs() < 1e-6);
/// ```
pub type Adam<T = f32> = Driver<T, AdamRule, 2>;

/// Adam with `amsgrad`: see [`AmsGradRule`].
pub type AmsGrad<T = f32> = Driver<T, AmsGradRule, 3>;

impl<T: Float> Adam<T> {
    /// Adam with PyTorch's defaults: betas 0.9 and 0.999, eps 10⁻⁸, no weight decay.
    ///
    /// # Panics
    /// If the learning rate is negative or not a number.
    #[track_caller]
    pub fn new(parameters: impl IntoIterator<Item = Param<T>>, lr: f64) -> Self {
        Driver::with_rule(parameters, AdamRule::new(lr, 0.0))
    }

    /// How slowly the means of the gradient and of its square forget, each in [0, 1).
    ///
    /// # Panics
    /// If one is not.
    #[track_caller]
    pub fn betas(mut self, first: f64, second: f64) -> Self {
        self.rule.betas = (fraction("beta", first), fraction("beta", second));
        self
    }

    /// What is added to the root of the mean square, outside of the root.
    ///
    /// # Panics
    /// If it is negative or not a number.
    #[track_caller]
    pub fn eps(mut self, eps: f64) -> Self {
        self.rule.eps = not_negative("eps", eps);
        self
    }

    /// Adds `weight_decay` times the weight to its gradient. For the decoupled kind see [`AdamW`](crate::AdamW).
    ///
    /// # Panics
    /// If it is negative or not a number.
    #[track_caller]
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.rule.weight_decay = not_negative("weight decay", weight_decay);
        self
    }

    /// Divides by the largest mean square so far. Takes one more number of state for each weight, and starts from the beginning.
    pub fn amsgrad(self) -> AmsGrad<T> {
        self.rebuilt(AmsGradRule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Optimizer, StateError};
    use autograd::Tensor;

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
        let mut amsgrad = Adam::new([weight.clone()], 0.3).betas(0.8, 0.9).eps(1e-3).weight_decay(0.1).amsgrad();
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
                other.restore(0, state[0].step, &state[0].slots).unwrap();
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
        let mut adam = Adam::new([weight], 0.1);
        type Slots = &'static [(&'static str, &'static [f32])];
        let refused: [(usize, Slots); 4] = [
            (1, &[("exp_avg", &[0.0; 2]), ("exp_avg_sq", &[0.0; 2])]),
            (0, &[("exp_avg", &[0.0; 2])]),
            (0, &[("exp_avg", &[0.0; 3]), ("exp_avg_sq", &[0.0; 2])]),
            (0, &[("exp_avg", &[0.0; 2]), ("exp_avg_sq", &[0.0; 2]), ("momentum_buffer", &[0.0; 2])]),
        ];
        for (index, slots) in refused {
            let error: StateError = adam.restore(index, 3, slots).unwrap_err();
            assert!(!error.to_string().is_empty());
            assert_eq!(adam.state()[0].step, 0);
        }
    }

    #[test]
    fn what_has_no_gradient_or_is_frozen_stays() {
        let (used, unused, frozen): (Param, Param, Param) =
            (Param::new(Tensor::ones([1])), Param::new(Tensor::ones([1])), Param::new(Tensor::ones([1])));
        let mut adam = Adam::new([used.clone(), unused.clone(), frozen.clone(), used.clone()], 0.1);
        assert_eq!(adam.state().len(), 3, "a parameter named twice counts once");
        frozen.freeze();
        adam.step(&(used.tensor() + frozen.tensor()).sum().backward());
        assert!(used.tensor().item() < 1.0);
        assert_eq!((unused.tensor().item(), frozen.tensor().item()), (1.0, 1.0));
        assert_eq!(adam.state().iter().map(|state| state.step).collect::<Vec<_>>(), [1, 0, 0]);
    }

    #[test]
    #[should_panic(expected = "a beta of 1 is not in [0, 1)")]
    fn a_beta_forgets() {
        let _ = Adam::<f32>::new([], 0.1).betas(0.9, 1.0);
    }
}
