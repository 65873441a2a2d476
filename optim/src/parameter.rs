//! The parameters of an optimizer, with or without names, and their state.

use autograd::{Float, Param};

use crate::optimizer::{ParameterState, StateError};
use crate::slot::Slot;

/// What an optimizer can be made of: a [`Param`], or a pair of its name and it, as a module's `named_parameters` has.
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::{Adam, Optimizer};
/// let (weight, bias): (Param, Param) = (Param::new(Tensor::ones([2, 3])), Param::new(Tensor::ones([2])));
/// let adam = Adam::new([weight.clone(), bias.clone()], 1e-3);
/// assert_eq!(adam.state()[1].name, "1");
/// let adam = Adam::new([("fc.weight", weight), ("fc.bias", bias)], 1e-3);
/// assert_eq!(adam.state()[1].name, "fc.bias");
/// ```
pub trait IntoParameter<T: Float> {
    /// The name, if there is one, and the parameter.
    fn into_parameter(self) -> (Option<String>, Param<T>);
}

impl<T: Float> IntoParameter<T> for Param<T> {
    fn into_parameter(self) -> (Option<String>, Param<T>) {
        (None, self)
    }
}

impl<T: Float> IntoParameter<T> for &Param<T> {
    fn into_parameter(self) -> (Option<String>, Param<T>) {
        (None, self.clone())
    }
}

impl<T: Float, N: Into<String>> IntoParameter<T> for (N, Param<T>) {
    fn into_parameter(self) -> (Option<String>, Param<T>) {
        (Some(self.0.into()), self.1)
    }
}

/// A parameter of an optimizer, with its state.
#[derive(Debug)]
pub(crate) struct Parameter<T: Float> {
    pub(crate) name: String,
    pub(crate) param: Param<T>,
    /// How many steps it has taken.
    pub(crate) step: u64,
    /// The values of each slot; none before the first step.
    pub(crate) state: Vec<Slot<T>>,
}

impl<T: Float> Parameter<T> {
    pub(crate) fn new(name: String, param: Param<T>) -> Self {
        Parameter { name, param, step: 0, state: Vec::new() }
    }

    /// The state, whose slots have these names.
    pub(crate) fn state(&self, names: &[&'static str]) -> ParameterState<'_, T> {
        let slots = names.iter().copied().zip(self.state.iter().map(Slot::as_slice)).collect();
        ParameterState { name: &self.name, step: self.step, slots }
    }

    /// Replaces the state by a saved one, if that has the slots `names`.
    pub(crate) fn restore(
        &mut self,
        names: &[&'static str],
        step: u64,
        slots: &[(&str, &[T])],
    ) -> Result<(), StateError> {
        let error = |message: String| Err(StateError(format!("parameter {}: {message}", self.name)));
        if let Some((unknown, _)) = slots.iter().find(|(slot, _)| !names.contains(slot)) {
            return error(format!("this optimizer has no {unknown}"));
        }
        let length = self.param.tensor().numel();
        let mut restored = Vec::new();
        for name in names.iter().filter(|_| step > 0) {
            let Some((_, values)) = slots.iter().find(|(slot, _)| slot == name) else {
                return error(format!("the state has no {name}"));
            };
            if values.len() != length {
                return error(format!("{name} has {} values, the parameter {length}", values.len()));
            }
            restored.push(Slot::copy_of(values));
        }
        (self.step, self.state) = (step, restored);
        Ok(())
    }
}
