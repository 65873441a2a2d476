//! What training loops, schedules and checkpoints need of any optimizer.

use std::fmt;

use autograd::{Float, Gradients};

/// Any optimizer: what training loops, schedules and checkpoints need of it.
pub trait Optimizer<T: Float = f32> {
    /// Changes each trainable parameter that has a gradient. The others, and their step counts, stay as they are.
    ///
    /// # Panics
    /// If some parameters are trainable and none of these has a gradient: those are the gradients of another model. An
    /// optimizer all of whose parameters are frozen has nothing to do.
    #[track_caller]
    fn step(&mut self, gradients: &Gradients<T>);

    /// As [`step`](Optimizer::step), with gradients that nobody needs afterwards, whose buffers may be used for the new weights.
    ///
    /// # Panics
    /// As [`step`](Optimizer::step).
    #[track_caller]
    fn step_taking(&mut self, gradients: Gradients<T>);

    /// The learning rate of each group, in the order in which the groups were given.
    fn learning_rates(&self) -> Vec<f64>;

    /// The learning rate of the first group.
    fn learning_rate(&self) -> f64;

    /// Changes the learning rate of the first group from the next step on, and those of the others in proportion: the
    /// groups keep the ratios of their first learning rates.
    ///
    /// # Panics
    /// If it is negative or not finite, or if the first group's first learning rate is 0 and another group's is not.
    #[track_caller]
    fn set_learning_rate(&mut self, learning_rate: f64);

    /// From the next step on, the learning rate of each group is its first one times `factor`: for a
    /// [`Schedule`](crate::schedule::Schedule).
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    fn scale_learning_rate(&mut self, factor: f64);

    /// Whether each element is changed on its own, so that parameters may be cut: see [`Rule::is_elementwise`](crate::Rule::is_elementwise).
    fn is_elementwise(&self) -> bool {
        false
    }

    /// The state of each parameter, in the order in which they were given.
    fn state(&self) -> Vec<ParameterState<'_, T>>;

    /// Replaces the state of the parameter `name` by a saved one: its step count, and the values of its slots by name.
    ///
    /// # Errors
    /// If there is no such parameter, or the slots' names or lengths are not this optimizer's. Nothing is changed then.
    fn restore(&mut self, name: &str, step: u64, slots: &[(&str, &[T])]) -> Result<(), StateError>;
}

impl<T: Float, O: Optimizer<T> + ?Sized> Optimizer<T> for Box<O> {
    #[track_caller]
    fn step(&mut self, gradients: &Gradients<T>) {
        (**self).step(gradients);
    }

    #[track_caller]
    fn step_taking(&mut self, gradients: Gradients<T>) {
        (**self).step_taking(gradients);
    }

    fn learning_rates(&self) -> Vec<f64> {
        (**self).learning_rates()
    }

    fn learning_rate(&self) -> f64 {
        (**self).learning_rate()
    }

    #[track_caller]
    fn set_learning_rate(&mut self, learning_rate: f64) {
        (**self).set_learning_rate(learning_rate);
    }

    #[track_caller]
    fn scale_learning_rate(&mut self, factor: f64) {
        (**self).scale_learning_rate(factor);
    }

    fn is_elementwise(&self) -> bool {
        (**self).is_elementwise()
    }

    fn state(&self) -> Vec<ParameterState<'_, T>> {
        (**self).state()
    }

    fn restore(&mut self, name: &str, step: u64, slots: &[(&str, &[T])]) -> Result<(), StateError> {
        (**self).restore(name, step, slots)
    }
}

/// The state that an optimizer has of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterState<'a, T> {
    /// The parameter's name: the one that came with it, or its position among the parameters, from 0.
    pub name: &'a str,
    /// How many steps it has taken.
    pub step: u64,
    /// The values of each slot by its name, as many as the parameter has elements; no slots before the first step.
    pub slots: Vec<(&'static str, &'a [T])>,
}

impl<'a, T> ParameterState<'a, T> {
    /// The slots under their full names, `NAME.exp_avg` and so on, as in a file.
    pub fn named_slots(&self) -> impl Iterator<Item = (String, &'a [T])> {
        self.slots.iter().map(|(slot, values)| (format!("{}.{slot}", self.name), *values))
    }
}

/// A saved state that does not fit the optimizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateError(pub(crate) String);

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StateError {}
