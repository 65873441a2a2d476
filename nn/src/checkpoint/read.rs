//! From a file into a model.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use autograd::{Float, Param, Shape, Tensor};
use safetensors::SafeTensors;

use super::error::{CheckpointError, Difference};
use super::parameters::{self, Parameter};
use super::{elements, look_alike};
use crate::module::Module;

/// How many values the header of a safetensors file lists, which is JSON: its commas, but for those in texts.
///
/// Reading a header takes memory for each of them, forty times what it takes in the file (a shape of a million
/// dimensions is two megabytes of `1,`). Who knows what should be in a file looks at this first, as [`load`] does.
///
/// ```
/// let header = br#"{"a,b":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}"#;
/// let file = [&(header.len() as u64).to_le_bytes(), &header[..], &[0; 4]].concat();
/// assert_eq!(nn::checkpoint::listed(&file), 4);
/// ```
pub fn listed(file: &[u8]) -> usize {
    let Some((&length, rest)) = file.split_first_chunk() else { return 0 };
    let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX);
    let (mut commas, mut text, mut escaped) = (0, false, false);
    for &byte in &rest[..length.min(rest.len())] {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if text => escaped = true,
            b'"' => text = !text,
            b',' if !text => commas += 1,
            _ => {}
        }
    }
    commas
}

/// What [`listed`] may be beyond the model's own: other tensors, to be named in a message, and notes.
const OTHERS_LISTED: usize = 4096;

/// How many characters of a name that is not the model's a message shows.
const NAME_SHOWN: usize = 200;

/// Reads all parameters and buffers by name. Values of another floating-point type (`f16`, `bf16`, `f32`, `f64`) are
/// converted to the model's.
///
/// For a parameter with several names (tied weights) the file needs one of them. If it has more, their values must be
/// the same.
///
/// # Errors
/// If the file cannot be read, is not whole, lacks a tensor of the model or has one more, or one has another shape or
/// element type: the message names them all. The model is not changed then.
pub fn load<T: Float>(model: &(impl Module<T> + ?Sized), path: impl AsRef<Path>) -> Result<(), CheckpointError> {
    load_with_prefix(model, path, "")
}

/// Like [`load`], from a file in which each name begins with `prefix`: `"module."`, say, as PyTorch's `DataParallel`
/// writes.
///
/// ```
/// use nn::{Linear, Sequential, checkpoint};
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("weights.safetensors");
/// let wrapped: Sequential = Sequential::new().named("module", Linear::new(3, 2, 0));
/// checkpoint::save(&wrapped, &path).unwrap();
/// let model: Linear = Linear::new(3, 2, 1);
/// let error = checkpoint::load(&model, &path).unwrap_err();
/// assert!(error.to_string().contains("names that all begin with \"module.\""));
/// checkpoint::load_with_prefix(&model, &path, "module.").unwrap();
/// ```
///
/// # Errors
/// Those of [`load`]. A tensor whose name does not begin with `prefix` is one that the model has not.
pub fn load_with_prefix<T: Float>(
    model: &(impl Module<T> + ?Sized),
    path: impl AsRef<Path>,
    prefix: &str,
) -> Result<(), CheckpointError> {
    let path = path.as_ref();
    let mut parameters = parameters::of(model, path)?;
    for name in parameters.iter_mut().flat_map(|parameter| &mut parameter.names) {
        name.insert_str(0, prefix);
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|source| CheckpointError::File { path: path.to_owned(), source })?;
    let file = parsed(&bytes, &parameters).map_err(|reason| {
        let damaged = || CheckpointError::Format { path: path.to_owned(), reason };
        look_alike::recognized(path, &bytes).unwrap_or_else(damaged)
    })?;
    let loaded = values(&file, &parameters, path).map_err(|mut error| {
        if let CheckpointError::Mismatch { prefix: Some(found), .. } = &mut error {
            found.push_str(prefix);
        }
        error
    })?;
    for (param, value) in loaded {
        param.set(&value);
    }
    Ok(())
}

/// The tensors in a file's bytes, unless there is something wrong with them, or with their number.
fn parsed<'a, T: Float>(bytes: &'a [u8], parameters: &[Parameter<T>]) -> Result<SafeTensors<'a>, String> {
    // A tensor has a type, a shape and two offsets.
    let of_one = |parameter: &Parameter<T>| parameter.names.len() * (4 + parameter.param.tensor().shape().len());
    let own: usize = parameters.iter().map(of_one).sum();
    let (found, most) = (listed(bytes), own + OTHERS_LISTED);
    if found > most {
        return Err(format!("found a header that lists {found} values, expected at most {most}"));
    }
    SafeTensors::deserialize(bytes).map_err(|error| error.to_string())
}

/// What is to be set.
type Values<'a, T> = Vec<(&'a Param<T>, Tensor<T>)>;

/// The value that the file has for each parameter.
fn values<'a, T: Float>(
    file: &SafeTensors<'_>,
    parameters: &'a [Parameter<T>],
    path: &Path,
) -> Result<Values<'a, T>, CheckpointError> {
    let mut differences = Vec::new();
    let mut values = Vec::new();
    for parameter in parameters {
        let copies = copies(file, parameter, &mut differences);
        if let Some((other, _)) = copies.iter().find(|(_, copy)| !same_bits(copy, &copies[0].1)) {
            let names = [copies[0].0.to_owned(), (*other).to_owned()];
            return Err(CheckpointError::TiedValuesDiffer { path: path.to_owned(), names });
        }
        if let Some((_, value)) = copies.into_iter().next() {
            values.push((&parameter.param, Tensor::from_vec(value, parameter.param.tensor().shape())));
        }
    }
    let known: HashSet<&str> = parameters.iter().flat_map(|parameter| &parameter.names).map(String::as_str).collect();
    let mut extra: Vec<&str> = file.names().into_iter().filter(|name| !known.contains(name)).collect();
    extra.sort_unstable();
    differences.extend(extra.into_iter().map(|name| Difference::Unexpected { name: shown(name) }));
    if differences.is_empty() {
        return Ok(values);
    }
    let prefix = common_prefix(file, &known);
    Err(CheckpointError::Mismatch { path: path.to_owned(), differences, prefix })
}

/// The values that the file has under each name of a parameter. What does not fit is added to `differences`.
fn copies<'a, T: Float>(
    file: &SafeTensors<'_>,
    Parameter { param, names }: &'a Parameter<T>,
    differences: &mut Vec<Difference>,
) -> Vec<(&'a str, Vec<T>)> {
    let shape = param.tensor().shape().clone();
    let expected = format!("{} of shape {shape}", T::NAME);
    let present: Vec<_> = names.iter().filter_map(|name| Some((name, file.tensor(name).ok()?))).collect();
    if present.is_empty() {
        differences.push(Difference::Missing { name: names.join(" or "), expected });
        return Vec::new();
    }
    let mut copies = Vec::new();
    for (name, view) in present {
        if elements::is_loadable(view.dtype(), param) && view.shape() == &shape[..] {
            copies.push((name.as_str(), elements::from_bytes(view.data(), view.dtype())));
        } else {
            let found = format!("{} of shape {}", elements::name(view.dtype()), Shape::from(view.shape()));
            differences.push(Difference::Other { name: name.clone(), found, expected: expected.clone() });
        }
    }
    copies
}

/// Whether two copies of a value are the same; NaN is the same as NaN of the same bits.
fn same_bits<T: Float>(one: &[T], other: &[T]) -> bool {
    let bits = |value: &T| value.to_f64().to_bits();
    one.iter().map(bits).eq(other.iter().map(bits))
}

/// A name from a file, which may be of any length and have any characters, as a part of one line.
fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(NAME_SHOWN).flat_map(char::escape_debug).collect();
    if name.chars().nth(NAME_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// What all names in a file begin with, up to and with a dot, if none is the model's but the rest of some is.
fn common_prefix(file: &SafeTensors<'_>, known: &HashSet<&str>) -> Option<String> {
    let names = file.names();
    if names.iter().any(|name| known.contains(name)) {
        return None;
    }
    let is_prefix = |prefix: &str| {
        let rests: Option<Vec<&str>> = names.iter().map(|name| name.strip_prefix(prefix)).collect();
        rests.is_some_and(|rests| rests.iter().any(|rest| known.contains(rest)))
    };
    let dots = names.first()?.match_indices('.').take_while(|&(dot, _)| dot < NAME_SHOWN);
    dots.map(|(dot, _)| &names[0][..=dot]).find(|prefix| is_prefix(prefix)).map(str::to_owned)
}
