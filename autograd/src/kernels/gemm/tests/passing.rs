//! Row tiles that pass blocks of B, whatever the caches of this machine are.

use super::*;
use crate::kernels::gemm::blocking::Order;
use crate::kernels::gemm::caches::{Caches, caches};
use crate::kernels::parallel::with_threads;

/// A product whose B is cut into blocks of 16 KiB.
fn passed<T: GemmKernels>(set: &KernelSet<T>, path: Path, case: Case, threads: usize) {
    let Implementation::Tiles(kernels) = &set.implementation else { return };
    let random = &mut Random(7);
    let a = Guarded::<T>::operand((case.extents.rows, case.extents.depth), case.layouts[0], random);
    let matrices = Matrices::new(case, a, random);
    let name = format!("{} {path:?} of blocks of B", set.name());
    let found = matrices.run(case, &name, |product| {
        let small = Caches { block_of_b: Some(16 << 10), second: 32 << 10, ..caches() };
        let mut blocking = Blocking::within_task(product, path);
        blocking.cut_large(kernels, product, &small);
        assert!(blocking.order == Order::PassedBlocks && blocking.depth < case.extents.depth, "{name}: {blocking:?}");
        assert!(blocking.task.columns < case.extents.columns, "{name}: {blocking:?}");
        // SAFETY: buffers of fitting shapes that live on; the kernel set is one of the available ones.
        with_threads(threads, || unsafe { order::run(kernels, &blocking, product) });
    });
    matrices.check(case, &name, &found);
    // SAFETY: as above.
    let whole = matrices.run(case, &name, |product| unsafe { run_on(set, None, product) });
    assert!(found == whole, "{name} {case:?}: the blocks change bits");
}

fn all<T: GemmKernels>() {
    for set in kernel_set::available::<T>() {
        for path in [Path::PackedB, Path::Packed] {
            for (turn, of_a) in [Layout::Rows, Layout::Columns].into_iter().enumerate() {
                for of_b in [Layout::Rows, Layout::Columns] {
                    let extents = Extents { rows: 141, columns: 150, depth: 2048 / size_of::<T>() + 9 };
                    for epilogue in [turn, 4] {
                        let case = Case { extents, layouts: [of_a, of_b, Layout::Rows], epilogue };
                        [1, 3].into_iter().for_each(|threads| passed(set, path, case, threads));
                    }
                }
            }
        }
    }
}

#[test]
fn rows_that_pass_blocks_of_b_f32() {
    all::<f32>();
}

#[test]
fn rows_that_pass_blocks_of_b_f64() {
    all::<f64>();
}
