//! The training loop of the classic program, and the evaluation.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use autograd::{Random, no_grad};
use nn::{CrossEntropyLoss, Mode, Module};
use optim::Adam;

use crate::dataset::{Dataset, Images};

/// What a run is determined by. The same settings and data give the same weights, bit by bit, on any number of threads.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Passes over the training images.
    pub epochs: usize,
    /// Images in a step; the last step of an epoch takes what is left.
    pub batch_size: usize,
    /// Adam's learning rate.
    pub learning_rate: f64,
    /// Where the weights and the order of the images come from.
    pub seed: u64,
}

/// How an epoch went.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// Its number, from 1.
    pub number: usize,
    /// The mean of the training images' losses, each as it was at its step.
    pub loss: f64,
    /// The share of test images that were read rightly after it.
    pub test_accuracy: f64,
    /// The time of its steps, without the evaluation.
    pub duration: Duration,
    /// Its images.
    pub images: usize,
}

/// A step that was just taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The epoch that it belongs to, from 1.
    pub epoch: usize,
    /// Training images seen in this epoch, with this step's.
    pub images: usize,
    /// The mean of its images' losses.
    pub loss: f64,
}

/// Who watches a run, or ends it. Watching a step counts into the epoch's time, so it is to be quick.
pub trait Observer: Send {
    /// After each step.
    fn step(&mut self, step: &Step) {
        let _ = step;
    }

    /// After each epoch; `Break` ends the run.
    fn epoch(&mut self, epoch: &Epoch) -> ControlFlow<()> {
        let _ = epoch;
        ControlFlow::Continue(())
    }
}

/// Several watch together; each sees every epoch, and any of them ends the run.
impl Observer for Vec<&mut dyn Observer> {
    fn step(&mut self, step: &Step) {
        self.iter_mut().for_each(|observer| observer.step(step));
    }

    fn epoch(&mut self, epoch: &Epoch) -> ControlFlow<()> {
        let ends = self.iter_mut().filter_map(|observer| observer.epoch(epoch).is_break().then_some(())).count();
        if ends > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// The streams of random numbers that a run draws from its seed.
const ORDERS: u64 = 1;

/// Trains the model. Call it inside [`autograd::with_threads`], where a fork is cheap.
pub fn train(model: &impl Module, data: &Dataset, settings: &Settings, observer: &mut impl Observer) {
    let criterion = CrossEntropyLoss::new();
    let mut adam = Adam::new(model.parameters(), settings.learning_rate);
    let orders = Random::new(settings.seed).stream(ORDERS);
    for number in 1..=settings.epochs {
        let mut order: Vec<usize> = (0..data.train.len()).collect();
        orders.stream(number as u64).shuffle(&mut order);
        let (mut sum, mut seen) = (0.0, 0);
        let start = Instant::now();
        for chosen in order.chunks(settings.batch_size) {
            let (images, labels) = data.train.batch(chosen);
            let loss = criterion.forward(&model.forward(&images, Mode::Train), &labels);
            let value = f64::from(loss.item());
            adam.step(&loss.backward());
            sum += value * chosen.len() as f64;
            seen += chosen.len();
            observer.step(&Step { epoch: number, images: seen, loss: value });
        }
        let duration = start.elapsed();
        let test_accuracy = accuracy(model, &data.test);
        let epoch = Epoch { number, loss: sum / seen as f64, test_accuracy, duration, images: seen };
        if observer.epoch(&epoch).is_break() {
            return;
        }
    }
}

/// Images that are evaluated at once.
const EVALUATION_BATCH: usize = 500;

/// The share of images whose largest score is at their label.
pub fn accuracy(model: &impl Module, images: &Images) -> f64 {
    let order: Vec<usize> = (0..images.len()).collect();
    let right: usize = no_grad(|| {
        let batches = order.chunks(EVALUATION_BATCH).map(|chosen| {
            let (pixels, labels) = images.batch(chosen);
            let predicted = model.forward(&pixels, Mode::Eval).argmax(1, false);
            predicted.as_slice().iter().zip(labels.as_slice()).filter(|(found, label)| found == label).count()
        });
        batches.sum()
    });
    right as f64 / images.len() as f64
}
