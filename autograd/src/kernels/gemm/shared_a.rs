//! A packed A that all tasks read.

use super::buffer::Buffer;
use super::pack::SLACK;
use super::partition::Partition;
use crate::scalar::Scalar;

/// A packed A that all tasks read, one block of rows after the other.
pub(super) struct SharedA<T> {
    buffer: Buffer,
    start: *mut T,
    pub(super) row_blocks: Partition,
    depth: usize,
}

impl<T: Scalar> SharedA<T> {
    pub(super) fn new(row_blocks: Partition, depth: usize) -> Self {
        let rows = row_blocks.start(row_blocks.count) + SLACK * row_blocks.count;
        let buffer = Buffer::take::<T>(rows * depth);
        Self { start: buffer.start(), buffer, row_blocks, depth }
    }

    /// Where a block of rows begins: a little behind the one before it, whose packing may write there while this one is
    /// packed.
    pub(super) fn at(&self, index: usize) -> *mut T {
        debug_assert_eq!(self.buffer.start(), self.start);
        self.start.wrapping_add((self.row_blocks.start(index) + index * SLACK) * self.depth.max(1))
    }
}

// SAFETY: every block of rows is packed by one task, before others read it.
unsafe impl<T: Send + Sync> Sync for SharedA<T> {}
