//! The kernel for dot products of several rows with several columns, both contiguous along the depth: too few columns
//! to fill a vector of [`microkernel`](super::microkernel), or too few rows to pay for transposing B.
//!
//! A register of A is cut into parts of 16 bytes, each from another row; a register of B has the same part of a column
//! in each:
//!
//! ```text
//!          rows 0 to 3, steps 0 to 3                column j, steps 0 to 3
//!     a₀₀ a₀₁ a₀₂ a₀₃  a₁₀ … a₁₃  a₂₀ …  a₃₀ …      b₀ b₁ b₂ b₃  b₀ b₁ b₂ b₃  b₀ …  b₀ …
//! ```
//!
//! A register of sums so belongs to four rows and a column, and four of them, of four columns, are added up together:
//! nine operations for sixteen dot products. Were each register one row's, as in [`dot_kernel`](super::dot_kernel), it
//! would take some sixty. (On a Zen 4, GFLOP/s: 500 of (12×64)·(12×64)ᵀ 66 with a register for each dot product, 89
//! with parts; (64×128)·(10×128)ᵀ 91 and 96.)

use super::product::Target;
use crate::arithmetic::Arithmetic;
use crate::kernels::simd::{MAX_PARTS, Vector, opaque};
use crate::scalar::Scalar;

/// The most registers of rows of a tile.
pub(super) const MAX_GROUPS: usize = 4;

/// The most columns of a tile.
pub(super) const MAX_PART_COLUMNS: usize = 8;

/// The most elements of a register.
const MAX_LANES: usize = 16;

/// A tile of dot products.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartTile<T> {
    /// The tile's first row of A, whose elements are adjacent; how far it is to the next row.
    pub(super) a: *const T,
    pub(super) a_row_stride: isize,
    /// The tile's first column of B, whose elements are adjacent; how far it is to the next column.
    pub(super) b: *const T,
    pub(super) b_column_stride: isize,
    /// The tile's elements of C. (Fastest if the columns are adjacent.)
    pub(super) c: Target<T>,
    /// The length of the dot products.
    pub(super) depth: usize,
    /// How many rows a register of A has: as many as parts; or from one on, if the tile has a single register of rows.
    pub(super) rows: usize,
    /// Whether the dot products are added to C's elements.
    pub(super) accumulate: bool,
}

/// The type of [`dots_of_parts`], as the table of kernels holds it.
pub(super) type PartFn<T> = unsafe fn(&PartTile<T>);

/// Rows or columns, four of which are addressed from one of them.
struct Lines<T> {
    firsts: [*const T; MAX_GROUPS],
    strides: [isize; MAX_PARTS],
}

impl<T> Lines<T> {
    /// Lines that begin `stride` apart, `each` of them from one address; of each four only the first `count` are there,
    /// and the last of these stands for the others.
    #[inline(always)]
    fn new(first: *const T, stride: isize, each: usize, count: usize) -> Self {
        let (mut firsts, mut strides) = ([first; MAX_GROUPS], [0; MAX_PARTS]);
        for index in 0..MAX_GROUPS {
            // Addresses that the compiler saw following from each other would be computed one after the other.
            firsts[index] = opaque(first.wrapping_offset((each * index) as isize * stride));
        }
        for index in 0..MAX_PARTS {
            strides[index] = index.min(count - 1) as isize * stride;
        }
        Self { firsts, strides }
    }

    /// Goes some steps of the depth further.
    #[inline(always)]
    fn advance(&mut self, steps: usize) {
        for first in &mut self.firsts {
            *first = opaque(first.wrapping_add(steps));
        }
    }
}

/// Computes a tile of C of `GROUPS` registers of rows and `COLUMNS` columns.
///
/// # Safety
/// - The instruction set of `V` is available and enabled in the caller.
/// - There are `depth` elements to read in each row of the tile and at `b + j · b_column_stride` for j < `COLUMNS`.
/// - `rows` is the number of parts of a register; or, if `GROUPS` is 1, at least 1 and at most that.
/// - The elements of C in these rows and columns may be written; if `accumulate`, they may be read.
#[inline(always)]
pub(super) unsafe fn dots_of_parts<V: Vector, const GROUPS: usize, const COLUMNS: usize>(tile: &PartTile<V::Element>) {
    let parts = V::LANES / V::PART;
    let rows = if GROUPS > 1 { parts } else { tile.rows };
    // SAFETY: whole parts end inside the rows and columns, the last one is cut to what is left of them; rows that
    // aren't there read the last one again, and aren't written.
    unsafe {
        let mut sums = [[V::splat(V::Element::ZERO); COLUMNS]; GROUPS];
        let mut of_a = Lines::new(tile.a, tile.a_row_stride, parts, rows);
        let mut of_b = Lines::new(tile.b, tile.b_column_stride, MAX_PARTS, MAX_PARTS);
        for _ in 0..tile.depth / V::PART {
            add_part::<V, GROUPS, COLUMNS>(&mut sums, &of_a, &of_b, V::PART);
            of_a.advance(V::PART);
            of_b.advance(V::PART);
        }
        let rest = tile.depth % V::PART;
        if rest > 0 {
            add_part::<V, GROUPS, COLUMNS>(&mut sums, &of_a, &of_b, rest);
        }
        let totals = add_up::<V, GROUPS, COLUMNS>(&sums);
        if tile.c.column_stride == 1 {
            write::<V, GROUPS, COLUMNS>(tile, &totals, rows);
        } else {
            write_elements::<V, GROUPS, COLUMNS>(tile, &totals, rows);
        }
    }
}

/// Adds the products of a part of each row with a part of each column: some steps of the depth.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller; as many elements of the lines may be read.
#[inline(always)]
unsafe fn add_part<V: Vector, const GROUPS: usize, const COLUMNS: usize>(
    sums: &mut [[V; COLUMNS]; GROUPS],
    of_a: &Lines<V::Element>,
    of_b: &Lines<V::Element>,
    steps: usize,
) {
    // SAFETY: passed on.
    unsafe {
        let mut rows = [V::splat(V::Element::ZERO); GROUPS];
        let mut group = 0;
        while group < GROUPS {
            rows[group] = V::load_parts(of_a.firsts[group], &of_a.strides, steps);
            group += 1;
        }
        let mut column = 0;
        while column < COLUMNS {
            let source = of_b.firsts[column / MAX_PARTS].offset(of_b.strides[column % MAX_PARTS]);
            let of_column = V::splat_part(source, steps);
            let mut group = 0;
            while group < GROUPS {
                sums[group][column] = rows[group].mul_add(of_column, sums[group][column]);
                group += 1;
            }
            column += 1;
        }
    }
}

/// The dot products of a tile: `[group][column / V::PART]` has those of a register of rows with as many columns as a
/// part has elements.
type Totals<V, const GROUPS: usize> = [[V; MAX_PART_COLUMNS]; GROUPS];

/// Adds up the parts of all sums.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller.
#[inline(always)]
unsafe fn add_up<V: Vector, const GROUPS: usize, const COLUMNS: usize>(
    sums: &[[V; COLUMNS]; GROUPS],
) -> Totals<V, GROUPS> {
    // SAFETY: passed on.
    let zero = unsafe { V::splat(V::Element::ZERO) };
    let mut totals = [[zero; MAX_PART_COLUMNS]; GROUPS];
    let mut group = 0;
    while group < GROUPS {
        let mut column = 0;
        while column < COLUMNS {
            let (mut vectors, mut index) = ([zero; MAX_PARTS], 0);
            while index < V::PART && column + index < COLUMNS {
                vectors[index] = sums[group][column + index];
                index += 1;
            }
            // SAFETY: passed on.
            totals[group][column / V::PART] = unsafe { V::sum_parts(vectors) };
            column += V::PART;
        }
        group += 1;
    }
    totals
}

/// Writes the dot products to a C whose columns are adjacent: `rows` of each register of rows.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller; these elements of C may be written, and read if
/// the tile accumulates.
#[inline(always)]
unsafe fn write<V: Vector, const GROUPS: usize, const COLUMNS: usize>(
    tile: &PartTile<V::Element>,
    totals: &Totals<V, GROUPS>,
    rows: usize,
) {
    let parts = V::LANES / V::PART;
    let strides = Lines::new(tile.c.data.cast_const(), tile.c.row_stride, parts, rows).strides;
    let mut group = 0;
    while group < GROUPS {
        let mut column = 0;
        while column < COLUMNS {
            let (target, dots) = (tile.c.at(group * parts, column), totals[group][column / V::PART]);
            let columns = if COLUMNS - column < V::PART { COLUMNS - column } else { V::PART };
            // SAFETY: passed on.
            unsafe {
                let dots = if tile.accumulate { V::load_parts(target, &strides, columns).add(dots) } else { dots };
                dots.store_parts(target, &strides, (rows, columns));
            }
            column += V::PART;
        }
        group += 1;
    }
}

/// Writes the dot products to a C of any strides, one by one.
///
/// # Safety
/// That of [`write`].
#[inline(always)]
unsafe fn write_elements<V: Vector, const GROUPS: usize, const COLUMNS: usize>(
    tile: &PartTile<V::Element>,
    totals: &Totals<V, GROUPS>,
    rows: usize,
) {
    let mut lanes = [V::Element::ZERO; MAX_LANES];
    for group in 0..GROUPS {
        for first in (0..COLUMNS).step_by(V::PART) {
            // SAFETY: a register has no more elements than the array; the rest is passed on.
            unsafe {
                totals[group][first / V::PART].store(lanes.as_mut_ptr());
                let c = tile.c.from(group * (V::LANES / V::PART), first);
                scatter(c, &lanes, V::PART, (rows, V::PART.min(COLUMNS - first)), tile.accumulate);
            }
        }
    }
}

/// Writes dot products one by one, those of a row `part` elements behind those of the row before it.
///
/// # Safety
/// These elements of C may be written, and read if the sums are added to them.
#[inline(never)]
unsafe fn scatter<T: Scalar>(
    c: Target<T>,
    dots: &[T; MAX_LANES],
    part: usize,
    (rows, columns): (usize, usize),
    accumulate: bool,
) {
    for row in 0..rows {
        for column in 0..columns {
            let (target, dot) = (c.at(row, column), dots[row * part + column]);
            // SAFETY: passed on.
            unsafe { *target = if accumulate { *target + dot } else { dot } }
        }
    }
}
