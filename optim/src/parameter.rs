//! The parameters of an optimizer, with or without names, and their state.

use autograd::{Float, Param, ParamKind, Shape, StateDict, StateError, StateReader};

use crate::optimizer::ParameterState;
use crate::rule::Rule;
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a parameter",
    label = "wanted: `Param`s, or pairs of a name and a `Param`",
    note = "a model hands them over: `model.parameters()`, or with names: `model.named_parameters()`"
)]
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

/// The parameters of a group, each once, without buffers. `earlier` are those of the groups before it.
#[track_caller]
pub(crate) fn collected<T: Float, P: IntoParameter<T>>(
    earlier: &[&Parameter<T>],
    parameters: impl IntoIterator<Item = P>,
) -> Vec<Parameter<T>> {
    let mut group: Vec<Parameter<T>> = Vec::new();
    for (name, param) in parameters.into_iter().map(IntoParameter::into_parameter) {
        if param.kind() == ParamKind::Buffer {
            continue;
        }
        if let Some(known) = group.iter().find(|known| known.param.is(&param)) {
            check_is_tied(known, name.as_deref());
            continue;
        }
        let name = name.unwrap_or_else(|| (earlier.len() + group.len()).to_string());
        for known in earlier {
            check_is_not_in_earlier_group(known, &name, &param);
        }
        for known in earlier.iter().copied().chain(&group) {
            check_has_another_name(known, &name, &param);
        }
        group.push(Parameter::new(name, param));
    }
    group
}

/// A parameter of a group that comes once more: tied weights have a name for each layer, anything else is an oversight.
#[track_caller]
fn check_is_tied<T: Float>(known: &Parameter<T>, name: Option<&str>) {
    if name.is_none_or(|name| name == known.name) {
        let (known, shape) = (&known.name, known.param.tensor().shape().clone());
        panic!("optimizer: the parameter {known} of shape {shape} comes twice");
    }
}

#[track_caller]
fn check_is_not_in_earlier_group<T: Float>(known: &Parameter<T>, name: &str, param: &Param<T>) {
    if known.param.is(param) {
        let (earlier, shape) = (&known.name, param.tensor().shape().clone());
        panic!("optimizer: the parameter {name} of shape {shape} is in an earlier group, as {earlier}");
    }
}

#[track_caller]
fn check_has_another_name<T: Float>(known: &Parameter<T>, name: &str, param: &Param<T>) {
    if known.name == name {
        let [known, shape] = [&known.param, param].map(|param| param.tensor().shape().clone());
        panic!("optimizer: two parameters are named {name}, of shapes {known} and {shape}");
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
    /// The values that are those of the whole parameter; none before the first step.
    pub(crate) scalars: Vec<T>,
}

impl<T: Float> Parameter<T> {
    pub(crate) fn new(name: String, param: Param<T>) -> Self {
        Parameter { name, param, step: 0, state: Vec::new(), scalars: Vec::new() }
    }

    /// Forgets all steps.
    pub(crate) fn begin_anew(&mut self) {
        (self.step, self.state, self.scalars) = (0, Vec::new(), Vec::new());
    }

    /// The state, of a rule's slots and scalars.
    pub(crate) fn state(&self, rule: &impl Rule<T>) -> ParameterState<'_, T> {
        let slots = rule.slots().iter().copied().zip(self.state.iter().map(Slot::as_slice));
        let scalars = rule.scalars().iter().copied().zip(self.scalars.chunks(1));
        ParameterState { name: &self.name, step: self.step, slots: slots.chain(scalars).collect() }
    }

    /// Adds the state to that of the optimizer: `NAME.step`, `NAME.exp_avg` and so on.
    pub(crate) fn save(&self, rule: &impl Rule<T>, state: &mut StateDict) {
        state.insert_u64(format!("{}.step", self.name), self.step);
        let shape = self.param.tensor().shape().clone();
        for (slot, values) in rule.slots().iter().zip(&self.state) {
            state.insert_elements(format!("{}.{slot}", self.name), shape.clone(), values.as_slice());
        }
        for (scalar, value) in rule.scalars().iter().zip(&self.scalars) {
            state.insert_elements(format!("{}.{scalar}", self.name), (), &[*value]);
        }
    }

    /// Reads the state that [`save`](Parameter::save) has written.
    pub(crate) fn read(&self, rule: &impl Rule<T>, reader: &mut StateReader<'_>) -> Progress<T> {
        let name = |value: &str| format!("{}.{value}", self.name);
        let step = reader.u64(&name("step"));
        let mut progress = Progress { step, slots: Vec::new(), scalars: Vec::new() };
        if step > 0 {
            let shape = self.param.tensor().shape().clone();
            for slot in rule.slots() {
                progress.slots.push(Slot::copy_of(reader.elements(&name(slot), &shape)));
            }
            for scalar in rule.scalars() {
                progress.scalars.extend(reader.elements::<T>(&name(scalar), &Shape::from(())));
            }
        }
        progress
    }

    /// Puts a state in place that was read.
    pub(crate) fn set(&mut self, progress: Progress<T>) {
        (self.step, self.state, self.scalars) = (progress.step, progress.slots, progress.scalars);
    }

    /// Replaces the state by a saved one, if that has the rule's slots.
    pub(crate) fn restore(&mut self, rule: &impl Rule<T>, step: u64, slots: &[(&str, &[T])]) -> Result<(), StateError> {
        let length = self.param.tensor().numel();
        let expected = rule.slots().iter().map(|slot| (*slot, length));
        let expected: Vec<_> = expected.chain(rule.scalars().iter().map(|scalar| (*scalar, 1))).collect();
        let error = |value: &str, found: &str, expected: &str| {
            Err(StateError::new(format!("{}.{value}", self.name), found, expected))
        };
        if let Some((unknown, _)) = slots.iter().find(|(slot, _)| !expected.iter().any(|(name, _)| name == slot)) {
            return error(unknown, "a value", "none: this optimizer has no such slot");
        }
        let mut restored = Vec::new();
        for &(name, length) in expected.iter().filter(|_| step > 0) {
            let Some((_, values)) = slots.iter().find(|(slot, _)| *slot == name) else {
                return error(name, "no such value", &format!("{length} values"));
            };
            if values.len() != length {
                return error(name, &format!("{} values", values.len()), &length.to_string());
            }
            restored.push(Slot::copy_of(values));
        }
        let scalars = restored.split_off(rule.slots().len().min(restored.len()));
        let scalars = scalars.iter().map(|scalar| scalar.as_slice()[0]).collect();
        self.set(Progress { step, slots: restored, scalars });
        Ok(())
    }
}

/// How far a parameter is: its step count and its state.
pub(crate) struct Progress<T> {
    step: u64,
    slots: Vec<Slot<T>>,
    scalars: Vec<T>,
}
