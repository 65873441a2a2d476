//! Checkpoints: a run on disk, whole at every moment.
//!
//! A checkpoint is a safetensors file with the weights (`model.fc1.weight`), the optimizer's numbers
//! (`optimizer.fc1.weight.exp_avg`) and, in the metadata, the settings, the place in the run and its history as JSON.
//! Its last bytes are a checksum of all before them. The recipe's schedule and the random numbers are functions of
//! the settings and the place, so this is all there is: a run that goes on from a checkpoint ends with the very bits
//! of one that was never interrupted.
//!
//! [`Folder`] writes them so that there is never a part of one, keeps the last few, and finds the newest that is
//! whole.

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

/// What the user chose for a run: with it, `--resume DIR` needs no other argument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What determines the weights, beside the data.
    pub settings: Settings,
    /// Where the data set is, if it is not the embedded one.
    pub folder: Option<PathBuf>,
    /// Which data set it is.
    pub data: Identity,
    /// How many steps lie between two checkpoints inside of an epoch.
    pub every: Option<usize>,
    /// How many checkpoints stay.
    pub keep: usize,
    /// The share of test images read rightly that ends the run.
    pub target: Option<f64>,
}

/// Named numbers.
#[derive(Clone, Debug, PartialEq)]
struct Numbers {
    name: String,
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// A run between two steps, as a checkpoint holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// What the user chose.
    pub run: Run,
    /// Where the run is, and its history.
    pub progress: Progress,
    /// The steps that the optimizer counts for each parameter.
    optimizer_steps: Vec<u64>,
    numbers: Vec<Numbers>,
}

impl Snapshot {
    /// The run as it is now. `run`'s settings are replaced by the trainer's.
    pub fn of(trainer: &Trainer<'_>, run: &Run) -> Self {
        let named = trainer.model.named_parameters();
        let mut numbers = Vec::new();
        for (name, param) in &named {
            let value = param.tensor();
            let shape = value.shape().to_vec();
            numbers.push(Numbers { name: format!("model.{name}"), shape, values: value.to_vec() });
        }
        let state = trainer.optimizer.state();
        for ((_, param), state) in named.iter().zip(&state) {
            for (name, values) in state.named_slots() {
                let name = format!("optimizer.{name}");
                numbers.push(Numbers { name, shape: param.tensor().shape().to_vec(), values: values.to_vec() });
            }
        }
        Snapshot {
            run: Run { settings: trainer.settings().clone(), ..run.clone() },
            progress: trainer.progress().clone(),
            optimizer_steps: state.iter().map(|state| state.step).collect(),
            numbers,
        }
    }

    /// The network's weights: names, shapes and values.
    pub fn weights(&self) -> impl Iterator<Item = (&str, &[usize], &[f32])> {
        self.numbers.iter().filter_map(|numbers| {
            Some((numbers.name.strip_prefix("model.")?, numbers.shape.as_slice(), numbers.values.as_slice()))
        })
    }

    /// All tensors of the snapshot, those of the optimizer too: names and values.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &[f32])> {
        self.numbers.iter().map(|numbers| (numbers.name.as_str(), numbers.values.as_slice()))
    }

    /// The run, ready for its next step. `settings` are the snapshot's, but for what may differ.
    ///
    /// # Errors
    /// What was found and what was expected, if the snapshot does not fit the data set, or itself.
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
        // The time of the epoch in progress is a part of all.
        if so_far.right > so_far.images || *duration > history.elapsed || !history.has_room() {
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
                self.numbers.into_iter().partition(|numbers| numbers.name.starts_with(&prefix));
            self.numbers = rest;
            let slots: Vec<(&str, &[f32])> =
                own.iter().map(|numbers| (&numbers.name[prefix.len()..], numbers.values.as_slice())).collect();
            trainer
                .optimizer
                .restore(name, self.optimizer_steps[index], &slots)
                .map_err(|error| [error.to_string(), format!("the state of the optimizer for {name}")])?;
        }
        match self.numbers.first() {
            Some(numbers) => Err([format!("numbers named {}", numbers.name), "none beside the network's".to_owned()]),
            None => Ok(()),
        }
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, [String; 2]> {
        let expected = || format!("{name} of shape {shape:?}");
        let Some(index) = self.numbers.iter().position(|numbers| numbers.name == name) else {
            return Err([format!("no {name}"), expected()]);
        };
        let numbers = self.numbers.swap_remove(index);
        if numbers.shape != shape {
            return Err([format!("{name} of shape {:?}", numbers.shape), expected()]);
        }
        Ok(numbers.values)
    }
}
