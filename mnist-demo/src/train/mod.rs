//! The training loop, a step at a time, and the evaluation.

mod divergence;
mod history;
mod observer;
mod shards;

use std::time::{Duration, Instant};

use autograd::{Indices, Random, Tensor, no_grad};
use nn::{CrossEntropyLoss, Mode, Module, Sequential};
use optim::Optimizer;
use optim::parallel::Parallel;
use serde::{Deserialize, Serialize};

pub use divergence::Divergence;
pub use history::{Curve, Epoch, History, Tally};
pub use observer::{Observer, Step};

use crate::dataset::{Dataset, Images};
use crate::finite::{first_non_finite, tensors_of};
use crate::model::perceptron;
use crate::recipe::{Place, Recipe};
use shards::Learner;

/// What a run is determined by. The same settings and data give the same weights, bit by bit, on any number of
/// threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Passes over the training images.
    pub epochs: usize,
    /// Images in a step; the last step of an epoch takes what is left.
    pub batch_size: usize,
    /// The optimizer's learning rate, which the recipe may change as the run goes.
    pub learning_rate: f64,
    /// Where the weights, the order of the images, and all else that is random come from.
    pub seed: u64,
    /// How it is done.
    pub recipe: Recipe,
    /// Into how many shards each batch is cut, whose gradients are summed in a fixed order; several processes may share them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<usize>,
}

impl Settings {
    /// Those of a run that names nothing but its recipe.
    pub fn of(recipe: Recipe) -> Self {
        let (epochs, batch_size, learning_rate) = recipe.usual();
        Settings { epochs, batch_size, learning_rate, seed: 0, recipe, shards: None }
    }
}

impl Default for Settings {
    /// The classic program.
    fn default() -> Self {
        Settings::of(Recipe::Plain)
    }
}

/// Streams of random numbers that a run draws from its seed, beside that of the first weights.
const ORDERS: u64 = 1;
const BATCHES: u64 = 2;

/// A run between two steps. All random numbers are functions of the seed and of the place in the run, so what it
/// consists of is its weights, the optimizer's state, and a few numbers: where it is and what is remembered.
pub struct Trainer<'a> {
    data: &'a Dataset,
    settings: Settings,
    pub(crate) model: Sequential,
    pub(crate) optimizer: Box<dyn Optimizer + Send>,
    criterion: CrossEntropyLoss,
    /// Those who compute the shards, if the batches are cut into some.
    parallel: Option<Parallel>,
    /// Whether Ctrl-C was pressed on any rank, at the end of the last step.
    interrupted: bool,
    /// The order of the images in the epoch in progress.
    order: Vec<usize>,
    progress: Progress,
    /// The loss of the last step, to be told if the next one has none that is finite.
    last_loss: Option<f64>,
}

/// Where a run is, and what is remembered of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The epoch in progress, from 1.
    pub epoch: usize,
    /// The images of that epoch that were seen.
    pub so_far: Tally,
    /// The time of its steps.
    pub duration: Duration,
    /// The rest of the past.
    pub history: History,
}

/// What [`Trainer::advance`] did.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A step was taken.
    Step(Step),
    /// The epoch's images are through: the test images were read.
    Epoch(Epoch),
}

impl<'a> Trainer<'a> {
    /// A run at its beginning.
    pub fn new(data: &'a Dataset, settings: Settings) -> Self {
        let start =
            Progress { epoch: 1, so_far: Tally::default(), duration: Duration::ZERO, history: History::default() };
        Trainer::at(data, settings, start)
    }

    /// A run at another place, but with its first weights and the optimizer's first state: a checkpoint puts in the
    /// others.
    pub(crate) fn at(data: &'a Dataset, settings: Settings, progress: Progress) -> Self {
        let model = perceptron(data, &mut Random::new(settings.seed));
        let optimizer = settings.recipe.optimizer(model.named_parameters(), settings.learning_rate);
        let criterion = settings.recipe.criterion();
        let order = order(data, settings.seed, progress.epoch);
        let parallel = shards::alone(&model, settings.shards);
        let (interrupted, last_loss) = (false, None);
        Trainer { data, settings, model, optimizer, criterion, parallel, interrupted, order, progress, last_loss }
    }

    /// The data set.
    pub fn data(&self) -> &'a Dataset {
        self.data
    }

    /// What the run is determined by.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where it is.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What is remembered of it.
    pub fn history(&self) -> &History {
        &self.progress.history
    }

    /// The network to evaluate and to save.
    pub fn network(&self) -> &Sequential {
        &self.model
    }

    /// The steps taken so far.
    pub fn steps(&self) -> usize {
        self.epoch_steps() * (self.progress.epoch - 1) + self.epoch_step()
    }

    /// The steps taken in the epoch in progress.
    pub(crate) fn epoch_step(&self) -> usize {
        self.progress.so_far.images.div_ceil(self.settings.batch_size)
    }

    fn epoch_steps(&self) -> usize {
        self.data.train.len().div_ceil(self.settings.batch_size)
    }

    /// Whether all epochs are through.
    pub fn is_done(&self) -> bool {
        self.progress.history.epochs.len() >= self.settings.epochs
    }

    /// Takes the next step, or ends the epoch after its last one. Call it inside [`autograd::with_threads`], where a
    /// fork is cheap.
    ///
    /// # Errors
    /// If the step's loss, or a weight after the epoch's last step, is NaN or infinite. A step with such a loss
    /// changes nothing; the run cannot go on.
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

    /// Makes sure that the weights are of use.
    ///
    /// # Errors
    /// If one is NaN or infinite. The loss tells of that only at the next step.
    pub fn check_weights(&self) -> Result<(), Divergence> {
        match first_non_finite(tensors_of(&self.model)) {
            Some((name, value)) => Err(self.diverged(self.epoch_step(), format!("{name} has the value {value}"))),
            None => Ok(()),
        }
    }

    /// What is told of a run that found values that are not finite at this step of the epoch, from 1.
    pub(crate) fn diverged(&self, step: usize, found: String) -> Divergence {
        let Settings { learning_rate, recipe, .. } = self.settings;
        Divergence { epoch: self.progress.epoch, step, found, last_loss: self.last_loss, learning_rate, recipe }
    }

    fn step(&mut self) -> Result<Tally, Divergence> {
        let Settings { epochs, batch_size, learning_rate, seed, recipe, .. } = self.settings;
        let place = Place { step: self.steps(), steps: self.epoch_steps().saturating_mul(epochs) };
        let seen = self.progress.so_far.images;
        let chosen = &self.order[seen..self.order.len().min(seen + batch_size)];
        let random = Random::new(seed).stream(BATCHES).stream(place.step as u64);
        let learner = Learner { model: &self.model, criterion: &self.criterion, recipe, images: &self.data.train };
        let learned = match &mut self.parallel {
            None => learner.learn(chosen, random),
            Some(parallel) => {
                let (learned, interrupted) = learner.learn_shards(parallel, chosen, &random);
                self.interrupted = interrupted;
                learned
            }
        };
        if !learned.loss.is_finite() {
            return Err(self.diverged(self.epoch_step() + 1, format!("the loss is {}", learned.loss)));
        }
        let images = chosen.len();
        self.last_loss = Some(learned.loss);
        self.optimizer.set_learning_rate(recipe.learning_rate(learning_rate, place));
        self.optimizer.step_taking(learned.gradients);
        Ok(Tally { images, right: learned.right, loss: learned.loss * images as f64 })
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
        self.order = order(self.data, self.settings.seed, *number);
        epoch
    }
}

/// The order in which an epoch takes the images.
fn order(data: &Dataset, seed: u64, epoch: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..data.train.len()).collect();
    Random::new(seed).stream(ORDERS).stream(epoch as u64).shuffle(&mut order);
    order
}

/// How many scores are largest at their label.
fn right(scores: &Tensor, labels: &Indices) -> usize {
    let predicted = scores.argmax(1, false);
    predicted.as_slice().iter().zip(labels.as_slice()).filter(|(found, label)| found == label).count()
}

/// Images that are evaluated at once.
const EVALUATION_BATCH: usize = 500;

/// Calls `read` with the scores and labels of all images, some at a time and in order.
pub fn evaluate(model: &impl Module, images: &Images, read: impl FnMut(&Tensor, &Indices)) {
    evaluate_batches(model, images, |_| true, read);
}

/// As [`evaluate`], of the batches that are chosen by their number.
fn evaluate_batches(
    model: &impl Module,
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

/// The share of images whose largest score is at their label.
pub fn accuracy(model: &impl Module, images: &Images) -> f64 {
    let mut sum = 0;
    evaluate(model, images, |scores, labels| sum += right(scores, labels));
    sum as f64 / images.len() as f64
}
