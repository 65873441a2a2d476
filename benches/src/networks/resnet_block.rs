//! A basic block of a residual network: two 3×3 convolutions with batch norms, and a rectifier behind the sum.

use std::sync::Arc;

use nn::{BatchNorm2d, Conv2d, Layer, Module, ReLU, Residual, Sequential};

use super::start::{by_fan_in, centred_tensor, set_first_values};
use super::{Network, Step};
use crate::problem::{MULTIPLIERS, Problem};
use crate::record::Unit;

pub(super) static NETWORK: Network = Network {
    name: "resnet-block",
    about: "ResNet's block of two 3×3 convolutions 64→64 on 32×32 with batch norms, forward and backward; 16 images",
    batch: 16,
    unit: Unit::Image,
    units: 1,
    operations: (6 * 2 * CHANNELS * CHANNELS * 9 * SIDE * SIDE) as f64,
    step,
    inference: None,
};

const CHANNELS: usize = 64;
const SIDE: usize = 32;

fn step(_: &Arc<Problem>, batch: usize) -> Step {
    let convolution = || Conv2d::new(CHANNELS, CHANNELS, 3, 0).padding(1).without_bias();
    let inner = Sequential::new()
        .add(convolution())
        .add(BatchNorm2d::new(CHANNELS))
        .add(ReLU)
        .add(convolution())
        .add(BatchNorm2d::new(CHANNELS));
    let block = Sequential::new().add(Residual::new(inner)).add(ReLU);
    set_first_values(&block.named_parameters(), by_fan_in);
    let [x, seed] = MULTIPLIERS.map(|multiplier| centred_tensor(&[batch, CHANNELS, SIDE, SIDE], multiplier));
    Step::Block { x, seed, forward: Box::new(move |x, mode| block.forward(x, mode)) }
}
