//! Steps of the depth that are left out, because they would add nothing.
//!
//! Real operands are often zero for many rows in the same place: at the border of pictures, for words that few texts have, for categories that an example
//! isn't of. Where all rows of a tile of A are zero,
//!
//! ```text
//!     step              0  1  2  3  4  5  6  7  8
//!     rows of a tile    0  0  3  1  0  0  0  2  0
//!                       0  0  0  4  0  0  0  0  0      runs: from 2 to 4, from 7 to 8
//! ```
//!
//! the micro-kernel would add zero times a row of B to each sum. It is given the runs of the other steps instead. That changes no bit of the result
//! (but the sign of a zero, where products are too small for a number), and this is a promise: zero times infinity is not a number, so steps are left
//! out only where the panel of B is finite. Zeros of B are those of A in the transposed product.
//!
//! To look for zeros takes far less time than the product, and an operand that shows none in a few of its tiles is not looked at further.

use super::pack::{Buffer, Side, Strip};
use super::product::{Operand, Product};
use super::table::Own;
use crate::kernels::simd::Vector;
use crate::scalar::Scalar;

/// Steps that follow each other: the first one, and the one behind the last.
pub(super) type Run = [usize; 2];

/// The type of [`find`], as the table of kernels holds it.
pub(super) type FindFn<T> = unsafe fn(&Strip<T>, usize, Lists);

/// The type of [`is_finite`], as the table of kernels holds it.
pub(super) type IsFiniteFn<T> = unsafe fn(&Strip<T>) -> bool;

/// Row tiles whose steps are looked at by turns, so that numbers which lie together are read while they are at hand.
const TOGETHER: usize = 8;

/// Finds the runs of steps at which some number of a row tile is not zero, for all tiles of a strip, each `height` rows high.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller; the strip may be read, and its numbers are adjacent across or along; there is room
/// for the lists, and nobody else uses them.
#[inline(always)]
pub(super) unsafe fn find<V: Vector>(strip: &Strip<V::Element>, height: usize, lists: Lists) {
    let Strip { count, depth, .. } = *strip;
    for band in (0..count.div_ceil(height)).step_by(TOGETHER) {
        let tiles = (count - band * height).div_ceil(height).min(TOGETHER);
        let (mut found, mut before) = ([0; TOGETHER], [0; TOGETHER]);
        for first in (0..depth).step_by(64) {
            for tile in 0..tiles {
                let row = (band + tile) * height;
                // SAFETY: the part of the strip lies in it; an edge is written for each change, which lie between the steps or at their ends.
                unsafe {
                    let source = strip.source.wrapping_offset(row as isize * strip.across);
                    let source = source.wrapping_offset(first as isize * strip.along);
                    let (count, depth) = (height.min(count - row), (depth - first).min(64));
                    let used = used::<V>(&Strip { source, count, depth, ..*strip });
                    let mut changes = used ^ (used << 1 | before[tile]);
                    before[tile] = used >> 63;
                    while changes != 0 {
                        lists.write(band + tile, found[tile], first + changes.trailing_zeros() as usize);
                        found[tile] += 1;
                        changes &= changes - 1;
                    }
                }
            }
        }
        for (tile, found) in found.into_iter().enumerate().take(tiles) {
            // SAFETY: as above; the list is complete.
            unsafe {
                if found % 2 == 1 {
                    lists.write(band + tile, found, depth);
                }
                lists.end(band + tile, found.div_ceil(2));
            }
        }
    }
}

/// A bit for each of at most 64 steps of a strip: whether one of its numbers is not zero.
///
/// # Safety
/// That of [`find`].
#[inline(always)]
unsafe fn used<V: Vector>(strip: &Strip<V::Element>) -> u64 {
    let Strip { source, across, along, count, depth } = *strip;
    let mut used = 0;
    // SAFETY: whole vectors lie in the strip, the last ones are masked to it.
    unsafe {
        if across == 1 {
            let whole = count / V::LANES * V::LANES;
            let rest = V::mask(count - whole);
            for step in 0..depth {
                let from = source.offset(step as isize * along);
                let mut lanes = V::load_masked(from.add(whole), rest).not_zero();
                for lane in (0..whole).step_by(V::LANES) {
                    lanes |= V::load(from.add(lane)).not_zero();
                }
                used |= u64::from(lanes != 0) << step;
            }
        } else {
            for step in (0..depth).step_by(V::LANES) {
                let mask = V::mask(V::LANES.min(depth - step));
                let mut lanes = 0;
                for row in 0..count {
                    lanes |= V::load_masked(source.offset(row as isize * across).add(step), mask).not_zero();
                }
                used |= lanes << step;
            }
        }
    }
    used
}

/// Whether all numbers of a strip are finite.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller; the strip may be read, and its numbers are adjacent across.
#[inline(always)]
pub(super) unsafe fn is_finite<V: Vector>(strip: &Strip<V::Element>) -> bool {
    // Zero times a number is zero, unless it is infinite or no number.
    const CHAINS: usize = 4;
    // SAFETY: whole vectors lie in the strip, the last ones are masked to it.
    unsafe {
        let zero = V::splat(V::Element::ZERO);
        let (mut sums, mut rest) = ([zero; CHAINS], zero);
        for step in 0..strip.depth {
            let row = strip.source.offset(step as isize * strip.along);
            let mut lane = 0;
            while lane + CHAINS * V::LANES <= strip.count {
                for (chain, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(row.add(lane + chain * V::LANES)).mul_add(zero, *sum);
                }
                lane += CHAINS * V::LANES;
            }
            while lane < strip.count {
                let mask = V::mask(V::LANES.min(strip.count - lane));
                rest = V::load_masked(row.add(lane), mask).mul_add(zero, rest);
                lane += V::LANES;
            }
        }
        sums.into_iter().fold(rest, |all, sum| all.add(sum)).not_zero() == 0
    }
}

/// Multiply-adds from which on zeros are looked for.
const WORTH_A_LOOK: usize = 1 << 22;
/// Row tiles that are looked at first.
const SAMPLES: usize = 4;
/// The share of steps with numbers above which nothing is left out.
const MOST_USED: f32 = 0.875;

/// The share of steps at which a row tile holds numbers, estimated: for the product, and for the transposed one. It is 1 where zeros don't pay.
///
/// # Safety
/// The instruction set of `own` is available; A and B are valid.
#[inline]
pub(super) unsafe fn shares<T: Scalar>(own: &Own<T>, product: &Product<T>) -> [f32; 2] {
    let &Product { rows, columns, depth, a, b, .. } = product;
    if rows.saturating_mul(columns).saturating_mul(depth) < WORTH_A_LOOK {
        return [1.0; 2];
    }
    // SAFETY: passed on.
    unsafe { [share(own, a, rows, depth), share(own, b.transposed(), columns, depth)] }
}

/// The share of steps at which a row tile of an operand holds numbers.
///
/// # Safety
/// The instruction set of `own` is available; the operand is valid.
unsafe fn share<T: Scalar>(own: &Own<T>, a: Operand<T>, rows: usize, depth: usize) -> f32 {
    if !a.lies_along_a_dimension() {
        return 1.0;
    }
    let count = own.heights[own.vectors - 1].min(rows);
    let mut buffer = Lists::buffer(0, 1, depth);
    let lists = Lists::new(&mut buffer, 0, depth);
    let mut used = 0;
    for sample in 0..SAMPLES {
        let row = (rows - count) * (2 * sample + 1) / (2 * SAMPLES);
        let strip = Strip { source: a.at(row, 0), across: a.row, along: a.column, count, depth };
        // SAFETY: the strip lies in the operand; the buffer has room for its only tile.
        let runs = unsafe {
            (own.find)(&strip, count, lists);
            lists.runs(0)
        };
        let steps: usize = runs.iter().map(|[start, end]| end - start).sum();
        if steps == depth {
            return 1.0;
        }
        used += steps;
    }
    let share = used as f32 / (SAMPLES * depth) as f32;
    if share > MOST_USED { 1.0 } else { share }
}

/// What the tasks are told: which panels of B are finite, and the runs of the row tiles of A, of each tile how many and then their edges.
#[derive(Clone, Copy)]
pub(super) struct Lists {
    flags: *mut usize,
    start: *mut usize,
    depth: usize,
}

// SAFETY: each flag and each list is written by one task, before others read it.
unsafe impl Send for Lists {}
// SAFETY: the same.
unsafe impl Sync for Lists {}

impl Lists {
    /// Room for the flags of so many panels and the runs of so many tiles.
    pub(super) fn buffer(panels: usize, tiles: usize, depth: usize) -> Buffer {
        Buffer::take::<usize>(Side::Lists, panels + tiles * Self::length(depth))
    }

    /// The lists in a buffer that has room for them.
    pub(super) fn new(buffer: &mut Buffer, panels: usize, depth: usize) -> Self {
        let flags = buffer.start::<usize>();
        Self { flags, start: flags.wrapping_add(panels), depth }
    }

    /// The longest list: its length, and two edges for every other step.
    const fn length(depth: usize) -> usize {
        1 + depth + 1
    }

    /// The lists from some tile on.
    pub(super) fn from(self, tile: usize) -> Self {
        Self { start: self.start.wrapping_add(tile * Self::length(self.depth)), ..self }
    }

    /// Writes whether a panel is finite.
    ///
    /// # Safety
    /// The buffer is alive and has room for the flag, which nobody else uses meanwhile.
    pub(super) unsafe fn set_finite(self, panel: usize, is_finite: bool) {
        // SAFETY: passed on.
        unsafe { *self.flags.add(panel) = usize::from(is_finite) }
    }

    /// Whether a panel is finite.
    ///
    /// # Safety
    /// The buffer is alive, and the flag was written.
    pub(super) unsafe fn is_finite(self, panel: usize) -> bool {
        // SAFETY: passed on.
        unsafe { *self.flags.add(panel) != 0 }
    }

    /// Writes an edge of a run of a tile.
    ///
    /// # Safety
    /// The buffer is alive and has room for the list, which nobody else uses meanwhile.
    #[inline(always)]
    unsafe fn write(self, tile: usize, edge: usize, step: usize) {
        // SAFETY: passed on.
        unsafe { *self.from(tile).start.add(1 + edge) = step }
    }

    /// Writes how many runs a tile has.
    ///
    /// # Safety
    /// That of [`Lists::write`].
    #[inline(always)]
    unsafe fn end(self, tile: usize, runs: usize) {
        // SAFETY: passed on.
        unsafe { *self.from(tile).start = runs }
    }

    /// From the first step that one of the first tiles takes to the last one.
    ///
    /// # Safety
    /// That of [`Lists::runs`].
    pub(super) unsafe fn reach(self, tiles: usize) -> Run {
        // SAFETY: passed on.
        let lists = (0..tiles).filter_map(|tile| unsafe {
            let runs = self.runs(tile);
            Some([runs.first()?[0], runs.last()?[1]])
        });
        lists.reduce(|one, other| [one[0].min(other[0]), one[1].max(other[1])]).unwrap_or([0, 0])
    }

    /// The runs of a tile.
    ///
    /// # Safety
    /// They were found; the buffer stays alive and unchanged while they are used.
    pub(super) unsafe fn runs<'a>(self, tile: usize) -> &'a [Run] {
        let list = self.from(tile).start;
        // SAFETY: passed on; so many runs were written behind their number.
        unsafe { std::slice::from_raw_parts(list.add(1).cast(), *list) }
    }
}
