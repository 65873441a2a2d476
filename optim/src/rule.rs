//! What an optimizer is made of: a scalar rule, and the pass over a parameter that runs it.

use autograd::Float;
use autograd::kernels::update::{norms, update_from, update_over};

use crate::slot::Slot;

/// The formula of an optimizer, written for one element: from a weight, its gradient and its state to the new weight.
///
/// Its fields are the settings of the formula. The learning rate is not one of them: the [`Driver`](crate::Driver) has
/// it, for schedules. To add an optimizer is to write its rule.
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::{Driver, Pass, Rule, Updated};
///
/// /// Signs only: w ← w - lr · sign g
/// #[derive(Clone, Debug)]
/// struct SignRule;
///
/// impl Rule for SignRule {
///     fn update(&self, pass: Pass<'_>) -> Updated {
///         let lr = pass.learning_rate() as f32;
///         pass.run(move |weight, gradient, []| weight - lr * gradient.signum())
///     }
/// }
///
/// let weight = Param::new(Tensor::from_vec(vec![1.0, -1.0], [2]));
/// let mut optimizer = Driver::with_rule([weight.clone()], 0.5, SignRule);
/// optimizer.step(&weight.tensor().powf(2.0).sum().backward());
/// assert_eq!(weight.tensor().to_vec(), [0.5, -0.5]);
/// ```
pub trait Rule<T: Float = f32>: Send + Sync {
    /// The names of the state's slots, of which each has a value for each weight, with these settings: PyTorch's names,
    /// where there is such an optimizer. None if it is not given.
    fn slots(&self) -> &'static [&'static str] {
        &[]
    }

    /// The names of what the state has besides, with these settings: one value for the whole parameter, which
    /// [`Pass::scalar`] changes. None if it is not given.
    fn scalars(&self) -> &'static [&'static str] {
        &[]
    }

    /// The momentum, or the share that a running mean of the gradients keeps at each step (Adam's β₁), which
    /// [`OneCycleLR`](crate::schedule::OneCycleLR) changes. `None` if the rule has no such setting.
    fn momentum(&self) -> Option<f64> {
        None
    }

    /// Changes what [`momentum`](Rule::momentum) returns; only called if that is something.
    fn set_momentum(&mut self, momentum: f64) {
        let _ = momentum;
    }

    /// The values of a slot or a scalar before the first step: 0 if it is not given.
    fn initial(&self, _slot: &str) -> T {
        T::ZERO
    }

    /// Whether the new value of each element depends on nothing but its own weight, gradient and state, the settings
    /// and the step number: then ranks may share out the elements of a parameter
    /// ([`Sharded`](crate::parallel::Sharded)). A rule that calls [`Pass::norms`], or has [`scalars`](Rule::scalars),
    /// is not. `false` if it is not given: ranks then share out whole parameters.
    fn is_elementwise(&self) -> bool {
        false
    }

    /// One step of one parameter: ends with [`Pass::run`] over as many slots as [`slots`](Rule::slots) names. What does
    /// not change within the step is computed before that, once, in `f64`.
    fn update(&self, pass: Pass<'_, T>) -> Updated;
}

/// One step of one parameter, which a [`Rule`] runs.
#[derive(Debug)]
pub struct Pass<'a, T: Float = f32> {
    pub(crate) step: u64,
    pub(crate) learning_rate: f64,
    pub(crate) old: &'a [T],
    pub(crate) target: Target<'a, T>,
    pub(crate) state: &'a mut [Slot<T>],
    pub(crate) scalars: &'a mut [T],
}

/// Where the gradient is, and where the new weights go.
#[derive(Debug)]
pub(crate) enum Target<'a, T> {
    /// Two buffers.
    Separate { gradient: &'a [T], new: &'a mut [T] },
    /// One that has the gradient before, and the new weights afterwards.
    GradientBuffer(&'a mut [T]),
}

/// The proof that a rule has computed its parameter's new weights: [`Pass::run`] returns it.
#[derive(Debug)]
#[must_use]
pub struct Updated(());

impl<T: Float> Pass<'_, T> {
    /// The parameter's own step number, which counts from 1.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The learning rate of the parameter's group at this step.
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// A value of the whole parameter, by its position in [`Rule::scalars`].
    ///
    /// # Panics
    /// If there are not so many.
    #[track_caller]
    pub fn scalar(&mut self, index: usize) -> &mut T {
        let count = self.scalars.len();
        assert!(index < count, "Pass::scalar: the scalar {index}, but Rule::scalars names {count}");
        &mut self.scalars[index]
    }

    /// The norms ‖x‖ = √(Σ x²), over the whole parameter, of the values that `values(weight, gradient, state)` returns
    /// for each element; for rules that need them before [`run`](Pass::run). The state is a copy, which `values` may
    /// change. The squares are added up in `f64`, in pairs: their bits do not depend on the number of threads.
    ///
    /// # Panics
    /// If the number of slots is not that of [`Rule::slots`].
    #[track_caller]
    pub fn norms<const SLOTS: usize, const VALUES: usize>(
        &self,
        values: impl Fn(T, T, &mut [T; SLOTS]) -> [T; VALUES] + Sync + 'static,
    ) -> [f64; VALUES] {
        check_slots::<SLOTS>("norms", self.state.len());
        let state = std::array::from_fn(|slot| self.state[slot].as_slice());
        let gradient = match &self.target {
            Target::Separate { gradient, .. } => gradient,
            Target::GradientBuffer(buffer) => &**buffer,
        };
        norms(self.old, gradient, state, values)
    }

    /// Computes the new weights by `rule(weight, gradient, state) -> weight`, which changes its state in place: one
    /// vectorised pass, on all threads.
    ///
    /// A `move` closure, whose settings are its own: were they references, the compiler would have to read them anew
    /// for each element, since the weights that it writes might lie there, and could not vectorise the loop.
    ///
    /// # Panics
    /// If the number of slots is not that of [`Rule::slots`].
    #[track_caller]
    pub fn run<const SLOTS: usize>(self, rule: impl Fn(T, T, &mut [T; SLOTS]) -> T + Sync + 'static) -> Updated {
        check_slots::<SLOTS>("run", self.state.len());
        let mut slots = self.state.iter_mut();
        let state = std::array::from_fn(|_| slots.next().expect("as many as were counted").as_mut_slice());
        match self.target {
            Target::Separate { gradient, new } => update_from(self.old, new, gradient, state, rule),
            Target::GradientBuffer(buffer) => update_over(self.old, buffer, state, rule),
        }
        Updated(())
    }
}

#[track_caller]
fn check_slots<const SLOTS: usize>(method: &str, named: usize) {
    assert!(named == SLOTS, "Pass::{method}: a function of {SLOTS} slots, but Rule::slots names {named}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Driver, Optimizer};
    use autograd::{Param, Tensor};

    /// A sum of squares that begins at 4, and with `slot` unset a rule that asks for more slots than it names.
    struct Accumulated {
        slot: bool,
    }

    impl Rule<f64> for Accumulated {
        fn slots(&self) -> &'static [&'static str] {
            if self.slot { &["sum"] } else { &[] }
        }

        fn initial(&self, slot: &str) -> f64 {
            assert_eq!(slot, "sum");
            4.0
        }

        fn update(&self, pass: Pass<'_, f64>) -> Updated {
            let lr = pass.learning_rate() / pass.step() as f64;
            pass.run(move |weight, gradient, [sum]| {
                *sum += gradient * gradient;
                weight - lr * gradient / sum.sqrt()
            })
        }
    }

    #[test]
    fn a_slot_begins_with_its_initial_value() {
        let weight = Param::new(Tensor::zeros([2]));
        let mut optimizer = Driver::with_rule([weight.clone()], 0.5, Accumulated { slot: true });
        optimizer.step(&(weight.tensor() * 3.0).sum().backward());
        assert_eq!(optimizer.state()[0].slots, [("sum", &[13.0; 2][..])]);
        assert!((weight.tensor().to_vec()[1] + 1.5 / 13.0_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    #[should_panic(expected = "Pass::run: a function of 1 slots, but Rule::slots names 0")]
    fn a_rule_gets_the_slots_that_it_names() {
        let weight = Param::new(Tensor::zeros([2]));
        let mut optimizer = Driver::with_rule([weight.clone()], 0.5, Accumulated { slot: false });
        optimizer.step(&weight.tensor().sum().backward());
    }
}
