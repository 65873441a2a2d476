//! Convolutions with windows of 3 × 3 by Winograd's F(2 × 2, 3 × 3): 16 multiply-adds for four results instead of 36
//! (Lavin and Gray, *Fast Algorithms for Convolutional Neural Networks*, 2016).
//!
//! ```text
//!   d   4 × 4 elements of the padded image      V = Bᵀ d B     Bᵀ = 1  0 -1  0     Aᵀ = 1  1  1  0
//!   g   3 × 3 elements of the weight            U = G g Gᵀ          0  1  1  0          0  1 -1 -1
//!   y   2 × 2 results                           y = Aᵀ M A          0 -1  1  0
//!                                                                   0  1  0 -1     G: see `transforms`
//! ```
//!
//! Each of the 16 elements of M is the sum over the channels of V · U: a product of tiles × channels and channels ×
//! filters. V is written with its tiles side by side, as the micro-kernel of adjacent rows reads them.
//!
//! An element of V is a sum of four of d, so an infinity would spread in its tile, and be NaN where it meets another
//! one: images and weights that are not finite, or so large that sums could overflow, are left to the direct products.

mod transforms;

use std::sync::atomic::{AtomicBool, Ordering};

use transforms::{FromTiles, ToTiles, Weights};

use super::padded::Padded;
use super::pass::{Pass, offset};
use super::{Epilogue, MIN_TASKS, all_within, area, of_both};
use crate::kernels::gemm::GemmKernels;
use crate::kernels::gemm::buffer::ThreadBuffers;
use crate::kernels::gemm::kernel_set::TileKernels;
use crate::kernels::gemm::microkernel::MAX_VECTORS;
use crate::kernels::gemm::offset_kernel::Step;
use crate::kernels::gemm::offset_product::{OffsetProduct, OffsetTable, PanelShape, RowsOf, transpose_into};
use crate::kernels::parallel::for_each_item;
use crate::kernels::vectorize::vectorized;
use crate::storage::Storage;

/// Elements of a tile: products for each of them.
const ELEMENTS: usize = 16;
/// Tiles, or filters, that are transformed side by side.
const SIDE_BY_SIDE: usize = 16;
/// Bytes of the transformed tiles of a block, at most, unless one row of tiles alone has more: they are read again for
/// each panel of filters, from the second-level cache.
const BYTES_OF_A_BLOCK: usize = 256 << 10;
/// Values that V and M have between their elements, beside a multiple of 4 KiB: as all of a tile are written together,
/// they must not be in one set of the cache. And behind the last one of M are as many as are read at a time.
const APART: usize = 5 * SIDE_BY_SIDE;
/// The largest values whose sums and products surely do not overflow.
const LARGEST: f64 = (1_u64 << 50) as f64;

/// Panels of U, whose width is a multiple of the filters that are transformed side by side; `None` if a tile has not so
/// many vectors.
fn panels<T>(kernels: &TileKernels<T>, filters: usize, channels: usize) -> Option<PanelShape> {
    let panels = PanelShape::new(kernels, filters, channels);
    if panels.width().is_multiple_of(SIDE_BY_SIDE) {
        return Some(panels);
    }
    let fits = SIDE_BY_SIDE <= MAX_VECTORS * kernels.lanes;
    fits.then(|| PanelShape::of_width(filters, channels, SIDE_BY_SIDE))
}

/// A pass whose windows have 3 × 3 elements.
pub(super) struct Winograd<'a, T: 'static> {
    pass: &'a Pass,
    kernels: &'a TileKernels<T>,
    padded: Padded,
    /// Rows and columns of tiles, and rows of them in a block.
    tiles: [usize; 2],
    rows: usize,
    panels: PanelShape,
    /// U of each group, panel and element, a row for each channel.
    weights: Storage<T>,
    /// Of the tiles of a block, and of the channels.
    table: OffsetTable,
}

/// What a task computes: some filters of a group of an image.
struct Part<'a, T> {
    image: usize,
    group: usize,
    first: usize,
    result: &'a mut [T],
    /// As many as there are results, if those are the largest elements of windows.
    winners: &'a mut [u8],
}

impl<T> Winograd<'_, T> {
    /// How far it is from an element of V or M to the next one, with so many channels or filters.
    fn element(&self, count: usize) -> usize {
        (count * self.table.rows()).next_multiple_of(1 << 10) + APART
    }
}

impl<'a, T: GemmKernels> Winograd<'a, T> {
    /// `None` for other windows, and for weights that are too large.
    pub(super) fn new(kernels: &'a TileKernels<T>, pass: &'a Pass, weight: &[T]) -> Option<Self> {
        if !pass.is_dense_3x3() || !all_within(weight, LARGEST) {
            return None;
        }
        let tiles = of_both(|dim| pass.result[dim].div_ceil(2));
        let padded = Padded::new::<T>(pass.source, pass.lead(), [2; 2], of_both(|dim| tiles[dim] + 1));
        let channels = pass.in_channels;
        let bytes = ELEMENTS * channels * tiles[1] * size_of::<T>();
        let rows = (BYTES_OF_A_BLOCK / bytes.max(1)).clamp(1, tiles[0]);
        let panels = panels(kernels, pass.out_channels, channels)?;
        let block = rows * tiles[1];
        let steps = (0..channels).map(|c| Step { a: offset(c * block), b: offset(c * panels.width()) });
        let table = OffsetTable::new((block, (0..block).map(offset)), (channels, steps));
        let weights = Weights { pass, panels, channels }.transformed(kernels, weight);
        Some(Self { pass, kernels, padded, tiles, rows, panels, weights, table })
    }

    /// Computes the result of all images, and which elements are the largest of their windows, if the epilogue stores
    /// only those; false, if an image has values that are too large. Then nothing is known of the result.
    pub(super) fn run(
        &self,
        source: &[T],
        epilogue: &Epilogue<'_, T>,
        (result, mut winners): (&mut [T], &mut [u8]),
    ) -> bool {
        let (pass, plane, stored) = (self.pass, area(self.pass.result), epilogue.stored(self.pass.result));
        let filters = if pass.images >= MIN_TASKS { pass.out_channels } else { self.panels.width() };
        let mut items = Vec::new();
        for (index, result) in result.chunks_exact_mut((pass.out_channels * stored).max(1)).enumerate() {
            let (image, group) = (index / pass.groups, index % pass.groups);
            for (part, result) in result.chunks_mut(filters * stored).enumerate() {
                let winners = winners.split_off_mut(..result.len().min(winners.len())).unwrap_or_default();
                items.push(Part { image, group, first: part * filters, result, winners });
            }
        }
        let sums = if epilogue.pool.is_some() { filters.min(pass.out_channels) * plane } else { 0 };
        let scratch = sums + self.scratch().iter().sum::<usize>();
        let buffers = ThreadBuffers::take::<T>(items.len(), scratch);
        let is_complete = AtomicBool::new(true);
        for_each_item(items, |part| {
            let group = part.image * pass.groups + part.group;
            let elements = pass.in_channels * area(pass.source);
            let image = &source[group * elements..][..elements];
            if all_within(image, LARGEST) {
                // SAFETY: nothing in there asks for the buffer again.
                unsafe { buffers.with_slice(scratch, |scratch| self.part(image, epilogue, part, scratch)) }
            } else {
                is_complete.store(false, Ordering::Relaxed);
            }
        });
        is_complete.into_inner()
    }

    /// Elements of the padded image, of V, of M, and of the results of a block.
    fn scratch(&self) -> [usize; 4] {
        let (channels, width) = (self.pass.in_channels, self.panels.width());
        let pixels = 2 * self.rows * self.pass.result[1];
        // Behind the image as many as the last vectors read.
        let image = (channels * self.padded.plane + 4 * SIDE_BY_SIDE).next_multiple_of(16);
        [image, ELEMENTS * self.element(channels), ELEMENTS * self.element(width), pixels * width]
    }

    fn part(&self, image: &[T], epilogue: &Epilogue<'_, T>, part: Part<'_, T>, scratch: &mut [T]) {
        let Part { group, first, result, winners, .. } = part;
        let (filter, plane) = (group * self.pass.out_channels + first, area(self.pass.result));
        let filters = result.len() / epilogue.stored(self.pass.result);
        if let Some(pool) = &epilogue.pool {
            let (sums, scratch) = scratch.split_at_mut(filters * plane);
            self.sums(image, (group, first), scratch, sums);
            epilogue.store_largest(filter, pool, sums, result, winners);
        } else {
            self.sums(image, (group, first), scratch, result);
            epilogue.finish(filter, plane, result);
        }
    }

    /// The planes of some filters of a group, from the first one on.
    fn sums(&self, image: &[T], (group, first): (usize, usize), scratch: &mut [T], out: &mut [T]) {
        let (pass, [columns, plane]) = (self.pass, [self.pass.result[1], area(self.pass.result)]);
        let [image_size, v_size, m_size, _] = self.scratch();
        let (padded, scratch) = scratch.split_at_mut(image_size);
        let (v, scratch) = scratch.split_at_mut(v_size);
        let (m, block) = scratch.split_at_mut(m_size);
        padded.fill(T::ZERO);
        self.padded.copy(image, &mut padded[..pass.in_channels * self.padded.plane]);
        for start in (0..self.tiles[0]).step_by(self.rows) {
            let rows = self.rows.min(self.tiles[0] - start);
            let pixel = 2 * start * columns;
            let pixels = (2 * rows).min(pass.result[0] - 2 * start) * columns;
            vectorized(ToTiles { of: self, rows: start..start + rows, padded, v });
            for (index, (panel, count)) in self.panels_of(first, out.len() / plane).enumerate() {
                let weights = self.weights_of(group, first / self.panels.width() + index);
                self.multiply(rows, count, v, weights, m);
                vectorized(FromTiles { of: self, rows, m, block: &mut block[..pixels * self.panels.width()] });
                let shape = (pixels, count, self.panels.width());
                transpose_into(self.kernels, block, shape, &mut out[(panel - first) * plane + pixel..], plane);
            }
        }
    }

    /// The first filter of each panel among some filters, and how many it has.
    fn panels_of(&self, first: usize, filters: usize) -> impl Iterator<Item = (usize, usize)> + use<T> {
        let (width, end) = (self.panels.width(), first + filters);
        (first..end).step_by(width).map(move |panel| (panel, width.min(end - panel)))
    }

    /// U of a panel.
    fn weights_of(&self, group: usize, panel: usize) -> &[T] {
        let (elements, width) = (ELEMENTS * self.pass.in_channels * self.panels.width(), self.panels.width());
        let panels = self.pass.out_channels.div_ceil(width);
        &self.weights.as_slice()[(group * panels + panel) * elements..][..elements]
    }

    /// M of the tiles of some rows and of the filters of a panel.
    fn multiply(&self, rows: usize, filters: usize, v: &[T], weights: &[T], m: &mut [T]) {
        let (channels, width, block) = (self.pass.in_channels, self.panels.width(), self.table.rows());
        for element in 0..ELEMENTS {
            let product = OffsetProduct {
                kernels: self.kernels,
                table: &self.table,
                rows_of: RowsOf::A,
                rows: 0..rows * self.tiles[1],
                a: &v[element * self.element(channels)..][..channels * block],
                b: &weights[element * channels * width..][..channels * width],
                columns: filters,
                accumulate: false,
            };
            product.write(&mut m[element * self.element(width)..][..block * width], width);
        }
    }
}
