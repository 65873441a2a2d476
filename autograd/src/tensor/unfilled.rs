//! A tensor whose elements are about to be written.

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

/// A tensor whose elements are stale ones of a recycled buffer.
///
/// The closure that writes them is all that differs from one operation to the next: what is before it and behind it is
/// here, where no closure is known, and compiled once.
pub(super) struct Unfilled<T: Float> {
    start: Option<Instant>,
    layout: Arc<Layout>,
    storage: Storage<T>,
}

impl<T: Float> Unfilled<T> {
    /// A contiguous one; error messages name the operation `op`.
    #[inline(never)]
    #[track_caller]
    pub(super) fn of_shape(op: &str, shape: Shape) -> Self {
        // Checked before strides are computed, which could overflow.
        shape.numel_for(op);
        Unfilled::new(op, Arc::new(Layout::contiguous(shape)))
    }

    #[inline(never)]
    #[track_caller]
    pub(super) fn of_layout(layout: Arc<Layout>) -> Self {
        Unfilled::new("tensor", layout)
    }

    #[inline(always)]
    #[track_caller]
    fn new(op: &str, layout: Arc<Layout>) -> Self {
        let (start, storage) = begin(op, &layout);
        Unfilled { start, layout, storage }
    }

    #[inline]
    pub(super) fn elements(&mut self) -> &mut [T] {
        self.storage.get_mut().expect("just made, so not shared")
    }

    #[inline]
    pub(super) fn finish(self) -> Tensor<T> {
        finish(self.start, self.layout, self.storage)
    }
}

/// The buffer, and when it was asked for if that is traced.
#[inline(always)]
#[track_caller]
pub(super) fn begin<T: Float>(op: &str, layout: &Layout) -> (Option<Instant>, Storage<T>) {
    let start = trace::start();
    let Some(storage) = Storage::try_take(layout.numel()) else {
        no_memory::<T>(op, layout);
    };
    (start, storage)
}

#[inline(always)]
pub(super) fn finish<T: Float>(start: Option<Instant>, layout: Arc<Layout>, storage: Storage<T>) -> Tensor<T> {
    if let Some(start) = start {
        trace::built(start, &layout.shape, storage.as_slice().as_ptr().cast());
    }
    Tensor { storage, layout, edge: Edge::Constant }
}

#[cold]
#[inline(never)]
#[track_caller]
fn no_memory<T: Float>(op: &str, layout: &Layout) -> ! {
    shape_error(op, format_args!("shape {}: {}", layout.shape, no_memory_for::<T>(layout.numel())));
}
