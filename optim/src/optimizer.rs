//! What training loops, schedules and checkpoints need of any optimizer.

use autograd::{Float, Gradients, State, StateError};

use crate::schedule::Schedule;

/// Any optimizer: what training loops, schedules and checkpoints need of it.
///
/// Its [`State`] is that of all its parameters (`NAME.step`, `NAME.exp_avg` and so on, by their names) and, of each
/// group, the learning rate (`param_groups.0.lr`, `.initial_lr`) and the momentum, which schedules change.
pub trait Optimizer<T: Float = f32>: State {
    /// Changes each trainable parameter that has a gradient. The others, and their step counts, stay as they are.
    ///
    /// # Panics
    /// If some parameters are trainable and none of these has a gradient: those are the gradients of another model. An
    /// optimizer all of whose parameters are frozen has nothing to do.
    #[track_caller]
    fn step(&mut self, gradients: &Gradients<T>);

    /// As [`step`](Optimizer::step), with gradients that nobody needs afterwards, whose buffers may be used for the new
    /// weights.
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

    /// The momentum of the first group, or β₁ in Adam's family; `None` if the optimizer has none.
    fn momentum(&self) -> Option<f64>;

    /// Changes the momentum of all groups, or β₁ in Adam's family, from the next step on.
    ///
    /// # Panics
    /// If it is not in [0, 1), or the optimizer has none.
    #[track_caller]
    fn set_momentum(&mut self, momentum: f64);

    /// Sets the learning rate, and the momentum if the schedule has one, to what they are at this step, which counts
    /// from 0.
    ///
    /// # Panics
    /// If the schedule returns what the optimizer refuses: a negative factor, or a momentum for an optimizer that has
    /// none.
    #[track_caller]
    fn follow(&mut self, schedule: &dyn Schedule, step: u64) {
        self.scale_learning_rate(schedule.factor(step));
        if let Some(momentum) = schedule.momentum(step) {
            self.set_momentum(momentum);
        }
    }

    /// Whether each element is changed on its own, so that parameters may be cut: see
    /// [`Rule::is_elementwise`](crate::Rule::is_elementwise).
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

    fn momentum(&self) -> Option<f64> {
        (**self).momentum()
    }

    #[track_caller]
    fn set_momentum(&mut self, momentum: f64) {
        (**self).set_momentum(momentum);
    }

    #[track_caller]
    fn follow(&mut self, schedule: &dyn Schedule, step: u64) {
        (**self).follow(schedule, step);
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
    /// The values of each slot by its name, as many as the parameter has elements, or one if it is of the whole
    /// parameter; no slots before the first step.
    pub slots: Vec<(&'static str, &'a [T])>,
}

impl<'a, T> ParameterState<'a, T> {
    /// The slots under their full names, `NAME.exp_avg` and so on, as in a file.
    pub fn named_slots(&self) -> impl Iterator<Item = (String, &'a [T])> {
        self.slots.iter().map(|(slot, values)| (format!("{}.{slot}", self.name), *values))
    }
}
