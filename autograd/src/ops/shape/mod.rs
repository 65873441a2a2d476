//! Other ways to walk the same elements: transposes, slices, reshapes. None of them copies, except a reshape that strides cannot say.

mod flip;
mod permute;
mod reshape;
mod roll;
mod slice;

use smallvec::SmallVec;

use crate::error::{dimension, mistake};
use crate::shape::Dims;

pub(crate) use reshape::reshaped;

/// The dimensions that were named, each once, counted from the front.
#[track_caller]
pub(crate) fn distinct(op: &str, dims: &impl Dims, rank: usize) -> SmallVec<[usize; 4]> {
    let mut seen: SmallVec<[usize; 4]> = SmallVec::new();
    for dim in dims.dims() {
        let index = dimension(op, dim, rank);
        if seen.contains(&index) {
            mistake(op, format_args!("dimension {dim} is named twice"));
        }
        seen.push(index);
    }
    // A single number has a dimension to name, but none to walk.
    if rank == 0 {
        seen.clear();
    }
    seen
}

#[cfg(test)]
mod tests;
