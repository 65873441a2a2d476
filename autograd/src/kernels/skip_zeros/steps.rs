//! Which steps of the depth are used: those at which a row tile of A is not all zero.

use crate::kernels::gemm::buffer::Buffer;
use crate::kernels::gemm::pack::Strip;
use crate::kernels::simd::Vector;

/// An index of a step of the depth.
pub(super) type Step = u32;

/// The type of [`find`], as the table of kernels holds it.
pub(super) type FindFn<T> = unsafe fn(&Strip<T>, usize, Option<StepLists>) -> usize;

/// Row tiles that one task looks at. It looks at some steps of each in turn, so that adjacent elements are read while
/// their line is in the cache.
pub(super) const TILES_PER_TASK: usize = 8;

/// Finds the used steps of all tiles of a strip, each `tile_rows` rows high: those at which an element of the tile is
/// not zero. They are written to the lists, if there are any; how many there are is returned.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller; the strip may be read, and its elements are
/// adjacent across or along; there is room for the lists, and nobody else uses them.
#[inline(always)]
pub(super) unsafe fn find<V: Vector>(strip: &Strip<V::Element>, tile_rows: usize, lists: Option<StepLists>) -> usize {
    let Strip { count, depth, .. } = *strip;
    let mut all = 0;
    for band in (0..count.div_ceil(tile_rows)).step_by(TILES_PER_TASK) {
        let tiles = (count - band * tile_rows).div_ceil(tile_rows).min(TILES_PER_TASK);
        let mut found = [0; TILES_PER_TASK];
        for first in (0..depth).step_by(64) {
            for (tile, found) in found.iter_mut().enumerate().take(tiles) {
                let row = (band + tile) * tile_rows;
                // SAFETY: the part of the strip lies in it; no more steps are written than there are.
                unsafe {
                    let source = strip.source.wrapping_offset(row as isize * strip.across);
                    let source = source.wrapping_offset(first as isize * strip.along);
                    let (count, depth) = (tile_rows.min(count - row), (depth - first).min(64));
                    let used = used::<V>(&Strip { source, count, depth, ..*strip });
                    *found += match lists {
                        Some(lists) => V::bit_indices(used, first as Step, lists.end_of(band + tile, *found)),
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

/// A bit for each of at most 64 steps of a strip: whether one of its elements is not zero.
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
            // A row tile is seldom higher than a vector has lanes.
            for lane in (0..count).step_by(V::LANES) {
                let (from, mask) = (source.add(lane), V::mask(V::LANES.min(count - lane)));
                let mut found = 0;
                // From the last step to the first: to shift by one is faster than by a variable.
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

/// What the tasks read: which panels of B are finite, and the used steps of A's row tiles, of each tile how many and
/// then the steps.
#[derive(Clone, Copy)]
pub(super) struct StepLists {
    flags: *mut Step,
    start: *mut Step,
    depth: usize,
}

// SAFETY: each flag and each list is written by one task, before others read it.
unsafe impl Send for StepLists {}
// SAFETY: the same.
unsafe impl Sync for StepLists {}

impl StepLists {
    /// Room for the flags of so many panels and the steps of so many tiles.
    pub(super) fn buffer(panels: usize, tiles: usize, depth: usize) -> Buffer {
        Buffer::of_bytes((panels + tiles * Self::length(depth)) * size_of::<Step>())
    }

    /// The lists in a buffer that has room for them.
    pub(super) fn new(buffer: &Buffer, panels: usize, depth: usize) -> Self {
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

    /// Where the next step of a tile is written that has some already.
    #[inline(always)]
    fn end_of(self, tile: usize, found: usize) -> *mut Step {
        self.from(tile).start.wrapping_add(1 + found)
    }

    /// Writes how many steps a tile uses.
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
        // SAFETY: passed on; so many steps were written behind their count.
        unsafe { std::slice::from_raw_parts(list.add(1), *list as usize) }
    }
}
