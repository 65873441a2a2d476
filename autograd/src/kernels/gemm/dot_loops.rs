//! The loops around the kernel of dot products.

use std::ops::Range;

use super::blocking::Blocking;
use super::caches::second_level;
use super::dot_kernel::{COLUMNS_OF_ROW, DotFn, DotTile, MAX_DOT_ROWS};
use super::epilogue::{Finish, TileShape};
use super::kernel_set::TileKernels;
use super::output::Output;
use super::part_loops::dots_by_parts;
use super::partition::Partition;
use super::path::Path;
use super::product::{Extents, Product, Target};
use super::task_grid::{TaskGrid, WORTH_A_FORK};
use crate::kernels::parallel::for_each_task;
use crate::scalar::Scalar;

/// Bytes of the columns of B that all rows meet before the next ones: they stay in the first-level cache meanwhile.
const BLOCK_BYTES: usize = 16 << 10;

/// Columns of a block that every width of a tile divides, or nearly.
const BLOCK_COLUMNS: usize = 24;

/// Whether a product is a row of dot products on one thread: nothing has to be chosen or cut.
#[inline(always)]
pub(super) fn is_one_row<T: Scalar>(kernels: &TileKernels<T>, product: &Product<T>) -> bool {
    let Product { extents: extents @ Extents { rows, depth, .. }, a, b, .. } = product;
    let are_adjacent = (a.column_stride, b.row_stride) == (1, 1);
    *rows == 1 && are_adjacent && *depth >= 2 * kernels.lanes && extents.multiply_adds() < WORTH_A_FORK
}

/// Computes that row.
///
/// # Safety
/// The instruction set of `kernels` is available; the matrices are valid and C is not shared.
#[inline(always)]
pub(super) unsafe fn one_row<T: Scalar>(kernels: &TileKernels<T>, product: &Product<T>) {
    // SAFETY: passed on.
    unsafe { dots_of_rows(kernels, product, 0..1, 0..product.extents.columns) }
}

/// Runs a product whose vectors run along the depth.
///
/// # Safety
/// The instruction set of `kernels` is available; the three matrices of the product are valid and C is not shared; none
/// of the extents but the depth is zero; and the path fits the product.
pub(super) unsafe fn run<T: Scalar>(kernels: &TileKernels<T>, blocking: &Blocking, product: &Product<T>) {
    let Extents { rows, columns, .. } = product.extents;
    let parts = Partition::of_at_most(columns, blocking.task.columns);
    if blocking.path == Path::DotsByParts {
        let grid = TaskGrid { rows: Partition::of_at_most(rows, blocking.task.rows), panels: parts };
        return for_each_task(grid.count(), |task| {
            let (i, j) = grid.position(task);
            // SAFETY: passed on; every task has a part of C of its own.
            unsafe { dots_by_parts(kernels, &product.columns(grid.panels.range(j)), grid.rows.range(i)) }
        });
    }
    for_each_task(parts.count, |part| {
        // SAFETY: passed on; every task has columns of its own.
        unsafe { dots(kernels, product, parts.range(part)) }
    });
}

/// Computes some columns of C by dot products.
///
/// # Safety
/// The instruction set of `kernels` is available; the matrices are valid, and nobody else works on these columns of C.
pub(super) unsafe fn dots<T: Scalar>(kernels: &TileKernels<T>, product: &Product<T>, columns: Range<usize>) {
    let groups = Partition::of_at_most(product.extents.rows, MAX_DOT_ROWS);
    let column_bytes = product.extents.depth * size_of::<T>();
    let block = if groups.count == 1 || columns.len() * column_bytes <= BLOCK_BYTES {
        columns.len()
    } else {
        // At least one: a column alone may be longer.
        (BLOCK_BYTES / column_bytes).max(1).next_multiple_of(BLOCK_COLUMNS)
    };
    let mut column = columns.start;
    while column < columns.end {
        let end = columns.end.min(column + block);
        for group in 0..groups.count {
            // SAFETY: passed on.
            unsafe { dots_of_rows(kernels, product, groups.range(group), column..end) }
        }
        column = end;
    }
}

/// The kernel for so many rows, and with how many columns it forms dot products at a time.
#[inline(always)]
fn kernel_of<T: Scalar>(kernels: &TileKernels<T>, product: &Product<T>, rows: usize) -> (DotFn<T>, usize) {
    let Extents { rows: all, columns, depth } = product.extents;
    if all > 1 {
        // Groups of rows differ by at most one, so none of several has a single row.
        return (kernels.dots[rows - 2], kernels.dot_columns[rows - 2]);
    }
    let is_near = columns * depth * size_of::<T>() <= second_level();
    (if is_near { kernels.dots_of_row } else { kernels.dots_in_order }, COLUMNS_OF_ROW)
}

/// Computes some columns of as many rows of C as a tile has.
///
/// # Safety
/// That of [`dots`].
#[inline(always)]
unsafe fn dots_of_rows<T: Scalar>(
    kernels: &TileKernels<T>,
    product: &Product<T>,
    rows: Range<usize>,
    columns: Range<usize>,
) {
    let Product { extents, a, b, c, accumulate, .. } = *product;
    let (kernel, width) = kernel_of(kernels, product, rows.len());
    let mut work = DotTile {
        a: a.at(rows.start, 0),
        a_row_stride: a.row_stride,
        b: b.at(0, columns.start),
        b_column_stride: b.column_stride,
        c: c.from(rows.start, columns.start),
        depth: extents.depth,
        rows: rows.len(),
        columns: width,
        accumulate,
    };
    let finish = Some(product.finish).filter(Finish::is_needed);
    let (mut column, next) = (columns.start, width as isize);
    while column < columns.end {
        work.columns = width.min(columns.end - column);
        if let Some(finish) = finish {
            let shape = TileShape { rows: rows.len(), columns: work.columns };
            let output = Output { c: work.c, shape, accumulate, finish: Some(finish.from(rows.start, column)) };
            let compute = |data: *mut T, row_stride: isize| {
                let c = Target { data, row_stride, column_stride: 1 };
                // SAFETY: as below.
                unsafe { kernel(&DotTile { c, ..work }) }
            };
            // SAFETY: columns of C that nobody else works on; the kernel writes all of the tile, and reads it if it
            // adds to it.
            unsafe { output.write(kernels, compute) }
        } else {
            // SAFETY: rows of A, columns of B and a tile of C inside the product, as many as the kernel takes.
            unsafe { kernel(&work) }
        }
        work.b = work.b.wrapping_offset(next * b.column_stride);
        work.c.data = work.c.data.wrapping_offset(next * c.column_stride);
        column += width;
    }
}
