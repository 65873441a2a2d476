//! What is checked before a walk back.

use crate::error::{argument_error, shape_error};
use crate::float::Float;
use crate::tensor::Tensor;

/// Panics where this tensor cannot have a gradient.
#[track_caller]
pub(super) fn check_tracked<T: Float>(name: &str, tensor: &Tensor<T>) {
    if !tensor.is_tracked() {
        let sentence = "this tensor cannot have a gradient: it was not computed from a leaf (requires_grad) or a \
                        parameter, or it was detached or computed under no_grad";
        argument_error(name, sentence);
    }
}

/// Panics where the seed of a walk has another shape than the result that it begins at.
#[track_caller]
pub(super) fn check_seed<T: Float>(name: &str, of: &Tensor<T>, seed: &Tensor<T>) {
    if of.shape() != seed.shape() {
        shape_error(name, format_args!("the seed has shape {}, the tensor {}", seed.shape(), of.shape()));
    }
}
