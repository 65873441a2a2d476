//! Weights in files, as [safetensors](https://huggingface.co/docs/safetensors): PyTorch's `safetensors.torch.save_file(model.state_dict(), path)` writes what
//! [`load`] reads, and its `load_file` reads what [`save`] writes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use autograd::{Float, Shape, Tensor};
use safetensors::{Dtype, SafeTensors, View};

use crate::file;
use crate::module::Module;

/// Why weights could not be saved or loaded.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not a whole safetensors file.
    #[error("{path}: not a whole safetensors file: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file's tensors are not the model's.
    #[error("{path}: {name}: found {found}, expected {expected}")]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// The parameter.
        name: String,
        /// What the file has.
        found: String,
        /// What the model has.
        expected: String,
    },
}

/// A parameter's numbers on their way into a file.
struct Numbers {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for Numbers {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

fn dtype<T: Float>() -> Dtype {
    if size_of::<T>() == size_of::<f32>() { Dtype::F32 } else { Dtype::F64 }
}

fn bytes_of<T: Float>(numbers: &[T]) -> Vec<u8> {
    match dtype::<T>() {
        Dtype::F32 => numbers.iter().flat_map(|number| (number.to_f64() as f32).to_le_bytes()).collect(),
        _ => numbers.iter().flat_map(|number| number.to_f64().to_le_bytes()).collect(),
    }
}

fn numbers_of<T: Float>(bytes: &[u8], dtype: Dtype) -> Vec<T> {
    match dtype {
        Dtype::F32 => {
            bytes.as_chunks().0.iter().map(|&four| T::from_f64(f64::from(f32::from_le_bytes(four)))).collect()
        }
        _ => bytes.as_chunks().0.iter().map(|&eight| T::from_f64(f64::from_le_bytes(eight))).collect(),
    }
}

/// Writes all parameters and buffers under their names, in the model's own number type.
///
/// At `path` is the old file or the whole new one at every moment, never a part; [`file::write()`] tells what becomes of links, modes and devices.
///
/// ```
/// use nn::{Linear, checkpoint};
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("weights.safetensors");
/// let saved: Linear = Linear::new(3, 2, 0);
/// checkpoint::save(&saved, &path).unwrap();
/// let loaded: Linear = Linear::new(3, 2, 1);
/// checkpoint::load(&loaded, &path).unwrap();
/// assert_eq!(loaded.weight.tensor().to_vec(), saved.weight.tensor().to_vec());
/// ```
///
/// # Errors
/// If the file cannot be written. What was at `path` is still there then.
pub fn save<T: Float>(model: &(impl Module<T> + ?Sized), path: impl AsRef<Path>) -> Result<(), CheckpointError> {
    let path = path.as_ref();
    let mut tensors: BTreeMap<String, Numbers> = BTreeMap::new();
    model.visit(&mut |name, param| {
        let value = param.tensor();
        let numbers = Numbers { dtype: dtype::<T>(), shape: value.shape().to_vec(), bytes: bytes_of(&value.to_vec()) };
        tensors.insert(name.to_owned(), numbers);
    });
    let bytes = safetensors::serialize(tensors, None)
        .map_err(|error| CheckpointError::Format { path: path.to_owned(), reason: error.to_string() })?;
    file::write(path, &bytes).map_err(|source| CheckpointError::File { path: path.to_owned(), source })
}

/// How many values the header of a safetensors file lists, which is JSON: its commas, but for those in texts.
///
/// Reading a header takes memory for each of them, forty times what it takes in the file (a shape of a million dimensions is two megabytes of `1,`). Who knows
/// what should be in a file looks at this first, as [`load`] does.
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

/// Reads all parameters and buffers by name. Numbers of the other type (`f32` for an `f64` model, or the reverse) are converted.
///
/// # Errors
/// If the file cannot be read, is not whole, lacks a tensor of the model or has one more, or one has another shape or element type. The model is not
/// changed then.
pub fn load<T: Float>(model: &(impl Module<T> + ?Sized), path: impl AsRef<Path>) -> Result<(), CheckpointError> {
    let path = path.as_ref();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|source| CheckpointError::File { path: path.to_owned(), source })?;
    let format = |reason: String| CheckpointError::Format { path: path.to_owned(), reason };
    // A tensor has a type, a shape and two offsets.
    let own: usize = model.named_parameters().iter().map(|(_, param)| 4 + param.tensor().shape().len()).sum();
    let (found, most) = (listed(&bytes), own + OTHERS_LISTED);
    if found > most {
        return Err(format(format!("found a header that lists {found} values, expected at most {most}")));
    }
    let file = SafeTensors::deserialize(&bytes).map_err(|error| format(error.to_string()))?;
    let mismatch = |name: &str, found: String, expected: String| CheckpointError::Mismatch {
        path: path.to_owned(),
        name: name.to_owned(),
        found,
        expected,
    };
    let mut waiting = Vec::new();
    for (name, param) in model.named_parameters() {
        let shape = param.tensor().shape().clone();
        let expected = || format!("{} of shape {shape}", T::NAME);
        let view = file.tensor(&name).map_err(|_| mismatch(&name, "no such tensor".into(), expected()))?;
        if !matches!(view.dtype(), Dtype::F32 | Dtype::F64) || view.shape() != &shape[..] {
            let found =
                format!("{} of shape {}", format!("{:?}", view.dtype()).to_lowercase(), Shape::from(view.shape()));
            return Err(mismatch(&name, found, expected()));
        }
        waiting.push((name, param, Tensor::<T>::from_vec(numbers_of(view.data(), view.dtype()), shape)));
    }
    if let Some(extra) = file.names().into_iter().find(|name| waiting.iter().all(|(known, ..)| known != name)) {
        return Err(mismatch(extra, "a tensor".into(), "none: the model has no such parameter".into()));
    }
    for (_, param, value) in waiting {
        param.set(&value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Linear, ReLU, Sequential};

    fn model(seed: u64) -> Sequential {
        Sequential::new()
            .named("fc1", Linear::new(3, 4, seed))
            .named("relu", ReLU)
            .named("fc2", Linear::new(4, 2, seed + 1))
    }

    fn numbers(model: &Sequential) -> Vec<Vec<f32>> {
        model.named_parameters().into_iter().map(|(_, param)| param.tensor().to_vec()).collect()
    }

    #[test]
    fn what_is_saved_is_loaded_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let (saved, loaded) = (model(0), model(5));
        save(&saved, &path).unwrap();
        load(&loaded, &path).unwrap();
        assert_eq!(numbers(&saved), numbers(&loaded));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
        let wider: Linear<f64> = Linear::new(3, 4, 9);
        let narrow: Linear = Linear::new(3, 4, 10);
        save(&narrow, &path).unwrap();
        load(&wider, &path).unwrap();
        let back: Vec<f32> = wider.weight.tensor().to_vec().into_iter().map(|x| x as f32).collect();
        assert_eq!(back, narrow.weight.tensor().to_vec());
    }

    #[test]
    fn a_file_that_does_not_fit_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let target = model(1);
        let before = numbers(&target);
        let other: [(Sequential, &str); 3] = [
            (
                Sequential::new().named("fc1", Linear::new(3, 4, 0)),
                "fc2.weight: found no such tensor, expected f32 of shape [2, 4]",
            ),
            (
                Sequential::new().named("fc1", Linear::new(3, 4, 0)).named("fc2", Linear::new(5, 2, 0)),
                "fc2.weight: found f32 of shape [2, 5], expected f32 of shape [2, 4]",
            ),
            (
                Sequential::new()
                    .named("fc1", Linear::new(3, 4, 0))
                    .named("fc2", Linear::new(4, 2, 0))
                    .named("fc3", Linear::new(1, 1, 0)),
                "expected none: the model has no such parameter",
            ),
        ];
        for (model, message) in other {
            save(&model, &path).unwrap();
            let error = load(&target, &path).unwrap_err().to_string();
            assert!(error.contains(message) && error.contains("weights.safetensors"), "{error}");
            assert_eq!(numbers(&target), before);
        }
    }

    #[test]
    fn damaged_files_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        save(&model(0), &path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let claims_much = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
        let claims_a_gigabyte = [&(1_u64 << 30).to_le_bytes()[..], b"{}"].concat();
        let cut = |length: usize| whole[..length].to_vec();
        let header = format!(r#"{{"a":{{"dtype":"F32","shape":[{}1],"data_offsets":[0,4]}}}}"#, "1,".repeat(5000));
        let lists_much = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 4]].concat();
        let cuts = [vec![], cut(7), cut(8), cut(50), cut(whole.len() - 1)];
        for bytes in cuts.into_iter().chain([claims_much, claims_a_gigabyte, lists_much, vec![0xff; 100]]) {
            std::fs::write(&path, &bytes).unwrap();
            assert!(matches!(load(&model(1), &path), Err(CheckpointError::Format { .. })), "{} bytes", bytes.len());
        }
        let missing = folder.path().join("nowhere").join("weights");
        assert!(matches!(load(&model(1), &missing), Err(CheckpointError::File { .. })));
        assert!(matches!(save(&model(1), &missing), Err(CheckpointError::File { .. })));
    }
}
