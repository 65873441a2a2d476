//! The training loop, one step per call, and the evaluation.

mod divergence;
mod history;
mod observer;
mod optimizer;
mod shards;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use autograd::{Indices, Random, Tensor, no_grad};
use nn::data::Batches;
use nn::{CrossEntropyLoss, Layer, Mode, Sequential};
use serde::{Deserialize, Serialize};

pub use divergence::{Divergence, grown_loss};
pub use history::{Curve, Epoch, History, Tally};
pub use observer::{Observer, Step};

use crate::dataset::{Dataset, Images};
use crate::finite::{first_non_finite, tensors_of};
use crate::model::{Model, Sizes};
use crate::recipe::{Position, Recipe};
use optimizer::RunOptimizer;
use shards::{Learner, Randoms};

/// The settings that determine the result of a run. The same settings and data give exactly the same weights, on any
/// number of threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Passes over the training images.
    pub epochs: usize,
    /// Images per step; the last step of an epoch has the remaining images.
    pub batch_size: usize,
    /// The optimizer's learning rate, which the recipe may change during the run.
    pub learning_rate: f64,
    /// The seed of all random numbers: initial weights, order of the images, distortions.
    pub seed: u64,
    /// The recipe.
    pub recipe: Recipe,
    /// The network.
    #[serde(default, skip_serializing_if = "Model::is_default")]
    pub model: Model,
    /// The number of shards into which each batch is cut, whose gradients are summed in a fixed order. Several
    /// processes can share them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<usize>,
}

impl Settings {
    /// The default settings of a recipe for a network.
    pub fn of(model: Model, recipe: Recipe) -> Self {
        let (epochs, batch_size, learning_rate) = recipe.usual(model);
        Settings { epochs, batch_size, learning_rate, seed: 0, recipe, model, shards: None }
    }
}

impl Default for Settings {
    /// The plain recipe for the perceptron.
    fn default() -> Self {
        Settings::of(Model::Mlp, Recipe::Plain)
    }
}

/// The random streams of a run, derived from its seed. The initial weights use the seed's own stream.
const ORDERS: u64 = 1;
const BATCHES: u64 = 2;
const LAYERS: u64 = 3;

/// A run between two steps. All random numbers are functions of the seed and of the position in the run. So the state
/// of a run is only its weights, the optimizer's state, and its [`Progress`].
pub struct Trainer<'a> {
    data: &'a Dataset,
    settings: Settings,
    pub(crate) model: Arc<Sequential>,
    pub(crate) optimizer: RunOptimizer,
    criterion: CrossEntropyLoss,
    /// Whether Ctrl-C was pressed on any rank, at the end of the last step.
    interrupted: bool,
    /// The order of the images in the epoch in progress.
    order: Vec<usize>,
    progress: Progress,
    /// The loss of the last step, for the message if the next loss is not finite.
    last_loss: Option<f64>,
}

/// The position in a run, and its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The epoch in progress, from 1.
    pub epoch: usize,
    /// The images of that epoch that have been trained on.
    pub so_far: Tally,
    /// The time of that epoch's steps.
    pub duration: Duration,
    /// The completed epochs.
    pub history: History,
}

impl fmt::Display for Progress {
    /// Where the run is, for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.epoch, self.so_far.images) {
            (1, 0) => f.write_str("before the first step"),
            (epoch, 0) => write!(f, "after epoch {}", epoch - 1),
            (epoch, images) => write!(f, "in epoch {epoch}, after {images} images"),
        }
    }
}

/// What [`Trainer::advance`] did.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It took a training step.
    Step(Step),
    /// It ended the epoch and evaluated the network on the test images.
    Epoch(Epoch),
}

impl<'a> Trainer<'a> {
    /// A run before its first step.
    pub fn new(data: &'a Dataset, settings: Settings) -> Self {
        let start =
            Progress { epoch: 1, so_far: Tally::default(), duration: Duration::ZERO, history: History::default() };
        Trainer::at(data, settings, start)
    }

    /// A run at another position, but with the initial weights and optimizer state: the checkpoint restores those.
    pub(crate) fn at(data: &'a Dataset, settings: Settings, progress: Progress) -> Self {
        let model = Arc::new(settings.model.network(Sizes::of(data), &mut Random::new(settings.seed)));
        let optimizer = RunOptimizer::new(&model, &settings);
        let criterion = settings.recipe.criterion(settings.model);
        let order = order(data, &settings, progress.epoch);
        let (interrupted, last_loss) = (false, None);
        Trainer { data, settings, model, optimizer, criterion, interrupted, order, progress, last_loss }
    }

    /// The data set.
    pub fn data(&self) -> &'a Dataset {
        self.data
    }

    /// The settings of the run.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The position in the run.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The history of the run.
    pub fn history(&self) -> &History {
        &self.progress.history
    }

    /// A warning, if the loss of the run grew far too large; see [`grown_loss`].
    pub fn warning(&self) -> Option<String> {
        grown_loss(self.history(), &self.settings, self.data.classes)
    }

    /// The network.
    pub fn network(&self) -> &Sequential {
        &self.model
    }

    /// The network, for another owner: its weights change while the run goes on.
    pub fn shared_network(&self) -> Arc<Sequential> {
        Arc::clone(&self.model)
    }

    /// The number of steps so far.
    pub fn steps(&self) -> usize {
        self.epoch_steps() * (self.progress.epoch - 1) + self.epoch_step()
    }

    /// The number of steps so far in the current epoch.
    pub(crate) fn epoch_step(&self) -> usize {
        self.progress.so_far.images.div_ceil(self.settings.batch_size)
    }

    fn epoch_steps(&self) -> usize {
        batches(&self.settings).count(self.data.train.len())
    }

    /// Whether all epochs are completed.
    pub fn is_done(&self) -> bool {
        self.progress.history.epochs.len() >= self.settings.epochs
    }

    /// Takes the next step, or ends the epoch after its last step. Call it inside [`autograd::with_threads`]: there
    /// the start of a parallel task is cheap.
    ///
    /// # Errors
    /// If the step's loss, or a weight after the epoch's last step, is NaN or infinite. A step with such a loss does
    /// not change the weights; the run cannot continue.
    pub fn advance(&mut self) -> Result<Event, Divergence> {
        let start = Instant::now();
        let event = if self.progress.so_far.images < self.order.len() {
            let step = self.step()?;
            let Progress { epoch, so_far, duration, history } = &mut self.progress;
            so_far.add(step);
            history.curve.push(step);
            *duration += start.elapsed();
            Event::Step(Step { epoch: *epoch, step, so_far: *so_far, duration: *duration })
        } else {
            self.check_weights()?;
            Event::Epoch(self.end_epoch())
        };
        self.progress.history.elapsed += start.elapsed();
        Ok(event)
    }

    /// Checks that the weights are finite.
    ///
    /// # Errors
    /// If a weight is NaN or infinite. The loss would show this only at the next step.
    pub fn check_weights(&self) -> Result<(), Divergence> {
        match first_non_finite(tensors_of(&self.model)) {
            Some((name, value)) => Err(self.diverged(self.epoch_step(), format!("{name} has the value {value}"))),
            None => Ok(()),
        }
    }

    /// The error for values that are not finite, found at this step of the epoch (from 1).
    pub(crate) fn diverged(&self, step: usize, found: String) -> Divergence {
        let Settings { learning_rate, recipe, model, .. } = self.settings;
        let (_, _, default_rate) = recipe.usual(model);
        Divergence { epoch: self.progress.epoch, step, found, last_loss: self.last_loss, learning_rate, default_rate }
    }

    fn step(&mut self) -> Result<Tally, Divergence> {
        let Settings { epochs, batch_size, learning_rate, seed, recipe, .. } = self.settings;
        let position = Position { step: self.steps(), steps: self.epoch_steps().saturating_mul(epochs) };
        let seen = self.progress.so_far.images;
        let chosen = &self.order[seen..self.order.len().min(seen + batch_size)];
        let random = |of_what| Random::new(seed).stream(of_what).stream(position.step as u64);
        let random = Randoms { batches: random(BATCHES), layers: random(LAYERS) };
        let learner = Learner {
            network: self.settings.model,
            model: &self.model,
            criterion: &self.criterion,
            recipe,
            images: &self.data.train,
        };
        let (learned, interrupted) = self.optimizer.learn(&learner, chosen, random);
        self.interrupted = interrupted;
        if !learned.loss.is_finite() {
            return Err(self.diverged(self.epoch_step() + 1, format!("the loss is {}", learned.loss)));
        }
        let images = chosen.len();
        self.last_loss = Some(learned.loss);
        self.optimizer.step(recipe.learning_rate(learning_rate, position), learned.gradients);
        Ok(Tally { images, correct: learned.correct, loss: learned.loss * images as f64 })
    }

    fn end_epoch(&mut self) -> Epoch {
        let test_accuracy = self.test_accuracy();
        let epoch = Epoch {
            number: self.progress.epoch,
            loss: self.progress.so_far.mean_loss(),
            train_accuracy: self.progress.so_far.accuracy(),
            test_accuracy,
            duration: self.progress.duration,
            images: self.progress.so_far.images,
        };
        let Progress { epoch: number, so_far, duration, history } = &mut self.progress;
        history.epochs.push(epoch.clone());
        *number += 1;
        *so_far = Tally::default();
        *duration = Duration::ZERO;
        self.order = order(self.data, &self.settings, *number);
        epoch
    }
}

/// How a run cuts its images into batches.
fn batches(settings: &Settings) -> Batches {
    Batches::new(settings.batch_size).shuffled(Random::new(settings.seed).stream(ORDERS))
}

/// The order in which an epoch takes the images.
fn order(data: &Dataset, settings: &Settings, epoch: usize) -> Vec<usize> {
    batches(settings).order(data.train.len(), epoch as u64)
}

/// The number of rows whose largest score is at the label.
fn count_correct(scores: &Tensor, labels: &Indices) -> usize {
    let predicted = scores.argmax(1, false);
    predicted.as_slice().iter().zip(labels.as_slice()).filter(|(found, label)| found == label).count()
}

/// The number of images in a batch of the evaluation.
const EVALUATION_BATCH: usize = 500;

/// Calls `read` with the scores and labels of all images, some at a time and in order.
pub fn evaluate(model: &impl Layer, images: &Images, read: impl FnMut(&Tensor, &Indices)) {
    evaluate_batches(model, images, |_| true, read);
}

/// As [`evaluate`], of the batches that are chosen by their index.
fn evaluate_batches(
    model: &impl Layer,
    images: &Images,
    is_chosen: impl Fn(usize) -> bool,
    mut read: impl FnMut(&Tensor, &Indices),
) {
    let order: Vec<usize> = (0..images.len()).collect();
    no_grad(|| {
        for (_, chosen) in order.chunks(EVALUATION_BATCH).enumerate().filter(|(batch, _)| is_chosen(*batch)) {
            let (pixels, labels) = images.batch(chosen);
            read(&model.forward(&pixels, Mode::Eval), &labels);
        }
    });
}

/// The fraction of images whose largest score is at their label.
pub fn accuracy(model: &impl Layer, images: &Images) -> f64 {
    let mut sum = 0;
    evaluate(model, images, |scores, labels| sum += count_correct(scores, labels));
    sum as f64 / images.len() as f64
}
