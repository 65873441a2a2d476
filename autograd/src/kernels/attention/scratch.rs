//! The memory of a task: packed keys and values, scores, and what is known of each row.

use super::{Blocks, Extents, GROUP};
use crate::kernels::gemm::caches::collides;
use crate::kernels::gemm::kernel_set::TileKernels;
use crate::kernels::gemm::pack::{SLACK, Strip};
use crate::kernels::gemm::product::{Operand, Target};
use crate::scalar::Scalar;

/// How the memory of a task is divided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// The distance of the rows of scores, and of the packed, transposed keys and values.
    pub(super) stride: usize,
    /// Elements of each part.
    pub(super) scores: usize,
    pub(super) queries: usize,
    pub(super) keys: usize,
    pub(super) values: usize,
}

impl Plan {
    pub(super) fn new<T>(extents: &Extents, blocks: &Blocks) -> Self {
        let mut stride = blocks.keys;
        if collides(stride as isize, size_of::<T>()) {
            stride += GROUP;
        }
        Plan {
            stride,
            scores: blocks.queries * stride,
            queries: blocks.queries * extents.width,
            keys: extents.width * stride + SLACK,
            values: extents.value_width * stride + SLACK,
        }
    }
}

/// Cuts memory into parts.
pub(super) struct Parts<'a, T>(pub(super) &'a mut [T]);

impl<'a, T> Parts<'a, T> {
    /// The next part, of so many elements; the one after it begins at a cache line.
    pub(super) fn next(&mut self, count: usize) -> &'a mut [T] {
        let all = std::mem::take(&mut self.0);
        let (part, rest) = all.split_at_mut(count.next_multiple_of(64).min(all.len()));
        self.0 = rest;
        &mut part[..count]
    }

    /// The elements that so many parts take.
    pub(super) fn elements(counts: &[usize]) -> usize {
        counts.iter().map(|count| count.next_multiple_of(64)).sum()
    }
}

/// Copies `rows` rows of a matrix, transposed, to `out`: `columns` rows that are `stride` apart, with zeros up to a
/// whole group.
///
/// # Safety
/// The instruction set of `kernels` is available, and the rows may be read.
pub(super) unsafe fn pack_transposed<T: Scalar>(
    kernels: &TileKernels<T>,
    source: Operand<T>,
    [rows, columns]: [usize; 2],
    stride: usize,
    out: &mut [T],
) {
    let width = rows.next_multiple_of(GROUP);
    assert!(width <= stride && columns * stride + SLACK <= out.len(), "attention: the memory is too small");
    // A strip of as many elements as there are keys, one step for each column. It is written in bands of `stride`.
    let strip = Strip {
        source: source.data,
        across: source.row_stride,
        along: source.column_stride,
        count: rows,
        depth: columns,
    };
    // SAFETY: the source may be read; the target has room for all steps and the slack.
    unsafe { (kernels.pack)(&strip, out.as_mut_ptr(), stride) }
}

/// Adjacent rows of a slice as an operand.
pub(super) fn operand<T>(values: &[T], row_stride: usize) -> Operand<T> {
    Operand { data: values.as_ptr(), row_stride: row_stride as isize, column_stride: 1 }
}

/// The same to write.
pub(super) fn target<T>(values: &mut [T], row_stride: usize) -> Target<T> {
    Target { data: values.as_mut_ptr(), row_stride: row_stride as isize, column_stride: 1 }
}
