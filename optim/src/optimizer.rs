//! The driver that runs any rule, and the trait under which schedules and checkpoints see it.

use std::fmt;

use autograd::kernels::update::update_from;
use autograd::{Float, Gradients, Param, ParamKind};

/// An optimizer, written for one number: from a weight, its gradient and its state to the new weight.
///
/// `SLOTS` is how many numbers of state each weight has. To add an optimizer is to write its rule.
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::{Driver, Rule};
///
/// /// Signs only: w ← w - lr · sign g
/// #[derive(Clone, Debug)]
/// struct SignRule { lr: f64 }
///
/// impl Rule<f32, 0> for SignRule {
///     const NAMES: [&'static str; 0] = [];
///     fn learning_rate(&mut self) -> &mut f64 { &mut self.lr }
///     fn at_step(&self, _step: u64) -> impl Fn(f32, f32, &mut [f32; 0]) -> f32 + Sync {
///         let lr = self.lr as f32;
///         move |weight, gradient, []| weight - lr * gradient.signum()
///     }
/// }
///
/// let weight = Param::new(Tensor::from_vec(vec![1.0, -1.0], [2]));
/// let mut optimizer = Driver::with_rule([weight.clone()], SignRule { lr: 0.5 });
/// optimizer.step(&weight.tensor().powf(2.0).sum().backward());
/// assert_eq!(weight.tensor().to_vec(), [0.5, -0.5]);
/// ```
pub trait Rule<T: Float, const SLOTS: usize>: Send + Sync {
    /// What the numbers of state are called; PyTorch's names, where there is such an optimizer.
    const NAMES: [&'static str; SLOTS];

    /// What the numbers of state are before the first step.
    fn initial(&self) -> [T; SLOTS] {
        [T::ZERO; SLOTS]
    }

    /// The learning rate, for schedules.
    fn learning_rate(&mut self) -> &mut f64;

    /// The rule at a parameter's own step number `step`, which counts from 1: `(weight, gradient, state) -> weight`.
    fn at_step(&self, step: u64) -> impl Fn(T, T, &mut [T; SLOTS]) -> T + Sync;
}

/// Any optimizer: what training loops, schedules and checkpoints need of it.
pub trait Optimizer<T: Float = f32> {
    /// Changes each trainable parameter that has a gradient.
    fn step(&mut self, gradients: &Gradients<T>);

    /// The learning rate.
    fn learning_rate(&mut self) -> f64;

    /// Changes the learning rate from the next step on.
    ///
    /// # Panics
    /// If it is negative or not a number.
    fn set_learning_rate(&mut self, learning_rate: f64);

    /// The state of each parameter, in the order in which they were given; empty for one that has not been stepped.
    fn state(&self) -> Vec<ParameterState<'_, T>>;

    /// Replaces the state of parameter number `index` by a saved one: its step count and its numbers, by name.
    ///
    /// # Errors
    /// If there is no such parameter, or the names or lengths are not this optimizer's. Nothing is changed then.
    fn restore(&mut self, index: usize, step: u64, slots: &[(&str, &[T])]) -> Result<(), StateError>;
}

/// What an optimizer remembers of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterState<'a, T> {
    /// How many steps it has taken.
    pub step: u64,
    /// The numbers of state by name, each as many as the parameter has; none before the first step.
    pub slots: Vec<(&'static str, &'a [T])>,
}

/// A saved state that does not fit the optimizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateError(String);

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StateError {}

/// Runs a [`Rule`] over parameters. The optimizers of this crate are aliases of it: [`Adam`](crate::Adam), [`Sgd`](crate::Sgd), ...
#[derive(Debug)]
pub struct Driver<T: Float, R, const SLOTS: usize> {
    pub(crate) rule: R,
    pub(crate) parameters: Vec<Parameter<T, SLOTS>>,
}

#[derive(Debug)]
pub(crate) struct Parameter<T: Float, const SLOTS: usize> {
    pub(crate) param: Param<T>,
    step: u64,
    state: [Vec<T>; SLOTS],
}

impl<T: Float, const SLOTS: usize> Parameter<T, SLOTS> {
    fn new(param: Param<T>) -> Self {
        Parameter { param, step: 0, state: [const { Vec::new() }; SLOTS] }
    }
}

impl<T: Float, R: Rule<T, SLOTS>, const SLOTS: usize> Driver<T, R, SLOTS> {
    /// An optimizer of these parameters with this rule. A parameter that is named twice counts once.
    pub fn with_rule(parameters: impl IntoIterator<Item = Param<T>>, rule: R) -> Self {
        let mut distinct: Vec<Parameter<T, SLOTS>> = Vec::new();
        for param in parameters {
            if !distinct.iter().any(|known| known.param.is(&param)) {
                distinct.push(Parameter::new(param));
            }
        }
        Driver { rule, parameters: distinct }
    }

    /// The same parameters under another rule, from the beginning.
    pub(crate) fn rebuilt<Q, const MORE: usize>(self, change: impl FnOnce(R) -> Q) -> Driver<T, Q, MORE> {
        let parameters = self.parameters.into_iter().map(|parameter| Parameter::new(parameter.param)).collect();
        Driver { rule: change(self.rule), parameters }
    }

    /// Changes each trainable parameter that has a gradient, in one pass over its numbers.
    ///
    /// A parameter without a gradient is left as it is, and so is its step count.
    pub fn step(&mut self, gradients: &Gradients<T>) {
        for Parameter { param, step, state } in &mut self.parameters {
            let Some(gradient) = gradients.of(param).filter(|_| param.kind() == ParamKind::Trainable) else { continue };
            let gradient = gradient.contiguous();
            let view = gradient.as_array();
            let numbers = view.as_slice().expect("a contiguous tensor is a slice");
            if *step == 0 {
                for (slot, initial) in state.iter_mut().zip(self.rule.initial()) {
                    *slot = vec![initial; numbers.len()];
                }
            }
            let rule = self.rule.at_step(*step + 1);
            let state = state.each_mut().map(Vec::as_mut_slice);
            param.update_from(|old, new| update_from(old, new, numbers, state, rule));
            *step += 1;
        }
    }

    /// The learning rate.
    pub fn lr(&mut self) -> f64 {
        *self.rule.learning_rate()
    }

    /// Changes the learning rate from the next step on.
    ///
    /// # Panics
    /// If it is negative or not a number.
    #[track_caller]
    pub fn set_lr(&mut self, lr: f64) {
        *self.rule.learning_rate() = not_negative("learning rate", lr);
    }
}

impl<T: Float, R: Rule<T, SLOTS>, const SLOTS: usize> Optimizer<T> for Driver<T, R, SLOTS> {
    fn step(&mut self, gradients: &Gradients<T>) {
        Driver::step(self, gradients);
    }

    fn learning_rate(&mut self) -> f64 {
        self.lr()
    }

    #[track_caller]
    fn set_learning_rate(&mut self, learning_rate: f64) {
        self.set_lr(learning_rate);
    }

    fn state(&self) -> Vec<ParameterState<'_, T>> {
        self.parameters
            .iter()
            .map(|parameter| {
                let named = R::NAMES.into_iter().zip(parameter.state.iter().map(Vec::as_slice));
                let slots = if parameter.step == 0 { Vec::new() } else { named.collect() };
                ParameterState { step: parameter.step, slots }
            })
            .collect()
    }

    fn restore(&mut self, index: usize, step: u64, slots: &[(&str, &[T])]) -> Result<(), StateError> {
        let count = self.parameters.len();
        let Some(parameter) = self.parameters.get_mut(index) else {
            return Err(StateError(format!("state for parameter {index}, but there are {count} parameters")));
        };
        let length = parameter.param.tensor().numel();
        let mut restored = [const { Vec::new() }; SLOTS];
        if step > 0 {
            for (name, slot) in R::NAMES.into_iter().zip(&mut restored) {
                let Some((_, numbers)) = slots.iter().find(|(own, _)| *own == name) else {
                    return Err(StateError(format!("parameter {index}: the state has no {name}")));
                };
                if numbers.len() != length {
                    let found = numbers.len();
                    return Err(StateError(format!(
                        "parameter {index}: {name} has {found} numbers, the parameter {length}"
                    )));
                }
                *slot = numbers.to_vec();
            }
        }
        if let Some((name, _)) = slots.iter().find(|(name, _)| !R::NAMES.contains(name)) {
            return Err(StateError(format!("parameter {index}: this optimizer has no {name}")));
        }
        parameter.step = step;
        parameter.state = restored;
        Ok(())
    }
}

/// A hyper-parameter that must be a number and not negative.
#[track_caller]
pub(crate) fn not_negative(name: &str, value: f64) -> f64 {
    assert!(value >= 0.0 && value.is_finite(), "optimizer: a {name} of {value} is not a number from 0 on");
    value
}

/// A hyper-parameter that must lie in [0, 1).
#[track_caller]
pub(crate) fn fraction(name: &str, value: f64) -> f64 {
    assert!((0.0..1.0).contains(&value), "optimizer: a {name} of {value} is not in [0, 1)");
    value
}

/// The gradient of a weight that decays. Without a decay it is the gradient as it is, as in PyTorch: 0 times an
/// infinite weight would be NaN. (Which it is holds for all weights of a step, so that the compiler makes two loops of
/// one.)
#[inline(always)]
pub(crate) fn decayed<T: Float>(gradient: T, weight: T, weight_decay: T) -> T {
    if weight_decay == T::ZERO { gradient } else { gradient + weight_decay * weight }
}
