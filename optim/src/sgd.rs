//! Stochastic gradient descent, plain and with momentum, with PyTorch's details
//! ([`torch.optim.SGD`](https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html)).

use autograd::{Float, Param};

use crate::optimizer::{Driver, Rule, decayed, not_negative};
use crate::tiny::Sums;

/// The formula of plain descent: w ← w - lr · (g + weight_decay · w)
#[derive(Clone, Debug, PartialEq)]
pub struct SgdRule {
    lr: f64,
    weight_decay: f64,
}

impl<T: Float> Rule<T, 0> for SgdRule {
    const NAMES: [&'static str; 0] = [];

    fn learning_rate(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn at_step(&self, _step: u64) -> impl Fn(T, T, &mut [T; 0]) -> T + Sync {
        let (lr, weight_decay) = (T::from_f64(self.lr), T::from_f64(self.weight_decay));
        move |weight, gradient, []| weight - lr * decayed(gradient, weight, weight_decay)
    }
}

/// The formula of momentum.
///
/// With g including the weight decay:        b ← momentum · b + (1 - dampening) g        w ← w - lr · b
///
/// At the first step b is g itself. With Nesterov's momentum, w ← w - lr · (g + momentum · b). A momentum of 0 is
/// none: w ← w - lr · g, whatever the dampening.
///
/// A b near the denormals is cleared where its weight does not show it, since arithmetic on denormal values is many
/// times slower.
#[derive(Clone, Debug, PartialEq)]
pub struct MomentumRule {
    plain: SgdRule,
    momentum: f64,
    dampening: f64,
    nesterov: bool,
}

impl<T: Float> Rule<T, 1> for MomentumRule {
    const NAMES: [&'static str; 1] = ["momentum_buffer"];

    fn learning_rate(&mut self) -> &mut f64 {
        &mut self.plain.lr
    }

    fn at_step(&self, step: u64) -> impl Fn(T, T, &mut [T; 1]) -> T + Sync {
        let (lr, weight_decay) = (T::from_f64(self.plain.lr), T::from_f64(self.plain.weight_decay));
        let momentum = T::from_f64(self.momentum);
        let share = T::from_f64(if step == 1 { 1.0 } else { 1.0 - self.dampening });
        let (has_momentum, nesterov) = (self.momentum != 0.0, self.nesterov);
        let sums = Sums::new(self.plain.lr);
        move |weight, gradient, [buffer]| {
            let gradient = decayed(gradient, weight, weight_decay);
            if !has_momentum {
                return weight - lr * gradient;
            }
            *buffer = sums.next(weight, *buffer, momentum, gradient, share);
            weight - lr * if nesterov { gradient + momentum * *buffer } else { *buffer }
        }
    }
}

/// Plain stochastic gradient descent; [`momentum`](Sgd::momentum) adds momentum. See [`SgdRule`].
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::Sgd;
/// let weight: Param = Param::new(Tensor::full([1], 2.0));
/// let mut sgd = Sgd::new([weight.clone()], 0.5).momentum(0.9).nesterov();
/// sgd.step(&weight.tensor().sum().backward());
/// assert!((weight.tensor().item() - 1.05).abs() < 1e-6);
/// ```
pub type Sgd<T = f32> = Driver<T, SgdRule, 0>;

/// Stochastic gradient descent with momentum. See [`MomentumRule`].
pub type Momentum<T = f32> = Driver<T, MomentumRule, 1>;

impl<T: Float> Sgd<T> {
    /// Without momentum and weight decay.
    ///
    /// # Panics
    /// If the learning rate is negative or not a number.
    #[track_caller]
    pub fn new(parameters: impl IntoIterator<Item = Param<T>>, lr: f64) -> Self {
        Driver::with_rule(parameters, SgdRule { lr: not_negative("learning rate", lr), weight_decay: 0.0 })
    }

    /// Adds `weight_decay` times the weight to its gradient.
    ///
    /// # Panics
    /// If it is negative or not a number.
    #[track_caller]
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.rule.weight_decay = not_negative("weight decay", weight_decay);
        self
    }

    /// Steps along a decaying sum of the gradients. Takes a number of state for each weight, and starts from the beginning.
    ///
    /// # Panics
    /// If it is negative or not a number.
    #[track_caller]
    pub fn momentum(self, momentum: f64) -> Momentum<T> {
        let momentum = not_negative("momentum", momentum);
        self.rebuilt(|plain| MomentumRule { plain, momentum, dampening: 0.0, nesterov: false })
    }
}

impl<T: Float> Momentum<T> {
    /// The share of each new gradient that does not enter the sum.
    ///
    /// # Panics
    /// If it is not a number, or comes with Nesterov's momentum.
    #[track_caller]
    pub fn dampening(mut self, dampening: f64) -> Self {
        assert!(dampening.is_finite(), "optimizer: a dampening of {dampening} is not a number");
        assert!(!self.rule.nesterov || dampening == 0.0, "optimizer: Nesterov's momentum allows no dampening");
        self.rule.dampening = dampening;
        self
    }

    /// Looks one step ahead (Sutskever et al., *On the importance of initialization and momentum in deep learning*, 2013).
    ///
    /// # Panics
    /// If the momentum is 0 or there is dampening.
    #[track_caller]
    pub fn nesterov(mut self) -> Self {
        let possible = self.rule.momentum > 0.0 && self.rule.dampening == 0.0;
        assert!(possible, "optimizer: Nesterov's momentum wants a momentum above 0 and no dampening");
        self.rule.nesterov = true;
        self
    }

    /// Adds `weight_decay` times the weight to its gradient.
    ///
    /// # Panics
    /// If it is negative or not a number.
    #[track_caller]
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.rule.plain.weight_decay = not_negative("weight decay", weight_decay);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::Tensor;

    /// The weights after each of three steps on gradients of 1, from 0.
    fn path<const SLOTS: usize, R: Rule<f64, SLOTS>>(
        build: impl FnOnce([Param<f64>; 1]) -> Driver<f64, R, SLOTS>,
    ) -> [f64; 3] {
        let weight = Param::new(Tensor::zeros([1]));
        let mut optimizer = build([weight.clone()]);
        std::array::from_fn(|_| {
            optimizer.step(&weight.tensor().sum().backward());
            weight.tensor().item()
        })
    }

    #[test]
    fn paths_are_those_of_the_formulas() {
        let close = |found: [f64; 3], wanted: [f64; 3]| found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(close(path(|weights| Sgd::new(weights, 0.1)), [-0.1, -0.2, -0.3]));
        // b: 1, 1.5, 1.75
        assert!(close(path(|weights| Sgd::new(weights, 0.1).momentum(0.5)), [-0.1, -0.25, -0.425]));
        // b: 1 (not dampened), 1, 1
        assert!(close(path(|weights| Sgd::new(weights, 0.1).momentum(0.5).dampening(0.5)), [-0.1, -0.2, -0.3]));
        // 1 + b/2: 1.5, 1.75, 1.875
        assert!(close(path(|weights| Sgd::new(weights, 0.1).momentum(0.5).nesterov()), [-0.15, -0.325, -0.5125]));
        // g: 1, 1 - 0.1, 1 - 0.19
        assert!(close(path(|weights| Sgd::new(weights, 0.1).weight_decay(1.0)), [-0.1, -0.19, -0.271]));
    }

    #[test]
    fn without_momentum_there_is_no_dampening() {
        let path = path(|weights| Sgd::new(weights, 1.0).momentum(0.0).dampening(0.5));
        assert_eq!(path, [-1.0, -2.0, -3.0]);
    }

    /// Without a decay no rule multiplies a weight by 0.
    #[test]
    fn infinite_weights_stay_infinite() {
        fn stays<const SLOTS: usize, R: Rule<f64, SLOTS>>(
            build: impl FnOnce([Param<f64>; 1]) -> Driver<f64, R, SLOTS>,
        ) {
            let weights = Param::new(Tensor::from_vec(vec![f64::NEG_INFINITY, f64::INFINITY], [2]));
            let mut optimizer = build([weights.clone()]);
            for factor in [1.0, -1.0, 0.0] {
                let loss = (weights.tensor() * Tensor::full([2], factor)).sum();
                optimizer.step(&loss.backward());
                assert_eq!(weights.tensor().to_vec(), [f64::NEG_INFINITY, f64::INFINITY]);
            }
        }
        stays(|weights| Sgd::new(weights, 0.1));
        stays(|weights| Sgd::new(weights, 0.1).momentum(0.9));
        stays(|weights| Sgd::new(weights, 0.1).momentum(0.0));
        stays(|weights| Sgd::new(weights, 0.1).momentum(0.9).dampening(0.5));
        stays(|weights| Sgd::new(weights, 0.1).momentum(0.9).nesterov());
        stays(|weights| crate::Adam::new(weights, 0.1));
        stays(|weights| crate::Adam::new(weights, 0.1).amsgrad());
        stays(|weights| crate::AdamW::new(weights, 0.1));
        stays(|weights| crate::AdamW::new(weights, 0.1).weight_decay(0.0).amsgrad());
    }

    #[test]
    #[should_panic(expected = "Nesterov's momentum wants a momentum above 0")]
    fn nesterov_wants_momentum() {
        let _ = Sgd::<f32>::new([], 0.1).momentum(0.0).nesterov();
    }
}
