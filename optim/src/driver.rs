//! The driver, which runs a rule over groups of parameters.

use autograd::{Float, Gradients, Param, ParamKind, Tensor};

use crate::parameter::{IntoParameter, Parameter, collected};
use crate::rule::{Pass, Rule, Target, Updated};
use crate::settings::not_negative;
use crate::slot::Slot;

/// Runs a [`Rule`] over parameters. The optimizers of this crate are aliases of it: [`Adam`](crate::Adam),
/// [`Sgd`](crate::Sgd), ...
///
/// Some parameters may have settings of their own: see [`group`](Driver::group).
#[derive(Debug)]
pub struct Driver<T: Float, R> {
    /// The first one is that of the constructor.
    pub(crate) groups: Vec<Group<T, R>>,
}

/// Parameters with the same settings.
#[derive(Debug)]
pub(crate) struct Group<T: Float, R> {
    pub(crate) rule: R,
    /// The first learning rate, from which schedules scale.
    pub(crate) base: f64,
    pub(crate) learning_rate: f64,
    /// Whether the steps go uphill.
    maximize: bool,
    pub(crate) parameters: Vec<Parameter<T>>,
}

impl<T: Float, R> Group<T, R> {
    pub(crate) fn new(rule: R, base: f64) -> Self {
        Group { rule, base, learning_rate: base, maximize: false, parameters: Vec::new() }
    }

    /// Changes the rule's settings. A parameter's state begins anew if it has other slots then.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut R))
    where
        R: Rule<T>,
    {
        let before = (self.rule.slots(), self.rule.scalars());
        change(&mut self.rule);
        if (self.rule.slots(), self.rule.scalars()) != before {
            self.parameters.iter_mut().for_each(Parameter::begin_anew);
        }
    }
}

impl<T: Float, R: Rule<T>> Driver<T, R> {
    /// An optimizer of these parameters, or pairs of a name and a parameter, with this rule. A parameter with two names
    /// (tied weights) is stepped once, under the first one. Buffers, which no gradient changes, are left out.
    ///
    /// # Panics
    /// If the learning rate is negative or not finite, two parameters have the same name, or one comes twice without
    /// names, or twice under the same one.
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
        let settings = Group { maximize: first.maximize, ..Group::new(first.rule.clone(), first.base) };
        let mut changed = change(Driver { groups: vec![settings] });
        let group = changed.groups.swap_remove(0);
        let has_no_parameters = changed.groups.is_empty() && group.parameters.is_empty();
        assert!(has_no_parameters, "Driver::group: `change` is to return settings, not an optimizer of parameters");
        self.add(group, parameters);
        self
    }

    #[track_caller]
    fn add<P: IntoParameter<T>>(&mut self, mut group: Group<T, R>, parameters: impl IntoIterator<Item = P>) {
        let earlier: Vec<&Parameter<T>> = self.parameters().collect();
        group.parameters = collected(&earlier, parameters);
        self.groups.push(group);
    }

    /// The settings of the first group.
    pub(crate) fn rule(&self) -> &R {
        &self.groups[0].rule
    }

    pub(crate) fn parameters(&self) -> impl Iterator<Item = &Parameter<T>> {
        self.groups.iter().flat_map(|group| &group.parameters)
    }

    /// Changes the rule's settings; what the builders of the optimizers are made of. A parameter's state begins anew if
    /// it has other slots then.
    ///
    /// # Panics
    /// If there are groups already: they started from the settings before.
    #[track_caller]
    pub fn with(mut self, change: impl FnOnce(&mut R)) -> Self {
        self.only_group().change(change);
        self
    }

    /// Whether the steps go uphill, to a larger value of what the gradients are of. They go downhill if this is not
    /// called.
    ///
    /// ```
    /// use autograd::{Param, Tensor};
    /// use optim::Sgd;
    /// let weight: Param = Param::new(Tensor::ones([1]));
    /// let mut sgd = Sgd::new([weight.clone()], 0.5).maximize(true);
    /// sgd.step(&weight.tensor().sum().backward());
    /// assert_eq!(weight.tensor().item(), 1.5);
    /// ```
    ///
    /// # Panics
    /// If there are groups already: they started from the settings before.
    #[track_caller]
    pub fn maximize(mut self, maximize: bool) -> Self {
        self.only_group().maximize = maximize;
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

    /// As [`step`](Driver::step), with gradients that nobody needs afterwards: the new weights are written to their
    /// buffers, which saves the memory's bandwidth that another buffer would take.
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
                    // One more pass for those who want it, so that the others' loop has nothing to ask.
                    let gradient = if group.maximize { -gradient } else { gradient };
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
    let Parameter { param, step, state, scalars, .. } = parameter;
    if *step == 0 {
        *state = rule.slots().iter().map(|slot| Slot::filled(rule.initial(slot), gradient.numel())).collect();
        *scalars = rule.scalars().iter().map(|scalar| rule.initial(scalar)).collect();
    }
    let next = *step + 1;
    let over = param.update_over(gradient, |old, buffer| {
        rule.update(Pass {
            step: next,
            learning_rate,
            old,
            target: Target::GradientBuffer(buffer),
            state: &mut *state,
            scalars: &mut *scalars,
        })
    });
    let Updated { .. } = over.unwrap_or_else(|gradient| {
        let gradient = gradient.contiguous();
        let view = gradient.as_array();
        let gradient = view.as_slice().expect("a contiguous tensor is a slice");
        param.update_from(|old, new| {
            rule.update(Pass {
                step: next,
                learning_rate,
                old,
                target: Target::Separate { gradient, new },
                state,
                scalars,
            })
        })
    });
    *step = next;
}
