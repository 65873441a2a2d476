//! Every kernel set against the oracle of the dense product, and against its bits.

use ndarray::Array2;

use super::*;
use crate::kernels::gemm::kernel_set::available;
use crate::kernels::gemm::path::{Choice, Path};
use crate::kernels::gemm::product::Extents;
use crate::kernels::gemm::tests::guarded::{Guarded, Layout};
use crate::kernels::gemm::tests::{Case, EPILOGUES, Matrices, Random};

/// Runs a product through the loops that skip zeros, however small it is and whether it pays or not.
///
/// # Safety
/// That of [`run_on`].
unsafe fn skip<T: SkippingKernels>(kernels: &Kernels<'_, T>, product: &Product<T>) {
    if product.extents.rows > 0 && product.extents.columns > 0 {
        // SAFETY: passed on; no extent but the depth is zero, and A is contiguous along a dimension.
        unsafe { loops::run(kernels, &Blocking::new(kernels.dense, product), product) }
    }
}

/// An extent at which something could go wrong: small, around the side of a tile, or long.
fn extent(random: &mut Random) -> usize {
    match random.below(8) {
        0..4 => random.below(20),
        4..7 => random.below(70),
        _ => 1 + random.below(300),
    }
}

/// Holds random products against the oracle, and against the bits of the dense product.
fn drawn<T: SkippingKernels>(count: usize) {
    for set in available::<T>() {
        let Some(kernels) = kernels_of(set) else { continue };
        let random = &mut Random(7);
        for index in 0..count {
            let depth = if index % 25 == 0 { 1000 + random.below(100) } else { extent(random) };
            let extents = Extents { rows: extent(random), columns: extent(random), depth };
            let layouts =
                [random.of(&[Layout::Rows, Layout::Columns]), random.of(&Layout::ALL), random.of(&Layout::ALL)];
            let case = Case { extents, layouts, epilogue: random.below(EPILOGUES) };
            let a = Guarded::<T>::sparse((extents.rows, extents.depth), layouts[0], random);
            let matrices = Matrices::new(case, a, random);
            // SAFETY: buffers of fitting shapes that live on; the kernel set is one of the available ones.
            let found = matrices.run(case, set.name(), |product| unsafe { skip(&kernels, product) });
            matrices.check(case, set.name(), &found);
            let path = Some(Choice { path: Path::PackedB, transposed: false });
            // SAFETY: as above.
            let dense = matrices.run(case, set.name(), |product| unsafe { run_dense_on(set, path, product) });
            assert!(found == dense, "{} {case:?}: zeros that are skipped change nothing", set.name());
        }
    }
}

/// A build without optimisation, and an interpreter, take fewer.
const COUNT: usize = if cfg!(miri) {
    4
} else if cfg!(debug_assertions) {
    400
} else {
    20_000
};

#[test]
fn drawn_products_have_the_bits_of_the_dense_one_f32() {
    drawn::<f32>(COUNT);
}

#[test]
fn drawn_products_have_the_bits_of_the_dense_one_f64() {
    drawn::<f64>(COUNT / 4);
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let random = &mut Random(3);
    for set in available::<f32>() {
        let Some(kernels) = kernels_of(set) else { continue };
        // A build without optimisation takes the last one.
        let shapes = [(64, 256, 784), (784, 256, 64), (500, 100, 333), (200, 90, 100)];
        for &(rows, columns, depth) in if cfg!(debug_assertions) { &shapes[3..] } else { &shapes[..] } {
            let extents = Extents { rows, columns, depth };
            for (a, b) in [(Layout::Rows, Layout::Columns), (Layout::Columns, Layout::Rows)] {
                let case = Case { extents, layouts: [a, b, Layout::Rows], epilogue: 0 };
                let a = Guarded::<f32>::sparse((rows, depth), a, random);
                let matrices = Matrices::new(case, a, random);
                let results = [1, 2, 3, 8].map(|threads| {
                    // SAFETY: buffers of fitting shapes that live on; the kernel set is one of the available ones.
                    let run = |product: &Product<f32>| unsafe { skip(&kernels, product) };
                    let with_threads = |product: &_| crate::kernels::parallel::with_threads(threads, || run(product));
                    matrices.run(case, set.name(), with_threads)
                });
                assert!(results.iter().all(|result| *result == results[0]), "{} {case:?}", set.name());
            }
        }
    }
}

/// Products that are large enough for zeros to be looked for: of pictures with a border, and of their transposes.
#[test]
fn zeros_are_skipped_only_where_they_meet_finite_values() {
    let (m, n, k) = (61, 200, 400);
    for set in available::<f32>() {
        for by_columns in [false, true] {
            let border = |(i, j): (usize, usize)| if j % 50 < 30 { 0.0 } else { (i * 7 + j) as f32 % 11.0 - 5.0 };
            let mut a = Array2::from_shape_fn((m, k), border);
            let mut b = Array2::from_shape_fn((k, n), |(i, j)| (i + j * 5) as f32 % 13.0 - 6.0);
            let product = |a: &Array2<f32>, b: &Array2<f32>| {
                let mut c = Array2::from_elem((m, n), 0.0);
                let transposed = a.t().as_standard_layout().into_owned();
                let a = if by_columns { transposed.t() } else { a.view() };
                let described = described(a, b.view(), c.view_mut(), Epilogue::Store);
                if let Some(kernels) = kernels_of(set) {
                    // SAFETY: the views are valid; the kernel set is one of the available ones.
                    assert!(unsafe { pays(&kernels, &described) }, "{}", set.name());
                }
                // SAFETY: as above.
                unsafe { run_on(set, &described) };
                c
            };
            // Whole numbers: any order gives the same sums.
            assert_eq!(product(&a, &b), a.dot(&b), "{}", set.name());
            a[(3, 7)] = f32::NAN;
            b[(9, 11)] = f32::INFINITY;
            for ((i, j), value) in product(&a, &b).indexed_iter() {
                assert_eq!(value.is_nan(), i == 3 || j == 11, "{} at {i}, {j}", set.name());
            }
        }
    }
}

#[test]
fn an_operand_without_zeros_and_a_small_product_are_dense() {
    for set in available::<f32>() {
        let Some(kernels) = kernels_of(set) else { continue };
        let pays_for = |a: &Array2<f32>, columns: usize| {
            let b = Array2::ones((a.ncols(), columns));
            let mut c = Array2::zeros((a.nrows(), columns));
            // SAFETY: the views are valid; the kernel set is one of the available ones.
            unsafe { pays(&kernels, &described(a.view(), b.view(), c.view_mut(), Epilogue::Store)) }
        };
        assert!(pays_for(&Array2::zeros((64, 784)), 256));
        assert!(!pays_for(&Array2::ones((64, 784)), 256));
        // A single row: dot products, or B read once; in any case the bits of the dense path.
        let single = Array2::zeros((1, 784));
        let mut c = [Array2::ones((1, 300)), Array2::ones((1, 300))];
        let b = Array2::from_shape_fn((300, 784), |(i, j)| (i + j) as f32);
        let [skipped, dense] = &mut c;
        // SAFETY: as above.
        unsafe { run_on(set, &described(single.view(), b.t(), skipped.view_mut(), Epilogue::Store)) };
        // SAFETY: as above.
        unsafe { run_dense_on(set, None, &described(single.view(), b.t(), dense.view_mut(), Epilogue::Store)) };
        assert_eq!(c[0], c[1]);
    }
}
