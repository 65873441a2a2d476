//! Views of the same elements: transposes, slices, reshapes. None of them copies elements, except a reshape that
//! strides cannot express.

mod cat;
mod diagonal;
mod flip;
mod interpolate;
mod meshgrid;
mod pad;
mod permute;
mod repeat;
mod reshape;
mod roll;
mod slice;
mod slice_scatter;
mod split;
mod triangle;
mod unfold;

use smallvec::SmallVec;

use crate::error::{argument_error, dimension};
use crate::float::Float;
use crate::kernels::map::{add_into, copy_into};
use crate::kernels::parallel::fill;
use crate::layout::Layout;
use crate::shape::{Dims, Shape};
use crate::tensor::Tensor;

pub use interpolate::Interpolation;
pub use pad::PadMode;
pub(crate) use pad::padded_along;
pub(crate) use reshape::reshaped;

/// Zeros of the shape `from`, with the elements of `x` at the positions that `part` chooses of them. A constant.
#[track_caller]
pub(crate) fn placed<T: Float>(x: &Tensor<T>, from: &Shape, part: impl FnOnce(&Layout) -> Layout) -> Tensor<T> {
    let whole = Layout::contiguous(from.clone());
    Tensor::build(from.clone(), |out| {
        fill(out, T::ZERO);
        copy_into(x.as_view(), out, &part(&whole));
    })
}

/// Adds `x` to the elements of `sum` at the positions that `part` chooses, if nobody else holds its buffer.
pub(crate) fn added_to_part<T: Float>(
    x: &Tensor<T>,
    sum: &mut Tensor<T>,
    part: impl FnOnce(&Layout) -> Layout,
) -> bool {
    let whole = Layout::contiguous(sum.shape().clone());
    let Some(values) = sum.as_mut_slice() else { return false };
    add_into(x.as_view(), values, &part(&whole));
    true
}

/// The given dimensions, counted from the front, after a check that each is given only once.
#[track_caller]
pub(crate) fn distinct(op: &str, dims: &dyn Dims, rank: usize) -> SmallVec<[usize; 4]> {
    let mut seen: SmallVec<[usize; 4]> = SmallVec::new();
    for dim in dims.dims() {
        let index = dimension(op, dim, rank);
        if seen.contains(&index) {
            argument_error(op, format_args!("dimension {dim} is named twice"));
        }
        seen.push(index);
    }
    // For a scalar the dimensions 0 and -1 are accepted, but it has no dimension.
    if rank == 0 {
        seen.clear();
    }
    seen
}

#[cfg(test)]
mod tests;
