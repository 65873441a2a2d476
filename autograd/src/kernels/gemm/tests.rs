//! Every row of the table, every path, against the naive product in `f64`.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

use super::*;
use crate::scalar::Scalar;

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
    fn number<T: Scalar>(&mut self) -> T {
        T::from_f64((self.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
    }
}

/// How a matrix lies in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Layout {
    Rows,
    Columns,
    /// Every second row and column of a larger matrix, rows from the bottom.
    Strided,
}

const LAYOUTS: [Layout; 3] = [Layout::Rows, Layout::Columns, Layout::Strided];

/// A matrix inside a larger buffer whose other numbers must not change.
struct Guarded<T> {
    buffer: Array2<T>,
    layout: Layout,
    shape: (usize, usize),
}

const CANARY: f64 = 12345.0;

impl<T: Scalar> Guarded<T> {
    fn new((rows, columns): (usize, usize), layout: Layout, mut fill: impl FnMut() -> T) -> Self {
        let outer = match layout {
            Layout::Rows => (rows + 2, columns + 3),
            Layout::Columns => (columns + 2, rows + 3),
            Layout::Strided => (2 * rows + 2, 2 * columns + 3),
        };
        let mut guarded =
            Self { buffer: Array2::from_elem(outer, T::from_f64(CANARY)), layout, shape: (rows, columns) };
        guarded.view_mut().mapv_inplace(|_| fill());
        guarded
    }
    fn view(&self) -> ArrayView2<'_, T> {
        let (rows, columns) = self.shape;
        match self.layout {
            Layout::Rows => self.buffer.slice(s![1..rows + 1, 1..columns + 1]),
            Layout::Columns => self.buffer.slice(s![1..columns + 1, 1..rows + 1]).reversed_axes(),
            Layout::Strided => self.buffer.slice(s![1..2 * rows + 1;-2, 1..2 * columns + 1;2]),
        }
    }
    fn view_mut(&mut self) -> ArrayViewMut2<'_, T> {
        let (rows, columns) = self.shape;
        match self.layout {
            Layout::Rows => self.buffer.slice_mut(s![1..rows + 1, 1..columns + 1]),
            Layout::Columns => self.buffer.slice_mut(s![1..columns + 1, 1..rows + 1]).reversed_axes(),
            Layout::Strided => self.buffer.slice_mut(s![1..2 * rows + 1;-2, 1..2 * columns + 1;2]),
        }
    }
    fn canaries(&self) -> usize {
        self.buffer.iter().filter(|value| **value == T::from_f64(CANARY)).count()
    }
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
    unsafe { super::gemm_on(row, route, &product) }
}

fn check<T: Kernels>(
    row: &Row<T>,
    route: Option<Route>,
    (m, n, k): (usize, usize, usize),
    layouts: (Layout, Layout, Layout),
    epilogue: usize,
    random: &mut Random,
) {
    let a = Guarded::<T>::new((m, k), layouts.0, || random.number());
    let b = Guarded::<T>::new((k, n), layouts.1, || random.number());
    let bias: Vec<T> = (0..n).map(|_| random.number()).collect();
    let epilogue = [Epilogue::Store, Epilogue::Add, Epilogue::Bias(&bias), Epilogue::BiasRelu(&bias)][epilogue];
    let adds = matches!(epilogue, Epilogue::Add);
    let mut c = Guarded::<T>::new((m, n), layouts.2, || if adds { random.number() } else { T::NAN });
    let before = c.view().to_owned();
    let canaries = c.canaries();
    gemm_on(row, route, a.view(), b.view(), c.view_mut(), epilogue);
    assert_eq!(c.canaries(), canaries, "{} {route:?} {m}×{n}×{k} {layouts:?}: wrote outside C", row.name());
    let expected = reference::product(a.view(), b.view(), before.view(), epilogue);
    for ((index, &found), &wanted) in c.view().indexed_iter().zip(&expected.value) {
        let bound = (k + 2) as f64 * T::EPSILON.to_f64() * expected.magnitude[index];
        assert!(
            (found.to_f64() - wanted).abs() <= bound,
            "{} {route:?} {m}×{n}×{k} {layouts:?} {epilogue:?} at {index:?}: {found} for {wanted}",
            row.name()
        );
    }
}

/// Every route, and the choice of one.
fn routes() -> impl Iterator<Item = Option<Route>> {
    let all = Path::ALL.into_iter().flat_map(|path| [false, true].map(|turned| Some(Route { path, turned })));
    std::iter::once(None).chain(all)
}

fn small<T: Kernels>() {
    let random = &mut Random(1);
    let end = if cfg!(debug_assertions) { 2 } else { 8 };
    for row in table::available::<T>() {
        for route in routes() {
            for m in 0..=end {
                for n in 0..=end {
                    for k in 0..=end {
                        for a in LAYOUTS {
                            for b in LAYOUTS {
                                for epilogue in 0..4 {
                                    let c = LAYOUTS[random.below(3)];
                                    check(row, route, (m, n, k), (a, b, c), epilogue, random);
                                }
                            }
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

fn drawn<T: Kernels>(cases: usize) {
    let random = &mut Random(2);
    for row in table::available::<T>() {
        for case in 0..cases {
            let end = if case % 8 == 0 { 300 } else { 60 };
            let shape = (random.below(end), random.below(end), random.below(end));
            let layouts = (LAYOUTS[random.below(3)], LAYOUTS[random.below(3)], LAYOUTS[random.below(3)]);
            let route = routes().nth(case % (2 * Path::ALL.len() + 1)).unwrap();
            check(row, route, shape, layouts, random.below(4), random);
        }
    }
}

#[test]
fn drawn_products_f32() {
    drawn::<f32>(if cfg!(debug_assertions) { 16 } else { 4000 });
}

#[test]
fn drawn_products_f64() {
    drawn::<f64>(if cfg!(debug_assertions) { 16 } else { 2000 });
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let random = &mut Random(3);
    for row in table::available::<f32>() {
        let shapes = [(64, 256, 784), (500, 10, 333), (256, 784, 64), (300, 200, 1100), (1, 4000, 600)];
        for &(m, n, k) in if cfg!(debug_assertions) { &shapes[1..2] } else { &shapes[..] } {
            let a = Guarded::<f32>::new((m, k), Layout::Rows, || random.number());
            for layout in LAYOUTS {
                let b = Guarded::<f32>::new((k, n), layout, || random.number());
                for route in routes() {
                    let results = [1, 2, 3, 4, 8].map(|threads| {
                        let mut c = Array2::zeros((m, n));
                        crate::kernels::parallel::with_threads(threads, || {
                            gemm_on(row, route, a.view(), b.view(), c.view_mut(), Epilogue::Store);
                        });
                        c.mapv(f32::to_bits)
                    });
                    assert!(results.iter().all(|bits| *bits == results[0]), "{} {route:?} {m}×{n}×{k}", row.name());
                }
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
