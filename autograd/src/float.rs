//! The element types of tensors: a scalar type together with the kernels for it.

use crate::kernels::skip_zeros::SkippingKernels;

/// An element type of tensors: `f32` (the default everywhere) or `f64` (for checks of gradients).
///
/// It is a [`Scalar`](crate::Scalar) with a table of matrix-product kernels. The traits are sealed: there are just
/// these two.
pub trait Float: SkippingKernels {}

impl Float for f32 {}
impl Float for f64 {}
