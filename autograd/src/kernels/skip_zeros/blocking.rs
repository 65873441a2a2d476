//! Into which blocks a product is cut whose zeros are skipped. It follows from the whole product and the caches, never
//! from the number of threads.

use crate::kernels::gemm::blocking::{DEPTH_BYTES, max_rows_in_place, panel_columns};
use crate::kernels::gemm::kernel_set::TileKernels;
use crate::kernels::gemm::partition::even;
use crate::kernels::gemm::path::packs_b;
use crate::kernels::gemm::product::{Extents, Product};
use crate::kernels::gemm::task_grid::{TaskCut, TaskSize, WORTH_A_FORK, forks_to_pack};
use crate::scalar::Scalar;

/// The sizes of a product's blocks. A is always read in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocking {
    /// The block of depth that is gone through before C is touched again.
    pub(super) depth: usize,
    /// The rows and columns of a task: whole groups of tiles.
    pub(super) task: TaskSize,
    /// The columns of B that are packed at a time.
    pub(super) panel_columns: usize,
    /// The most vectors of a panel.
    pub(super) max_vectors: usize,
    /// The rows of all tiles but the last one.
    pub(super) tile_rows: usize,
    /// How many tiles, one above the other, are written together.
    pub(super) tiles_per_group: usize,
    pub(super) packs_b: bool,
    /// Whether packing B and looking for zeros are worth a fork.
    pub(super) forks_to_prepare: bool,
}

/// Rows of a task: fewer would not pay for its panels, as many steps are skipped.
const MIN_TASK_ROWS: usize = 64;

impl Blocking {
    pub(super) fn new<T: Scalar>(kernels: &TileKernels<T>, product: &Product<T>) -> Self {
        let Extents { rows, columns, depth } = product.extents;
        let size = size_of::<T>();
        let is_transposed = product.c.column_stride != 1;
        // Wide and low: fewer rows are zero together more often. But what is transposed on its way to C is better high.
        let max_vectors = if is_transposed { kernels.vectors_packed } else { kernels.vectors_in_place };
        let packs_b = packs_b(kernels.lanes, product);
        let depth = if packs_b { even(depth, DEPTH_BYTES / size, 1) } else { depth };
        let width = kernels.lanes * max_vectors;
        let panel_columns = panel_columns(columns, depth * size, width, kernels.lanes);
        let (tile_rows, tiles_per_group) = tile_rows(kernels, product, max_vectors);
        let tile = TaskSize { rows: kernels.max_rows[kernels.vectors_packed - 1], columns: width };
        let task = task_size(product, TaskSize { rows, columns: panel_columns }, depth, tile, kernels.lanes, packs_b);
        let rows = task.rows.next_multiple_of(tile_rows * tiles_per_group);
        // To look for zeros takes longer than to pack.
        let prepared = (panel_columns * depth).max(2 * product.extents.rows * depth);
        Self {
            depth,
            task: TaskSize { rows, ..task },
            panel_columns,
            max_vectors,
            tile_rows,
            tiles_per_group,
            packs_b,
            forks_to_prepare: forks_to_pack(prepared, product.extents.multiply_adds()),
        }
    }
}

/// The rows of a tile, and how many tiles are written together.
fn tile_rows<T>(kernels: &TileKernels<T>, product: &Product<T>, max_vectors: usize) -> (usize, usize) {
    let vectors = max_vectors.min(product.extents.columns.div_ceil(kernels.lanes));
    let (rows, half) = (kernels.max_rows[vectors - 1].min(max_rows_in_place(product)), kernels.lanes / 2);
    if product.c.column_stride == 1 {
        return (rows, 1);
    }
    // What is transposed on its way to C is written in whole vectors: of one tile, or of two.
    let rows = if rows > 4 * (rows % half) { rows - rows % half } else { rows };
    (rows, if rows == half { 2 } else { 1 })
}

/// The rows and columns of a task.
fn task_size<T>(
    product: &Product<T>,
    whole: TaskSize,
    depth: usize,
    tile: TaskSize,
    lanes: usize,
    packs_columns: bool,
) -> TaskSize {
    if product.extents.multiply_adds() < WORTH_A_FORK {
        return whole;
    }
    let smallest = TaskSize { rows: MIN_TASK_ROWS, ..tile };
    let cut = TaskCut { whole, depth, tile, smallest, lanes, packs_columns };
    if product.c.row_stride == 1 { cut.cut_columns_first(whole) } else { cut.cut(whole) }
}
