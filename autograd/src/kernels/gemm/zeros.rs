//! Steps of the depth that are left out, because they would add nothing.
//!
//! Real operands are often zero for many rows in the same place: at the border of pictures, for words that few texts have, for categories that an example
//! isn't of. Where all rows of a tile of A are zero,
//!
//! ```text
//!     step              0  1  2  3  4  5  6  7  8
//!     rows of a tile    0  0  3  1  0  0  0  2  0
//!                       0  0  0  4  0  0  0  0  0      taken: 2, 3 and 7
//! ```
//!
//! the micro-kernel would add zero times a row of B to each sum. It is given a list of the other steps instead. That changes no bit of the result
//! (but the sign of a zero, where products are too small for a number), and this is a promise: zero times infinity is not a number, so steps are left
//! out only where the panel of B is finite. Zeros of B are those of A in the transposed product.
//!
//! To look for zeros takes far less time than the product, and an operand that shows few in some of its tiles, or none in two, is not looked at further.

use super::pack::{Buffer, Side, Strip};
use super::product::{Operand, Product};
use super::table::Own;
use crate::kernels::simd::Vector;
use crate::scalar::Scalar;

/// A step of the depth that is taken.
pub(super) type Step = u32;

/// The type of [`find`], as the table of kernels holds it.
pub(super) type FindFn<T> = unsafe fn(&Strip<T>, usize, Option<Lists>) -> usize;

/// The type of [`is_finite`], as the table of kernels holds it.
pub(super) type IsFiniteFn<T> = unsafe fn(&Strip<T>) -> bool;

/// Row tiles that one task looks at; it does so by turns, so that numbers which lie together are read while they are at hand.
pub(super) const TOGETHER: usize = 8;

/// Finds the steps at which some number of a row tile is not zero, for all tiles of a strip, each `height` rows high. They are written where there are
/// lists; how many there are is returned.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller; the strip may be read, and its numbers are adjacent across or along; there is room
/// for the lists, and nobody else uses them.
#[inline(always)]
pub(super) unsafe fn find<V: Vector>(strip: &Strip<V::Element>, height: usize, lists: Option<Lists>) -> usize {
    let Strip { count, depth, .. } = *strip;
    let mut all = 0;
    for band in (0..count.div_ceil(height)).step_by(TOGETHER) {
        let tiles = (count - band * height).div_ceil(height).min(TOGETHER);
        let mut found = [0; TOGETHER];
        for first in (0..depth).step_by(64) {
            for (tile, found) in found.iter_mut().enumerate().take(tiles) {
                let row = (band + tile) * height;
                // SAFETY: the part of the strip lies in it; no more steps are written than there are.
                unsafe {
                    let source = strip.source.wrapping_offset(row as isize * strip.across);
                    let source = source.wrapping_offset(first as isize * strip.along);
                    let (count, depth) = (height.min(count - row), (depth - first).min(64));
                    let used = used::<V>(&Strip { source, count, depth, ..*strip });
                    *found += match lists {
                        Some(lists) => V::places(used, first as Step, lists.end_of(band + tile, *found)),
                        None => used.count_ones() as usize,
                    };
                }
            }
        }
        for (tile, found) in found.into_iter().enumerate().take(tiles) {
            all += found;
            if let Some(lists) = lists {
                // SAFETY: as above; the list is complete.
                unsafe { lists.end(band + tile, found) }
            }
        }
    }
    all
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
            // A row tile is seldom higher than a vector is long.
            for lane in (0..count).step_by(V::LANES) {
                let (from, mask) = (source.add(lane), V::mask(V::LANES.min(count - lane)));
                let mut found = 0;
                // From the last step to the first: to shift by one is faster than by a number.
                for step in (0..depth).rev() {
                    let lanes = V::load_masked(from.offset(step as isize * along), mask).not_zero();
                    found = found << 1 | u64::from(lanes != 0);
                }
                used |= found;
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
/// Row tiles of which some steps are looked at first, and how many steps. (No more than a glance: the operand may lie far away.)
const SAMPLES: usize = 8;
const SAMPLED_STEPS: usize = 128;
/// The share of steps with numbers above which nothing is left out.
const MOST_USED: f32 = 0.875;

/// The share of steps at which a row tile holds numbers, estimated: for the product, and for the transposed one. It is 1 where zeros don't pay.
///
/// # Safety
/// The instruction set of `own` is available; A and B are valid.
#[inline]
pub(super) unsafe fn shares<T: Scalar>(own: &Own<T>, product: &Product<T>) -> [f32; 2] {
    let &Product { rows, columns, depth, a, b, .. } = product;
    if rows.saturating_mul(columns).saturating_mul(depth) < WORTH_A_LOOK || Step::try_from(depth).is_err() {
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
    let (count, steps) = (own.heights[own.vectors - 1].min(rows), depth.min(SAMPLED_STEPS));
    let mut used = 0;
    for sample in 0..SAMPLES {
        // Places of a sequence that fills a square evenly (Martin Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018) meet each
        // region of the operand, and no rhythm in it, such as that of a picture's rows.
        let place = |ratio: f32, last: usize| ((0.5 + sample as f32 * ratio).fract() * last as f32) as usize;
        let (row, step) = (place(0.754_877_7, rows - count), place(0.569_840_3, depth - steps));
        let strip = Strip { source: a.at(row, step), across: a.row, along: a.column, count, depth: steps };
        // SAFETY: the strip lies in the operand, and nothing is written.
        used += unsafe { (own.find)(&strip, count, None) };
        if sample == 1 && used == 2 * steps {
            return 1.0;
        }
    }
    let share = used as f32 / (SAMPLES * steps) as f32;
    if share > MOST_USED { 1.0 } else { share }
}

/// What the tasks are told: which panels of B are finite, and the steps that the row tiles of A take, of each tile how many
/// and then the steps.
#[derive(Clone, Copy)]
pub(super) struct Lists {
    flags: *mut Step,
    start: *mut Step,
    depth: usize,
}

// SAFETY: each flag and each list is written by one task, before others read it.
unsafe impl Send for Lists {}
// SAFETY: the same.
unsafe impl Sync for Lists {}

impl Lists {
    /// Room for the flags of so many panels and the steps of so many tiles.
    pub(super) fn buffer(panels: usize, tiles: usize, depth: usize) -> Buffer {
        Buffer::take::<Step>(Side::Lists, panels + tiles * Self::length(depth))
    }

    /// The lists in a buffer that has room for them.
    pub(super) fn new(buffer: &mut Buffer, panels: usize, depth: usize) -> Self {
        let flags = buffer.start::<Step>();
        Self { flags, start: flags.wrapping_add(panels), depth }
    }

    /// The longest list, with its length.
    const fn length(depth: usize) -> usize {
        1 + depth
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
        unsafe { *self.flags.add(panel) = Step::from(is_finite) }
    }

    /// Whether a panel is finite.
    ///
    /// # Safety
    /// The buffer is alive, and the flag was written.
    pub(super) unsafe fn is_finite(self, panel: usize) -> bool {
        // SAFETY: passed on.
        unsafe { *self.flags.add(panel) != 0 }
    }

    /// Where the next step of a tile goes that has some already.
    #[inline(always)]
    fn end_of(self, tile: usize, found: usize) -> *mut Step {
        self.from(tile).start.wrapping_add(1 + found)
    }

    /// Writes how many steps a tile takes.
    ///
    /// # Safety
    /// The buffer is alive and has room for the list, which nobody else uses meanwhile.
    #[inline(always)]
    unsafe fn end(self, tile: usize, found: usize) {
        // SAFETY: passed on.
        unsafe { *self.from(tile).start = found as Step }
    }

    /// The steps of a tile.
    ///
    /// # Safety
    /// They were found; the buffer stays alive and unchanged while they are used.
    pub(super) unsafe fn steps<'a>(self, tile: usize) -> &'a [Step] {
        let list = self.from(tile).start;
        // SAFETY: passed on; so many steps were written behind their number.
        unsafe { std::slice::from_raw_parts(list.add(1), *list as usize) }
    }
}
