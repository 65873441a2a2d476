//! Rows of C along their whole length: one row, or matrices of few steps of depth; and a row whose B comes from memory.

use super::*;
use crate::kernels::gemm::dot_kernel::DotTile;
use crate::kernels::gemm::row_stream::RowStream;
use crate::kernels::parallel::with_threads;

/// The product has the bits of the five loops, on any number of threads.
fn streamed<T: GemmKernels>(set: &KernelSet<T>, case: Case) {
    let random = &mut Random(8);
    let a = Guarded::<T>::operand((case.extents.rows, case.extents.depth), case.layouts[0], random);
    let matrices = Matrices::new(case, a, random);
    let name = format!("{} row by row", set.name());
    let run = |choice, threads| {
        matrices.run(case, &name, |product| {
            assert!(RowStream::of(product).is_some(), "{name} {case:?}: is computed otherwise");
            // SAFETY: buffers of fitting shapes that live on; the kernel set is one of the available ones.
            with_threads(threads, || unsafe { run_on(set, choice, product) });
        })
    };
    let found = run(None, 1);
    matrices.check(case, &name, &found);
    let is_large = case.extents.multiply_adds() > 1 << 16;
    let others = if is_large { &[2, 3][..] } else { &[] };
    assert!(others.iter().all(|&threads| run(None, threads) == found), "{name} {case:?}: threads change bits");
    let by_loops = run(Some(Choice { path: Path::PackedB, transposed: false }), 1);
    assert!(found == by_loops, "{name} {case:?}: the bits are not those of the five loops");
}

fn all<T: GemmKernels>() {
    let of_a_row = [65, 127, 128, 129, 300].into_iter().flat_map(|n| [0, 1, 2, 7, 8, 9, 130].map(|k| (1, n, k)));
    let shallow = [17, 40, 301].into_iter().flat_map(|m| [2, 63, 64, 65, 200].map(|n| (m, n)));
    let shallow = shallow.flat_map(|(m, n)| [(m, n, 1), (m, n, 2)]);
    // The first B comes from memory; the second C is cut into tasks, which are no multiples of a row's parts.
    let large = [(1, 1031, 601), (301, 1009, 1), (1, 70_000, 3)];
    let shapes: Vec<_> = of_a_row.chain(shallow).chain(large).collect();
    for set in kernel_set::available::<T>().filter(|set| set.tile().is_some()) {
        for (index, &(rows, columns, depth)) in shapes.iter().enumerate() {
            if cfg!(miri) && index % 9 != 0 {
                continue;
            }
            for of_a in [Layout::Rows, Layout::Columns] {
                let layouts = [of_a, Layout::Rows, Layout::Rows];
                let extents = Extents { rows, columns, depth };
                for epilogue in [0, 1] {
                    streamed(set, Case { extents, layouts, epilogue });
                }
            }
        }
    }
}

#[test]
fn rows_have_the_bits_of_the_five_loops_f32() {
    all::<f32>();
}

#[test]
fn rows_have_the_bits_of_the_five_loops_f64() {
    all::<f64>();
}

#[test]
fn dot_products_whose_columns_are_longer_than_a_block_are_computed() {
    let random = &mut Random(10);
    let extents = Extents { rows: 6, columns: 7, depth: 5001 };
    let layouts = [Layout::Rows, Layout::Columns, Layout::Rows];
    for set in kernel_set::available::<f32>() {
        let choice = Some(Choice { path: Path::Dots, transposed: false });
        assert!(check(set, choice, Case { extents, layouts, epilogue: 0 }, random));
    }
}

#[test]
fn a_row_meets_columns_near_and_from_memory() {
    fn all<T: GemmKernels>() {
        let random = &mut Random(9);
        for set in kernel_set::available::<T>().filter(|set| set.tile().is_some()) {
            let Implementation::Tiles(kernels) = &set.implementation else { continue };
            let sizes = [(1, 0), (3, 1), (2, 15), (64, 64), (7, 203), (5, 300), (10, 128), (11, 33), (12, 16)];
            for (columns, depth) in sizes {
                let layouts = [Layout::Rows, Layout::Columns, Layout::Rows];
                let extents = Extents { rows: 1, columns, depth };
                for kernel in [kernels.dots_of_row, kernels.dots_in_order] {
                    for epilogue in [0, 1] {
                        let case = Case { extents, layouts, epilogue };
                        let a = Guarded::<T>::operand((1, depth), layouts[0], random);
                        let matrices = Matrices::new(case, a, random);
                        let found = matrices.run(case, set.name(), |product| {
                            let Product { a, b, c, accumulate, .. } = *product;
                            let [a_row_stride, b_column_stride] = [a.row_stride, b.column_stride];
                            let (a, b, rows) = (a.data, b.data, 1);
                            let tile =
                                DotTile { a, a_row_stride, b, b_column_stride, c, depth, rows, columns, accumulate };
                            // SAFETY: buffers of fitting shapes that live on; the kernel set is one of the available
                            // ones.
                            unsafe { kernel(&tile) }
                        });
                        matrices.check(case, set.name(), &found);
                    }
                }
            }
        }
    }
    all::<f32>();
    all::<f64>();
}
