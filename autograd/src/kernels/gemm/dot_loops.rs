//! The loops around the kernel of dot products.

use std::ops::Range;

use super::dot_kernel::{DotTile, MAX_DOT_ROWS};
use super::epilogue::{Finish, TileShape};
use super::kernel_set::TileKernels;
use super::output::Output;
use super::partition::Partition;
use super::product::{Product, Target};
use crate::scalar::Scalar;

/// Computes some columns of C by dot products.
///
/// # Safety
/// The instruction set of `kernels` is available; the matrices are valid, and nobody else works on these columns of C.
pub(super) unsafe fn dots<T: Scalar>(kernels: &TileKernels<T>, product: &Product<T>, columns: Range<usize>) {
    let Product { extents, a, b, c, accumulate, .. } = *product;
    let groups = Partition::of_at_most(extents.rows, MAX_DOT_ROWS);
    let width = kernels.dot_columns[groups.longest() - 1];
    let finish = Some(product.finish).filter(Finish::is_needed);
    for column in columns.clone().step_by(width) {
        let columns = width.min(columns.end - column);
        for group in 0..groups.count {
            let Range { start: row, end } = groups.range(group);
            let compute = |c: Target<T>| {
                let work = DotTile {
                    a: a.at(row, 0),
                    a_row_stride: a.row_stride,
                    b: b.at(0, column),
                    b_column_stride: b.column_stride,
                    c,
                    depth: extents.depth,
                    columns,
                    accumulate,
                };
                // SAFETY: rows of A, columns of B and a tile of C inside the product; the kernel of fewer rows takes at
                // least as many columns.
                unsafe { kernels.dots[end - row - 1](&work) }
            };
            let c = c.from(row, column);
            let Some(finish) = finish else {
                compute(c);
                continue;
            };
            let (shape, finish) = (TileShape { rows: end - row, columns }, Some(finish.from(row, column)));
            let compute = |data: *mut T, row_stride: isize| compute(Target { data, row_stride, column_stride: 1 });
            // SAFETY: columns of C that nobody else works on; the kernel writes all of the tile, and reads it if it
            // adds to it.
            unsafe { Output { c, shape, accumulate, finish }.write(kernels, compute) }
        }
    }
}
