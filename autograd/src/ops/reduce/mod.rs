//! Reductions over all elements or over given dimensions.

mod along;
mod cummax;
mod cumprod;
mod cumsum;
mod extreme;
mod logcumsumexp;
mod logsumexp;
mod magnitude;
mod norm;
mod prod;
mod recurrence;
mod sum;
mod variance;

use crate::float::Float;
use crate::ops::shape::distinct;
use crate::shape::{Dims, Shape};
use crate::tensor::Tensor;

/// The shape with extent 1 in the given dimensions, and the shape without them.
fn reduced_shapes(shape: &Shape, dims: &[usize]) -> (Shape, Shape) {
    let mut kept = shape.clone();
    dims.iter().for_each(|&dim| kept.set(dim, 1));
    let dropped = (0..shape.rank()).filter(|dim| !dims.contains(dim)).map(|dim| shape[dim]).collect();
    (kept, dropped)
}

impl<T: Float> Tensor<T> {
    /// The shape with the named dimensions made 1, and without them. No dimensions at all mean all of them, as in
    /// PyTorch.
    #[inline(never)]
    #[track_caller]
    fn reduced(&self, op: &str, dims: &dyn Dims) -> (Shape, Shape) {
        let mut dims = distinct(op, dims, self.rank());
        if dims.is_empty() {
            dims = (0..self.rank()).collect();
        }
        reduced_shapes(self.shape(), &dims)
    }
}
