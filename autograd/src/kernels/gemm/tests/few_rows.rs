//! Few rows of C whose B is read some whole rows at a time, whatever the caches of this machine are.

use super::*;
use crate::kernels::gemm::blocking::Order;
use crate::kernels::gemm::caches::{Caches, caches};
use crate::kernels::parallel::with_threads;

/// The product has the bits of the five loops, on any number of threads.
fn few<T: GemmKernels>(set: &KernelSet<T>, case: Case) {
    let Implementation::Tiles(kernels) = &set.implementation else { return };
    let random = &mut Random(9);
    let a = Guarded::<T>::operand((case.extents.rows, case.extents.depth), case.layouts[0], random);
    let matrices = Matrices::new(case, a, random);
    let name = format!("{} few rows", set.name());
    let run = |threads| {
        matrices.run(case, &name, |product| {
            let mut blocking = Blocking::within_task(product, Path::InPlace);
            let small = Caches { packs_early: true, second: 4 << 10, ..caches() };
            blocking.cut_large(kernels, product, &small);
            assert!(blocking.order == Order::FewRows && blocking.depth < case.extents.depth, "{name}: {blocking:?}");
            // SAFETY: buffers of fitting shapes that live on; the kernel set is one of the available ones.
            with_threads(threads, || unsafe { order::run(kernels, &blocking, product) });
        })
    };
    let found = run(1);
    matrices.check(case, &name, &found);
    assert!([2, 3].into_iter().all(|threads| run(threads) == found), "{name} {case:?}: threads change bits");
    let choice = Some(Choice { path: Path::PackedB, transposed: false });
    // SAFETY: as above.
    let whole = matrices.run(case, &name, |product| unsafe { run_on(set, choice, product) });
    assert!(found == whole, "{name} {case:?}: the bits are not those of packed panels");
}

fn all<T: GemmKernels>() {
    // The last two are worth a second thread.
    let shapes = [(1, 150, 131), (2, 128, 77), (7, 150, 75), (33, 140, 150), (15, 601, 129), (40, 333, 129)];
    for set in kernel_set::available::<T>() {
        for (index, (rows, columns, depth)) in shapes.into_iter().enumerate() {
            if cfg!(miri) && index > 2 {
                continue;
            }
            for of_a in [Layout::Rows, Layout::Columns] {
                for epilogue in [0, 1, 4] {
                    let layouts = [of_a, Layout::Rows, Layout::Rows];
                    few(set, Case { extents: Extents { rows, columns, depth }, layouts, epilogue });
                }
            }
        }
    }
}

#[test]
fn few_rows_pass_b_once_f32() {
    all::<f32>();
}

#[test]
fn few_rows_pass_b_once_f64() {
    all::<f64>();
}
