//! The loops around the kernel of dot products whose registers hold parts of several rows.

use std::ops::Range;

use super::dot_kernel::{DotFn, DotTile};
use super::epilogue::TileShape;
use super::kernel_set::TileKernels;
use super::output::Output;
use super::part_kernel::MAX_PART_COLUMNS;
use super::partition::Partition;
use super::product::{Extents, Product, Target};
use crate::scalar::Scalar;

/// Rows and columns from which on dot products are computed by parts.
pub(super) const FEWEST_COLUMNS: usize = 4;

/// Columns of a strip of many: there are enough registers for the sums of three groups of rows with them.
const STRIP_COLUMNS: usize = 4;

/// Bytes of the rows of A that all columns meet before the next ones: they stay in the first-level cache meanwhile.
const BLOCK_BYTES: usize = 16 << 10;

/// Rows of a block that most tiles divide.
const BLOCK_ROWS: usize = 48;

/// The tiles of some rows of C.
struct Tiles<'a, T: 'static> {
    kernels: &'a TileKernels<T>,
    product: &'a Product<T>,
    rows: Range<usize>,
}

impl<T: Scalar> Tiles<'_, T> {
    /// Hands out the tiles, each with its kernel, its first row and its first column: strip of columns after strip, and
    /// from top to bottom in each.
    #[inline(always)]
    fn for_each(&self, mut body: impl FnMut(DotFn<T>, &DotTile<T>, [usize; 2])) {
        let Self { kernels, product, rows } = self;
        let &Product { extents: Extents { columns, depth, .. }, a, b, c, accumulate, .. } = *product;
        // Rows that make whole groups, and those of a last one that is not whole.
        let (whole, rest) = (rows.len() / kernels.group_rows, rows.len() % kernels.group_rows);
        let mut column = 0;
        while column < columns {
            let width = strip_width(columns - column);
            let (of_width, most) = (&kernels.part_dots[width - 1], kernels.part_groups[width - 1]);
            let mut row = rows.start;
            let mut tile = |groups: usize, rows: usize| {
                let kernel = of_width[groups - 1].expect("the table has a kernel for each number of columns");
                let (a_row_stride, b_column_stride) = (a.row_stride, b.column_stride);
                let (a, b, c) = (a.at(row, 0), b.at(0, column), c.from(row, column));
                let tile = DotTile { a, a_row_stride, b, b_column_stride, c, depth, rows, columns: width, accumulate };
                body(kernel, &tile, [row, column]);
                row += rows;
            };
            if whole > 0 {
                let cut = Partition::of_at_most(whole, most);
                for groups in (0..cut.count).map(|index| cut.range(index).len()) {
                    tile(groups, groups * kernels.group_rows);
                }
            }
            if rest > 0 {
                tile(1, rest);
            }
            column += width;
        }
    }

    /// Computes the tiles, if the product has no second pass.
    ///
    /// # Safety
    /// The instruction set of the kernels is available; the matrices are valid, and nobody else works on these rows of
    /// C.
    unsafe fn run(&self) {
        // SAFETY: passed on.
        self.for_each(|kernel, tile, _| unsafe { kernel(tile) });
    }

    /// Computes the tiles, and finishes each.
    ///
    /// # Safety
    /// That of [`run`](Self::run).
    unsafe fn run_and_finish(&self) {
        self.for_each(|kernel, tile, [row, column]| {
            let finish = Some(self.product.finish.from(row, column));
            let shape = TileShape { rows: tile.rows, columns: tile.columns };
            let output = Output { c: tile.c, shape, accumulate: tile.accumulate, finish };
            let compute = |data: *mut T, row_stride: isize| {
                let c = Target { data, row_stride, column_stride: 1 };
                // SAFETY: passed on; a tile of C, or a scratch tile.
                unsafe { kernel(&DotTile { c, ..*tile }) }
            };
            // SAFETY: rows of C that nobody else works on; the kernel writes all of the tile, and reads it if it adds
            // to it.
            unsafe { output.write(self.kernels, compute) }
        });
    }
}

/// How many of the columns that are left make a strip: all, or four of them. (10 columns as 4 and 6 on a Zen 4, 64 rows
/// with depth 128, in a loop alone: 101 GFLOP/s, as 5 and 5 98.)
fn strip_width(left: usize) -> usize {
    if left <= MAX_PART_COLUMNS { left } else { STRIP_COLUMNS }
}

/// How many of so many rows all columns meet before the next ones.
fn block_rows<T>(product: &Product<T>, rows: usize) -> usize {
    let row_bytes = product.extents.depth * size_of::<T>();
    if product.extents.columns <= MAX_PART_COLUMNS || rows * row_bytes <= BLOCK_BYTES {
        return rows;
    }
    (BLOCK_BYTES / row_bytes).max(1).next_multiple_of(BLOCK_ROWS).min(rows)
}

/// Computes some rows of C.
///
/// # Safety
/// The instruction set of `kernels` is available; the matrices are valid, and nobody else works on these rows of C.
pub(super) unsafe fn dots_by_parts<T: Scalar>(kernels: &TileKernels<T>, product: &Product<T>, rows: Range<usize>) {
    let block = block_rows(product, rows.len());
    for first in rows.clone().step_by(block) {
        let tiles = Tiles { kernels, product, rows: first..rows.end.min(first + block) };
        // SAFETY: passed on; these rows are a part of those.
        unsafe { if product.finish.is_needed() { tiles.run_and_finish() } else { tiles.run() } }
    }
}

/// The tiles of each product of a stack: where they begin is found out once, since that takes as long as some steps of
/// the depth.
pub(super) struct StackTiles<T> {
    /// The strides of the products. (The addresses are those of the first.)
    tile: DotTile<T>,
    /// The kernel of each tile, its rows and columns, and the elements of A, B and C at which it begins.
    tiles: Vec<(DotFn<T>, [usize; 2], [isize; 3])>,
    /// Whether it is the transposed products that are computed.
    transposed: bool,
}

impl<T: Scalar> StackTiles<T> {
    /// The tiles of products like this one; `None` if their rows are gone through in blocks or there is a second pass.
    pub(super) fn of(kernels: &TileKernels<T>, product: &Product<T>, transposed: bool) -> Option<Self> {
        let oriented = if transposed { product.transposed() } else { *product };
        let rows = oriented.extents.rows;
        if block_rows(&oriented, rows) < rows || product.finish.is_needed() {
            return None;
        }
        let (mut tiles, mut any) = (Vec::new(), None);
        let all = Tiles { kernels, product: &oriented, rows: 0..rows };
        all.for_each(|kernel, tile, [row, column]| {
            let Product { a, b, c, .. } = oriented;
            let [row, column] = [row as isize, column as isize];
            let begins = [row * a.row_stride, column * b.column_stride, row * c.row_stride + column * c.column_stride];
            tiles.push((kernel, [tile.rows, tile.columns], begins));
            any = Some(*tile);
        });
        any.map(|tile| Self { tile, tiles, transposed })
    }

    /// Computes a product.
    ///
    /// # Safety
    /// The instruction set of the kernels is available; the matrices are valid, and nobody else works on C; the product
    /// has the extents and strides of the one that this was made for.
    #[inline(always)]
    pub(super) unsafe fn run(&self, product: &Product<T>) {
        let (a, b) = (product.a.data, product.b.data);
        let (a, b) = if self.transposed { (b, a) } else { (a, b) };
        let mut tile = self.tile;
        for &(kernel, [rows, columns], [in_a, in_b, in_c]) in &self.tiles {
            tile.a = a.wrapping_offset(in_a);
            tile.b = b.wrapping_offset(in_b);
            tile.c.data = product.c.data.wrapping_offset(in_c);
            (tile.rows, tile.columns) = (rows, columns);
            // SAFETY: rows of A, columns of B and a tile of C inside the product, as many as the kernel takes.
            unsafe { kernel(&tile) }
        }
    }
}

// SAFETY: of the tile only the strides are used; the addresses are those of the product that is computed.
unsafe impl<T: Sync> Sync for StackTiles<T> {}
