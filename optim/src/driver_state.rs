//! What training loops, schedules and checkpoints do with a driver.

use autograd::{Float, Gradients, Load, State, StateDict, StateError};

use crate::driver::{Driver, Group};
use crate::optimizer::{Optimizer, ParameterState};
use crate::parameter::Parameter;
use crate::rule::Rule;
use crate::settings::{fraction, not_negative};

impl<T: Float, R: Rule<T>> Optimizer<T> for Driver<T, R> {
    #[track_caller]
    fn step(&mut self, gradients: &Gradients<T>) {
        Driver::step(self, gradients);
    }

    #[track_caller]
    fn step_taking(&mut self, gradients: Gradients<T>) {
        Driver::step_taking(self, gradients);
    }

    fn learning_rates(&self) -> Vec<f64> {
        self.groups.iter().map(|group| group.learning_rate).collect()
    }

    fn learning_rate(&self) -> f64 {
        self.groups[0].learning_rate
    }

    #[track_caller]
    fn set_learning_rate(&mut self, learning_rate: f64) {
        let learning_rate = not_negative("learning rate", learning_rate);
        let first = self.groups[0].base;
        let have_ratios = first > 0.0 || self.groups.iter().all(|group| group.base == 0.0);
        assert!(
            have_ratios,
            "optimizer: the first group's learning rate is 0, so that the others' have no ratio to it"
        );
        for group in &mut self.groups {
            // A group with the same base gets the very same rate, without rounding.
            let is_same = group.base == first;
            group.learning_rate = if is_same { learning_rate } else { learning_rate * (group.base / first) };
        }
    }

    #[track_caller]
    fn scale_learning_rate(&mut self, factor: f64) {
        let factor = not_negative("factor of the learning rate", factor);
        for group in &mut self.groups {
            group.learning_rate = group.base * factor;
        }
    }

    fn momentum(&self) -> Option<f64> {
        self.groups[0].rule.momentum()
    }

    #[track_caller]
    fn set_momentum(&mut self, momentum: f64) {
        let momentum = fraction("momentum", momentum);
        assert!(self.momentum().is_some(), "optimizer: a momentum of {momentum} for a rule that has none");
        self.groups.iter_mut().for_each(|group| group.change(|rule| rule.set_momentum(momentum)));
    }

    fn is_elementwise(&self) -> bool {
        self.groups.iter().all(|group| group.rule.is_elementwise() && group.rule.scalars().is_empty())
    }

    fn state(&self) -> Vec<ParameterState<'_, T>> {
        let of_group = |group| {
            let Group { rule, parameters, .. }: &Group<T, R> = group;
            parameters.iter().map(|parameter| parameter.state(rule))
        };
        self.groups.iter().flat_map(of_group).collect()
    }

    fn restore(&mut self, name: &str, step: u64, slots: &[(&str, &[T])]) -> Result<(), StateError> {
        for group in &mut self.groups {
            if let Some(parameter) = group.parameters.iter_mut().find(|parameter| parameter.name == name) {
                return parameter.restore(&group.rule, step, slots);
            }
        }
        let names: Vec<&str> = self.parameters().map(|parameter| parameter.name.as_str()).collect();
        Err(StateError::new(name, "a parameter's state", format!("one of the parameters {}", names.join(", "))))
    }
}

impl<T: Float, R: Rule<T>> State for Driver<T, R> {
    fn state_dict(&self) -> StateDict {
        let mut state = StateDict::new();
        for (index, group) in self.groups.iter().enumerate() {
            state.insert_f64(setting(index, "lr"), group.learning_rate);
            state.insert_f64(setting(index, "initial_lr"), group.base);
            if let Some(momentum) = group.rule.momentum() {
                state.insert_f64(setting(index, "momentum"), momentum);
            }
            group.parameters.iter().for_each(|parameter| parameter.save(&group.rule, &mut state));
        }
        state
    }

    fn prepare_load<'a>(&'a mut self, state: &StateDict) -> Result<Load<'a>, StateError> {
        let mut reader = state.reader();
        let mut loaded = Vec::new();
        for (index, group) in self.groups.iter_mut().enumerate() {
            let rates = ["lr", "initial_lr"].map(|name| reader.not_negative(&setting(index, name)));
            let before = group.rule.momentum();
            let momentum = before.map(|_| reader.not_negative(&setting(index, "momentum")));
            // With the saved momentum, since without one a rule may have no slots.
            momentum.into_iter().for_each(|momentum| group.rule.set_momentum(momentum));
            let read = |parameter: &Parameter<T>| parameter.read(&group.rule, &mut reader);
            let progress: Vec<_> = group.parameters.iter().map(read).collect();
            before.into_iter().for_each(|momentum| group.rule.set_momentum(momentum));
            loaded.push((rates, momentum, progress));
        }
        reader.finish()?;
        Ok(Box::new(move || {
            for (group, ([learning_rate, base], momentum, progress)) in self.groups.iter_mut().zip(loaded) {
                (group.learning_rate, group.base) = (learning_rate, base);
                momentum.into_iter().for_each(|momentum| group.rule.set_momentum(momentum));
                group.parameters.iter_mut().zip(progress).for_each(|(parameter, progress)| parameter.set(progress));
            }
        }))
    }
}

/// The name of a group's setting, as in PyTorch.
fn setting(group: usize, name: &str) -> String {
    format!("param_groups.{group}.{name}")
}
