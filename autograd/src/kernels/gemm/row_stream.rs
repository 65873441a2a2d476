//! Products whose elements are used once: a row times a matrix, and matrices of so few steps of depth that C is most of
//! what is touched. What counts is to go through the memory in the order of its addresses. So a row of C is computed
//! along its whole length, and B is read some whole rows at a time, where the five loops would go down panels of a few
//! vectors.

use super::caches::caches;
use super::microkernel::{self, Tile};
use super::partition::Partition;
use super::product::{Extents, Product};
use crate::arithmetic::Arithmetic;
use crate::kernels::parallel::{ELEMENTS_PER_TASK, for_each_task, num_threads};
use crate::kernels::simd::Vector;
use crate::scalar::Scalar;

/// A part of a row that is held in registers, in vectors. (Five to eight of them hide the latency of a multiply-add.)
const WIDE: usize = 8;
/// The widest part where there are registers for it: the longer a part is, the fewer are the places from which B is
/// read at a time. (On a Granite Rapids, where B comes from the second level, 1×128 times 128×256 77 GFLOP/s with parts
/// of eight and 83 with parts of sixteen, 1×256 times 256×1024 73 and 80.)
const WIDEST: usize = 16;
/// A part of what is left of a row.
const NARROW: usize = 4;
/// Rows of B that are read at a time where B comes from the third level or from memory. (1×1024 times 1024×1024 on a
/// Zen 4, GFLOP/s: 43 with four rows, 39 with two or eight, 30 with one; by wider parts of eight rows, 36.)
const STEPS: usize = 4;
/// The depth up to which C is most of what is touched, if it has more rows than one.
pub(super) const SHALLOW: usize = 2;

/// Rows of C that are computed along their whole length.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowStream<T> {
    /// The first row: its strides are those of a tile, its depth all of it, and it has one lane.
    first: Tile<T>,
    rows: usize,
    columns: usize,
    /// Whether there is one row, and B comes from the third-level cache or from memory.
    is_far: bool,
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
        Some(Self { first, rows, columns, is_far })
    }

    /// Computes the product by the kernel of an instruction set with so many lanes.
    ///
    /// # Safety
    /// The instruction set is available; the matrices are valid and C is not shared.
    pub(super) unsafe fn run(&self, stream: StreamFn<T>, lanes: usize) {
        let touched = self.columns.saturating_mul(if self.rows == 1 { self.first.depth } else { self.rows });
        let mut parts = touched / (2 * ELEMENTS_PER_TASK);
        if self.is_far {
            // As few as there are threads: a part of a row of B is read the faster, the longer it is. (GFLOP/s on one
            // thread: 43 by parts of 4 KiB, 37 by parts of 2 KiB or less.) Columns take no part in each other's sums.
            parts = parts.min(num_threads());
        }
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

/// Computes rows of C: along their whole length, or a row by some rows of B at a time.
///
/// # Safety
/// That of [`microkernel::tile`] for all of the rows' parts.
#[inline(always)]
pub(super) unsafe fn stream<V: Vector>(work: &RowStream<V::Element>) {
    let RowStream { first, rows, columns, is_far } = *work;
    if is_far {
        // SAFETY: passed on; there is one row.
        return unsafe { add_rows_of_b::<V>(first, columns) };
    }
    if first.depth == 1 && !first.accumulate {
        // SAFETY: passed on.
        return unsafe { outer_product::<V>(work) };
    }
    for row in 0..rows {
        // SAFETY: passed on.
        unsafe { stream_row::<V>(work.row(row), columns) }
    }
}

/// Computes rows of C of which each is B's only row times an element of A. (10×1 times 1×128 on a Granite Rapids,
/// GFLOP/s: 41 by the tiles of a row, 48 where these know that there is one step, 54 so.)
///
/// # Safety
/// That of [`stream`]; there is one step, and nothing is added to C.
#[inline(always)]
unsafe fn outer_product<V: Vector>(work: &RowStream<V::Element>) {
    let RowStream { first, rows, columns, .. } = *work;
    let whole = columns / V::LANES * V::LANES;
    // SAFETY: whole vectors end inside the rows of B and of C, the last ones are masked to the rest.
    unsafe {
        let (zero, mask) = (V::splat(V::Element::ZERO), V::mask(columns - whole));
        for row in 0..rows as isize {
            let of_a = V::splat(*first.a.wrapping_offset(row * first.a_row_stride));
            let (c, mut column) = (first.c.wrapping_offset(row * first.c_row_stride), 0);
            // Added to zero, as all sums are: the product of a zero may be -0.
            while column + WIDE * V::LANES <= whole {
                for vector in 0..WIDE {
                    let at = column + vector * V::LANES;
                    of_a.mul_add(V::load(first.b.wrapping_add(at)), zero).store(c.wrapping_add(at));
                }
                column += WIDE * V::LANES;
            }
            while column < whole {
                of_a.mul_add(V::load(first.b.wrapping_add(column)), zero).store(c.wrapping_add(column));
                column += V::LANES;
            }
            if whole < columns {
                let of_b = V::load_masked(first.b.wrapping_add(whole), mask);
                of_a.mul_add(of_b, zero).store_masked(c.wrapping_add(whole), mask);
            }
        }
    }
}

/// Computes a row of C by the rows of B in the order of their addresses, [`STEPS`] at a time.
///
/// # Safety
/// That of [`stream`].
#[inline(always)]
unsafe fn add_rows_of_b<V: Vector>(mut row: Tile<V::Element>, columns: usize) {
    let (depth, mut step) = (row.depth, 0);
    // SAFETY: these steps are some of the row's, its vectors end inside it, and the last ones are masked to the rest.
    unsafe {
        while step + STEPS <= depth {
            let mut of_a = [V::splat(V::Element::ZERO); STEPS];
            for index in 0..STEPS {
                of_a[index] = V::splat(*row.a.wrapping_offset(index as isize * row.a_step));
            }
            let mut column = 0;
            while column + NARROW * V::LANES <= columns {
                add_steps::<V, NARROW, false>(&at_column(row, column), &of_a, V::mask(V::LANES));
                column += NARROW * V::LANES;
            }
            while column < columns {
                let lanes = (columns - column).min(V::LANES);
                add_steps::<V, 1, true>(&at_column(row, column), &of_a, V::mask(lanes));
                column += lanes;
            }
            row.a = row.a.wrapping_offset(STEPS as isize * row.a_step);
            row.b = row.b.wrapping_offset(STEPS as isize * row.b_step);
            (row.accumulate, step) = (true, step + STEPS);
        }
        if step < depth || depth == 0 {
            stream_row::<V>(Tile { depth: depth - step, ..row }, columns);
        }
    }
}

/// Adds the products of some elements of A with a part of each of as many rows of B to a part of C. If `MASKED`, the
/// vectors are not full.
///
/// Nothing is written before all of it was read: where C and a row of B are at the same place in their pages, a load
/// waits for the store before it. (One vector at a time is at 45 GFLOP/s at best, and at 25 to 29 there; four at 44 and
/// at 39 to 43.)
///
/// # Safety
/// That of [`stream`]; the lanes of the vectors may be read, those of C written.
#[inline(always)]
unsafe fn add_steps<V: Vector, const VECTORS: usize, const MASKED: bool>(
    tile: &Tile<V::Element>,
    of_a: &[V; STEPS],
    mask: V::Mask,
) {
    // SAFETY: passed on.
    unsafe {
        let load = |source: *const V::Element| if MASKED { V::load_masked(source, mask) } else { V::load(source) };
        let mut sums = [V::splat(V::Element::ZERO); VECTORS];
        if tile.accumulate {
            for (vector, sum) in sums.iter_mut().enumerate() {
                *sum = load(tile.c.wrapping_add(vector * V::LANES));
            }
        }
        for (step, of_a) in of_a.iter().enumerate() {
            let row = tile.b.wrapping_offset(step as isize * tile.b_step);
            for (vector, sum) in sums.iter_mut().enumerate() {
                *sum = of_a.mul_add(load(row.wrapping_add(vector * V::LANES)), *sum);
            }
        }
        for (vector, sum) in sums.iter().enumerate() {
            let target = tile.c.wrapping_add(vector * V::LANES);
            if MASKED { sum.store_masked(target, mask) } else { sum.store(target) }
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
        while V::REGISTERS >= 2 * WIDEST && column + WIDEST * V::LANES <= columns {
            microkernel::tile::<V, 1, WIDEST>(&at_column(whole, column));
            column += WIDEST * V::LANES;
        }
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
