//! The tasks of a [`Pass`]: images that are padded, and products that read them.

use std::ops::Range;

use smallvec::SmallVec;

use super::padded::Padded;
use super::pass::{Pass, Phase};
use super::{Epilogue, Planes, area};
use crate::kernels::gemm::GemmKernels;
use crate::kernels::gemm::kernel_set::TileKernels;
use crate::kernels::gemm::microkernel::MAX_VECTORS;
use crate::kernels::gemm::offset_product::{
    OffsetProduct, OffsetTable, PanelShape, RowsOf, max_columns, transpose_into,
};
use crate::kernels::gemm::partition::Partition;
use crate::storage::Storage;

/// Along what of the result the vectors of a product run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Along {
    /// Its channels: a product of windows and packed weights, whose tiles are transposed into the result.
    Channels,
    /// The columns of a plane, and a tile has several channels: for a depth so small that transposing tiles would take
    /// long. It is a product of the weights, as they are, and the padded image.
    Pixels,
    /// The same, and a tile has several rows of a plane: for very few channels.
    Rows,
}

/// What a task computes: all channels of the result of some images, from the first group on; or some groups, or some
/// channels of a group, of one.
pub(super) struct Task<'a, T> {
    pub(super) image: usize,
    pub(super) group: usize,
    pub(super) channels: Range<usize>,
    pub(super) result: &'a mut [T],
    /// As many as there are results, if those are the largest elements of windows.
    pub(super) winners: &'a mut [u8],
}

/// What all tasks of a pass read.
pub(super) struct Work<'a, T: 'static> {
    pub(super) pass: &'a Pass,
    pub(super) kernels: &'a TileKernels<T>,
    pub(super) source: Planes<'a, T>,
    pub(super) padded: Padded,
    pub(super) along: Along,
    pub(super) panels: PanelShape,
    pub(super) packed: Storage<T>,
    pub(super) tables: SmallVec<[OffsetTable; 1]>,
    pub(super) weight: &'a [T],
    pub(super) epilogue: &'a Epilogue<'a, T>,
}

/// Windows of a block: their products with a panel stay in the first-level cache until they are transposed.
const WINDOWS_PER_BLOCK: usize = 64;

impl<T: GemmKernels> Work<'_, T> {
    /// Elements of the padded image, with those that the last vector reads behind it.
    fn image(&self) -> usize {
        (self.pass.in_channels * self.padded.plane + MAX_VECTORS * self.kernels.lanes).next_multiple_of(16)
    }

    /// Elements of a phase that is computed before it is spread over the result.
    fn phase(&self) -> usize {
        let strided = self.pass.phases.iter().filter(|phase| !phase.is_all());
        self.pass.out_channels * strided.map(|phase| area(phase.count)).max().unwrap_or(0)
    }

    /// Elements of planes that are read and are not in memory as they are.
    fn unpooled(&self) -> usize {
        self.source.scratch(self.pass.in_channels * area(self.pass.source))
    }

    /// Elements of an image of sums of which only the largest ones of windows are stored.
    fn sums(&self) -> usize {
        self.epilogue.pool.as_ref().map_or(0, |_| self.pass.out_channels * area(self.pass.result))
    }

    /// Elements of a task's scratch memory: the padded image, a block of products, a phase, what is read, the sums.
    pub(super) fn scratch(&self) -> usize {
        self.image() + WINDOWS_PER_BLOCK * self.panels.width() + self.phase() + self.unpooled() + self.sums()
    }

    pub(super) fn run(&self, task: Task<'_, T>, scratch: &mut [T]) {
        let (pass, epilogue) = (self.pass, self.epilogue);
        let (padded, scratch) = scratch.split_at_mut(self.image());
        let (unpooled, scratch) = scratch.split_at_mut(self.unpooled());
        let (sums, scratch) = scratch.split_at_mut(self.sums());
        padded.fill(T::ZERO);
        let Task { channels, mut winners, .. } = task;
        let (plane, stored) = (area(pass.result), epilogue.stored(pass.result));
        for (index, result) in task.result.chunks_exact_mut(channels.len() * stored).enumerate() {
            let (image, group) = (task.image + (task.group + index) / pass.groups, (task.group + index) % pass.groups);
            let first = (image * pass.groups + group) * pass.in_channels;
            let planes = pass.in_channels * self.padded.plane;
            self.padded.copy_planes(self.source, first, unpooled, &mut padded[..planes]);
            let part = Part { group, channels: channels.clone(), padded };
            let filter = group * pass.out_channels + channels.start;
            if let Some(pool) = &epilogue.pool {
                let sums = &mut sums[..channels.len() * plane];
                let winners = winners.split_off_mut(..result.len()).expect("one for each result");
                self.sums_of(&part, scratch, sums);
                epilogue.store_largest(filter, pool, sums, result, winners);
            } else {
                self.sums_of(&part, scratch, result);
                epilogue.finish(filter, plane, result);
            }
        }
    }

    /// The sums of an image, before anything follows.
    fn sums_of(&self, part: &Part<'_, T>, scratch: &mut [T], result: &mut [T]) {
        let (block, phase) = scratch.split_at_mut(WINDOWS_PER_BLOCK * self.panels.width());
        for (shape, table) in self.pass.phases.iter().zip(&self.tables) {
            let pixels = area(shape.count);
            if shape.is_all() {
                self.multiply(part, table, shape.count, block, result);
            } else if pixels > 0 {
                let phase = &mut phase[..part.channels.len() * pixels];
                self.multiply(part, table, shape.count, block, phase);
                self.spread(shape, phase, result);
            }
        }
    }

    /// Writes the elements of a phase where they are in the result.
    fn spread(&self, shape: &Phase, phase: &[T], result: &mut [T]) {
        let [height, width] = self.pass.result;
        let planes = phase.chunks_exact(area(shape.count)).zip(result.chunks_exact_mut(height * width));
        for (phase, result) in planes {
            for (row, phase) in phase.chunks_exact(shape.count[1]).enumerate() {
                let result = &mut result[(shape.first[0] + row * shape.step[0]) * width + shape.first[1]..];
                result.iter_mut().step_by(shape.step[1]).zip(phase).for_each(|(to, &element)| *to = element);
            }
        }
    }

    /// Some channels of a group, plane after plane, of `count` elements each.
    fn multiply(&self, part: &Part<'_, T>, table: &OffsetTable, count: [usize; 2], block: &mut [T], out: &mut [T]) {
        match self.along {
            Along::Channels => self.along_channels(part, table, count[1], block, out),
            Along::Pixels | Along::Rows => self.along_pixels(part, table, count, out),
        }
    }

    fn along_channels(&self, part: &Part<'_, T>, table: &OffsetTable, row: usize, block: &mut [T], out: &mut [T]) {
        let Part { group, channels, padded: a } = part;
        let (kernels, width, pixels) = (self.kernels, self.panels.width(), table.rows());
        let elements = self.panels.elements();
        // Whole rows, so that all windows side by side are in one tile.
        let windows = if row > WINDOWS_PER_BLOCK { WINDOWS_PER_BLOCK } else { WINDOWS_PER_BLOCK / row.max(1) * row };
        for (panel, b) in self.panels.panels(&self.packed.as_slice()[group * elements..][..elements]) {
            if panel.start < channels.start || panel.end > channels.end {
                continue;
            }
            for first in (0..pixels).step_by(windows.max(1)) {
                let rows = first..pixels.min(first + windows);
                let (count, columns) = (rows.len(), panel.len());
                let product =
                    OffsetProduct { kernels, table, rows_of: RowsOf::A, rows, a, b, columns, accumulate: false };
                product.write(block, width);
                let out = &mut out[(panel.start - channels.start) * pixels + first..];
                transpose_into(kernels, block, (count, columns, width), out, pixels);
            }
        }
    }

    fn along_pixels(&self, part: &Part<'_, T>, table: &OffsetTable, [height, width]: [usize; 2], out: &mut [T]) {
        let Part { group, channels, padded } = part;
        let (kernels, lanes) = (self.kernels, self.kernels.lanes);
        let weight = self.pass.weight_of(self.weight, *group);
        let rows = if let Along::Rows = self.along { height } else { channels.len() };
        let segments = Partition::of_at_most(width.div_ceil(lanes), max_columns(kernels, rows) / lanes);
        for segment in 0..segments.count {
            let Range { start, end } = segments.range(segment);
            let (first, columns) = (start * lanes, width.min(end * lanes) - start * lanes);
            let product =
                |rows_of, rows, a, b| OffsetProduct { kernels, table, rows_of, rows, a, b, columns, accumulate: false };
            if let Along::Rows = self.along {
                for (channel, out) in channels.clone().zip(out.chunks_exact_mut(height * width)) {
                    let a = &weight[channel * self.pass.weight_strides[0]..];
                    product(RowsOf::B, 0..height, a, &padded[first..]).write(&mut out[first..], width);
                }
                continue;
            }
            for row in 0..height {
                let b = &padded[row * self.padded.extents[1] + first..];
                let out = &mut out[row * width + first..];
                product(RowsOf::A, channels.clone(), weight, b).write(out, height * width);
            }
        }
    }
}

/// The part of an image's result that is computed from a padded image.
struct Part<'a, T> {
    group: usize,
    channels: Range<usize>,
    padded: &'a [T],
}
