//! Weights in files, as [safetensors](https://huggingface.co/docs/safetensors): PyTorch's
//! `safetensors.torch.save_file(model.state_dict(), path)` writes what [`load`] reads, and its `load_file` reads
//! what [`save`] writes.
//!
//! A run that is to go on later is more than its weights: [`save_run`] and [`load_run`] have the optimizer, the
//! schedule and the random state too, in one file.

mod elements;
mod error;
mod look_alike;
mod parameters;
mod read;
mod run;
pub(crate) mod short_float;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use autograd::Float;
use safetensors::{Dtype, View};

pub use elements::ElementType;
pub use error::{CheckpointError, Difference};
pub use read::{listed, load, load_with_prefix};
pub use run::{load_run, save_run};

use crate::file;
use crate::module::Module;
use parameters::Parameter;

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

/// Writes all parameters and buffers under their names, in the model's own number type.
///
/// At `path` is the old file or the whole new one at every moment, never a part; [`file::write()`] tells what becomes
/// of links, modes and devices.
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
/// A parameter with several names is written under each of them.
///
/// # Errors
/// If two different parameters have one name, or the file cannot be written. What was at `path` is still there then.
pub fn save<T: Float>(model: &(impl Module<T> + ?Sized), path: impl AsRef<Path>) -> Result<(), CheckpointError> {
    save_with_metadata(model, path, &[])
}

/// As [`save`], with texts that a reader finds in the file's metadata, by their names.
///
/// ```
/// use nn::{Linear, checkpoint};
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("weights.safetensors");
/// let model: Linear = Linear::new(3, 2, 0);
/// checkpoint::save_with_metadata(&model, &path, &[("labels", "[\"a\",\"b\"]")]).unwrap();
/// checkpoint::load(&model, &path).unwrap();
/// ```
///
/// # Errors
/// As [`save`].
pub fn save_with_metadata<T: Float>(
    model: &(impl Module<T> + ?Sized),
    path: impl AsRef<Path>,
    metadata: &[(&str, &str)],
) -> Result<(), CheckpointError> {
    let path = path.as_ref();
    write(of_model(&parameters::of(model, path)?, ElementType::of::<T>()), metadata, path)
}

/// As [`save`], with elements of a type of one's choice: half the file with a type of 16 bits. Each becomes the nearest
/// value of that type; [`load`] reads any of them.
///
/// ```
/// use nn::checkpoint::{self, ElementType};
/// use nn::Linear;
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("weights.safetensors");
/// let saved: Linear = Linear::new(300, 200, 0);
/// checkpoint::save_as(&saved, &path, ElementType::BF16).unwrap();
/// assert!(std::fs::metadata(&path).unwrap().len() < 121_000);
/// let loaded: Linear = Linear::new(300, 200, 1);
/// checkpoint::load(&loaded, &path).unwrap();
/// let largest = (loaded.weight.tensor() / saved.weight.tensor() - 1.0).abs().max().item();
/// assert!(largest <= 1.0 / 256.0);
/// ```
///
/// # Errors
/// As [`save`].
pub fn save_as<T: Float>(
    model: &(impl Module<T> + ?Sized),
    path: impl AsRef<Path>,
    element: ElementType,
) -> Result<(), CheckpointError> {
    let path = path.as_ref();
    write(of_model(&parameters::of(model, path)?, element), &[], path)
}

/// Tensors by the names that they have in a file.
type Tensors = BTreeMap<String, Numbers>;

/// Those of a model's parameters.
fn of_model<T: Float>(parameters: &[Parameter<T>], element: ElementType) -> Tensors {
    let mut tensors = Tensors::new();
    for Parameter { param, names } in parameters {
        let value = param.tensor();
        let (shape, bytes) = (value.shape().to_vec(), elements::to_bytes(&value.to_vec(), element));
        for name in names {
            let numbers = Numbers { dtype: element.dtype(), shape: shape.clone(), bytes: bytes.clone() };
            tensors.insert(name.clone(), numbers);
        }
    }
    tensors
}

/// Writes a safetensors file, whole or not at all.
fn write(tensors: Tensors, metadata: &[(&str, &str)], path: &Path) -> Result<(), CheckpointError> {
    let metadata = metadata.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect();
    let metadata: Option<HashMap<_, _>> = Some(metadata).filter(|metadata: &HashMap<_, _>| !metadata.is_empty());
    let bytes = safetensors::serialize(tensors, metadata)
        .map_err(|error| CheckpointError::Format { path: path.to_owned(), reason: error.to_string() })?;
    file::write(path, &bytes).map_err(|source| CheckpointError::File { path: path.to_owned(), source })
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
