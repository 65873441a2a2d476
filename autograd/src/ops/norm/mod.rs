//! Normalizations along dimensions.

mod affine;
mod batch_norm;
mod group_norm;
mod layer_norm;
mod softmax;
mod standardize;

use crate::error::shape_error;
use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// y · weight + bias, with a weight and a bias for each channel, which is dimension 1 of `y`.
#[track_caller]
fn scaled_channels<T: Float>(
    op: &str,
    y: Tensor<T>,
    weight: Option<&Tensor<T>>,
    bias: Option<&Tensor<T>>,
) -> Tensor<T> {
    let channels = y.shape()[1];
    let mut along = Shape::from(vec![1; y.rank() - 1]);
    along.set(0, channels);
    for (name, tensor) in [("weight", weight), ("bias", bias)] {
        if let Some(tensor) = tensor {
            check_channels(op, name, tensor, channels);
        }
    }
    let y = match weight {
        Some(weight) => y * weight.reshape(&along),
        None => y,
    };
    match bias {
        Some(bias) => y + bias.reshape(&along),
        None => y,
    }
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
