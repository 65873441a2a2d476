//! The micro-kernels of operands that are read through tables of offsets.
//!
//! [`tile`] is the micro-kernel of matrices with other addresses: element (i, p) of A is at `rows[i] + steps[p].a`, row
//! p of B begins at `steps[p].b`. The windows of an image are such a matrix: `rows` has the position of each window,
//! `steps` that of each element inside a window. So a convolution is a product that never writes its windows down.
//!
//! Where a tile of C would have a single row, which is a load for each multiply-add, two others are faster: the rows of
//! [`shared_tile`] have the same row of A and each its own B, and [`dots`] has its vectors along the depth.

use super::microkernel::{Tile, add_step, begin, end};
use crate::arithmetic::Arithmetic;
use crate::kernels::simd::{Vector, opaque};

/// The highest tile, in rows. Their offsets stay in general registers, of which there are sixteen.
pub(in crate::kernels) const MAX_OFFSET_ROWS: usize = 8;

/// The widest tile, in vectors: as many as the columns of a window of five elements, for [`shared_tile`].
pub(in crate::kernels) const MAX_OFFSET_VECTORS: usize = 5;

/// The highest tile whose rows have adjacent offsets.
pub(in crate::kernels) const MAX_ADJACENT_ROWS: usize = 16;

/// A step of the depth: where A's column and B's row begin, in elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) a: u32,
    pub(crate) b: u32,
}

/// The offsets of a tile.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Offsets<'a> {
    /// One for each row of the tile at least.
    pub(in crate::kernels) rows: &'a [u32],
    pub(in crate::kernels) steps: &'a [Step],
}

/// The type of [`tile`], [`adjacent_tile`], [`shared_tile`] and [`dots`], as the table of kernels holds it.
pub(super) type OffsetTileFn<T> = unsafe fn(&Tile<T>, &Offsets<'_>);

/// The offsets of the first rows.
///
/// # Safety
/// There are so many.
#[inline(always)]
unsafe fn first_rows<const ROWS: usize>(offsets: &Offsets<'_>) -> [usize; ROWS] {
    let mut rows = [0; ROWS];
    for row in 0..ROWS {
        // SAFETY: passed on.
        rows[row] = unsafe { *offsets.rows.get_unchecked(row) } as usize;
    }
    rows
}

/// Computes a tile of C. The strides of A and B and the depth that the tile names are not used.
///
/// # Safety
/// - The instruction set of `V` is available and enabled in the caller.
/// - There are `ROWS` offsets of rows; A's elements at `a + rows[i] + steps[p].a` may be read.
/// - At each `b + steps[p].b` there are `VECTORS` vectors to read.
/// - C is as for the [dense tile](super::microkernel::tile).
#[inline(always)]
pub(super) unsafe fn tile<V: Vector, const ROWS: usize, const VECTORS: usize>(
    tile: &Tile<V::Element>,
    offsets: &Offsets<'_>,
) {
    // SAFETY: passed on; each step is one of the table's.
    unsafe {
        let rows = first_rows::<ROWS>(offsets);
        let mut sums = begin::<V, ROWS, VECTORS>(tile);
        // B's rows are whole vectors.
        let whole = V::mask(V::LANES);
        for step in offsets.steps {
            let a = tile.a.add(step.a as usize);
            let b = tile.b.add(step.b as usize);
            add_step::<V, ROWS, VECTORS, false>(&mut sums, |row| *a.add(rows[row]), b, whole);
        }
        end(tile, &sums);
    }
}

/// The [`tile`] of rows whose offsets are adjacent, such as those of windows side by side: the first one is all that is
/// kept of them, so that the tile can be higher, and each vector of B is loaded for more rows.
///
/// # Safety
/// That of [`tile`], with A's elements at `a + rows[0] + i + steps[p].a` for each row i.
#[inline(always)]
pub(super) unsafe fn adjacent_tile<V: Vector, const ROWS: usize, const VECTORS: usize>(
    tile: &Tile<V::Element>,
    offsets: &Offsets<'_>,
) {
    // SAFETY: passed on; each step is one of the table's.
    unsafe {
        let first = tile.a.add(*offsets.rows.get_unchecked(0) as usize);
        let mut sums = begin::<V, ROWS, VECTORS>(tile);
        let whole = V::mask(V::LANES);
        for step in offsets.steps {
            // One addition for all rows: an address of two parts in each instruction splits it in two on some
            // processors.
            let a = opaque(first.add(step.a as usize));
            let b = tile.b.add(step.b as usize);
            add_step::<V, ROWS, VECTORS, false>(&mut sums, |row| *a.add(row), b, whole);
        }
        end(tile, &sums);
    }
}

/// Computes a tile of C whose rows have one row of A in common, and of B each its own: row i of C is the sum of
/// a\[steps\[p\].a\] times the vectors at `b + rows[i] + steps[p].b`.
///
/// # Safety
/// That of [`tile`], with A's elements at `a + steps[p].a` and B's vectors at `b + rows[i] + steps[p].b`.
#[inline(always)]
pub(super) unsafe fn shared_tile<V: Vector, const ROWS: usize, const VECTORS: usize>(
    tile: &Tile<V::Element>,
    offsets: &Offsets<'_>,
) {
    // SAFETY: passed on; each step is one of the table's.
    unsafe {
        let rows = first_rows::<ROWS>(offsets);
        let mut sums = begin::<V, ROWS, VECTORS>(tile);
        for step in offsets.steps {
            let of_a = V::splat(*tile.a.add(step.a as usize));
            let b = tile.b.add(step.b as usize);
            for row in 0..ROWS {
                for vector in 0..VECTORS {
                    let of_b = V::load(b.add(rows[row] + vector * V::LANES));
                    sums[row][vector] = of_a.mul_add(of_b, sums[row][vector]);
                }
            }
        }
        end(tile, &sums);
    }
}

/// Computes elements of C as dot products: element i is the sum of the vectors at `a + steps[p].a`, lane by lane, times
/// those at `b + rows[i] + steps[p].b`. The first `depth` steps are whole vectors, the others have `last_lanes` lanes.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller; there are `ROWS` offsets of rows and `depth`
/// steps at least; the lanes of A and B may be read; `ROWS` elements of C may be written, and read if they are added
/// to.
#[inline(always)]
pub(super) unsafe fn dots<V: Vector, const ROWS: usize>(tile: &Tile<V::Element>, offsets: &Offsets<'_>) {
    // SAFETY: passed on; each step is one of the table's.
    unsafe {
        let rows = first_rows::<ROWS>(offsets);
        let mut sums = [V::splat(V::Element::ZERO); ROWS];
        let (whole, partial) = offsets.steps.split_at_unchecked(tile.depth);
        for step in whole {
            let of_a = V::load(tile.a.add(step.a as usize));
            let b = tile.b.add(step.b as usize);
            for row in 0..ROWS {
                sums[row] = of_a.mul_add(V::load(b.add(rows[row])), sums[row]);
            }
        }
        let mask = V::mask(tile.last_lanes);
        for step in partial {
            let of_a = V::load_masked(tile.a.add(step.a as usize), mask);
            let b = tile.b.add(step.b as usize);
            for row in 0..ROWS {
                sums[row] = of_a.mul_add(V::load_masked(b.add(rows[row]), mask), sums[row]);
            }
        }
        for row in 0..ROWS {
            let c = tile.c.add(row);
            let before = if tile.accumulate { *c } else { V::Element::ZERO };
            *c = before + sums[row].sum();
        }
    }
}
