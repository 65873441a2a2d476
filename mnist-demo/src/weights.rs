//! Trained weights at the path that the user gives: a file written by `train --save`, a checkpoint written by
//! `train --checkpoint`, or a folder of checkpoints, of which the newest undamaged one is used.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use autograd::{Random, Tensor};
use nn::checkpoint::{self, CheckpointError, Difference, listed};
use nn::{Module, Sequential};
use safetensors::SafeTensors;
use safetensors::tensor::Metadata;

use crate::checkpoint::{Flaw, Snapshot, step_of};
use crate::dataset::labels_at;
use crate::failure::Failure;
use crate::file_kind::{BEGINNING, describe};
use crate::finite;
use crate::idx::DataError;
use crate::labels::{Labels, MAX_CLASSES};
use crate::model::{DIGITS, Model, Sizes};

/// The entry of a file's metadata with the labels of the classes, as a JSON array of strings.
const LABELS: &str = "gradus.labels";
/// The name of the file with labels that may be beside the weights.
const LABELS_FILE: &str = "labels.txt";
/// The maximum number of values in a header. Each value takes memory, so a header with more is not parsed.
const MAX_LISTED: usize = 4096;
/// How often a folder is searched. A run that is still writing may remove the checkpoint that was about to be read;
/// then the search is repeated.
const MAX_SEARCHES: usize = 5;

/// Trained weights that have been found.
#[derive(Debug)]
pub struct Weights {
    /// The file that has them.
    pub path: PathBuf,
    /// The network that they belong to.
    pub model: Model,
    /// Newer checkpoints that are damaged.
    pub damaged: Vec<DataError>,
    /// The checkpoint; `None` if the file has only weights.
    pub snapshot: Option<Snapshot>,
    /// The labels in the file.
    labels: Option<Labels>,
    /// The number of classes, if the shape of the last weight gives it.
    classes: Option<usize>,
}

impl Weights {
    /// Finds the weights in a file or in a folder of checkpoints. It only reads, so a run may still be writing to the
    /// folder.
    ///
    /// # Errors
    /// If there are no weights, or the file is clearly of another kind.
    pub fn find(path: &Path) -> Result<Self, Failure> {
        if path.is_dir() {
            return newest(path);
        }
        let failed = |source| CheckpointError::File { path: path.to_owned(), source };
        let bytes = fs::read(path).map_err(failed)?;
        let Some(header) = header(&bytes) else {
            // Other damage is reported where the weights are loaded.
            let kind = describe(&bytes[..bytes.len().min(BEGINNING)]).filter(|_| !bytes.is_empty());
            let wrong = |kind| DataError::content(path, kind, "weights in a whole safetensors file");
            let plain = Weights::new(path, None);
            return kind.map_or(Ok(plain), |kind| Err(wrong(kind).into()));
        };
        let is_checkpoint = |model: &Model| header.info(&format!("model.{}", model.last_weight())).is_some();
        if Model::ALL.iter().any(is_checkpoint) {
            let snapshot = Snapshot::from_bytes(&bytes).map_err(|flaw| content(path, flaw))?;
            return Ok(Weights::new(path, Some(snapshot)));
        }
        let model = Model::of_weights(|name| header.info(name).is_some());
        let last = model.last_weight();
        let classes = match header.info(last).map(|info| info.shape.as_slice()) {
            Some(&[classes, _]) if (1..=MAX_CLASSES).contains(&classes) => Some(classes),
            Some(shape) => {
                let expected = format!("[classes, 128], with 1 to {MAX_CLASSES} classes");
                return Err(DataError::content(path, format!("{last} of shape {shape:?}"), expected).into());
            }
            None => None,
        };
        let labels = match (header.metadata().as_ref().and_then(|metadata| metadata.get(LABELS)), classes) {
            (Some(text), Some(classes)) => Some(labels_of(text, classes).map_err(|[found, expected]| {
                DataError::content(path, found, format!("{expected}, in the metadata {LABELS}"))
            })?),
            _ => None,
        };
        Ok(Weights { model, labels, classes, ..Weights::new(path, None) })
    }

    fn new(path: &Path, snapshot: Option<Snapshot>) -> Self {
        let weights = || snapshot.iter().flat_map(Snapshot::weights);
        let model = Model::of_weights(|name| weights().any(|(other, ..)| other == name));
        let last = model.last_weight();
        let shape = weights().find_map(|(name, shape, _)| (name == last).then(|| shape.to_vec()));
        let classes =
            shape.and_then(|shape| shape.first().copied()).filter(|classes| (1..=MAX_CLASSES).contains(classes));
        Weights { path: path.to_owned(), model, damaged: Vec::new(), snapshot, labels: None, classes }
    }

    /// A network with these weights, for images of `rows` × `columns` pixels. The weights tell which network it is,
    /// and the number of classes.
    ///
    /// # Errors
    /// If the weights cannot be read, are not those of such a network, or are not finite.
    pub fn network(&self, [rows, columns]: [usize; 2]) -> Result<Sequential, Failure> {
        let sizes = Sizes { rows, columns, classes: self.classes.unwrap_or(DIGITS) };
        self.model.check(sizes)?;
        let model = self.model.network(sizes, &mut Random::new(0));
        self.load(&model)?;
        Ok(model)
    }

    /// Copies these weights into a network. All commands that use trained weights load them here.
    ///
    /// # Errors
    /// If the weights cannot be read or belong to another network; then the network is not changed. Also if a weight
    /// is NaN or infinite, as after a diverged training; then the network has these values.
    pub fn load(&self, model: &Sequential) -> Result<(), Failure> {
        match &self.snapshot {
            Some(snapshot) => self.load_from(snapshot, model)?,
            None => checkpoint::load(model, &self.path)?,
        }
        let path = self.path.clone();
        finite::require(finite::tensors_of(model))
            .map_err(|[found, expected]| DataError::Content { path, found, expected }.into())
    }

    fn load_from(&self, snapshot: &Snapshot, model: &Sequential) -> Result<(), CheckpointError> {
        let (mut values, mut differences) = (Vec::new(), Vec::new());
        for (name, param) in model.named_parameters() {
            let shape = param.tensor().shape().clone();
            let expected = format!("f32 of shape {shape}");
            match snapshot.weights().find(|(other, ..)| *other == name) {
                None => differences.push(Difference::Missing { name, expected }),
                Some((_, found, _)) if found != &shape[..] => {
                    let found = format!("f32 of shape {found:?}");
                    differences.push(Difference::Other { name, found, expected });
                }
                Some((_, _, elements)) => values.push((param, Tensor::from_vec(elements.to_vec(), shape))),
            }
        }
        if !differences.is_empty() {
            let path = self.path.clone();
            return Err(CheckpointError::Mismatch { path, differences, prefix: None });
        }
        values.into_iter().for_each(|(param, value)| param.set(&value));
        Ok(())
    }

    /// The labels of the classes: those in the file, those of the data set of a checkpoint, or those in `labels.txt`
    /// beside the weights; otherwise the class numbers. The second value is the error of a wrong `labels.txt`, which
    /// is not a failure because that file may belong to other weights.
    ///
    /// # Errors
    /// If the data set of a checkpoint has a file with labels that is wrong.
    pub fn labels(&self, classes: usize) -> Result<(Labels, Option<DataError>), DataError> {
        if let Some(labels) = self.labels.clone().filter(|labels| labels.len() == classes) {
            return Ok((labels, None));
        }
        let data = self.snapshot.as_ref().and_then(|snapshot| snapshot.run.folder.as_deref());
        if let Some(labels) = data.map(|data| labels_at(data, classes)).transpose()?.flatten() {
            return Ok((labels, None));
        }
        let beside = self.path.with_file_name(LABELS_FILE);
        Ok(match beside.is_file().then(|| Labels::read(&beside, classes)) {
            Some(Ok(labels)) => (labels, None),
            Some(Err(error)) => (Labels::numbers(classes), Some(error)),
            None => (Labels::numbers(classes), None),
        })
    }
}

/// Writes the weights of a network with [`nn::checkpoint::save`], and the labels of its classes, unless they are only
/// the class numbers.
///
/// # Errors
/// If the file cannot be written. A file that was at `path` before is then still there, unchanged.
pub fn save(model: &Sequential, labels: &Labels, path: &Path) -> Result<(), CheckpointError> {
    if labels.are_numbers() {
        return checkpoint::save(model, path);
    }
    let text = serde_json::to_string(labels).expect("strings are written as JSON");
    checkpoint::save_with_metadata(model, path, &[(LABELS, &text)])
}

/// Parses the labels in a file's metadata.
fn labels_of(text: &str, classes: usize) -> Result<Labels, [String; 2]> {
    let labels: Vec<String> = serde_json::from_str(text)
        .map_err(|error| [format!("something else ({error})"), "a JSON array of strings".to_owned()])?;
    if labels.len() != classes {
        return Err([format!("{} labels", labels.len()), format!("{classes}, one for each class")]);
    }
    Labels::checked(labels)
}

/// The header of a safetensors file; `None` if the bytes are not such a file.
fn header(bytes: &[u8]) -> Option<Metadata> {
    if listed(bytes) > MAX_LISTED {
        return None;
    }
    SafeTensors::read_metadata(bytes).ok().map(|(_, header)| header)
}

fn content(path: &Path, flaw: Flaw) -> DataError {
    match flaw {
        Flaw::Damaged { found, expected } | Flaw::Foreign { found, expected } => {
            DataError::Content { path: path.to_owned(), found, expected }
        }
    }
}

/// The newest undamaged checkpoint in a folder.
fn newest(folder: &Path) -> Result<Weights, Failure> {
    let failed = |source| DataError::File { path: folder.to_owned(), source };
    let mut damaged = Vec::new();
    for _ in 0..MAX_SEARCHES {
        damaged.clear();
        let mut steps = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let step = entry.file_name().to_str().and_then(step_of);
            steps.extend(step.map(|step| (step, entry.path())));
        }
        steps.sort_unstable();
        let mut removed = false;
        for (_, path) in steps.into_iter().rev() {
            match fs::read(&path).map(|bytes| Snapshot::from_bytes(&bytes)) {
                Ok(Ok(snapshot)) => return Ok(Weights { damaged, ..Weights::new(&path, Some(snapshot)) }),
                Ok(Err(flaw @ Flaw::Damaged { .. })) => damaged.push(content(&path, flaw)),
                Ok(Err(flaw @ Flaw::Foreign { .. })) => return Err(content(&path, flaw).into()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => removed = true,
                Err(source) => damaged.push(DataError::File { path, source }),
            }
        }
        if !removed {
            break;
        }
    }
    let found = if damaged.is_empty() { "no checkpoint" } else { "no whole checkpoint" };
    Err(DataError::content(folder, found, "checkpoints, as train --checkpoint writes them").into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use safetensors::Dtype;
    use safetensors::tensor::TensorView;

    use super::*;
    use crate::model::perceptron_for;

    fn network(classes: usize) -> Sequential {
        perceptron_for(4, classes, &mut Random::new(3))
    }

    #[test]
    fn labels_are_saved_with_the_weights_and_weights_without_them_as_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let labels = Labels::parse("\"quoted\"\nß\nc", 3).unwrap();
        save(&network(3), &labels, &path("named")).unwrap();
        let found = Weights::find(&path("named")).unwrap();
        assert_eq!((found.labels(3).unwrap().0, found.path), (labels, path("named")));
        save(&network(3), &Labels::numbers(3), &path("plain")).unwrap();
        checkpoint::save(&network(3), path("reference")).unwrap();
        assert_eq!(fs::read(path("plain")).unwrap(), fs::read(path("reference")).unwrap());
        assert_eq!(Weights::find(&path("plain")).unwrap().labels(3).unwrap().0, Labels::numbers(3));
        // The same values either way.
        let values = |name: &str| {
            let loaded = Weights::find(&path(name)).unwrap().network([2, 2]).unwrap();
            loaded.named_parameters().iter().map(|(_, param)| param.tensor().to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(values("named"), values("plain"));
    }

    #[test]
    fn metadata_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        let answer = |classes: usize, labels: &str| {
            let shape = vec![classes, 1];
            let bytes = vec![0; 4 * classes];
            let view = TensorView::new(Dtype::F32, shape, &bytes).unwrap();
            let metadata = HashMap::from([(LABELS.to_owned(), labels.to_owned())]);
            fs::write(&path, safetensors::serialize([("fc3.weight", view)], Some(metadata)).unwrap()).unwrap();
            Weights::find(&path).map(|weights| weights.labels).map_err(|failure| failure.to_string())
        };
        assert_eq!(answer(2, r#"["a","b"]"#), Ok(Some(Labels::parse("a\nb", 2).unwrap())));
        assert!(answer(2, "{}").unwrap_err().contains("weights: found something else"));
        assert!(
            answer(2, r#"["a"]"#).unwrap_err().contains("found 1 labels, expected 2, one for each class, in the meta")
        );
        assert!(answer(2, "[\"a\",\"\\u001b[2J\"]").unwrap_err().contains("of class 1, expected 1 to 64 characters"));
        assert!(answer(300, "[]").unwrap_err().contains("found fc3.weight of shape [300, 1], expected [classes, 128]"));
    }
}
