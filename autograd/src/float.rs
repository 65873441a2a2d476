//! The element types of tensors: a scalar type together with the kernels for it.

use crate::kernels::skip_zeros::SkippingKernels;

/// An element type of tensors: `f32` (the default everywhere) or `f64` (for checks of gradients).
///
/// It is a [`Scalar`](crate::Scalar) with a table of matrix-product kernels. The traits are sealed: there are just
/// these two.
#[diagnostic::on_unimplemented(
    message = "tensors have elements of `f32` or `f64`, not of `{Self}`",
    label = "not an element type of tensors",
    note = "class labels and positions are `Indices`, truth values a `Mask`"
)]
pub trait Float: SkippingKernels {}

// The compiler shows the next two lines where it cannot infer which of them is meant, so they say what to write there.
impl Float for f32 {} // the default: `let x: Tensor = ...`, or `use autograd::prelude::*;`, `use nn::prelude::*;`
impl Float for f64 {} // `let x: Tensor<f64> = ...`
