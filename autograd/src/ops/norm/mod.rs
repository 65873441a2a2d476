//! Normalizations along dimensions.

mod batch_norm;
mod group_norm;
mod layer_norm;
mod normalized;
mod softmax;
mod standardize;

use crate::error::shape_error;
use crate::float::Float;
use crate::kernels::planes::Planes;
use crate::shape::Shape;
use crate::tensor::Tensor;
use normalized::Over;

/// y · weight + bias, with a weight and a bias for each element of the last dimensions.
#[track_caller]
fn scaled<T: Float>(y: Tensor<T>, weight: Option<&Tensor<T>>, bias: Option<&Tensor<T>>) -> Tensor<T> {
    let y = match weight {
        Some(weight) => y * weight,
        None => y,
    };
    match bias {
        Some(bias) => y + bias,
        None => y,
    }
}

/// y · weight + bias, with a weight and a bias for each channel, which is dimension 1 of `y`.
#[track_caller]
fn scaled_channels<T: Float>(
    op: &str,
    y: Tensor<T>,
    weight: Option<&Tensor<T>>,
    bias: Option<&Tensor<T>>,
) -> Tensor<T> {
    let channels = y.shape()[1];
    for (name, tensor) in [("weight", weight), ("bias", bias)] {
        if let Some(tensor) = tensor {
            check_channels(op, name, tensor, channels);
        }
    }
    let y = match weight {
        Some(weight) => {
            let weight = along_channels(weight, y.rank());
            y * weight
        }
        None => y,
    };
    match bias {
        Some(bias) => {
            let bias = along_channels(bias, y.rank());
            y + bias
        }
        None => y,
    }
}

/// Values for channels, `[C]`, so that they broadcast to an input `[N, C, ...]` of this rank.
#[track_caller]
fn along_channels<T: Float>(values: &Tensor<T>, rank: usize) -> Tensor<T> {
    let mut along = Shape::from(vec![1; rank - 1]);
    along.set(0, values.numel());
    values.reshape(&along)
}

/// The channels of an input `[N, C, ...]`, with statistics for each of `groups` groups of an image's, or for each
/// channel if there are 0.
fn channel_planes(input: &Shape, groups: usize) -> Planes {
    Planes { images: input[0], channels: input[1], length: input[2..].iter().product(), groups }
}

/// The same for [`normalized`](normalized::normalized), and the shape of their weight.
fn over_channels(input: &Shape, groups: usize) -> (Over, Shape) {
    (Over::Planes(channel_planes(input, groups)), Shape::from([input[1]]))
}

/// Panics unless the tensor has one value for each channel.
#[track_caller]
fn check_channels<T: Float>(op: &str, name: &str, tensor: &Tensor<T>, channels: usize) {
    if tensor.shape()[..] != [channels] {
        shape_error(op, format_args!("the {name} has shape {}, wanted [{channels}]", tensor.shape()));
    }
}

/// Panics unless the input is `[N, C, ...]`.
#[track_caller]
fn check_input(op: &str, input: &Shape) {
    if input.rank() < 2 {
        shape_error(op, format_args!("the input has shape {input}: wanted [N, C, ...]"));
    }
}
