//! Few rows of C and a B that does not stay in the second-level cache, such as a layer at a small batch: what counts is
//! to read B once, in the order of its addresses. So all columns meet some whole rows of B before the next ones, where
//! the five loops would go down the whole depth of each panel: a few lines of each row of B, which are pages apart.

use super::blocking::Blocking;
use super::caches::{Caches, caches, collides};
use super::kernel_set::TileKernels;
use super::loops;
use super::partition::even;
use super::path::MANY_ROWS;
use super::product::{Extents, Operand, Product};
use super::task_grid::WORTH_A_FORK;
use crate::kernels::parallel::{for_each_task, num_threads};
use crate::scalar::Scalar;

/// How many rows of B are read before the next ones; `None` where the five loops are as fast.
///
/// Measured on a Granite Rapids, whose core copies 28 GB/s from the third level, GFLOP/s of `f32` on one and two threads
/// without and with it: 4×2048 times 2048×2048 40 and 55, 81 and 107; 16×600 times 600×1024 88 and 135, 171 and 241;
/// 64×1024 times 1024×1024 129 and 155, 226 and 291. Where B's rows do not collide, 64×768 times 768×768 158 and 160, but
/// 324 and 297; and 6×1024 times 1024×1024 83 and 81, 163 and 128. On a Zen 4 it was measured for one row alone: 1×4096
/// times 4096×4096 4.9 and 10.7.
#[inline]
pub(super) fn steps<T>(product: &Product<T>, caches: &Caches) -> Option<usize> {
    let Extents { rows, columns, depth } = product.extents;
    let are_adjacent = product.b.column_stride == 1 && product.c.column_stride == 1;
    let (most_rows, near_bytes) = match caches.packs_early {
        // A single row tile reads B once in any case.
        true if rows <= 6 => (6, 4 * caches.second),
        true if collides(product.b.row_stride, size_of::<T>()) => (MANY_ROWS, caches.second - 1),
        true => (MANY_ROWS, 2 * caches.second),
        false => (2, caches.third / 2),
    };
    if !are_adjacent || rows > most_rows || depth * columns * size_of::<T>() <= near_bytes {
        return None;
    }
    // The more rows there are, the longer it takes to go on with the sums of all of them.
    Some(match rows {
        ..=2 => 8,
        ..=16 => 32,
        _ => 64,
    })
}

/// Runs a product for which there are [`steps`], which are the depth of the blocking.
///
/// # Safety
/// The instruction set of `kernels` is available; the three matrices of the product are valid and C is not shared; none
/// of the extents but the depth is zero.
pub(super) unsafe fn run<T: Scalar>(kernels: &TileKernels<T>, blocking: &Blocking, product: &Product<T>) {
    let extents @ Extents { rows, columns, .. } = product.extents;
    // As few parts as there are threads, so that long parts of B's rows are read, or twice as many, so that the threads
    // end together; but those of C stay in the second level. Columns take no part in each other's sums.
    let parts = match num_threads() {
        _ if extents.multiply_adds() < WORTH_A_FORK => 1,
        threads if rows < 16 => threads,
        threads => 2 * threads,
    };
    let most = columns.div_ceil(parts).min(caches().second / 2 / (rows * size_of::<T>())).max(1);
    let part_columns = even(columns, most, kernels.lanes * kernels.vectors_in_place);
    for_each_task(columns.div_ceil(part_columns), |part| {
        let first = part * part_columns;
        let part = columns_of(product, first, part_columns.min(columns - first));
        let blocking = Blocking { depth: blocking.depth, ..Blocking::within_task(&part, blocking.path) };
        // SAFETY: passed on; each task has columns of its own.
        unsafe { loops::run(kernels, &blocking, &part) }
    });
}

/// A product's columns from one on.
fn columns_of<T: Scalar>(product: &Product<T>, first: usize, columns: usize) -> Product<T> {
    let Product { extents, b, c, finish, .. } = *product;
    let (extents, b) = (Extents { columns, ..extents }, Operand { data: b.at(0, first), ..b });
    Product { extents, b, c: c.from(0, first), finish: finish.from(0, first), ..*product }
}
