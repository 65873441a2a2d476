//! The state of a run as named values: what a file holds, so that the run goes on as if it had never stopped.
//!
//! Optimizers, schedules with a memory and streams of random numbers implement [`State`]; `nn::checkpoint` writes and
//! reads it. So neither has to know the other.

mod error;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use error::{StateDifference, StateError};

use crate::random::Random;
use crate::scalar::Scalar;
use crate::shape::Shape;

/// The elements of a [`StateEntry`], of one of the types that a state consists of.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum StateValues {
    /// Elements of a tensor of `f32`.
    F32(Vec<f32>),
    /// Elements of a tensor of `f64`, or a setting such as a learning rate.
    F64(Vec<f64>),
    /// Counts, positions and keys.
    U64(Vec<u64>),
}

impl StateValues {
    fn name(&self) -> &'static str {
        match self {
            StateValues::F32(_) => "f32",
            StateValues::F64(_) => "f64",
            StateValues::U64(_) => "u64",
        }
    }

    fn len(&self) -> usize {
        match self {
            StateValues::F32(values) => values.len(),
            StateValues::F64(values) => values.len(),
            StateValues::U64(values) => values.len(),
        }
    }

    fn as_any(&self) -> &dyn Any {
        match self {
            StateValues::F32(values) => values,
            StateValues::F64(values) => values,
            StateValues::U64(values) => values,
        }
    }
}

/// The name of a value within a larger state.
fn joined(part: &str, name: &str) -> String {
    if name.is_empty() { part.to_owned() } else { format!("{part}.{name}") }
}

/// Values with a shape: one entry of a [`StateDict`].
#[derive(Clone, Debug, PartialEq)]
pub struct StateEntry {
    shape: Shape,
    values: StateValues,
}

impl StateEntry {
    /// An entry of these values, in row-major order.
    ///
    /// # Panics
    /// If there are more or fewer values than the shape has elements.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>, values: StateValues) -> Self {
        let shape = shape.into();
        let count = values.len();
        assert!(shape.numel() == count, "StateEntry::new: {count} values for the shape {shape}");
        StateEntry { shape, values }
    }

    /// The shape; of a single number it is `[]`.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The values, in row-major order.
    pub fn values(&self) -> &StateValues {
        &self.values
    }

    fn in_words(&self) -> String {
        described(self.values.name(), &self.shape)
    }
}

fn described(element: &str, shape: &Shape) -> String {
    format!("{element} of shape {shape}")
}

/// The state of an object by name, as PyTorch's `state_dict`.
///
/// ```
/// use autograd::{Random, State};
/// let mut random = Random::new(7);
/// random.uniform();
/// let state = random.state_dict();
/// assert_eq!(state.names().collect::<Vec<_>>(), ["key", "position"]);
/// let expected = random.uniform();
/// let mut other = Random::new(0);
/// other.load_state_dict(&state).unwrap();
/// assert_eq!(other.uniform(), expected);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateDict(BTreeMap<String, StateEntry>);

impl StateDict {
    /// A state without values.
    pub fn new() -> Self {
        StateDict::default()
    }

    /// Adds an entry. One of the same name is replaced.
    pub fn insert(&mut self, name: impl Into<String>, entry: StateEntry) {
        self.0.insert(name.into(), entry);
    }

    /// Adds a count, a position or a key.
    pub fn insert_u64(&mut self, name: impl Into<String>, value: u64) {
        self.insert(name, StateEntry::new((), StateValues::U64(vec![value])));
    }

    /// Adds a setting.
    pub fn insert_f64(&mut self, name: impl Into<String>, value: f64) {
        self.insert(name, StateEntry::new((), StateValues::F64(vec![value])));
    }

    /// Adds the elements of a tensor.
    ///
    /// # Panics
    /// If there are more or fewer values than the shape has elements.
    #[track_caller]
    pub fn insert_elements<T: Scalar>(&mut self, name: impl Into<String>, shape: impl Into<Shape>, values: &[T]) {
        let values: Box<dyn Any> = Box::new(values.to_vec());
        let values = match values.downcast::<Vec<f32>>() {
            Ok(values) => StateValues::F32(*values),
            Err(values) => StateValues::F64(*values.downcast().expect("a scalar is f32 or f64")),
        };
        self.insert(name, StateEntry::new(shape, values));
    }

    /// The entry of this name.
    pub fn get(&self, name: &str) -> Option<&StateEntry> {
        self.0.get(name)
    }

    /// All names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// All entries by name, for who needs them as values.
    pub fn into_entries(self) -> BTreeMap<String, StateEntry> {
        self.0
    }

    /// All entries with their names, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &StateEntry)> {
        self.0.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// All entries under the names that they have within a larger state: `part.NAME`, and `part` itself for a value
    /// without a name.
    pub fn within(self, part: &str) -> StateDict {
        StateDict(self.0.into_iter().map(|(name, entry)| (joined(part, &name), entry)).collect())
    }

    /// Begins to read the values, for [`State::prepare_load`].
    pub fn reader(&self) -> StateReader<'_> {
        StateReader { state: self, read: BTreeSet::new(), differences: Vec::new() }
    }
}

/// Reads the values of a [`StateDict`] and remembers all that does not fit; [`finish`](StateReader::finish) returns it.
/// What is read before that may be a substitute for a value that is missing.
#[derive(Debug)]
pub struct StateReader<'a> {
    state: &'a StateDict,
    read: BTreeSet<String>,
    differences: Vec<StateDifference>,
}

impl<'a> StateReader<'a> {
    /// A count, a position or a key; 0 if it does not fit.
    pub fn u64(&mut self, name: &str) -> u64 {
        self.values(name, "u64", &Shape::from(())).map_or(0, |values| values[0])
    }

    /// A setting; 0 if it does not fit.
    pub fn f64(&mut self, name: &str) -> f64 {
        self.values(name, "f64", &Shape::from(())).map_or(0.0, |values| values[0])
    }

    /// A setting that must be finite and not negative; 0 if it does not fit.
    pub fn not_negative(&mut self, name: &str) -> f64 {
        let value = self.f64(name);
        if value >= 0.0 && value.is_finite() {
            return value;
        }
        self.refuse(name, value, "a finite number from 0 on");
        0.0
    }

    /// The elements of a tensor of this shape; none if they do not fit.
    pub fn elements<T: Scalar>(&mut self, name: &str, shape: &Shape) -> &'a [T] {
        self.values(name, T::NAME, shape).unwrap_or_default()
    }

    /// Whether there is an entry of this name.
    pub fn has(&self, name: &str) -> bool {
        self.state.get(name).is_some()
    }

    /// Notes that a value does not fit.
    pub fn refuse(&mut self, name: &str, found: impl fmt::Display, expected: impl fmt::Display) {
        let (name, found, expected) = (name.to_owned(), found.to_string(), expected.to_string());
        self.differences.push(StateDifference { name, found, expected });
    }

    fn values<V: 'static>(&mut self, name: &str, element: &str, shape: &Shape) -> Option<&'a [V]> {
        self.read.insert(name.to_owned());
        let Some(entry) = self.state.get(name) else {
            self.refuse(name, "no such value", described(element, shape));
            return None;
        };
        let values = entry.values.as_any().downcast_ref::<Vec<V>>();
        if values.is_none() || entry.shape != *shape {
            self.refuse(name, entry.in_words(), described(element, shape));
            return None;
        }
        values.map(Vec::as_slice)
    }

    /// Whether all that was read fits, and nothing was left.
    ///
    /// # Errors
    /// All that does not fit, with what was found and what was expected.
    pub fn finish(mut self) -> Result<(), StateError> {
        for (name, entry) in self.state.iter().filter(|(name, _)| !self.read.contains(*name)) {
            let (name, found, expected) = (name.to_owned(), entry.in_words(), "no such value".to_owned());
            self.differences.push(StateDifference { name, found, expected });
        }
        if self.differences.is_empty() { Ok(()) } else { Err(StateError { differences: self.differences }) }
    }
}

/// The second half of loading a state: it changes the object, and cannot fail.
pub type Load<'a> = Box<dyn FnOnce() + 'a>;

/// An object whose state can be saved and loaded: an optimizer, a schedule with a memory, a stream of random numbers, a
/// counter.
///
/// ```
/// use autograd::{Load, State, StateDict, StateError};
///
/// /// How often something has happened, and how well at best.
/// #[derive(Default)]
/// struct Record { count: u64, best: f64 }
///
/// impl State for Record {
///     fn state_dict(&self) -> StateDict {
///         let mut state = StateDict::new();
///         state.insert_u64("count", self.count);
///         state.insert_f64("best", self.best);
///         state
///     }
///
///     fn prepare_load<'a>(&'a mut self, state: &StateDict) -> Result<Load<'a>, StateError> {
///         let mut reader = state.reader();
///         let (count, best) = (reader.u64("count"), reader.f64("best"));
///         reader.finish()?;
///         Ok(Box::new(move || *self = Record { count, best }))
///     }
/// }
///
/// let mut other = Record::default();
/// other.load_state_dict(&Record { count: 3, best: 0.5 }.state_dict()).unwrap();
/// assert_eq!((other.count, other.best), (3, 0.5));
/// let error = other.load_state_dict(&4_u64.state_dict()).unwrap_err().to_string();
/// assert!(error.starts_with("count: found no such value, expected u64 of shape []"), "{error}");
/// ```
pub trait State {
    /// All that the object needs to go on, by name.
    fn state_dict(&self) -> StateDict;

    /// Checks that `state` fits and returns what puts it in place. Nothing is changed before that is called: so several
    /// objects are loaded all or not at all.
    ///
    /// # Errors
    /// If a value is missing, is one too many, or has another type or shape: all of them.
    fn prepare_load<'a>(&'a mut self, state: &StateDict) -> Result<Load<'a>, StateError>;

    /// Replaces the state by a saved one.
    ///
    /// # Errors
    /// Those of [`prepare_load`](State::prepare_load). Nothing is changed then.
    fn load_state_dict(&mut self, state: &StateDict) -> Result<(), StateError> {
        self.prepare_load(state).map(|load| load())
    }
}

impl State for Random {
    fn state_dict(&self) -> StateDict {
        let mut state = StateDict::new();
        state.insert_u64("key", self.key());
        state.insert_u64("position", self.position());
        state
    }

    fn prepare_load<'a>(&'a mut self, state: &StateDict) -> Result<Load<'a>, StateError> {
        let mut reader = state.reader();
        let (key, position) = (reader.u64("key"), reader.u64("position"));
        reader.finish()?;
        Ok(Box::new(move || *self = Random::at_position(key, position)))
    }
}

impl<S: State + ?Sized> State for Box<S> {
    fn state_dict(&self) -> StateDict {
        (**self).state_dict()
    }

    fn prepare_load<'a>(&'a mut self, state: &StateDict) -> Result<Load<'a>, StateError> {
        (**self).prepare_load(state)
    }
}

/// A number, such as how many steps a run has taken: an entry without a name of its own.
impl State for u64 {
    fn state_dict(&self) -> StateDict {
        let mut state = StateDict::new();
        state.insert_u64("", *self);
        state
    }

    fn prepare_load<'a>(&'a mut self, state: &StateDict) -> Result<Load<'a>, StateError> {
        let mut reader = state.reader();
        let value = reader.u64("");
        reader.finish()?;
        Ok(Box::new(move || *self = value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_does_not_fit_is_named_and_nothing_is_changed() {
        let mut state = StateDict::new();
        state.insert_f64("position", 3.0);
        state.insert_elements("more", [2], &[1.0_f32, 2.0]);
        let mut random = Random::new(5);
        let before = random.clone();
        let error = random.load_state_dict(&state).unwrap_err();
        let words = "key: found no such value, expected u64 of shape []; \
                     position: found f64 of shape [], expected u64 of shape []; \
                     more: found f32 of shape [2], expected no such value";
        assert_eq!((error.to_string().as_str(), error.differences().len()), (words, 3));
        assert_eq!(random, before);
    }

    #[test]
    fn elements_have_a_type_and_a_shape() {
        let mut state = StateDict::new();
        state.insert_elements("w", [2, 1], &[1.0_f64, 2.0]);
        let read = |shape: &[usize]| {
            let mut reader = state.reader();
            let values: &[f64] = reader.elements("w", &Shape::from(shape));
            (values.to_vec(), reader.finish().is_ok())
        };
        assert_eq!(read(&[2, 1]), (vec![1.0, 2.0], true));
        assert_eq!(read(&[2]), (vec![], false));
        let mut reader = state.reader();
        assert!(reader.elements::<f32>("w", &Shape::from([2, 1])).is_empty());
        assert!(reader.finish().is_err());
    }

    #[test]
    fn a_message_of_many_differences_stays_short() {
        let mut state = StateDict::new();
        (0..30).for_each(|index| state.insert_u64(format!("a{index}"), index));
        let words = state.reader().finish().unwrap_err().to_string();
        assert!(words.ends_with("; and 10 more") && words.matches("found").count() == 20, "{words}");
    }
}
