//! Every row of the table, every path, against the naive product in `f64`.

mod drawn;
mod guarded;
mod oracle;

use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use super::*;
use crate::scalar::Scalar;
use guarded::{Guarded, Layout};

/// Random numbers that need no crate: the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // splitmix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
    fn of<E: Copy>(&mut self, choices: &[E]) -> E {
        choices[self.below(choices.len())]
    }
    fn number<T: Scalar>(&mut self) -> T {
        T::from_f64((self.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
    }
}

/// Every route, and the choice of one.
fn routes() -> impl Iterator<Item = Option<Route>> {
    let all = Path::ALL.into_iter().flat_map(|path| [false, true].map(|turned| Some(Route { path, turned })));
    std::iter::once(None).chain(all)
}

/// What a product is to be tried on.
#[derive(Clone, Copy, Debug)]
struct Case {
    shape: (usize, usize, usize),
    /// Of A, of B and of C.
    layouts: [Layout; 3],
    epilogue: usize,
    /// Whether numbers of A and B are zero here and there, and are looked for.
    sparse: bool,
}

const EPILOGUES: usize = 4;

/// Runs a case on a row along a route, and holds it against the oracle and against the crate `matrixmultiply`. Returns whether it could go that way.
fn check<T: Kernels>(row: &Row<T>, route: Option<Route>, case: Case, random: &mut Random) -> bool {
    let Case { shape: (m, n, k), layouts, epilogue, sparse } = case;
    let operand = if sparse { Guarded::<T>::sparse } else { Guarded::<T>::operand };
    let a = operand((m, k), layouts[0], random);
    let b = operand((k, n), layouts[1], random);
    let bias: Vec<T> = (0..n).map(|_| random.number()).collect();
    let epilogue = [Epilogue::Store, Epilogue::Add, Epilogue::Bias(&bias), Epilogue::BiasRelu(&bias)][epilogue];
    // What C held must not matter where it is overwritten: then it holds NaN.
    let adds = matches!(epilogue, Epilogue::Add);
    let guard = T::from_f64(12345.0);
    let before = Guarded::new((m, n), layouts[2], guard, || if adds { random.number() } else { T::NAN });
    let expected = oracle::product(&a.numbers(), &b.numbers(), &before.numbers(), (m, n, k), epilogue);
    let run = |row: &Row<T>, route: Option<Route>, shares: [f32; 2]| {
        let mut c = before.clone();
        let product = Product::new((m, n, k), a.read(), b.read(), c.write(), epilogue);
        let fits = route.is_none_or(|route| route.fits(&product));
        // SAFETY: buffers of fitting shapes that live on; the row is one of the available ones.
        unsafe { super::gemm_on(row, route, Some(shares), &product) };
        let numbers = c.numbers();
        assert!(c.into_intact(), "{} {route:?} {case:?}: wrote outside C", row.name());
        (numbers, fits)
    };
    let (found, fits) = run(row, route, [1.0; 2]);
    if sparse {
        let (without_zeros, _) = run(row, route, [0.5; 2]);
        assert!(found == without_zeros, "{} {route:?} {case:?}: zeros that are left out change nothing", row.name());
    }
    let (other, _) = run(T::rows().last().expect("the table has rows"), None, [1.0; 2]);
    for (index, (&found, &other)) in found.iter().zip(&other).enumerate() {
        let (wanted, bound) = (expected.value[index], (k + 2) as f64 * T::EPSILON.to_f64() * expected.magnitude[index]);
        let place = || format!("{} {route:?} {case:?} at {}, {}", row.name(), index / n, index % n);
        assert!((found.to_f64() - wanted).abs() <= bound, "{}: {found} for {wanted}", place());
        assert!((found.to_f64() - other.to_f64()).abs() <= 2.0 * bound, "{}: {found}, matrixmultiply {other}", place());
    }
    fits
}

fn small<T: Kernels>() {
    let random = &mut Random(1);
    let end = if cfg!(miri) { 1 } else { 8 };
    for row in table::available::<T>() {
        for route in routes() {
            for place in 0..(end + 1) * (end + 1) * (end + 1) {
                // A build without optimisation takes every seventh.
                if cfg!(debug_assertions) && !cfg!(miri) && place % 7 != 0 {
                    continue;
                }
                let shape = (place % (end + 1), place / (end + 1) % (end + 1), place / (end + 1) / (end + 1));
                for a in Layout::ALL {
                    for b in Layout::ALL {
                        for epilogue in 0..EPILOGUES {
                            let layouts = [a, b, random.of(&Layout::ALL)];
                            let case = Case { shape, layouts, epilogue, sparse: place % 4 == 0 };
                            check(row, route, case, random);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn small_products_of_every_layout_f32() {
    small::<f32>();
}

#[test]
fn small_products_of_every_layout_f64() {
    small::<f64>();
}

fn gemm_on<T: Kernels>(
    row: &Row<T>,
    route: Option<Route>,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    mut c: ArrayViewMut2<'_, T>,
    epilogue: Epilogue<'_, T>,
) {
    let operand =
        |view: &ArrayView2<'_, T>| Operand { data: view.as_ptr(), row: view.strides()[0], column: view.strides()[1] };
    assert!(a.ncols() == b.nrows() && c.dim() == (a.nrows(), b.ncols()));
    let target = Target { row: c.strides()[0], column: c.strides()[1], data: c.as_mut_ptr() };
    let product = Product::new((a.nrows(), b.ncols(), a.ncols()), operand(&a), operand(&b), target, epilogue);
    // SAFETY: valid views of fitting shapes; the row is one of the available ones.
    unsafe { super::gemm_on(row, route, None, &product) }
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let random = &mut Random(3);
    for row in table::available::<f32>() {
        let shapes = [(64, 256, 784), (500, 10, 333), (256, 784, 64), (300, 200, 1100), (1, 4000, 600)];
        for &(m, n, k) in if cfg!(debug_assertions) { &shapes[1..2] } else { &shapes[..] } {
            let a = Guarded::<f32>::operand((m, k), Layout::Rows, random);
            for layout in Layout::ALL {
                let b = Guarded::<f32>::operand((k, n), layout, random);
                for route in routes() {
                    let results = [1, 2, 3, 4, 8].map(|threads| {
                        let mut c = Guarded::new((m, n), Layout::Rows, 0.0, || f32::NAN);
                        let product = Product::new((m, n, k), a.read(), b.read(), c.write(), Epilogue::Store);
                        // SAFETY: buffers of fitting shapes that live on; the row is one of the available ones.
                        let run = || unsafe { super::gemm_on(row, route, None, &product) };
                        crate::kernels::parallel::with_threads(threads, run);
                        c.numbers().into_iter().map(f32::to_bits).collect::<Vec<_>>()
                    });
                    assert!(results.iter().all(|bits| *bits == results[0]), "{} {route:?} {m}×{n}×{k}", row.name());
                }
            }
        }
    }
}

#[test]
fn neither_the_way_nor_the_blocks_change_the_bits_where_no_vector_runs_along_the_depth() {
    let random = &mut Random(4);
    for row in table::available::<f32>().filter(|row| row.tile().is_some()) {
        // The last two are cut along the depth.
        for (m, n, k) in [(64, 48, 90), (2, 300, 20), (20, 70, 1100), (31, 17, 2500)] {
            let a = Guarded::<f32>::sparse((m, k), Layout::Rows, random);
            let b = Guarded::<f32>::operand((k, n), Layout::Rows, random);
            let results = routes().flatten().filter(|route| route.path != Path::Dots).map(|route| {
                let mut c = Guarded::new((m, n), Layout::Rows, 0.0, || 1.0);
                let product = Product::new((m, n, k), a.read(), b.read(), c.write(), Epilogue::Add);
                // SAFETY: buffers of fitting shapes that live on; the row is one of the available ones.
                unsafe { super::gemm_on(row, Some(route), Some([0.5; 2]), &product) };
                (route, c.numbers())
            });
            let results: Vec<_> = results.collect();
            for (route, numbers) in &results {
                assert!(*numbers == results[0].1, "{} {route:?} {m}×{n}×{k}", row.name());
            }
        }
    }
}

#[test]
fn not_a_number_and_infinity_reach_the_result() {
    for row in table::available::<f32>() {
        let mut a = Array2::<f32>::zeros((20, 30));
        let mut b = Array2::<f32>::zeros((30, 40));
        a[(3, 7)] = f32::NAN;
        b[(9, 11)] = f32::INFINITY;
        let mut c = Array2::zeros((20, 40));
        gemm_on(row, None, a.view(), b.view(), c.view_mut(), Epilogue::BiasRelu(&[0.0; 40]));
        for ((i, j), value) in c.indexed_iter() {
            // Zero times infinity is not a number.
            assert_eq!(value.is_nan(), i == 3 || j == 11, "{} at {i}, {j}", row.name());
        }
    }
}

/// Products that are large enough for zeros to be looked for: of pictures with a border, and of their transposes.
#[test]
fn zeros_are_left_out_only_where_they_meet_finite_numbers() {
    let (m, n, k) = (61, 200, 400);
    for row in table::available::<f32>() {
        for route in routes() {
            for transposed in [false, true] {
                let mut a =
                    Array2::from_shape_fn(
                        (m, k),
                        |(i, j)| {
                            if j % 50 < 30 { 0.0 } else { (i * 7 + j) as f32 % 11.0 - 5.0 }
                        },
                    );
                let mut b = Array2::from_shape_fn((k, n), |(i, j)| (i + j * 5) as f32 % 13.0 - 6.0);
                let product = |a: &Array2<f32>, b: &Array2<f32>| {
                    let mut c = Array2::from_elem((m, n), 0.0);
                    if transposed {
                        gemm_on(row, route, b.t(), a.t(), c.view_mut().reversed_axes(), Epilogue::Store);
                    } else {
                        gemm_on(row, route, a.view(), b.view(), c.view_mut(), Epilogue::Store);
                    }
                    c
                };
                // Whole numbers: any order gives the same sums.
                assert_eq!(product(&a, &b), a.dot(&b), "{} {route:?}", row.name());
                a[(3, 7)] = f32::NAN;
                b[(9, 11)] = f32::INFINITY;
                for ((i, j), value) in product(&a, &b).indexed_iter() {
                    assert_eq!(value.is_nan(), i == 3 || j == 11, "{} {route:?} at {i}, {j}", row.name());
                }
            }
        }
    }
}

#[test]
fn a_stride_of_zero_repeats_a_row_or_a_column() {
    let row = [1.0f64, 2.0, 3.0];
    let a = ArrayView2::from_shape((1, 3), &row).unwrap();
    let a = a.broadcast((50, 3)).unwrap();
    let b = ArrayView2::from_shape((3, 1), &row).unwrap();
    let b = b.broadcast((3, 40)).unwrap();
    for row in table::available::<f64>() {
        for route in routes() {
            let mut c = Array2::zeros((50, 40));
            gemm_on(row, route, a, b, c.view_mut(), Epilogue::Store);
            assert!(c.iter().all(|value| *value == 14.0), "{} {route:?}", row.name());
        }
    }
}

fn message(body: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(body).unwrap_err();
    panic.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let zeros = |shape: (usize, usize)| Array2::<f32>::zeros(shape);
    let inner = message(|| gemm(zeros((3, 4)).view(), zeros((5, 6)).view(), zeros((3, 6)).view_mut(), Epilogue::Store));
    assert!(inner.contains("3×4") && inner.contains("5×6"), "{inner}");
    let rows = message(|| gemm(zeros((3, 4)).view(), zeros((4, 6)).view(), zeros((2, 6)).view_mut(), Epilogue::Store));
    assert!(rows.contains("3×6") && rows.contains("2×6") && rows.contains("rows"), "{rows}");
    let bias =
        message(|| gemm(zeros((3, 4)).view(), zeros((4, 6)).view(), zeros((3, 6)).view_mut(), Epilogue::Bias(&[1.0])));
    assert!(bias.contains("6") && bias.contains("bias"), "{bias}");
}
