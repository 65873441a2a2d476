//! A depthwise separable convolution of MobileNet: a 3×3 convolution of each channel, then a 1×1 convolution of all,
//! each with a batch norm and a rectifier.

use std::sync::Arc;

use nn::{BatchNorm2d, Conv2d, Layer, Module, ReLU, Sequential};

use super::start::{by_fan_in, centred_tensor, set_first_values};
use super::{Network, Step};
use crate::problem::{MULTIPLIERS, Problem};
use crate::record::Unit;

pub(super) static NETWORK: Network = Network {
    name: "depthwise",
    about: "MobileNet's depthwise 3×3 and pointwise 64→64 on 32×32 with batch norms, forward and backward; 16 images",
    batch: 16,
    unit: Unit::Image,
    units: 1,
    operations: (6 * CHANNELS * (9 + CHANNELS) * SIDE * SIDE) as f64,
    step,
    inference: None,
};

const CHANNELS: usize = 64;
const SIDE: usize = 32;

fn step(_: &Arc<Problem>, batch: usize) -> Step {
    let block = Sequential::new()
        .add(Conv2d::grouped(CHANNELS, CHANNELS, 3, CHANNELS, 0).padding(1).without_bias())
        .add(BatchNorm2d::new(CHANNELS))
        .add(ReLU)
        .add(Conv2d::new(CHANNELS, CHANNELS, 1, 0).without_bias())
        .add(BatchNorm2d::new(CHANNELS))
        .add(ReLU);
    set_first_values(&block.named_parameters(), by_fan_in);
    let [x, seed] = MULTIPLIERS.map(|multiplier| centred_tensor(&[batch, CHANNELS, SIDE, SIDE], multiplier));
    Step::Block { x, seed, forward: Box::new(move |x, mode| block.forward(x, mode)) }
}
