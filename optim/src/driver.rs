//! The driver, which runs a rule over groups of parameters.

use autograd::{Float, Gradients, Param, ParamKind, Tensor};

use crate::optimizer::{Optimizer, ParameterState, StateError};
use crate::parameter::{IntoParameter, Parameter};
use crate::rule::{Pass, Place, Rule, Updated};
use crate::settings::not_negative;
use crate::slot::Slot;

/// Runs a [`Rule`] over parameters. The optimizers of this crate are aliases of it: [`Adam`](crate::Adam),
/// [`Sgd`](crate::Sgd), ...
///
/// Some parameters may have settings of their own: see [`group`](Driver::group).
#[derive(Debug)]
pub struct Driver<T: Float, R> {
    /// The first one is that of the constructor.
    groups: Vec<Group<T, R>>,
}

/// Parameters with the same settings.
#[derive(Debug)]
struct Group<T: Float, R> {
    rule: R,
    /// The first learning rate, from which schedules scale.
    base: f64,
    learning_rate: f64,
    parameters: Vec<Parameter<T>>,
}

impl<T: Float, R> Group<T, R> {
    fn new(rule: R, base: f64) -> Self {
        Group { rule, base, learning_rate: base, parameters: Vec::new() }
    }
}

impl<T: Float, R: Rule<T>> Driver<T, R> {
    /// An optimizer of these parameters, or pairs of a name and a parameter, with this rule. Of a parameter that comes
    /// twice, under whatever names, the second one is left out; and so are buffers, which no gradient changes.
    ///
    /// # Panics
    /// If the learning rate is negative or not finite, or two parameters have the same name.
    #[track_caller]
    pub fn with_rule<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>, lr: f64, rule: R) -> Self {
        let mut driver = Driver { groups: Vec::new() };
        driver.add(Group::new(rule, not_negative("learning rate", lr)), parameters);
        driver
    }

    /// Adds parameters that have settings of their own: those of the optimizer, so far, changed by `change`, which gets
    /// them as an optimizer without parameters.
    ///
    /// ```
    /// use autograd::{Param, Tensor};
    /// use optim::AdamW;
    /// let (weight, bias): (Param, Param) = (Param::new(Tensor::ones([1])), Param::new(Tensor::ones([1])));
    /// let mut adam = AdamW::new([weight.clone()], 0.1)
    ///     .weight_decay(0.5)
    ///     .group([bias.clone()], |settings| settings.lr(0.01).weight_decay(0.0));
    /// adam.step(&(weight.tensor() + bias.tensor()).sum().backward());
    /// assert!((weight.tensor().item() - (0.95 - 0.1)).abs() < 1e-6);
    /// assert!((bias.tensor().item() - (1.0 - 0.01)).abs() < 1e-6);
    /// ```
    ///
    /// # Panics
    /// If a parameter is in an earlier group, two parameters have the same name, or `change` returns parameters.
    #[track_caller]
    pub fn group<P: IntoParameter<T>>(
        mut self,
        parameters: impl IntoIterator<Item = P>,
        change: impl FnOnce(Self) -> Self,
    ) -> Self
    where
        R: Clone,
    {
        let first = &self.groups[0];
        let mut changed = change(Driver { groups: vec![Group::new(first.rule.clone(), first.base)] });
        let group = changed.groups.swap_remove(0);
        let has_no_parameters = changed.groups.is_empty() && group.parameters.is_empty();
        assert!(has_no_parameters, "Driver::group: `change` is to return settings, not an optimizer of parameters");
        self.add(group, parameters);
        self
    }

    #[track_caller]
    fn add<P: IntoParameter<T>>(&mut self, mut group: Group<T, R>, parameters: impl IntoIterator<Item = P>) {
        let count = self.parameters().count();
        for parameter in parameters {
            let (name, param) = parameter.into_parameter();
            let is_known = group.parameters.iter().any(|known| known.param.is(&param));
            if is_known || param.kind() == ParamKind::Buffer {
                continue;
            }
            let name = name.unwrap_or_else(|| (count + group.parameters.len()).to_string());
            self.check_is_new(&name, &param, &group);
            group.parameters.push(Parameter::new(name, param));
        }
        self.groups.push(group);
    }

    #[track_caller]
    fn check_is_new(&self, name: &str, param: &Param<T>, group: &Group<T, R>) {
        let shape = || param.tensor().shape().clone();
        for known in self.parameters() {
            if known.param.is(param) {
                let earlier = &known.name;
                panic!("optimizer: the parameter {name} of shape {} is in an earlier group, as {earlier}", shape());
            }
        }
        for known in self.parameters().chain(&group.parameters) {
            if known.name == name {
                let other = known.param.tensor().shape().clone();
                panic!("optimizer: two parameters are named {name}, of shapes {other} and {}", shape());
            }
        }
    }

    /// The settings of the first group.
    pub(crate) fn rule(&self) -> &R {
        &self.groups[0].rule
    }

    fn parameters(&self) -> impl Iterator<Item = &Parameter<T>> {
        self.groups.iter().flat_map(|group| &group.parameters)
    }

    /// Changes the rule's settings; what the builders of the optimizers are made of. A parameter's state begins anew if
    /// it has other slots then.
    ///
    /// # Panics
    /// If there are groups already: they started from the settings before.
    #[track_caller]
    pub fn with(mut self, change: impl FnOnce(&mut R)) -> Self {
        let group = self.only_group();
        let slots = group.rule.slots();
        change(&mut group.rule);
        if group.rule.slots() != slots {
            for parameter in &mut group.parameters {
                (parameter.step, parameter.state) = (0, Vec::new());
            }
        }
        self
    }

    /// The learning rate, from which schedules scale: for the settings of a [`group`](Driver::group).
    ///
    /// # Panics
    /// If it is negative or not finite, or there are groups already.
    #[track_caller]
    pub fn lr(mut self, lr: f64) -> Self {
        let lr = not_negative("learning rate", lr);
        let group = self.only_group();
        (group.base, group.learning_rate) = (lr, lr);
        self
    }

    #[track_caller]
    fn only_group(&mut self) -> &mut Group<T, R> {
        assert!(self.groups.len() == 1, "optimizer: settings come before the groups, which start from them");
        &mut self.groups[0]
    }

    /// Changes each trainable parameter that has a gradient, in one pass over its elements. The others, and their step
    /// counts, stay as they are.
    ///
    /// # Panics
    /// If some parameters are trainable and none of these has a gradient: those are the gradients of another model. An
    /// optimizer all of whose parameters are frozen has nothing to do.
    #[track_caller]
    pub fn step(&mut self, gradients: &Gradients<T>) {
        self.step_each(|param| gradients.of(param).cloned());
    }

    /// As [`step`](Driver::step), with gradients that nobody needs afterwards: the new weights are written to their buffers, which
    /// saves the memory's bandwidth that another buffer would take.
    ///
    /// ```
    /// use autograd::{Param, Tensor};
    /// use optim::Sgd;
    /// let weight: Param = Param::new(Tensor::ones([3]));
    /// let mut sgd = Sgd::new([weight.clone()], 0.5);
    /// sgd.step_taking(weight.tensor().sum().backward());
    /// assert_eq!(weight.tensor().to_vec(), [0.5; 3]);
    /// ```
    ///
    /// # Panics
    /// As [`step`](Driver::step).
    #[track_caller]
    pub fn step_taking(&mut self, mut gradients: Gradients<T>) {
        self.step_each(|param| gradients.take(param));
    }

    #[track_caller]
    fn step_each(&mut self, mut gradient_of: impl FnMut(&Param<T>) -> Option<Tensor<T>>) {
        let (mut trainable, mut stepped) = (0, 0);
        for group in &mut self.groups {
            for parameter in &mut group.parameters {
                if parameter.param.kind() != ParamKind::Trainable {
                    continue;
                }
                trainable += 1;
                if let Some(gradient) = gradient_of(&parameter.param) {
                    step(&group.rule, group.learning_rate, parameter, gradient);
                    stepped += 1;
                }
            }
        }
        if trainable > 0 && stepped == 0 {
            let count = self.parameters().count();
            let frozen = match count - trainable {
                0 => String::new(),
                frozen => format!(" ({frozen} of them frozen)"),
            };
            panic!("step: the gradients hold none of the optimizer's {count} parameters{frozen}");
        }
    }
}

/// One step of a parameter, over its gradient if nobody else holds that.
fn step<T: Float>(rule: &impl Rule<T>, learning_rate: f64, parameter: &mut Parameter<T>, gradient: Tensor<T>) {
    let Parameter { param, step, state, .. } = parameter;
    if *step == 0 {
        *state = rule.slots().iter().map(|slot| Slot::filled(rule.initial(slot), gradient.numel())).collect();
    }
    let next = *step + 1;
    let over = param.update_over(gradient, |old, buffer| {
        rule.update(Pass { step: next, learning_rate, old, place: Place::Over(buffer), state: &mut *state })
    });
    let Updated { .. } = over.unwrap_or_else(|gradient| {
        let gradient = gradient.contiguous();
        let view = gradient.as_array();
        let gradient = view.as_slice().expect("a contiguous tensor is a slice");
        param.update_from(|old, new| {
            rule.update(Pass { step: next, learning_rate, old, place: Place::Apart { gradient, new }, state })
        })
    });
    *step = next;
}

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

    fn is_elementwise(&self) -> bool {
        self.groups.iter().all(|group| group.rule.is_elementwise())
    }

    fn state(&self) -> Vec<ParameterState<'_, T>> {
        let of_group = |group| {
            let Group { rule, parameters, .. }: &Group<T, R> = group;
            parameters.iter().map(|parameter| parameter.state(rule.slots()))
        };
        self.groups.iter().flat_map(of_group).collect()
    }

    fn restore(&mut self, name: &str, step: u64, slots: &[(&str, &[T])]) -> Result<(), StateError> {
        for group in &mut self.groups {
            if let Some(parameter) = group.parameters.iter_mut().find(|parameter| parameter.name == name) {
                return parameter.restore(group.rule.slots(), step, slots);
            }
        }
        let names: Vec<&str> = self.parameters().map(|parameter| parameter.name.as_str()).collect();
        Err(StateError(format!("state for a parameter {name}, but the optimizer's are {}", names.join(", "))))
    }
}
