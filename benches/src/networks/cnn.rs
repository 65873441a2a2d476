//! The convolutional network of the demo: two convolutions with max-pooling, two linear layers.

use std::sync::Arc;

use autograd::Param;
use nn::{Conv2d, CrossEntropyLoss, Flatten, Layer, Linear, MaxPool2d, Mode, Module, ReLU, Sequential, Unflatten};

use super::start::{by_fan_in, set_first_values};
use super::{Inference, Network, Scores, Step};
use crate::ours::batch_of;
use crate::problem::Problem;
use crate::record::Unit;

pub(super) static NETWORK: Network = Network {
    name: "cnn",
    about: "The CNN of the demo: 5×5 convolutions 1→16→32, max-pooling, linear layers 1568→128→10; 64 images",
    batch: 64,
    unit: Unit::Image,
    units: 1,
    operations: operations_per_image(),
    step,
    inference: Some(Inference { batches: &[1, 64], scores }),
};

/// Rows and columns of an image.
pub const SIDE: usize = 28;
const FILTERS: [usize; 2] = [16, 32];
/// Rows and columns of a filter; half of them, rounded down, lie around an image.
pub const KERNEL: usize = 5;
const HIDDEN: usize = 128;
const CLASSES: usize = 10;
const FEATURES: usize = FILTERS[1] * (SIDE / 4) * (SIDE / 4);

/// Six for each multiply-add of a product; but the gradient of the images is not wanted.
const fn operations_per_image() -> f64 {
    let window = KERNEL * KERNEL;
    let first = SIDE * SIDE * FILTERS[0] * window;
    let second = SIDE / 2 * (SIDE / 2) * FILTERS[1] * FILTERS[0] * window;
    (6 * (first + second + FEATURES * HIDDEN + HIDDEN * CLASSES) - 2 * first) as f64
}

fn layers() -> Sequential {
    let [first, second] = FILTERS;
    let model = Sequential::new()
        .add(Unflatten::new(1, [1, SIDE, SIDE]))
        .add(Conv2d::new(1, first, KERNEL, 0).padding(KERNEL / 2))
        .add(ReLU)
        .add(MaxPool2d::new(2))
        .add(Conv2d::new(first, second, KERNEL, 0).padding(KERNEL / 2))
        .add(ReLU)
        .add(MaxPool2d::new(2))
        .add(Flatten::new())
        .add(Linear::new(FEATURES, HIDDEN, 0))
        .add(ReLU)
        .add(Linear::new(HIDDEN, CLASSES, 0));
    set_first_values(&model.named_parameters(), by_fan_in);
    model
}

/// Shapes and first values of the filters, weights and biases, for other libraries.
pub fn parameters() -> Vec<(Vec<usize>, Vec<f32>)> {
    let of_each = |parameter: Param| (parameter.tensor().shape().to_vec(), parameter.tensor().to_vec());
    layers().parameters().into_iter().map(of_each).collect()
}

fn step(problem: &Arc<Problem>, batch: usize) -> Step {
    let (model, problem, criterion) = (layers(), Arc::clone(problem), CrossEntropyLoss::new());
    let parameters = model.parameters();
    let loss = move |step: usize, mode: Mode<'_>| {
        let (images, labels) = batch_of(&problem, problem.batch(step, batch));
        criterion.forward(&model.forward(&images, mode), &labels)
    };
    Step::Learning(parameters, Box::new(loss))
}

fn scores(problem: &Arc<Problem>, batch: usize) -> Scores {
    let model = layers();
    let (images, _) = batch_of(problem, problem.batch(0, batch));
    Box::new(move || model.forward(&images, Mode::Eval))
}
