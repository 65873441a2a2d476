//! A block of B, cut into panels that the micro-kernel reads: in place, or packed.

use std::ops::Range;

use super::kernel_set::TileKernels;
use super::pack::{STEPS_PER_BAND, Strip};
use super::partition::Partition;
use super::product::Operand;

/// Bytes of the panels that are packed together: they stay in the second-level cache.
const TOGETHER_BYTES: usize = 256 << 10;
/// Rows of A from which on panels are packed one by one: packing takes little of the time then.
const TOGETHER_ROWS: usize = 512;

/// A block of B: its first columns are read in place, those from `packed_from` on are packed into a buffer.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct PackedB<T> {
    pub(in crate::kernels) in_place: Operand<T>,
    pub(in crate::kernels) packed: *mut T,
    /// Columns are counted from the block's first one.
    pub(in crate::kernels) packed_from: usize,
    pub(in crate::kernels) columns: usize,
    pub(in crate::kernels) depth: usize,
    /// The panels, in vectors.
    pub(in crate::kernels) panels: Partition,
}

/// A panel as the micro-kernel reads it: the address of its first element, and the distance of its steps.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Panel<T> {
    pub(in crate::kernels) data: *const T,
    pub(in crate::kernels) step: isize,
    /// The panel's vectors, counted from the block's first one.
    pub(in crate::kernels) first_vector: usize,
    pub(in crate::kernels) vectors: usize,
}

impl<T> PackedB<T> {
    /// From which column on a block is packed that is read in place as far as possible: where a masked load would slow
    /// down the inner loop, a last vector that isn't full is packed with its panel.
    pub(in crate::kernels) fn packed_from(kernels: &TileKernels<T>, columns: usize, panels: &Partition) -> usize {
        if kernels.masks_are_free || columns.is_multiple_of(kernels.lanes) {
            usize::MAX
        } else {
            panels.start(panels.count - 1) * kernels.lanes
        }
    }

    /// How many elements the buffer has for the packed part.
    pub(in crate::kernels) fn packed_elements(&self, kernels: &TileKernels<T>) -> Option<usize> {
        let width = self.columns.next_multiple_of(kernels.lanes).checked_sub(self.packed_from)?;
        Some(width * self.depth)
    }

    /// A panel where it lies, once it is packed.
    #[inline(always)]
    pub(in crate::kernels) fn panel(&self, kernels: &TileKernels<T>, panel: usize) -> Panel<T> {
        match self.target(kernels, panel) {
            Some(target) => self.panel_at(kernels, panel, target),
            None => {
                let Range { start, end } = self.panels.range(panel);
                let data = self.in_place.at(0, start * kernels.lanes);
                Panel { data, step: self.in_place.row_stride, first_vector: start, vectors: end - start }
            }
        }
    }

    /// A panel that is packed elsewhere.
    #[inline(always)]
    pub(in crate::kernels) fn panel_at(&self, kernels: &TileKernels<T>, panel: usize, packed: *const T) -> Panel<T> {
        let Range { start, end } = self.panels.range(panel);
        Panel {
            data: packed,
            step: ((end - start) * kernels.lanes) as isize,
            first_vector: start,
            vectors: end - start,
        }
    }

    /// Packs a panel into its part of the buffer, unless it is read in place.
    ///
    /// # Safety
    /// The instruction set of `kernels` is available; the block lies in a valid B; nobody else packs this panel.
    pub(in crate::kernels) unsafe fn pack(&self, kernels: &TileKernels<T>, panel: usize) {
        if let Some(target) = self.target(kernels, panel) {
            // SAFETY: passed on; the target is this panel's own part of the buffer.
            unsafe { self.pack_into(kernels, panel, target) }
        }
    }

    /// The part of the buffer for a panel, unless it is read in place.
    #[inline(always)]
    pub(in crate::kernels) fn target(&self, kernels: &TileKernels<T>, panel: usize) -> Option<*mut T> {
        let start = self.panels.start(panel) * kernels.lanes;
        Some(self.packed.wrapping_add(start.checked_sub(self.packed_from)? * self.depth))
    }

    /// Packs a panel.
    ///
    /// # Safety
    /// The instruction set of `kernels` is available; the block lies in a valid B; the target has room for the panel
    /// and the slack, and nobody else uses it.
    pub(in crate::kernels) unsafe fn pack_into(&self, kernels: &TileKernels<T>, panel: usize, target: *mut T) {
        let width = self.panels.range(panel).len() * kernels.lanes;
        for (step, group) in self.strip(kernels, panel).groups() {
            // SAFETY: the strip lies in B; the target is whole vectors wide.
            unsafe { (kernels.pack)(&group, target.wrapping_add(step * width), width) }
        }
    }

    /// How many panels are packed together, for so many rows of A. Rows of a single panel are short parts of rows that
    /// may be pages apart, which the hardware does not foresee; those of adjacent panels are one longer part. (32×256
    /// times 256×4096 on a Zen 4, GFLOP/s on one and two threads: 93 and 183 panel by panel, 97 and 191 together;
    /// 200×500 times 500×2048 104 and 218, 108 and 221.)
    pub(in crate::kernels) fn panels_together(&self, kernels: &TileKernels<T>, rows: usize) -> usize {
        let bytes = self.panels.longest() * kernels.lanes * self.depth * size_of::<T>();
        if self.in_place.column_stride == 1 && rows < TOGETHER_ROWS {
            (TOGETHER_BYTES / bytes.max(1)).clamp(1, self.panels.count.max(1))
        } else {
            1
        }
    }

    /// How many elements a buffer has for them.
    pub(in crate::kernels) fn elements_together(&self, kernels: &TileKernels<T>, rows: usize) -> usize {
        self.panels_together(kernels, rows) * self.panels.longest() * kernels.lanes * self.depth
    }

    /// Packs panels whose rows are adjacent elements, some steps of all of them at a time.
    ///
    /// # Safety
    /// That of [`pack`](Self::pack), for all of the panels.
    pub(in crate::kernels) unsafe fn pack_together(&self, kernels: &TileKernels<T>, panels: Range<usize>) {
        for step in (0..self.depth).step_by(STEPS_PER_BAND) {
            let depth = STEPS_PER_BAND.min(self.depth - step);
            for panel in panels.clone() {
                let Some(target) = self.target(kernels, panel) else { continue };
                let (width, strip) = (self.panels.range(panel).len() * kernels.lanes, self.strip(kernels, panel));
                let strip = Strip { source: strip.source.wrapping_offset(step as isize * strip.along), depth, ..strip };
                // SAFETY: the strip lies in B; the target is whole vectors wide, and nothing is written behind it, as
                // the elements of a step are adjacent.
                unsafe { (kernels.pack)(&strip, target.wrapping_add(step * width), width) }
            }
        }
    }

    /// A panel as it lies in B.
    pub(in crate::kernels) fn strip(&self, kernels: &TileKernels<T>, panel: usize) -> Strip<T> {
        let Range { start, end } = self.panels.range(panel);
        let (start, end) = (start * kernels.lanes, end * kernels.lanes);
        Strip {
            source: self.in_place.at(0, start),
            across: self.in_place.column_stride,
            along: self.in_place.row_stride,
            count: end.min(self.columns) - start,
            depth: self.depth,
        }
    }
}

// SAFETY: while the block is shared, either its panels are packed, each by one task, or it is only read.
unsafe impl<T: Send + Sync> Sync for PackedB<T> {}
