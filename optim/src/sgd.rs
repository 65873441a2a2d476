//! Stochastic gradient descent, plain and with momentum, with PyTorch's details
//! ([`torch.optim.SGD`](https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html)).

use autograd::Float;

use crate::driver::Driver;
use crate::parameter::IntoParameter;
use crate::rule::{Pass, Rule, Updated};
use crate::settings::{builders, decayed, momentum_is, not_negative};
use crate::tiny::Sums;

/// The formula of descent.
///
/// With the gradient g (plus weight_decay · w):        w ← w - lr · g
///
/// With momentum:        b ← momentum · b + (1 - dampening) g        w ← w - lr · b
///
/// At the first step b is g itself. With Nesterov's momentum, w ← w - lr · (g + momentum · b). A momentum of 0 is
/// none, whatever the dampening, and has no state.
///
/// A b near the denormals is cleared where its weight does not show it, since arithmetic on denormal values is many
/// times slower.
#[derive(Clone, Debug, PartialEq)]
pub struct SgdRule {
    momentum: f64,
    dampening: f64,
    nesterov: bool,
    weight_decay: f64,
}

impl<T: Float> Rule<T> for SgdRule {
    fn slots(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 { &[] } else { &["momentum_buffer"] }
    }

    fn is_elementwise(&self) -> bool {
        true
    }

    momentum_is!(momentum);

    #[inline(never)]
    fn update(&self, pass: Pass<'_, T>) -> Updated {
        let (lr, weight_decay) = (T::from_f64(pass.learning_rate()), T::from_f64(self.weight_decay));
        if self.momentum == 0.0 {
            return pass.run(move |weight, gradient, []| weight - lr * decayed(gradient, weight, weight_decay));
        }
        let (momentum, nesterov) = (T::from_f64(self.momentum), self.nesterov);
        let share = T::from_f64(if pass.step() == 1 { 1.0 } else { 1.0 - self.dampening });
        let sums = Sums::new(pass.learning_rate());
        pass.run(move |weight, gradient, [buffer]| {
            let gradient = decayed(gradient, weight, weight_decay);
            *buffer = sums.next(weight, *buffer, momentum, gradient, share);
            weight - lr * if nesterov { gradient + momentum * *buffer } else { *buffer }
        })
    }
}

/// Stochastic gradient descent, with or without momentum. See [`SgdRule`] for the formulas. The state is a
/// `momentum_buffer` if there is momentum, and empty otherwise.
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::Sgd;
/// let weight: Param = Param::new(Tensor::full([1], 2.0));
/// let mut sgd = Sgd::new([weight.clone()], 0.5).momentum(0.9).nesterov(true);
/// sgd.step(&weight.tensor().sum().backward());
/// assert!((weight.tensor().item() - 1.05).abs() < 1e-6);
/// ```
pub type Sgd<T = f32> = Driver<T, SgdRule>;

builders!(SgdRule: weight_decay);

impl<T: Float> Sgd<T> {
    /// Plain descent of these parameters, or pairs of a name and a parameter: without momentum and weight decay.
    ///
    /// # Panics
    /// As [`Driver::with_rule`].
    #[track_caller]
    pub fn new<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>, lr: f64) -> Self {
        let rule = SgdRule { momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 };
        Driver::with_rule(parameters, lr, rule)
    }

    /// Steps along a decaying sum of the gradients.
    ///
    /// # Panics
    /// If it is negative or not finite, or 0 with Nesterov's momentum.
    #[track_caller]
    pub fn momentum(self, momentum: f64) -> Self {
        let momentum = not_negative("momentum", momentum);
        self.with(|rule| rule.momentum = momentum).checked()
    }

    /// The share of each new gradient that does not enter the sum.
    ///
    /// # Panics
    /// If it is not finite, or comes with Nesterov's momentum.
    #[track_caller]
    pub fn dampening(self, dampening: f64) -> Self {
        assert!(dampening.is_finite(), "optimizer: a dampening of {dampening} is not a number");
        self.with(|rule| rule.dampening = dampening).checked()
    }

    /// Whether to look one step ahead (Sutskever et al., *On the importance of initialization and momentum in deep
    /// learning*, 2013). Comes after the momentum.
    ///
    /// # Panics
    /// If it is to be and the momentum is 0 or there is dampening.
    #[track_caller]
    pub fn nesterov(self, nesterov: bool) -> Self {
        self.with(|rule| rule.nesterov = nesterov).checked()
    }

    #[track_caller]
    fn checked(self) -> Self {
        let SgdRule { momentum, dampening, nesterov, .. } = *self.rule();
        let possible = !nesterov || (momentum > 0.0 && dampening == 0.0);
        assert!(possible, "optimizer: Nesterov's momentum wants a momentum above 0 and no dampening");
        self
    }
}

instances!(SgdRule);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Optimizer;
    use autograd::{Param, Tensor};

    /// The weights after each of three steps on gradients of 1, from 0.
    fn path(build: impl FnOnce([Param<f64>; 1]) -> Sgd<f64>) -> [f64; 3] {
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
        assert!(close(path(|weights| Sgd::new(weights, 0.1).momentum(0.5).nesterov(true)), [-0.15, -0.325, -0.5125]));
        // g: 1, 1 - 0.1, 1 - 0.19
        assert!(close(path(|weights| Sgd::new(weights, 0.1).weight_decay(1.0)), [-0.1, -0.19, -0.271]));
    }

    #[test]
    fn without_momentum_there_is_no_dampening() {
        let path = path(|weights| Sgd::new(weights, 1.0).momentum(0.0).dampening(0.5));
        assert_eq!(path, [-1.0, -2.0, -3.0]);
    }

    #[test]
    fn there_is_a_buffer_if_there_is_momentum() {
        let weight: Param<f64> = Param::new(Tensor::zeros([2]));
        let slots = |build: &dyn Fn(Sgd<f64>) -> Sgd<f64>| {
            let mut sgd = build(Sgd::new([("w", weight.clone())], 0.1));
            sgd.step(&weight.tensor().sum().backward());
            sgd.state()[0].named_slots().map(|(name, values)| (name, values.to_vec())).collect::<Vec<_>>()
        };
        assert_eq!(slots(&|sgd| sgd), []);
        assert_eq!(slots(&|sgd| sgd.momentum(0.5).momentum(0.0)), []);
        assert_eq!(slots(&|sgd| sgd.momentum(0.5)), [("w.momentum_buffer".to_owned(), vec![1.0, 1.0])]);
    }

    #[test]
    #[should_panic(expected = "Nesterov's momentum wants a momentum above 0")]
    fn nesterov_wants_momentum() {
        let _ = Sgd::new([] as [Param; 0], 0.1).momentum(0.0).nesterov(true);
    }

    #[test]
    #[should_panic(expected = "Nesterov's momentum wants a momentum above 0 and no dampening")]
    fn nesterov_allows_no_dampening() {
        let _ = Sgd::new([] as [Param; 0], 0.1).momentum(0.9).nesterov(true).dampening(0.5);
    }
}
