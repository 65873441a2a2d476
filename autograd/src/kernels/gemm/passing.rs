//! Row tiles that pass blocks of B, each of which stays in the second-level cache of the thread that packed it.
//!
//! ```text
//! for each block of depth
//!   A is packed, if all tasks share it                 by all threads
//!   for each task: a block of columns, some rows       in parallel; who meets a block of B for the first time packs it
//!     for each row tile
//!       for each panel of columns
//!         the micro-kernel
//! ```
//!
//! C is so written in the order of its addresses. The tasks of a block of columns follow each other, and each thread
//! begins with a block of its own. If two threads packed a block together, each would read half of it from the other's
//! cache. (GFLOP/s on two threads of a Granite Rapids, a block for both and one for each: 1024³ 393 and 413, 2048³ 402
//! and 412, 997³ 394 and 410.)

use super::blocking::{Blocking, for_each_block, panels};
use super::buffer::ThreadBuffers;
use super::kernel_set::TileKernels;
use super::loops::{BlockLoops, RowBlock};
use super::packed_b::PackedB;
use super::partition::{Partition, even};
use super::path::Path;
use super::product::{Extents, Product};
use super::shared_a::SharedA;
use super::task_grid::TaskGrid;
use crate::kernels::parallel::{for_each_task, num_threads};
use crate::scalar::Scalar;

/// Columns of a block of B for each thread, at least: all rows of A are read for each block. (Half of it: 1000×1024
/// times 1024×256 on two threads 5 % slower.)
const FEWEST_COLUMNS: usize = 256;

/// Runs a product.
///
/// # Safety
/// That of [`loops::run`](super::loops::run); the path packs B.
#[inline(never)]
pub(super) unsafe fn run<T: Scalar>(kernels: &TileKernels<T>, blocking: &Blocking, product: &Product<T>) {
    for_each_block(product.extents, product.extents.columns, blocking.depth, |block| {
        // SAFETY: passed on.
        unsafe { run_block(&BlockLoops { kernels, blocking, product, block }) }
    });
}

/// Runs a block of the depth.
///
/// # Safety
/// That of [`run`].
unsafe fn run_block<T: Scalar>(loops: &BlockLoops<T>) {
    let BlockLoops { kernels, blocking, block, .. } = *loops;
    let (panels, grid) = cut(loops);
    let shared_a = blocking.shares_a.then(|| SharedA::new(grid.rows, block.depth));
    if let Some(shared) = &shared_a {
        // SAFETY: passed on; each block of rows has its own part of the buffer.
        let pack = |index: usize| unsafe { loops.pack_rows(shared.row_blocks.range(index), shared.at(index)) };
        for_each_task(grid.rows.count, pack);
    }
    let shared_a = shared_a.as_ref();
    let packs_rows = blocking.packs_rows();
    let of_b = grid.panels.longest() * panels.longest() * kernels.lanes * block.depth;
    let of_a = if packs_rows { grid.rows.longest() * block.depth } else { 0 };
    let buffers = ThreadBuffers::take::<T>(grid.count(), of_b + of_a);
    for_each_task(grid.count(), |task| {
        let (i, j) = grid.position(task);
        let (rows, group) = (grid.rows.range(i), grid.panels.range(j));
        let in_buffer = |start| PackedB { packed: start, ..loops.b(panels, panels.start(group.start) * kernels.lanes) };
        let pack = |start: *mut T| {
            let b = in_buffer(start);
            // SAFETY: passed on; the memory is this thread's, and has room for the longest group of panels.
            group.clone().for_each(|panel| unsafe { b.pack(kernels, panel) });
        };
        buffers.with_filled(j, pack, |start| {
            let own = packs_rows.then(|| start.wrapping_add(of_b));
            // SAFETY: passed on; each task has its own part of C; behind the panels, which this thread has packed, the
            // memory has room for the most rows of a task.
            unsafe {
                if let Some(own) = own {
                    loops.pack_rows(rows.clone(), own);
                }
                let packed = shared_a.map(|shared| shared.at(i)).or(own).map(<*mut T>::cast_const);
                loops.task_by_rows(&in_buffer(start), &RowBlock { rows, packed }, group.clone());
            }
        });
    });
}

/// The panels of B, and the tasks: blocks of panels, and blocks of rows that are whole tiles.
fn cut<T: Scalar>(loops: &BlockLoops<T>) -> (Partition, TaskGrid) {
    let BlockLoops { kernels, blocking, product, block } = *loops;
    let Extents { rows, columns, .. } = product.extents;
    // A block for each thread at least. Columns take no part in each other's sums.
    let blocks = columns.div_ceil(blocking.task.columns).max(num_threads().min(columns / FEWEST_COLUMNS));
    let vectors = block.columns.div_ceil(kernels.lanes);
    // Panels as wide as in place, if none is narrower than the others; a packed A has the height of the packed ones.
    // (1024³ and 2048³ on a Granite Rapids, three vectors and four: 1 and 2.5 % faster, primes near 1000 as fast.)
    let packs_a = blocking.path == Path::Packed;
    let comes_out_even = vectors.is_multiple_of(blocks * kernels.vectors_in_place);
    let width = if comes_out_even && !packs_a { kernels.vectors_in_place } else { kernels.vectors_packed };
    let height = if packs_a { kernels.max_rows[width - 1] } else { blocking.rows_in_place(kernels, width) };
    let panels = panels(vectors, width, blocks);
    let rows = Partition::of_exactly(rows, even(rows, blocking.task.rows, height));
    (panels, TaskGrid { rows, panels: Partition::new(panels.count, blocks) })
}
