//! A block of B, cut into panels that the micro-kernel reads.

use super::blocking::Parts;
use super::pack::Strip;
use super::product::Operand;
use super::table::Own;

/// Steps of a panel that are packed together: a line is then still at hand when its next numbers come. (Measured on an Emerald Rapids, a panel of 784 steps
/// of 64 numbers from rows along the depth: 11 µs at once, 6.4 in parts of 64.)
const TOGETHER: usize = 64;

/// A block of B, ready for the micro-kernel: its first columns in place, those from `packed_from` on in a buffer.
#[derive(Clone, Copy)]
pub(super) struct Columns<T> {
    pub(super) in_place: Operand<T>,
    pub(super) packed: *mut T,
    /// Columns are counted from the block's first one.
    pub(super) packed_from: usize,
    /// Whether each panel is packed when its turn comes, into a buffer of the thread, because only one task meets it: it is then still in the
    /// first-level cache, and the buffer stays there.
    pub(super) late: bool,
    pub(super) depth: usize,
    /// The panels, in vectors.
    pub(super) panels: Parts,
    pub(super) columns: usize,
}

impl<T> Columns<T> {
    /// The panel that begins at `column`, `width` wide: its address, and the distance of its steps.
    #[inline(always)]
    pub(super) fn panel(&self, column: usize, width: usize) -> (*const T, isize) {
        if column >= self.packed_from {
            (self.packed.cast_const().wrapping_add((column - self.packed_from) * self.depth), width as isize)
        } else {
            (self.in_place.at(0, column), self.in_place.row)
        }
    }

    /// Packs a panel, unless it is read in place; and tells whether all its numbers are known to be finite, if that is asked.
    ///
    /// # Safety
    /// The instruction set of `own` is available; the block lies in a valid B; nobody else packs this panel.
    pub(super) unsafe fn prepare(&self, own: &Own<T>, panel: usize, asks: bool) -> bool {
        let start = self.panels.start(panel) * own.lanes;
        // SAFETY: passed on; the target is this panel's own part of the buffer.
        unsafe {
            if start >= self.packed_from {
                let target = self.packed.wrapping_add((start - self.packed_from) * self.depth);
                self.pack_to(own, panel, target, asks)
            } else {
                asks && self.is_finite(own, panel)
            }
        }
    }

    /// Packs a panel, and tells whether all its numbers are finite, if that is asked.
    ///
    /// # Safety
    /// The instruction set of `own` is available; the block lies in a valid B; the target has room for the panel, and is nobody else's.
    pub(super) unsafe fn pack_to(&self, own: &Own<T>, panel: usize, target: *mut T, asks: bool) -> bool {
        let width = (self.panels.start(panel + 1) - self.panels.start(panel)) * own.lanes;
        let strip = self.strip(own, panel);
        let mut is_finite = true;
        for step in (0..self.depth).step_by(TOGETHER) {
            let source = strip.source.wrapping_offset(step as isize * strip.along);
            let target = target.wrapping_add(step * width);
            let depth = TOGETHER.min(self.depth - step);
            // SAFETY: the strip lies in B; the target is full vectors wide, and what was just written there may be read.
            unsafe {
                (own.pack)(&Strip { source, depth, ..strip }, target, width);
                let packed =
                    Strip { source: target.cast_const(), across: 1, along: width as isize, count: width, depth };
                is_finite = is_finite && asks && (own.is_finite)(&packed);
            }
        }
        is_finite
    }

    /// Whether all numbers of a panel are known to be finite.
    ///
    /// # Safety
    /// The instruction set of `own` is available; the block lies in a valid B.
    pub(super) unsafe fn is_finite(&self, own: &Own<T>, panel: usize) -> bool {
        let strip = match self.strip(own, panel) {
            strip @ Strip { across: 1, .. } => strip,
            // Looked at from the side.
            Strip { source, across, along: 1, count, depth } => {
                Strip { source, across: 1, along: across, count: depth, depth: count }
            }
            _ => return false,
        };
        // SAFETY: the strip lies in B, and its numbers are adjacent across.
        unsafe { (own.is_finite)(&strip) }
    }

    /// A panel as it lies in B.
    fn strip(&self, own: &Own<T>, panel: usize) -> Strip<T> {
        let (start, end) = (self.panels.start(panel) * own.lanes, self.panels.start(panel + 1) * own.lanes);
        Strip {
            source: self.in_place.at(0, start),
            across: self.in_place.column,
            along: self.in_place.row,
            count: end.min(self.columns) - start,
            depth: self.depth,
        }
    }
}

// SAFETY: while the block is shared, either its panels are packed, each by one task, or it is only read.
unsafe impl<T: Send + Sync> Sync for Columns<T> {}
