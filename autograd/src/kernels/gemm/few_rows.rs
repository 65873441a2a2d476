//! Few rows of C and a B that does not stay in the second-level cache, such as a layer at a small batch: what counts is
//! to read B once, in the order of its addresses. So all columns meet some whole rows of B before the next ones, where
//! the five loops would go down the whole depth of each panel: a few lines of each row of B, which are pages apart.

use super::blocking::Blocking;
use super::caches::caches;
use super::kernel_set::TileKernels;
use super::loops;
use super::partition::even;
use super::product::{Extents, Product};
use super::task_grid::WORTH_A_FORK;
use crate::kernels::parallel::{for_each_task, num_threads};
use crate::scalar::Scalar;

/// Runs a product of few rows.
///
/// # Safety
/// That of [`loops::run`].
#[inline(never)]
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
        let part = product.columns(first..columns.min(first + part_columns));
        let blocking = Blocking { depth: blocking.depth, ..Blocking::within_task(&part, blocking.path) };
        // SAFETY: passed on; each task has columns of its own.
        unsafe { loops::run(kernels, &blocking, &part) }
    });
}
