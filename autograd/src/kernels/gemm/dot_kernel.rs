//! The kernel for few rows or few columns: dot products of rows of A with columns of B, both of which are contiguous
//! along the depth. No element has to be moved, and vectors run along the depth. It is the kernel for matrix times
//! vector, where every element of the matrix is used once.

use super::product::Target;
use crate::arithmetic::Arithmetic;
use crate::kernels::simd::Vector;
use crate::scalar::Scalar;

/// The most rows of a tile of dot products.
pub(super) const MAX_DOT_ROWS: usize = 4;

/// The most columns of a tile of one row.
pub(super) const COLUMNS_OF_ROW: usize = 64;

/// A tile of dot products.
#[derive(Clone, Copy, Debug)]
pub(super) struct DotTile<T> {
    /// The tile's first row of A, whose elements are adjacent; how far it is to the next row.
    pub(super) a: *const T,
    pub(super) a_row_stride: isize,
    /// The tile's first column of B, whose elements are adjacent; how far it is to the next column.
    pub(super) b: *const T,
    pub(super) b_column_stride: isize,
    /// The tile's elements of C. Any strides serve, but adjacent columns are written fastest.
    pub(super) c: Target<T>,
    /// The length of the dot products.
    pub(super) depth: usize,
    /// How many rows and columns there are.
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Whether the dot products are added to C's elements.
    pub(super) accumulate: bool,
}

/// The type of [`dots_of_few`], [`dots_of_row`], [`dots_in_order`] and of
/// [`dots_of_parts`](super::part_kernel::dots_of_parts), as the table of kernels holds it.
pub(super) type DotFn<T> = unsafe fn(&DotTile<T>);

/// Computes a tile of C of `ROWS` rows and at most `COLUMNS` columns, by a narrower kernel if at most `FEW` are there.
///
/// # Safety
/// That of [`dots`].
#[inline(always)]
pub(super) unsafe fn dots_of_few<V: Vector, const ROWS: usize, const COLUMNS: usize, const FEW: usize>(
    tile: &DotTile<V::Element>,
) {
    // SAFETY: passed on; there are no more columns than the kernel takes.
    unsafe { if tile.columns <= FEW { dots::<V, ROWS, FEW>(tile) } else { dots::<V, ROWS, COLUMNS>(tile) } }
}

/// Computes a tile of C of one row and up to [`COLUMNS_OF_ROW`] columns: eight at a time, then four, two and one.
///
/// So each part knows how many columns it has. (1×128 times 128×10 with B transposed on a Granite Rapids: 43 GFLOP/s
/// where parts of at most eight and two columns ask which of theirs are there, 58 where they know.)
///
/// # Safety
/// That of [`dots`] for one row, but for the number of columns.
#[inline(always)]
pub(super) unsafe fn dots_of_row<V: Vector>(tile: &DotTile<V::Element>) {
    let mut left = *tile;
    // SAFETY: passed on; there are as many columns as each part takes.
    unsafe {
        while left.columns >= 8 {
            dots_of_columns::<V, 8>(&mut left);
        }
        if left.columns >= 4 {
            dots_of_columns::<V, 4>(&mut left);
        }
        if left.columns >= 2 {
            dots_of_columns::<V, 2>(&mut left);
        }
        if left.columns == 1 {
            dots_of_columns::<V, 1>(&mut left);
        }
    }
}

/// Computes the first `COLUMNS` columns of a tile of one row, and leaves the others.
///
/// # Safety
/// That of [`dots`] for one row and as many columns.
#[inline(always)]
unsafe fn dots_of_columns<V: Vector, const COLUMNS: usize>(left: &mut DotTile<V::Element>) {
    let tile = DotTile { columns: COLUMNS, ..*left };
    let columns = std::array::from_fn(|index| tile.b.wrapping_offset(index as isize * tile.b_column_stride));
    // SAFETY: passed on.
    unsafe { write(&tile, &totals(&sums_of::<V, 1, COLUMNS>(&tile, &columns))) }
    left.columns -= COLUMNS;
    left.b = left.b.wrapping_offset(COLUMNS as isize * left.b_column_stride);
    left.c.data = left.c.data.wrapping_offset(COLUMNS as isize * left.c.column_stride);
}

/// Computes a tile of C of one row and up to [`COLUMNS_OF_ROW`] columns, one after the other: B is read in the order
/// of its addresses, which counts where it comes from memory. (1×1024 times 1024×1024 with B transposed on a Zen 4,
/// GFLOP/s: 40 with eight columns at a time, 43 with four, 49 in this order.)
///
/// # Safety
/// That of [`dots`] for one row, but for the number of columns.
#[inline(always)]
pub(super) unsafe fn dots_in_order<V: Vector>(tile: &DotTile<V::Element>) {
    /// Sums that are formed at the same time, since each multiply-add waits for the one before it.
    const SUMS: usize = 4;
    let DotTile { a, b, b_column_stride, c, depth, columns, accumulate, .. } = *tile;
    let whole = depth / V::LANES * V::LANES;
    for column in 0..columns {
        // SAFETY: whole vectors end inside the row and the column, the last one is masked to what is left of them.
        unsafe {
            let b = b.offset(column as isize * b_column_stride);
            let (mut sums, mut step) = ([V::splat(V::Element::ZERO); SUMS], 0);
            while step + SUMS * V::LANES <= whole {
                for index in 0..SUMS {
                    let at = step + index * V::LANES;
                    sums[index] = V::load(a.add(at)).mul_add(V::load(b.add(at)), sums[index]);
                }
                step += SUMS * V::LANES;
            }
            while step < whole {
                sums[0] = V::load(a.add(step)).mul_add(V::load(b.add(step)), sums[0]);
                step += V::LANES;
            }
            if whole < depth {
                let mask = V::mask(depth - whole);
                let rest = V::load_masked(a.add(whole), mask);
                sums[1] = rest.mul_add(V::load_masked(b.add(whole), mask), sums[1]);
            }
            let total = sums[0].add(sums[1]).add(sums[2].add(sums[3])).sum();
            let target = c.at(0, column);
            *target = if accumulate { *target + total } else { total };
        }
    }
}

/// Computes a tile of C of `ROWS` rows and at most `COLUMNS` columns.
///
/// # Safety
/// - The instruction set of `V` is available and enabled in the caller.
/// - There are `depth` elements to read at `a + i · a_row_stride` for i < `ROWS`, and at `b + j · b_column_stride` for
///   j < `columns`; `columns` is at least 1 and at most `COLUMNS`.
/// - The elements of C in these rows and columns may be written; if `accumulate`, they may be read.
#[inline(always)]
pub(super) unsafe fn dots<V: Vector, const ROWS: usize, const COLUMNS: usize>(tile: &DotTile<V::Element>) {
    // Columns that aren't there read the last one again, and aren't written.
    let last = tile.columns - 1;
    let column = |index: usize| tile.b.wrapping_offset(index.min(last) as isize * tile.b_column_stride);
    let columns = std::array::from_fn(column);
    // SAFETY: passed on.
    unsafe { write(tile, &totals(&sums_of::<V, ROWS, COLUMNS>(tile, &columns))) }
}

/// The sums of a tile, a vector for each pair of a row and a column.
///
/// # Safety
/// That of [`dots`]; the columns are some of the tile's.
#[inline(always)]
unsafe fn sums_of<V: Vector, const ROWS: usize, const COLUMNS: usize>(
    tile: &DotTile<V::Element>,
    columns: &[*const V::Element; COLUMNS],
) -> [[V; COLUMNS]; ROWS] {
    let whole = tile.depth / V::LANES * V::LANES;
    // SAFETY: whole vectors end inside the rows and columns, the last one is masked to what is left of them.
    unsafe {
        let mut sums = [[V::splat(V::Element::ZERO); COLUMNS]; ROWS];
        let mut step = 0;
        while step < whole {
            add_vectors::<V, ROWS, COLUMNS, false>(&mut sums, tile, columns, step, V::mask(V::LANES));
            step += V::LANES;
        }
        if whole < tile.depth {
            let mask = V::mask(tile.depth - whole);
            add_vectors::<V, ROWS, COLUMNS, true>(&mut sums, tile, columns, whole, mask);
        }
        sums
    }
}

/// The sum of each vector's lanes.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller.
#[inline(always)]
unsafe fn totals<V: Vector, const ROWS: usize, const COLUMNS: usize>(
    sums: &[[V; COLUMNS]; ROWS],
) -> [[V::Element; COLUMNS]; ROWS] {
    // All of them before any is written: sums that are taken one by one, as many as there are columns, would go through
    // memory.
    let mut totals = [[V::Element::ZERO; COLUMNS]; ROWS];
    let position = |index: usize| (index / COLUMNS, index % COLUMNS);
    let mut index = 0;
    while index < ROWS * COLUMNS {
        let at = |offset: usize| position((index + offset).min(ROWS * COLUMNS - 1));
        let [a, b, c, d] = [at(0), at(1), at(2), at(3)];
        // SAFETY: passed on.
        let four = unsafe { V::sums([sums[a.0][a.1], sums[b.0][b.1], sums[c.0][c.1], sums[d.0][d.1]]) };
        let mut offset = 0;
        while offset < 4 && index < ROWS * COLUMNS {
            let (row, column) = position(index);
            totals[row][column] = four[offset];
            (offset, index) = (offset + 1, index + 1);
        }
    }
    totals
}

/// Writes the dot products of a tile, or adds them to C's elements.
///
/// # Safety
/// That of [`dots`], as far as it says something of C.
#[inline(always)]
unsafe fn write<T: Scalar, const ROWS: usize, const COLUMNS: usize>(tile: &DotTile<T>, totals: &[[T; COLUMNS]; ROWS]) {
    // SAFETY: passed on.
    unsafe {
        if tile.columns == COLUMNS && tile.c.column_stride == 1 && !tile.accumulate {
            // So the totals of four columns are written at once, from the register in which they are.
            for row in 0..ROWS {
                tile.c.at(row, 0).cast::<[T; COLUMNS]>().write_unaligned(totals[row]);
            }
            return;
        }
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                if column < tile.columns {
                    let (target, total) = (tile.c.at(row, column), totals[row][column]);
                    *target = if tile.accumulate { *target + total } else { total };
                }
            }
        }
    }
}

/// Adds the products of a vector of each row with one of each column, those that begin at `step`; if `MASKED`, the
/// vectors are not full.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller; the lanes of the vectors may be read.
#[inline(always)]
unsafe fn add_vectors<V: Vector, const ROWS: usize, const COLUMNS: usize, const MASKED: bool>(
    sums: &mut [[V; COLUMNS]; ROWS],
    tile: &DotTile<V::Element>,
    columns: &[*const V::Element; COLUMNS],
    step: usize,
    mask: V::Mask,
) {
    // SAFETY: passed on.
    unsafe {
        let mut of_a = [V::splat(V::Element::ZERO); ROWS];
        for row in 0..ROWS {
            let source = tile.a.offset(row as isize * tile.a_row_stride).add(step);
            of_a[row] = if MASKED { V::load_masked(source, mask) } else { V::load(source) };
        }
        for column in 0..COLUMNS {
            let source = columns[column].add(step);
            let of_b = if MASKED { V::load_masked(source, mask) } else { V::load(source) };
            for row in 0..ROWS {
                sums[row][column] = of_a[row].mul_add(of_b, sums[row][column]);
            }
        }
    }
}
