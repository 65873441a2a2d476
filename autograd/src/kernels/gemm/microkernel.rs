//! The innermost kernel: a tile of C that lives in registers while the depth runs by.
//!
//! The tile has `ROWS` rows and `VECTORS` vectors of columns. At each step of the depth a row of B's panel (`VECTORS` loads) meets a column of
//! A's (`ROWS` numbers, each spread over a register), and every pair is multiplied and added to its sum:
//!
//! ```text
//!                    b₀        b₁            2 loads
//!            a₀   c₀₀ += …  c₀₁ += …
//!            a₁   c₁₀ += …  c₁₁ += …        ROWS × 2 multiply-adds,
//!            …       …         …            none of which waits for another
//!            a₁₁  c₁₁,₀ …   c₁₁,₁ …
//! ```
//!
//! Each sum is a chain along the depth in rising order, which goes on from C where the depth is cut into blocks: neither the tile that an element
//! of C falls into nor the blocks change its bits.

use super::zeros::Step;
use crate::kernels::simd::{Vector, prefetch};
use crate::scalar::Scalar;

/// One tile's work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tile<'a, T> {
    /// The tile's first row of A; how far it is to the next row, and to the next step of the depth.
    pub(super) a: *const T,
    pub(super) a_row: isize,
    pub(super) a_step: isize,
    /// The tile's first vector of B; the others are adjacent; how far it is to the next step.
    pub(super) b: *const T,
    pub(super) b_step: isize,
    /// The tile's corner of C; how far it is to the next row. The columns are adjacent.
    pub(super) c: *mut T,
    pub(super) c_row: isize,
    /// How many steps there are, and those that are taken: all, or all but some that would add zero times a finite number.
    pub(super) depth: usize,
    pub(super) taken: Option<&'a [Step]>,
    /// How many columns of the last vector are C's, from 1 to all.
    pub(super) last: usize,
    /// Whether the sums begin with C's numbers rather than with zero.
    pub(super) accumulate: bool,
}

/// The type of [`tile`], as the table of kernels holds it.
pub(super) type TileFn<T> = unsafe fn(&Tile<'_, T>);

/// The depth from which on the tile of C is asked for first. Its lines then arrive while the products are formed. (Measured: 1 to 1.5 % at 1024³ and 2048³,
/// 5 to 8 % at 4096 × 4096 with depth 64, where C comes from memory; it costs 64³, where C is at hand, 0.8 %.)
const PREFETCH_FROM: usize = 40;

/// Computes a tile of C.
///
/// # Safety
/// - The instruction set of `V` is available and enabled in the caller.
/// - A's numbers at `a + i · a_row + p · a_step`, for i < `ROWS` and each step p that is taken, may be read.
/// - At each `b + p · b_step` there are `VECTORS` vectors to read; if [`Vector::MASKS_ARE_FREE`], only `last` lanes of the last one.
/// - At each `c + i · c_row` there are `VECTORS` vectors to write, of the last one only `last` lanes; if `accumulate`, they hold numbers.
#[inline(always)]
pub(super) unsafe fn tile<V: Vector, const ROWS: usize, const VECTORS: usize>(tile: &Tile<'_, V::Element>) {
    // SAFETY: passed on.
    unsafe {
        if tile.taken.is_some() {
            tile_of::<V, ROWS, VECTORS, false, true>(tile);
        } else if V::HALVES && 2 * tile.last <= V::LANES {
            tile_of::<V, ROWS, VECTORS, true, false>(tile);
        } else {
            tile_of::<V, ROWS, VECTORS, false, false>(tile);
        }
    }
}

/// Computes the tile; with `HALF`, no more than the lower half of the last vector is C's, and only that is computed; with `SOME`, the steps that are
/// taken are told one by one.
///
/// # Safety
/// That of [`tile`].
#[inline(always)]
unsafe fn tile_of<V: Vector, const ROWS: usize, const VECTORS: usize, const HALF: bool, const SOME: bool>(
    tile: &Tile<'_, V::Element>,
) {
    let line = |row: usize| tile.c.wrapping_offset(row as isize * tile.c_row);
    if tile.depth > PREFETCH_FROM {
        for row in 0..ROWS {
            prefetch(line(row));
            prefetch(line(row).wrapping_add((VECTORS - 1) * V::LANES + tile.last - 1));
        }
    }
    // SAFETY: no memory is touched.
    let (mask, mut sums) = unsafe { (V::mask(tile.last), [[V::splat(V::Element::ZERO); VECTORS]; ROWS]) };
    let masks_last = V::MASKS_ARE_FREE || tile.last < V::LANES;
    if tile.accumulate {
        for (row, sums) in sums.iter_mut().enumerate() {
            for (vector, sum) in sums.iter_mut().enumerate() {
                let source = line(row).wrapping_add(vector * V::LANES);
                // SAFETY: C's tile holds numbers, by the caller's contract; a partial last vector goes through the mask.
                *sum = unsafe {
                    if masks_last && vector + 1 == VECTORS { V::load_masked(source, mask) } else { V::load(source) }
                };
            }
        }
    }
    if SOME {
        for &step in tile.taken.unwrap_or_default() {
            let a = tile.a.wrapping_offset(step as isize * tile.a_step);
            let b = tile.b.wrapping_offset(step as isize * tile.b_step);
            // SAFETY: `a` and `b` stand at a step that the caller's contract covers.
            unsafe { add_step::<V, ROWS, VECTORS, HALF>(&mut sums, a, tile.a_row, b, mask) }
        }
    } else {
        let (mut a, mut b) = (tile.a, tile.b);
        for _ in 0..tile.depth {
            // SAFETY: as above.
            unsafe { add_step::<V, ROWS, VECTORS, HALF>(&mut sums, a, tile.a_row, b, mask) }
            a = a.wrapping_offset(tile.a_step);
            b = b.wrapping_offset(tile.b_step);
        }
    }
    for (row, sums) in sums.into_iter().enumerate() {
        for (vector, sum) in sums.into_iter().enumerate() {
            let target = line(row).wrapping_add(vector * V::LANES);
            // SAFETY: C's tile may be written; a partial last vector goes through the mask.
            unsafe {
                if masks_last && vector + 1 == VECTORS { sum.store_masked(target, mask) } else { sum.store(target) }
            }
        }
    }
}

/// Adds the products of a step: a column of A's tile with a row of B's panel.
///
/// # Safety
/// That of [`tile`], for the step at which `a` and `b` stand.
#[inline(always)]
unsafe fn add_step<V: Vector, const ROWS: usize, const VECTORS: usize, const HALF: bool>(
    sums: &mut [[V; VECTORS]; ROWS],
    a: *const V::Element,
    a_row: isize,
    b: *const V::Element,
    mask: V::Mask,
) {
    // SAFETY: passed on.
    unsafe {
        let mut of_b = [V::splat(V::Element::ZERO); VECTORS];
        for (vector, of_b) in of_b.iter_mut().enumerate() {
            let source = b.add(vector * V::LANES);
            *of_b =
                if V::MASKS_ARE_FREE && vector + 1 == VECTORS { V::load_masked(source, mask) } else { V::load(source) };
        }
        for (row, sums) in sums.iter_mut().enumerate() {
            let of_a = V::splat(*a.offset(row as isize * a_row));
            for (vector, (sum, of_b)) in sums.iter_mut().zip(of_b).enumerate() {
                *sum =
                    if HALF && vector + 1 == VECTORS { of_a.mul_add_low(of_b, *sum) } else { of_a.mul_add(of_b, *sum) };
            }
        }
    }
}

/// The most rows of a tile of scalar products.
pub(super) const MOST_DOT_ROWS: usize = 4;

/// Computes a tile of C as scalar products of rows of A with columns of B, both of which lie along the depth: no number has to be moved to its place, and
/// vectors run along the depth. It is the kernel for matrix times vector, where every number of the matrix is used once.
///
/// The tile is read differently here: `a_step` is 1; `b_step` is how far it is from a column of B to the next; `last` is how many of the
/// `COLUMNS` there are.
///
/// # Safety
/// - The instruction set of `V` is available and enabled in the caller.
/// - There are `depth` numbers to read at `a + i · a_row` for i < `ROWS`, and at `b + j · b_step` for j < `last`; `last` is at least 1.
/// - There are `last` numbers to write at each `c + i · c_row`; if `accumulate`, they hold numbers.
#[inline(always)]
pub(super) unsafe fn dots<V: Vector, const ROWS: usize, const COLUMNS: usize>(tile: &Tile<'_, V::Element>) {
    let whole = tile.depth / V::LANES * V::LANES;
    // SAFETY: whole vectors end inside the rows and columns, the last one is masked to what is left of them; columns that aren't there read the last
    // one again, and aren't written.
    unsafe {
        let mut columns = [tile.b; COLUMNS];
        for (index, column) in columns.iter_mut().enumerate() {
            *column = tile.b.offset(index.min(tile.last - 1) as isize * tile.b_step);
        }
        let mut sums = [[V::splat(V::Element::ZERO); COLUMNS]; ROWS];
        let mut step = 0;
        while step < whole {
            let mut of_a = [V::splat(V::Element::ZERO); ROWS];
            for (row, of_a) in of_a.iter_mut().enumerate() {
                *of_a = V::load(tile.a.offset(row as isize * tile.a_row).add(step));
            }
            for column in 0..COLUMNS {
                let of_b = V::load(columns[column].add(step));
                for row in 0..ROWS {
                    sums[row][column] = of_a[row].mul_add(of_b, sums[row][column]);
                }
            }
            step += V::LANES;
        }
        if whole < tile.depth {
            let mask = V::mask(tile.depth - whole);
            let mut of_a = [V::splat(V::Element::ZERO); ROWS];
            for (row, of_a) in of_a.iter_mut().enumerate() {
                *of_a = V::load_masked(tile.a.offset(row as isize * tile.a_row).add(whole), mask);
            }
            for column in 0..COLUMNS {
                let of_b = V::load_masked(columns[column].add(whole), mask);
                for row in 0..ROWS {
                    sums[row][column] = of_a[row].mul_add(of_b, sums[row][column]);
                }
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            let line = tile.c.offset(row as isize * tile.c_row);
            for (column, sum) in sums.into_iter().enumerate() {
                if column < tile.last {
                    let target = line.add(column);
                    let sum = sum.sum();
                    *target = if tile.accumulate { *target + sum } else { sum };
                }
            }
        }
    }
}
