//! A whole run in one file: the model, and whatever else it needs to go on.

use std::path::Path;

use autograd::{Float, Shape, State, StateDict, StateEntry, StateError, StateValues};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::elements::{self, ElementType};
use super::error::CheckpointError;
use super::{Numbers, of_model, read, write};
use crate::module::Module;

/// The longest name of a value within a part: what is longer is no part's, and is not to be repeated in a message.
const LONGEST_NAME: usize = 4096;

/// What the names of the model's tensors begin with.
const MODEL: &str = "model";

/// Writes a model and the other parts of its run, each under its name: an optimizer, a schedule with a memory, a
/// [`Random`](autograd::Random), the number of steps so far, whatever implements [`State`]. [`load_run`] reads them,
/// and the run goes on with the very bits that it would have had.
///
/// In the file, a tensor of the model is `model.NAME`, a value of the part `optimizer` is `optimizer.NAME`:
/// `optimizer.fc1.weight.exp_avg`, for an optimizer that was made of `named_parameters()`. At `path` is the old file or
/// the whole new one at every moment.
///
/// ```
/// use autograd::{Random, Tensor};
/// use nn::{Linear, Module, checkpoint};
/// use optim::schedule::OneCycleLR;
/// use optim::{AdamW, Optimizer};
///
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("run.safetensors");
/// let schedule = OneCycleLR::new(100);
/// let train = |model: &Linear, adam: &mut AdamW, random: &mut Random, step: &mut u64| {
///     for _ in 0..10 {
///         let x = Tensor::randn([8, 3], &mut *random).dropout(0.5, &mut *random);
///         adam.follow(&schedule, *step);
///         adam.step(&x.linear(&model.weight.tensor(), None).powf(2.0).mean().backward());
///         *step += 1;
///     }
///     model.weight.tensor().to_vec()
/// };
///
/// let (model, mut random, mut step) = (Linear::new(3, 2, 0), Random::new(1), 0);
/// let mut adam = AdamW::new(model.named_parameters(), 0.1);
/// train(&model, &mut adam, &mut random, &mut step);
/// checkpoint::save_run(&model, &[("optimizer", &adam), ("random", &random), ("step", &step)], &path).unwrap();
/// let expected = train(&model, &mut adam, &mut random, &mut step);
///
/// // Another day, in another process.
/// let (model, mut random, mut step) = (Linear::new(3, 2, 7), Random::new(8), 0);
/// let mut adam = AdamW::new(model.named_parameters(), 0.1);
/// let parts: &mut [(&str, &mut dyn autograd::State)] =
///     &mut [("optimizer", &mut adam), ("random", &mut random), ("step", &mut step)];
/// checkpoint::load_run(&model, parts, &path).unwrap();
/// assert_eq!(train(&model, &mut adam, &mut random, &mut step), expected);
/// ```
///
/// # Errors
/// If two different parameters have one name, or the file cannot be written. What was at `path` is still there then.
///
/// # Panics
/// If two parts have the same name, or one is named `model`, has no name, or a name with a dot.
#[track_caller]
pub fn save_run<T: Float>(
    model: &(impl Module<T> + ?Sized),
    parts: &[(&str, &dyn State)],
    path: impl AsRef<Path>,
) -> Result<(), CheckpointError> {
    check_names(parts.iter().map(|(name, _)| *name));
    let path = path.as_ref();
    let mut tensors = of_model(&read::prefixed(model, path, &prefix(MODEL))?, ElementType::of::<T>());
    for (part, state) in parts {
        let entries = state.state_dict().within(part).into_entries();
        tensors.extend(entries.into_iter().map(|(name, entry)| (name, numbers(&entry))));
    }
    write(tensors, &[], path)
}

/// Reads a model and the other parts of its run from what [`save_run`] has written, with the same parts under the same
/// names. All of them is checked before anything is changed.
///
/// # Errors
/// If the file cannot be read, is not whole, or something in it does not fit the model or a part: the message says what
/// was found and what was expected. Neither the model nor any part is changed then.
///
/// # Panics
/// If two parts have the same name, or one is named `model`, has no name, or a name with a dot.
#[track_caller]
pub fn load_run<T: Float>(
    model: &(impl Module<T> + ?Sized),
    parts: &mut [(&str, &mut dyn State)],
    path: impl AsRef<Path>,
) -> Result<(), CheckpointError> {
    let names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
    check_names(names.iter().copied());
    let path = path.as_ref();
    let parameters = read::prefixed(model, path, &prefix(MODEL))?;
    let bytes = read::read(path)?;
    let file = read::parsed(&bytes, &parameters, path)?;
    let of_a_part = |name: &str| names.contains(&name.split('.').next().unwrap_or_default());
    let values = read::values(&file, &parameters, path, of_a_part)?;
    let states: Vec<StateDict> = names.iter().map(|part| state_of(&file, part, path)).collect::<Result<_, _>>()?;
    // Before the parts make copies of their own: a file takes twice its length in memory, not thrice.
    drop(file);
    drop(bytes);
    let mut loads = Vec::new();
    for ((part, object), state) in parts.iter_mut().zip(states) {
        let load = object.prepare_load(&state);
        loads.push(load.map_err(|error| CheckpointError::State { path: path.to_owned(), source: error.within(part) })?);
    }
    // From here on nothing can fail.
    values.into_iter().for_each(|(param, value)| param.set(&value));
    loads.into_iter().for_each(|load| load());
    Ok(())
}

fn prefix(part: &str) -> String {
    format!("{part}.")
}

#[track_caller]
fn check_names<'a>(names: impl Iterator<Item = &'a str>) {
    let mut known = vec![MODEL];
    for name in names {
        let is_new = !known.contains(&name);
        assert!(is_new, "checkpoint: two parts of a run are named {name} (the model is {MODEL})");
        assert!(!name.is_empty() && !name.contains('.'), "checkpoint: {name:?} is no name of a part of a run");
        known.push(name);
    }
}

/// A value of a state, as it is in a file.
fn numbers(entry: &StateEntry) -> Numbers {
    let (dtype, bytes) = match entry.values() {
        StateValues::F32(values) => (Dtype::F32, elements::to_bytes(values, ElementType::F32)),
        StateValues::F64(values) => (Dtype::F64, elements::to_bytes(values, ElementType::F64)),
        StateValues::U64(values) => (Dtype::U64, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        _ => unreachable!("a state has values of three types"),
    };
    Numbers { dtype, shape: entry.shape().to_vec(), bytes }
}

/// The state of a part, in a file.
fn state_of(file: &SafeTensors<'_>, part: &str, path: &Path) -> Result<StateDict, CheckpointError> {
    let mut state = StateDict::new();
    for (full, view) in file.iter() {
        let Some(rest) = full.strip_prefix(part) else { continue };
        let name = match rest.strip_prefix('.') {
            Some(name) => name,
            None if rest.is_empty() => "",
            None => continue,
        };
        let refused = |found: String, expected: &str| CheckpointError::State {
            path: path.to_owned(),
            source: StateError::new(read::shown(full), found, expected),
        };
        if name.len() > LONGEST_NAME {
            return Err(refused(format!("a name of {} bytes", name.len()), "a shorter one"));
        }
        let values = values_of(&view).ok_or_else(|| {
            let found = format!("{} of shape {}", elements::name(view.dtype()), Shape::from(view.shape()));
            refused(found, "elements of f32, f64 or u64")
        })?;
        state.insert(name, StateEntry::new(view.shape(), values));
    }
    Ok(state)
}

fn values_of(view: &TensorView<'_>) -> Option<StateValues> {
    Some(match view.dtype() {
        Dtype::F32 => StateValues::F32(elements::from_bytes(view.data(), Dtype::F32)),
        Dtype::F64 => StateValues::F64(elements::from_bytes(view.data(), Dtype::F64)),
        Dtype::U64 => {
            StateValues::U64(view.data().as_chunks().0.iter().map(|&bytes| u64::from_le_bytes(bytes)).collect())
        }
        _ => return None,
    })
}
