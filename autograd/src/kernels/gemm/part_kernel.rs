//! The kernel for dot products of several rows with several columns, both contiguous along the depth: too few columns
//! to fill a vector of [`microkernel`](super::microkernel), or too few rows to pay for transposing B.
//!
//! A register of A is cut into two parts, each from another row; a register of B has the same part of a column in both:
//!
//! ```text
//!        row 0, steps 0 to 7    row 1, steps 0 to 7          column j, steps 0 to 7, twice
//!     a₀₀ a₀₁ a₀₂ … a₀₇      a₁₀ a₁₁ a₁₂ … a₁₇             b₀ b₁ b₂ … b₇      b₀ b₁ b₂ … b₇
//! ```
//!
//! A register of sums so belongs to two rows and a column. The more rows a register has, the less it takes to add up
//! the sums in the end, and the more to load it: eight registers, of four rows and four columns, are added up by 21
//! operations for sixteen dot products. (On a Zen 4, GFLOP/s with one row in a register, with two, and with four:
//! (64×128)·(10×128)ᵀ 91, 99 and 95; 500 of (12×64)·(12×64)ᵀ 66, 87 and 86.)

use super::dot_kernel::DotTile;
use super::product::Target;
use crate::arithmetic::Arithmetic;
use crate::kernels::simd::{MAX_GROUP_ROWS, Vector, opaque};
use crate::scalar::Scalar;

/// The most groups of rows of a tile: so many rows as have their sums in one register.
pub(super) const MAX_GROUPS: usize = 4;

/// The most columns of a tile.
pub(super) const MAX_PART_COLUMNS: usize = 6;

/// The most elements of a register.
const MAX_LANES: usize = 16;

/// Columns that are addressed from one of them.
const COLUMNS_OF_ONE: usize = 4;

/// Rows or columns, some of which are addressed from the first of them.
struct Lines<T> {
    firsts: [*const T; MAX_GROUPS],
    strides: [isize; MAX_GROUP_ROWS],
}

impl<T> Lines<T> {
    /// Lines that begin `stride` apart, `each` of them addressed from one. Of these only the first `count` are there,
    /// and the last of them stands for the others.
    #[inline(always)]
    fn new(first: *const T, stride: isize, each: usize, count: usize) -> Self {
        let (mut firsts, mut strides) = ([first; MAX_GROUPS], [0; MAX_GROUP_ROWS]);
        for index in 0..MAX_GROUPS {
            // Addresses that the compiler saw following from each other would be computed one after the other.
            firsts[index] = opaque(first.wrapping_offset((each * index) as isize * stride));
        }
        for index in 0..MAX_GROUP_ROWS {
            strides[index] = index.min(count - 1) as isize * stride;
        }
        Self { firsts, strides }
    }

    /// Where a line stands, `index` lines behind the first of a group.
    #[inline(always)]
    fn at(&self, group: usize, index: usize) -> *const T {
        self.firsts[group].wrapping_offset(self.strides[index])
    }

    /// Goes some steps of the depth further.
    #[inline(always)]
    fn advance(&mut self, steps: usize) {
        for first in &mut self.firsts {
            *first = opaque(first.wrapping_add(steps));
        }
    }
}

/// The sums of a tile: `[column][group][register]`. The last is one or two.
type Sums<V, const GROUPS: usize, const COLUMNS: usize> = [[[V; 2]; GROUPS]; COLUMNS];

/// Computes a tile of C of `GROUPS` groups of rows and `COLUMNS` columns.
///
/// # Safety
/// - The instruction set of `V` is available and enabled in the caller.
/// - There are `depth` elements to read in each row of the tile and at `b + j · b_column_stride` for j < `COLUMNS`.
/// - The tile has `COLUMNS` columns, and rows that make `GROUPS` groups; or, if `GROUPS` is 1, fewer, but at least one.
/// - The elements of C in these rows and columns may be written; if `accumulate`, they may be read.
#[inline(always)]
pub(super) unsafe fn dots_of_parts<V: Vector, const GROUPS: usize, const COLUMNS: usize>(tile: &DotTile<V::Element>) {
    let rows = if GROUPS > 1 { V::GROUP_ROWS } else { tile.rows };
    // SAFETY: whole parts end inside the rows and columns, the last one is cut to what is left of them; rows that
    // aren't there read the last one again, and aren't written.
    unsafe {
        let mut sums = [[[V::splat(V::Element::ZERO); 2]; GROUPS]; COLUMNS];
        let mut of_a = Lines::new(tile.a, tile.a_row_stride, V::GROUP_ROWS, rows);
        let mut of_b = Lines::new(tile.b, tile.b_column_stride, COLUMNS_OF_ONE, COLUMNS_OF_ONE);
        for _ in 0..tile.depth / V::PART {
            add_part(&mut sums, &of_a, &of_b, V::PART);
            of_a.advance(V::PART);
            of_b.advance(V::PART);
        }
        let rest = tile.depth % V::PART;
        if rest > 0 {
            add_part(&mut sums, &of_a, &of_b, rest);
        }
        let totals = add_up(&sums);
        if tile.c.column_stride == 1 && !tile.accumulate {
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
    sums: &mut Sums<V, GROUPS, COLUMNS>,
    of_a: &Lines<V::Element>,
    of_b: &Lines<V::Element>,
    steps: usize,
) {
    let in_register = V::LANES / V::PART;
    let registers = V::GROUP_ROWS / in_register;
    // SAFETY: passed on.
    unsafe {
        let mut rows = [[V::splat(V::Element::ZERO); 2]; GROUPS];
        let mut group = 0;
        while group < GROUPS {
            let mut register = 0;
            while register < registers {
                let first = register * in_register;
                let sources = [of_a.at(group, first), of_a.at(group, first + in_register - 1)];
                rows[group][register] = V::load_parts(sources, steps);
                register += 1;
            }
            group += 1;
        }
        let mut column = 0;
        while column < COLUMNS {
            let of_column = V::splat_part(of_b.at(column / COLUMNS_OF_ONE, column % COLUMNS_OF_ONE), steps);
            let mut group = 0;
            while group < GROUPS {
                let mut register = 0;
                while register < registers {
                    let sum = &mut sums[column][group][register];
                    *sum = rows[group][register].mul_add(of_column, *sum);
                    register += 1;
                }
                group += 1;
            }
            column += 1;
        }
    }
}

/// The dot products of a tile: `[group][index]` has those of a group with as many columns as a register of its sums.
type Totals<V, const GROUPS: usize> = [[V; MAX_PART_COLUMNS]; GROUPS];

/// With how many columns a register has the dot products of a group.
const fn columns_of_register<V: Vector>() -> usize {
    V::LANES / V::GROUP_ROWS
}

/// Adds up the parts of all sums.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller.
#[inline(always)]
unsafe fn add_up<V: Vector, const GROUPS: usize, const COLUMNS: usize>(
    sums: &Sums<V, GROUPS, COLUMNS>,
) -> Totals<V, GROUPS> {
    // SAFETY: passed on.
    let zero = unsafe { V::splat(V::Element::ZERO) };
    let mut totals = [[zero; MAX_PART_COLUMNS]; GROUPS];
    let mut group = 0;
    while group < GROUPS {
        let mut column = 0;
        while column < COLUMNS {
            let (mut parts, mut index) = ([[zero; MAX_GROUP_ROWS]; 2], 0);
            while index < columns_of_register::<V>() && column + index < COLUMNS {
                parts[0][index] = sums[column + index][group][0];
                parts[1][index] = sums[column + index][group][1];
                index += 1;
            }
            // SAFETY: passed on.
            totals[group][column / columns_of_register::<V>()] = unsafe { V::sum_parts(parts) };
            column += columns_of_register::<V>();
        }
        group += 1;
    }
    totals
}

/// Writes the dot products to a C whose columns are adjacent: `rows` of each group.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller; these elements of C may be written.
#[inline(always)]
unsafe fn write<V: Vector, const GROUPS: usize, const COLUMNS: usize>(
    tile: &DotTile<V::Element>,
    totals: &Totals<V, GROUPS>,
    rows: usize,
) {
    let strides = Lines::new(tile.c.data.cast_const(), tile.c.row_stride, V::GROUP_ROWS, rows).strides;
    let mut group = 0;
    while group < GROUPS {
        let mut column = 0;
        while column < COLUMNS {
            let all = columns_of_register::<V>();
            let columns = if COLUMNS - column < all { COLUMNS - column } else { all };
            // SAFETY: passed on.
            unsafe {
                let target = tile.c.at(group * V::GROUP_ROWS, column);
                totals[group][column / all].store_sums(target, &strides, (rows, columns));
            }
            column += all;
        }
        group += 1;
    }
}

/// Writes the dot products one by one: to a C of any strides, or adding them to its elements.
///
/// # Safety
/// That of [`write`]; if the tile accumulates, the elements may be read.
#[inline(always)]
unsafe fn write_elements<V: Vector, const GROUPS: usize, const COLUMNS: usize>(
    tile: &DotTile<V::Element>,
    totals: &Totals<V, GROUPS>,
    rows: usize,
) {
    let (all, mut lanes) = (columns_of_register::<V>(), [V::Element::ZERO; MAX_LANES]);
    for group in 0..GROUPS {
        for first in (0..COLUMNS).step_by(all) {
            // SAFETY: a register has no more elements than the array; the rest is passed on.
            unsafe {
                totals[group][first / all].store(lanes.as_mut_ptr());
                let c = tile.c.from(group * V::GROUP_ROWS, first);
                scatter(c, &lanes, all, (rows, all.min(COLUMNS - first)), tile.accumulate);
            }
        }
    }
}

/// Writes dot products one by one, those of a row `all` elements behind those of the row before it.
///
/// # Safety
/// These elements of C may be written, and read if the sums are added to them.
#[inline(never)]
unsafe fn scatter<T: Scalar>(
    c: Target<T>,
    dots: &[T; MAX_LANES],
    all: usize,
    (rows, columns): (usize, usize),
    accumulate: bool,
) {
    for row in 0..rows {
        for column in 0..columns {
            let (target, dot) = (c.at(row, column), dots[row * all + column]);
            // SAFETY: passed on.
            unsafe { *target = if accumulate { *target + dot } else { dot } }
        }
    }
}
