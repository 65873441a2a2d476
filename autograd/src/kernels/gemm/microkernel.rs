//! The innermost kernel: a tile of C that lives in registers while the depth runs by.
//!
//! It is compiled for nearly three hundred tiles, so its loops over rows and vectors are written with `while`: a `for`
//! over a range is several times the code before it is optimised.
//!
//! The tile has `ROWS` rows and `VECTORS` vectors of columns. At each step of the depth a row of B's panel (`VECTORS`
//! loads) meets a column of A's (`ROWS` values, each spread over a register), and every pair is multiplied and added to
//! its sum:
//!
//! ```text
//!                    b₀        b₁            2 loads
//!            a₀   c₀₀ += …  c₀₁ += …
//!            a₁   c₁₀ += …  c₁₁ += …        ROWS × 2 multiply-adds,
//!            …       …         …            none of which waits for another
//!            a₁₁  c₁₁,₀ …   c₁₁,₁ …
//! ```
//!
//! Each sum is a chain along the depth in rising order, which goes on from C where the depth is cut into blocks:
//! neither the tile that an element of C falls into nor the blocks change its bits.

use super::caches::costs;
use crate::arithmetic::Arithmetic;
use crate::kernels::simd::{Vector, opaque, prefetch};

/// The widest tile, in vectors.
pub(in crate::kernels) const MAX_VECTORS: usize = 4;
/// The highest tile, in rows.
pub(in crate::kernels) const MAX_ROWS: usize = 16;
/// The most elements of a tile, on any instruction set.
pub(in crate::kernels) const MAX_TILE_ELEMENTS: usize = 512;

/// One tile's work.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Tile<T> {
    /// The tile's first row of A; how far it is to the next row, and to the next step of the depth.
    pub(in crate::kernels) a: *const T,
    pub(in crate::kernels) a_row_stride: isize,
    pub(in crate::kernels) a_step: isize,
    /// The tile's first vector of B; the others are adjacent; how far it is to the next step.
    pub(in crate::kernels) b: *const T,
    pub(in crate::kernels) b_step: isize,
    /// The tile's first element of C; how far it is to the next row. The columns are adjacent.
    pub(in crate::kernels) c: *mut T,
    pub(in crate::kernels) c_row_stride: isize,
    /// How many steps there are.
    pub(in crate::kernels) depth: usize,
    /// How many lanes of the last vector are columns of C, from 1 to all.
    pub(in crate::kernels) last_lanes: usize,
    /// Whether the sums begin with C's elements rather than with zero.
    pub(in crate::kernels) accumulate: bool,
}

impl<T> Tile<T> {
    /// The first element of a row of C's tile.
    #[inline(always)]
    fn row_of_c(&self, row: usize) -> *mut T {
        self.c.wrapping_offset(row as isize * self.c_row_stride)
    }
}

/// The type of [`tile`], as the table of kernels holds it.
pub(super) type TileFn<T> = unsafe fn(&Tile<T>);

/// The depth from which on the tile of C is prefetched. Its lines then arrive while the products are formed. (Measured:
/// 1 to 1.5 % at 1024³ and 2048³, 5 to 8 % at 4096 × 4096 with depth 64, where C comes from memory; it costs 64³, where
/// C is in the cache, 0.8 %.)
const PREFETCH_FROM: usize = 40;

/// Computes a tile of C.
///
/// # Safety
/// - The instruction set of `V` is available and enabled in the caller.
/// - A's elements at `a + i · a_row_stride + p · a_step`, for i < `ROWS` and p < `depth`, may be read.
/// - At each `b + p · b_step` there are `VECTORS` vectors to read; if [`Vector::MASKS_ARE_FREE`], only `last_lanes` of
///   the last one.
/// - At each `c + i · c_row_stride` there are `VECTORS` vectors to write, of the last one only `last_lanes`; if
///   `accumulate`, they may be read.
#[inline(always)]
pub(super) unsafe fn tile<V: Vector, const ROWS: usize, const VECTORS: usize>(tile: &Tile<V::Element>) {
    // SAFETY: passed on.
    unsafe {
        if !V::MASKS_ARE_FREE || tile.last_lanes == V::LANES {
            // A mask that the compiler knows is none: on some processors a masked load takes the place of an addition.
            tile_of::<V, ROWS, VECTORS, false>(tile, V::mask(V::LANES));
        } else if V::HALVES && 2 * tile.last_lanes <= V::LANES && (VECTORS <= 2 || halves_save_time()) {
            tile_of::<V, ROWS, VECTORS, true>(tile, V::mask(tile.last_lanes));
        } else {
            tile_of::<V, ROWS, VECTORS, false>(tile, V::mask(tile.last_lanes));
        }
    }
}

/// Whether half a register takes less time in a tile of three vectors or four, too. On a core that does two
/// multiply-adds of whole registers in a cycle it takes more: the compiler spreads each element of A twice then. (100³
/// on a Granite Rapids: 170 GFLOP/s with halves and 193 without; 100×100 times 100×36 127 and 164. With 20 columns, two
/// vectors, 134 and 129.)
#[inline(always)]
fn halves_save_time() -> bool {
    costs().half_vector < 1.0
}

/// Computes the tile; with `HALF`, no more than the lower half of the last vector is C's, and only that is computed.
/// The mask is that of the last vector of B.
///
/// # Safety
/// That of [`tile`].
#[inline(always)]
unsafe fn tile_of<V: Vector, const ROWS: usize, const VECTORS: usize, const HALF: bool>(
    tile: &Tile<V::Element>,
    mask: V::Mask,
) {
    // SAFETY: passed on; each step is one of the depth's.
    unsafe {
        let mut sums = begin::<V, ROWS, VECTORS>(tile);
        let (rows, mut b) = (Rows::of(tile), tile.b);
        let mut groups = rows.groups;
        for _ in 0..tile.depth {
            add_step::<V, ROWS, VECTORS, HALF>(&mut sums, |row| *rows.at(&groups, row), b, mask);
            for group in &mut groups {
                let next = group.wrapping_offset(tile.a_step);
                // Of many rows the compiler would rather keep all addresses, half of them in memory. (Stacks of 16³ on
                // a Zen 4: 84 and 88 GFLOP/s; six rows, whose addresses all stay in registers, lose a fiftieth.)
                *group = if ROWS > 2 * GROUP { opaque(next) } else { next };
            }
            b = b.wrapping_offset(tile.b_step);
        }
        end(tile, &sums);
    }
}

/// Rows that are addressed from one of them.
const GROUP: usize = 4;

/// Where the rows of A's tile begin, in groups.
///
/// The compiler would compute the address of each row from that of the row before it, one addition after the other;
/// a tile of one vector then waits for them half of the time. So it must not see how the groups follow from each other.
/// Within a group a processor adds once, twice or thrice the stride as it loads.
struct Rows<T> {
    groups: [*const T; MAX_ROWS / GROUP],
    strides: [isize; GROUP],
}

impl<T> Rows<T> {
    #[inline(always)]
    fn of(tile: &Tile<T>) -> Self {
        let stride = tile.a_row_stride;
        let mut groups = [tile.a; MAX_ROWS / GROUP];
        for index in 0..MAX_ROWS / GROUP {
            groups[index] = opaque(tile.a.wrapping_offset((GROUP * index) as isize * stride));
        }
        Self { groups, strides: [0, stride, 2 * stride, 3 * stride] }
    }

    /// The element of a row, for the groups at some step.
    #[inline(always)]
    fn at(&self, groups: &[*const T; MAX_ROWS / GROUP], row: usize) -> *const T {
        groups[row / GROUP].wrapping_offset(self.strides[row % GROUP])
    }
}

/// The sums before the first step: zero, or C's elements.
///
/// # Safety
/// That of [`tile`], as far as it says something of C.
#[inline(always)]
pub(in crate::kernels) unsafe fn begin<V: Vector, const ROWS: usize, const VECTORS: usize>(
    tile: &Tile<V::Element>,
) -> [[V; VECTORS]; ROWS] {
    if tile.depth > PREFETCH_FROM {
        let mut row = 0;
        while row < ROWS {
            prefetch(tile.row_of_c(row));
            prefetch(tile.row_of_c(row).wrapping_add((VECTORS - 1) * V::LANES + tile.last_lanes - 1));
            row += 1;
        }
    }
    // SAFETY: no memory is touched.
    let (mask, mut sums) = unsafe { (V::mask(tile.last_lanes), [[V::splat(V::Element::ZERO); VECTORS]; ROWS]) };
    let masks_last = V::MASKS_ARE_FREE || tile.last_lanes < V::LANES;
    if tile.accumulate {
        let mut row = 0;
        while row < ROWS {
            let mut vector = 0;
            while vector < VECTORS {
                let source = tile.row_of_c(row).wrapping_add(vector * V::LANES);
                // SAFETY: C's tile may be read, by the caller's contract; a partial last vector goes through the mask.
                sums[row][vector] = unsafe {
                    if masks_last && vector + 1 == VECTORS { V::load_masked(source, mask) } else { V::load(source) }
                };
                vector += 1;
            }
            row += 1;
        }
    }
    sums
}

/// Adds the products of a step: a column of A's tile, an element for each row, with a row of B's panel.
///
/// # Safety
/// That of [`tile`], for the step at which `of_a` and `b` stand.
#[inline(always)]
pub(in crate::kernels) unsafe fn add_step<V: Vector, const ROWS: usize, const VECTORS: usize, const HALF: bool>(
    sums: &mut [[V; VECTORS]; ROWS],
    of_a: impl Fn(usize) -> V::Element + Copy,
    b: *const V::Element,
    mask: V::Mask,
) {
    // SAFETY: passed on.
    unsafe {
        let mut of_b = [V::splat(V::Element::ZERO); VECTORS];
        let mut vector = 0;
        while vector < VECTORS {
            let source = b.add(vector * V::LANES);
            of_b[vector] =
                if V::MASKS_ARE_FREE && vector + 1 == VECTORS { V::load_masked(source, mask) } else { V::load(source) };
            vector += 1;
        }
        let mut row = 0;
        while row < ROWS {
            let of_a = V::splat(of_a(row));
            let mut vector = 0;
            while vector < VECTORS {
                let (sum, of_b) = (&mut sums[row][vector], of_b[vector]);
                *sum =
                    if HALF && vector + 1 == VECTORS { of_a.mul_add_low(of_b, *sum) } else { of_a.mul_add(of_b, *sum) };
                vector += 1;
            }
            row += 1;
        }
    }
}

/// Writes the sums after the last step to C.
///
/// # Safety
/// That of [`tile`], as far as it says something of C.
#[inline(always)]
pub(in crate::kernels) unsafe fn end<V: Vector, const ROWS: usize, const VECTORS: usize>(
    tile: &Tile<V::Element>,
    sums: &[[V; VECTORS]; ROWS],
) {
    // SAFETY: no memory is touched.
    let mask = unsafe { V::mask(tile.last_lanes) };
    let masks_last = V::MASKS_ARE_FREE || tile.last_lanes < V::LANES;
    // By reference: arrays that are taken apart by value go through memory at some heights.
    let mut row = 0;
    while row < ROWS {
        let mut vector = 0;
        while vector < VECTORS {
            let sum = sums[row][vector];
            let target = tile.row_of_c(row).wrapping_add(vector * V::LANES);
            // SAFETY: C's tile may be written; a partial last vector goes through the mask.
            unsafe {
                if masks_last && vector + 1 == VECTORS { sum.store_masked(target, mask) } else { sum.store(target) }
            }
            vector += 1;
        }
        row += 1;
    }
}
