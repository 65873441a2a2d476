//! Products whose elements are used once: a row times a matrix, and matrices of so few steps of depth that C is most of
//! what is touched. What counts is to go through the memory in the order of its addresses. So a row of C is computed
//! along its whole length, and B is read some whole rows at a time, where the five loops would go down panels of a few
//! vectors.

use super::caches::caches;
use super::microkernel::{self, Tile};
use super::partition::Partition;
use super::product::{Extents, Product};
use crate::kernels::parallel::{ELEMENTS_PER_TASK, for_each_task};
use crate::kernels::simd::Vector;
use crate::scalar::Scalar;

/// The widest part of a row that is held in registers, in vectors. (Five to eight of them hide the latency of a
/// multiply-add.)
const WIDE: usize = 8;
/// A part of what is left of a row.
const NARROW: usize = 4;
/// Rows of B that are read at a time where B comes from memory. (1×4096 times 4096×4096 on an Emerald Rapids: 10.7
/// GFLOP/s with eight rows at a time, 4.9 with all.)
const STEPS: usize = 8;
/// The depth up to which C is most of what is touched, if it has more rows than one.
pub(super) const SHALLOW: usize = 2;

/// Rows of C, and the depth of the blocks in which they are computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowStream<T> {
    /// The first row: its strides are those of a tile, its depth all of it, and it has one lane.
    first: Tile<T>,
    rows: usize,
    columns: usize,
    steps: usize,
}

/// The type of [`stream`], as the table of kernels holds it.
pub(super) type StreamFn<T> = unsafe fn(&RowStream<T>);

impl<T: Scalar> RowStream<T> {
    /// The rows of a product whose rows and columns are not zero; `None` if the five loops are faster, or elements of a
    /// row are not adjacent.
    #[inline(always)]
    pub(super) fn of(product: &Product<T>) -> Option<Self> {
        let &Product { extents: Extents { rows, columns, depth }, b, c, .. } = product;
        let are_adjacent = b.column_stride == 1 && c.column_stride == 1;
        let is_shallow = depth <= SHALLOW && depth > 0;
        if !(rows == 1 || is_shallow) || columns == 1 || !are_adjacent || product.finish.is_needed() {
            return None;
        }
        let is_far = rows == 1 && depth * columns * size_of::<T>() > caches().second / 2;
        let first = product.as_tile(1);
        Some(Self { first, rows, columns, steps: if is_far { STEPS } else { depth } })
    }

    /// Computes the product by the kernel of an instruction set with so many lanes.
    ///
    /// # Safety
    /// The instruction set is available; the matrices are valid and C is not shared.
    pub(super) unsafe fn run(&self, stream: StreamFn<T>, lanes: usize) {
        let touched = self.columns.saturating_mul(if self.rows == 1 { self.first.depth } else { self.rows });
        let parts = touched / (2 * ELEMENTS_PER_TASK);
        if parts <= 1 {
            // SAFETY: passed on.
            return unsafe { stream(self) };
        }
        // A row is cut into whole wide parts, so that no other one is computed more slowly than before.
        let unit = if self.rows == 1 { WIDE * lanes } else { 1 };
        let units = if self.rows == 1 { self.columns.div_ceil(unit) } else { self.rows };
        let cut = Partition::new(units, parts.min(units));
        for_each_task(cut.count, |part| {
            let range = cut.range(part);
            let part = if self.rows == 1 {
                self.columns_of(range.start * unit, self.columns.min(range.end * unit))
            } else {
                Self { first: self.row(range.start), rows: range.len(), ..*self }
            };
            // SAFETY: passed on; each task has its own part of C.
            unsafe { stream(&part) }
        });
    }

    /// The tile at the beginning of a row.
    #[inline(always)]
    fn row(&self, row: usize) -> Tile<T> {
        let Tile { a, a_row_stride, c, c_row_stride, .. } = self.first;
        let row = row as isize;
        Tile { a: a.wrapping_offset(row * a_row_stride), c: c.wrapping_offset(row * c_row_stride), ..self.first }
    }

    /// The same rows from one column to another.
    fn columns_of(&self, start: usize, end: usize) -> Self {
        Self { first: at_column(self.first, start), columns: end - start, ..*self }
    }
}

// SAFETY: as for a product, each task writes its own part of C, and all of them only read A and B.
unsafe impl<T: Send + Sync> Sync for RowStream<T> {}

/// The same tile further along its row.
#[inline(always)]
fn at_column<T>(tile: Tile<T>, column: usize) -> Tile<T> {
    Tile { b: tile.b.wrapping_add(column), c: tile.c.wrapping_add(column), ..tile }
}

/// Computes rows of C, block of depth after block of depth.
///
/// # Safety
/// That of [`microkernel::tile`] for all of the rows' parts.
#[inline(always)]
pub(super) unsafe fn stream<V: Vector>(work: &RowStream<V::Element>) {
    let RowStream { first, rows, steps, .. } = *work;
    let mut step = 0;
    // Once at least: a product of depth zero is zero.
    loop {
        let depth = steps.min(first.depth - step);
        for row in 0..rows {
            let tile = work.row(row);
            let tile = Tile {
                a: tile.a.wrapping_offset(step as isize * tile.a_step),
                b: tile.b.wrapping_offset(step as isize * tile.b_step),
                depth,
                accumulate: tile.accumulate || step > 0,
                ..tile
            };
            // SAFETY: passed on.
            unsafe { stream_row::<V>(tile, work.columns) }
        }
        step += depth;
        if step == first.depth {
            return;
        }
    }
}

/// Computes a row of C.
///
/// # Safety
/// That of [`stream`].
#[inline(always)]
unsafe fn stream_row<V: Vector>(row: Tile<V::Element>, columns: usize) {
    let whole = Tile { last_lanes: V::LANES, ..row };
    let mut column = 0;
    // SAFETY: parts of the row, which together are all of it.
    unsafe {
        while column + WIDE * V::LANES <= columns {
            microkernel::tile::<V, 1, WIDE>(&at_column(whole, column));
            column += WIDE * V::LANES;
        }
        while column + NARROW * V::LANES <= columns {
            microkernel::tile::<V, 1, NARROW>(&at_column(whole, column));
            column += NARROW * V::LANES;
        }
        while column < columns {
            let last_lanes = (columns - column).min(V::LANES);
            microkernel::tile::<V, 1, 1>(&at_column(Tile { last_lanes, ..row }, column));
            column += last_lanes;
        }
    }
}
