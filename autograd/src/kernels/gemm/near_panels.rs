//! Products of a few tiles in the first-level cache: there is nothing to choose, to cut or to pack. What would be asked
//! first takes longer than a small tile itself. (32×32 times 32×32 on a Zen 4: 104 GFLOP/s with the questions, 111
//! without.)

use super::blocking::{DEPTH_BYTES, max_rows_in_place};
use super::caches::{collides, first_level};
use super::kernel_set::TileKernels;
use super::microkernel::{MAX_VECTORS, TileFn};
use super::partition::Partition;
use super::product::{Extents, Product};
use super::row_stream::SHALLOW;
use super::task_grid::WORTH_A_FORK;
use crate::scalar::Scalar;

/// The most rows of C. (At 128 rows the questions still take a fiftieth of the time, at 512 nothing.)
const ROWS: usize = 256;

/// How a product is computed whose panels of B stay in the first-level cache.
#[derive(Clone, Copy)]
pub(super) struct NearPanels<T> {
    /// How many panels there are, and how many columns each has.
    panels: usize,
    width: usize,
    /// Tiles of one height, and then the others, whose height is less by one.
    high: Tiles<T>,
    low: Tiles<T>,
    /// How many lanes of a panel's last vector are columns of C.
    last_lanes: usize,
}

/// Tiles of one height, one below the other.
#[derive(Clone, Copy)]
struct Tiles<T> {
    kernel: TileFn<T>,
    height: usize,
    count: usize,
}

impl<T: Scalar> NearPanels<T> {
    /// The panels of a product whose rows and columns are not zero; `None` if they may be farther away, if elements are
    /// read or written that are not adjacent, or if there is a second pass.
    #[inline(always)]
    pub(super) fn of(kernels: &TileKernels<T>, product: &Product<T>) -> Option<Self> {
        let &Product { extents: Extents { rows, columns, depth }, b, c, .. } = product;
        let are_adjacent = b.column_stride == 1 && c.column_stride == 1;
        let is_needless = depth * size_of::<T>() > DEPTH_BYTES || product.finish.is_needed();
        // A single column is a row of dot products, for which there are other kernels.
        if !are_adjacent || columns == 1 || rows > ROWS || is_needless {
            return None;
        }
        let vectors = columns.div_ceil(kernels.lanes);
        if vectors > MAX_VECTORS {
            // There are other kernels for long rows, too, that are single or have few steps of depth.
            if rows == 1 || depth <= SHALLOW {
                return None;
            }
        } else if let Some(tile) = Self::one_tile(kernels, product, vectors) {
            return Some(tile);
        }
        // Several tiles only where the transposed product, or a copy of B, would not be faster.
        if !Self::has_several_tiles(kernels.lanes, product) {
            return None;
        }
        Self::several_tiles(kernels, product, vectors)
    }

    /// A product that is one tile.
    #[inline(always)]
    fn one_tile(kernels: &TileKernels<T>, product: &Product<T>, vectors: usize) -> Option<Self> {
        let Extents { rows, columns, .. } = product.extents;
        let last_lanes = columns - (vectors - 1) * kernels.lanes;
        let is_whole = kernels.masks_are_free || last_lanes == kernels.lanes;
        if !is_whole || rows > kernels.max_rows[vectors - 1].min(max_rows_in_place(product)) {
            return None;
        }
        let high = Tiles { kernel: kernels.tiles[vectors - 1][rows - 1]?, height: rows, count: 1 };
        Some(Self { panels: 1, width: columns, high, low: Tiles { count: 0, ..high }, last_lanes })
    }

    /// Whether a product of several tiles has nothing to choose either: its vectors are full, none of its lines
    /// collide, B stays in the first-level cache, and it is not worth a second thread.
    #[inline(always)]
    fn has_several_tiles(lanes: usize, product: &Product<T>) -> bool {
        let &Product { extents: extents @ Extents { columns, depth, .. }, a, b, c, .. } = product;
        let size = size_of::<T>();
        let collide = collides(a.row_stride, size) || collides(b.row_stride, size) || collides(c.row_stride, size);
        let is_near = 2 * depth * columns * size <= first_level() && extents.multiply_adds() < WORTH_A_FORK;
        // After few steps of depth, rows are computed along their whole length.
        is_near && !collide && depth > SHALLOW && columns > lanes && columns & (lanes - 1) == 0
    }

    /// The tiles of full vectors, in panels of the width that is best in place; `None` if they do not fill the panels.
    #[inline(always)]
    fn several_tiles(kernels: &TileKernels<T>, product: &Product<T>, vectors: usize) -> Option<Self> {
        let wide = vectors.min(kernels.vectors_in_place);
        let panels = if wide == vectors { 1 } else { vectors / wide };
        let max_rows = kernels.max_rows[wide - 1].min(max_rows_in_place(product));
        if panels * wide != vectors || max_rows == 0 {
            return None;
        }
        let tiles = &kernels.tiles[wide - 1];
        let cut = Partition::of_at_most(product.extents.rows, max_rows);
        let (height, count) = (cut.longest(), cut.alike(0));
        let high = Tiles { kernel: tiles[height - 1]?, height, count };
        let low = Tiles { kernel: tiles[(height - 1).max(1) - 1]?, height: height - 1, count: cut.count - count };
        Some(Self { panels, width: wide * kernels.lanes, high, low, last_lanes: kernels.lanes })
    }

    /// Computes the product.
    ///
    /// # Safety
    /// The instruction set of the kernels is available; the matrices are valid and C is not shared; the product has the
    /// extents and strides of the one that this was made for.
    #[inline(always)]
    pub(super) unsafe fn run(&self, product: &Product<T>) {
        let mut tile = product.as_tile(self.last_lanes);
        for panel in 0..self.panels {
            tile.a = product.a.data;
            tile.b = product.b.data.wrapping_add(panel * self.width);
            tile.c = product.c.data.wrapping_add(panel * self.width);
            for Tiles { kernel, height, count } in [self.high, self.low] {
                for _ in 0..count {
                    // SAFETY: these rows of A, and these columns of B and C, are a part of the matrices, and the kernel
                    // has their height and width.
                    unsafe { kernel(&tile) }
                    tile.a = tile.a.wrapping_offset(height as isize * tile.a_row_stride);
                    tile.c = tile.c.wrapping_offset(height as isize * tile.c_row_stride);
                }
            }
        }
    }
}
