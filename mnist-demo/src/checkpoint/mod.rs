//! Checkpoints: the whole state of a run on disk.
//!
//! A checkpoint is a safetensors file with the weights (`model.fc1.weight`), the optimizer's state
//! (`optimizer.fc1.weight.exp_avg`) and, in the metadata, the settings, the position in the run and its history as
//! JSON. Its last bytes are a checksum of all bytes before them. The learning rate and the random numbers are
//! functions of the settings and the position, so nothing else has to be saved: a run that is resumed from a
//! checkpoint ends with exactly the same bits as a run that was never interrupted.
//!
//! [`Folder`] writes checkpoints so that a file is either complete or absent, keeps the last few, and finds the newest
//! undamaged one.

mod folder;
mod format;

use std::path::PathBuf;

use autograd::Tensor;
use nn::Module;
use serde::{Deserialize, Serialize};

pub use folder::{Folder, Found, step_of};
pub use format::Flaw;

use crate::dataset::{Dataset, Identity};
use crate::finite;
use crate::train::{Progress, Settings, Trainer};

/// The settings that the user chose for a run. They are saved, so `--resume DIR` needs no other argument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The settings that, together with the data, determine the weights.
    pub settings: Settings,
    /// The folder of the data set; `None` for the embedded one.
    pub folder: Option<PathBuf>,
    /// The sizes and the checksum of the data set.
    pub data: Identity,
    /// The number of steps between two checkpoints within an epoch.
    pub every: Option<usize>,
    /// How many checkpoints are kept.
    pub keep: usize,
    /// The test accuracy, from 0 to 1, that ends the run.
    pub target: Option<f64>,
}

impl Run {
    /// The path of the data set, for messages.
    pub fn source(&self) -> String {
        self.folder.as_ref().map_or("MNIST (embedded)".to_owned(), |folder| folder.display().to_string())
    }
}

/// A tensor with its name, as it is in a file.
#[derive(Clone, Debug, PartialEq)]
struct NamedTensor {
    name: String,
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// The state of a run between two steps, as a checkpoint contains it.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// What the user chose.
    pub run: Run,
    /// The position in the run, and its history.
    pub progress: Progress,
    /// The optimizer's step counts, one for each parameter.
    optimizer_steps: Vec<u64>,
    tensors: Vec<NamedTensor>,
}

impl Snapshot {
    /// The current state of the run. The settings of `run` are replaced by those of the trainer. If the run has ranks,
    /// all of them call this.
    pub fn of(trainer: &mut Trainer<'_>, run: &Run) -> Self {
        let named = trainer.model.named_parameters();
        let mut tensors = Vec::new();
        for (name, param) in &named {
            let value = param.tensor();
            let shape = value.shape().to_vec();
            tensors.push(NamedTensor { name: format!("model.{name}"), shape, values: value.to_vec() });
        }
        let state = trainer.optimizer.state();
        let optimizer_steps = state.iter().map(|state| state.step).collect();
        for ((_, param), state) in named.iter().zip(state) {
            for (slot, values) in state.slots {
                let name = format!("optimizer.{}.{slot}", state.name);
                tensors.push(NamedTensor { name, shape: param.tensor().shape().to_vec(), values });
            }
        }
        Snapshot {
            run: Run { settings: trainer.settings().clone(), ..run.clone() },
            progress: trainer.progress().clone(),
            optimizer_steps,
            tensors,
        }
    }

    /// The network's weights: names, shapes and values.
    pub fn weights(&self) -> impl Iterator<Item = (&str, &[usize], &[f32])> {
        self.tensors.iter().filter_map(|tensor| {
            Some((tensor.name.strip_prefix("model.")?, tensor.shape.as_slice(), tensor.values.as_slice()))
        })
    }

    /// All tensors of the snapshot, those of the optimizer too: names and values.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &[f32])> {
        self.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.values.as_slice()))
    }

    /// The run, ready for its next step. `settings` are those of the snapshot, except for the ones that may change
    /// when a run is resumed.
    ///
    /// # Errors
    /// What was found and what was expected, if the snapshot does not fit the data set or contradicts itself.
    pub fn resume<'a>(self, data: &'a Dataset, settings: Settings) -> Result<Trainer<'a>, [String; 2]> {
        let images = data.train.len();
        let Progress { epoch, so_far, duration, history } = &self.progress;
        let whole_steps = settings.batch_size > 0 && so_far.images.is_multiple_of(settings.batch_size);
        if so_far.images > images || !(whole_steps || so_far.images == images) {
            let expected = format!("whole steps of {} images, at most {images}", settings.batch_size);
            return Err([format!("{} images seen in an epoch", so_far.images), expected]);
        }
        if epoch.checked_sub(1) != Some(history.epochs.len()) {
            let expected = format!("{}, since so many epochs are whole", history.epochs.len() + 1);
            return Err([format!("epoch {epoch} in progress"), expected]);
        }
        if !(settings.learning_rate.is_finite() && settings.learning_rate > 0.0) {
            return Err([format!("a learning rate of {}", settings.learning_rate), "a number above 0".to_owned()]);
        }
        finite::require(self.tensors())?;
        // The time of the epoch in progress is included in the time of the whole run.
        if so_far.correct > so_far.images || *duration > history.elapsed || !history.has_room() {
            return Err(["counts and times that no run has".to_owned(), "those of the run so far".to_owned()]);
        }
        let mut trainer = Trainer::at(data, settings, self.progress.clone());
        self.restore(&mut trainer)?;
        Ok(trainer)
    }

    fn restore(mut self, trainer: &mut Trainer<'_>) -> Result<(), [String; 2]> {
        let named = trainer.model.named_parameters();
        if self.optimizer_steps.len() != named.len() {
            let found = format!("an optimizer of {} parameters", self.optimizer_steps.len());
            return Err([found, format!("one of {}, as the network has", named.len())]);
        }
        for (index, (name, param)) in named.iter().enumerate() {
            let shape = param.tensor().shape().to_vec();
            let values = self.take(&format!("model.{name}"), &shape)?;
            param.set(&Tensor::from_vec(values, shape.as_slice()));
            let prefix = format!("optimizer.{name}.");
            let (own, rest): (Vec<_>, Vec<_>) =
                self.tensors.into_iter().partition(|tensor| tensor.name.starts_with(&prefix));
            self.tensors = rest;
            let slots: Vec<(&str, &[f32])> =
                own.iter().map(|tensor| (&tensor.name[prefix.len()..], tensor.values.as_slice())).collect();
            trainer
                .optimizer
                .restore(name, self.optimizer_steps[index], &slots)
                .map_err(|error| [error.to_string(), format!("the state of the optimizer for {name}")])?;
        }
        match self.tensors.first() {
            Some(tensor) => Err([format!("a tensor named {}", tensor.name), "only those of the network".to_owned()]),
            None => Ok(()),
        }
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, [String; 2]> {
        let expected = || format!("{name} of shape {shape:?}");
        let Some(index) = self.tensors.iter().position(|tensor| tensor.name == name) else {
            return Err([format!("no {name}"), expected()]);
        };
        let tensor = self.tensors.swap_remove(index);
        if tensor.shape != shape {
            return Err([format!("{name} of shape {:?}", tensor.shape), expected()]);
        }
        Ok(tensor.values)
    }
}
