//! A tensor whose elements are about to be written.
//!
//! The closure that writes them is all that differs from one operation to the next: what is before it and behind it is
//! here, where no closure is known, and compiled once.

use std::sync::Arc;
use std::time::Instant;

use super::Tensor;
use crate::error::shape_error;
use crate::float::Float;
use crate::graph::Edge;
use crate::layout::Layout;
use crate::shape::Shape;
use crate::storage::{Storage, no_memory_for};
use crate::trace;

impl<T: Float> Tensor<T> {
    /// A contiguous tensor whose elements are stale ones of a recycled buffer; error messages name the operation `op`.
    #[inline]
    #[track_caller]
    pub(super) fn unfilled(op: &str, shape: Shape) -> Self {
        // Checked before strides are computed, which could overflow.
        shape.numel_for(op);
        Tensor::unfilled_in(op, Arc::new(Layout::contiguous(shape)))
    }

    /// As [`unfilled`](Tensor::unfilled), with a row-major layout.
    #[inline]
    #[track_caller]
    pub(super) fn unfilled_in(op: &str, layout: Arc<Layout>) -> Self {
        Tensor::unfilled_inlined(op, layout)
    }

    #[inline(always)]
    #[track_caller]
    pub(super) fn unfilled_inlined(op: &str, layout: Arc<Layout>) -> Self {
        let Some(storage) = Storage::try_take(layout.numel()) else {
            no_memory::<T>(op, &layout);
        };
        Tensor { storage, layout, edge: Edge::Constant }
    }

    /// The elements, to be written.
    #[inline]
    pub(super) fn stale(&mut self) -> &mut [T] {
        self.storage.get_mut().expect("just made, so not shared")
    }

    /// Traces that the elements have been written since `start`.
    #[inline]
    pub(super) fn trace_built(&self, start: Option<Instant>) {
        if let Some(start) = start {
            trace::built(start, &self.layout.shape, self.storage.as_slice().as_ptr().cast());
        }
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn no_memory<T: Float>(op: &str, layout: &Layout) -> ! {
    shape_error(op, format_args!("shape {}: {}", layout.shape, no_memory_for::<T>(layout.numel())));
}
