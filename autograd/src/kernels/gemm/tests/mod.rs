//! Every kernel set, every path, against the naive product in `f64`.

mod drawn;
mod few_rows;
pub(in crate::kernels) mod guarded;
mod offsets;
pub(in crate::kernels) mod oracle;
mod parts;
mod passing;
mod rows;

use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use super::path::Path;
use super::*;
use crate::scalar::Scalar;
use guarded::{Guarded, Layout};

/// Random values that need no crate: the same on every machine.
pub(in crate::kernels) struct Random(pub(in crate::kernels) u64);

impl Random {
    fn next(&mut self) -> u64 {
        // splitmix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }
    pub(in crate::kernels) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
    pub(in crate::kernels) fn of<E: Copy>(&mut self, choices: &[E]) -> E {
        choices[self.below(choices.len())]
    }
    pub(in crate::kernels) fn value<T: Scalar>(&mut self) -> T {
        T::from_f64((self.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
    }
}

/// Every path, straight and transposed, and the choice of the product itself.
fn choices() -> impl Iterator<Item = Option<Choice>> {
    let both = |path| [false, true].map(|transposed| Some(Choice { path, transposed }));
    std::iter::once(None).chain(Path::ALL.into_iter().flat_map(both))
}

/// What a product is to be tried on.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Case {
    pub(in crate::kernels) extents: Extents,
    /// Of A, of B and of C.
    pub(in crate::kernels) layouts: [Layout; 3],
    pub(in crate::kernels) epilogue: usize,
}

pub(in crate::kernels) const EPILOGUES: usize = 5;

/// The epilogue of an index below [`EPILOGUES`].
pub(in crate::kernels) fn epilogue<T: Copy>(index: usize, bias: &[T]) -> Epilogue<'_, T> {
    let all = [Epilogue::Store, Epilogue::Add, Epilogue::Relu, Epilogue::Bias(bias), Epilogue::BiasRelu(bias)];
    const { assert!(EPILOGUES == 5) };
    all[index]
}

/// The matrices of a case: random elements, and what the oracle makes of them.
pub(in crate::kernels) struct Matrices<T> {
    pub(in crate::kernels) a: Guarded<T>,
    pub(in crate::kernels) b: Guarded<T>,
    pub(in crate::kernels) before: Guarded<T>,
    pub(in crate::kernels) bias: Vec<T>,
    pub(in crate::kernels) expected: oracle::Expected,
}

impl<T: GemmKernels> Matrices<T> {
    pub(in crate::kernels) fn new(case: Case, a: Guarded<T>, random: &mut Random) -> Self {
        let Case { extents: extents @ Extents { rows, columns, depth }, layouts, epilogue: index } = case;
        let b = Guarded::<T>::operand((depth, columns), layouts[1], random);
        let bias: Vec<T> = (0..columns).map(|_| random.value()).collect();
        // What C held must not matter where it is overwritten: then it holds NaN.
        let adds = matches!(epilogue(index, &bias), Epilogue::Add);
        let guard = T::from_f64(12345.0);
        let before = Guarded::new((rows, columns), layouts[2], guard, || if adds { random.value() } else { T::NAN });
        let expected =
            oracle::product(&a.elements(), &b.elements(), &before.elements(), extents, epilogue(index, &bias));
        Self { a, b, before, bias, expected }
    }

    /// Computes the product, and returns the elements of C; `name` is what it is computed by.
    pub(in crate::kernels) fn run(&self, case: Case, name: &str, run: impl FnOnce(&Product<T>)) -> Vec<T> {
        let mut c = self.before.clone();
        let epilogue = epilogue(case.epilogue, &self.bias);
        run(&Product::new(case.extents, self.a.read(), self.b.read(), c.write(), epilogue));
        let found = c.elements();
        assert!(c.into_intact(), "{name} {case:?}: wrote outside C");
        found
    }

    /// Holds elements of C against the oracle, with a bound so many times as wide as that of one rounding for each
    /// step.
    pub(in crate::kernels) fn check(&self, case: Case, name: &str, found: &[T]) {
        for (index, &found) in found.iter().enumerate() {
            let position = || (index / case.extents.columns, index % case.extents.columns);
            let (wanted, bound) = (self.expected.value[index], self.bound(case, index));
            assert!(
                (found.to_f64() - wanted).abs() <= bound,
                "{name} {case:?} at {:?}: {found} for {wanted}",
                position()
            );
        }
    }

    /// How far an element may be from the oracle's: one rounding for each step.
    fn bound(&self, case: Case, index: usize) -> f64 {
        (case.extents.depth + 2) as f64 * T::EPSILON.to_f64() * self.expected.magnitude[index]
    }
}

/// Runs a case on a kernel set along a path, and holds it against the oracle and against the crate `matrixmultiply`.
/// Returns whether the product could take that path.
fn check<T: GemmKernels>(set: &KernelSet<T>, choice: Option<Choice>, case: Case, random: &mut Random) -> bool {
    let a = Guarded::<T>::operand((case.extents.rows, case.extents.depth), case.layouts[0], random);
    let matrices = Matrices::new(case, a, random);
    let mut fits = false;
    let name = format!("{} {choice:?}", set.name());
    let found = matrices.run(case, &name, |product| {
        fits = choice.is_none_or(|choice| choice.fits(product));
        // SAFETY: buffers of fitting shapes that live on; the kernel set is one of the available ones.
        unsafe { run_on(set, choice, product) }
    });
    matrices.check(case, &name, &found);
    let foreign = T::kernel_sets().last().expect("the table has kernel sets");
    // SAFETY: as above.
    let other = matrices.run(case, foreign.name(), |product| unsafe { run_on(foreign, None, product) });
    for (index, (&found, &other)) in found.iter().zip(&other).enumerate() {
        let bound = 2.0 * matrices.bound(case, index);
        let apart = (found.to_f64() - other.to_f64()).abs();
        assert!(apart <= bound, "{name} {case:?} at {index}: {found}, matrixmultiply {other}");
    }
    fits
}

fn small<T: GemmKernels>() {
    let random = &mut Random(1);
    let end = if cfg!(miri) { 1 } else { 8 };
    for set in kernel_set::available::<T>() {
        for choice in choices() {
            for index in 0..(end + 1) * (end + 1) * (end + 1) {
                // A build without optimisation takes every seventh.
                if cfg!(debug_assertions) && !cfg!(miri) && index % 7 != 0 {
                    continue;
                }
                let side = end + 1;
                let extents = Extents { rows: index % side, columns: index / side % side, depth: index / side / side };
                for a in Layout::ALL {
                    for b in Layout::ALL {
                        for epilogue in 0..EPILOGUES {
                            let layouts = [a, b, random.of(&Layout::ALL)];
                            check(set, choice, Case { extents, layouts, epilogue }, random);
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

/// A product of views on a kernel set.
fn gemm_on<T: GemmKernels>(
    set: &KernelSet<T>,
    choice: Option<Choice>,
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    c: ArrayViewMut2<'_, T>,
    epilogue: Epilogue<'_, T>,
) {
    // SAFETY: valid views of fitting shapes; the kernel set is one of the available ones.
    unsafe { run_on(set, choice, &described(a, b, c, epilogue)) }
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let random = &mut Random(3);
    for set in kernel_set::available::<f32>() {
        let shapes = [(64, 256, 784), (500, 10, 333), (256, 784, 64), (300, 200, 1100), (1, 4000, 600)];
        for &(m, n, k) in if cfg!(debug_assertions) { &shapes[1..2] } else { &shapes[..] } {
            let a = Guarded::<f32>::operand((m, k), Layout::Rows, random);
            for layout in Layout::ALL {
                let b = Guarded::<f32>::operand((k, n), layout, random);
                for choice in choices() {
                    let results = [1, 2, 3, 4, 8].map(|threads| {
                        let mut c = Guarded::new((m, n), Layout::Rows, 0.0, || f32::NAN);
                        let product = Product::new(
                            Extents { rows: m, columns: n, depth: k },
                            a.read(),
                            b.read(),
                            c.write(),
                            Epilogue::Store,
                        );
                        // SAFETY: buffers of fitting shapes that live on; the kernel set is one of the available ones.
                        let run = || unsafe { run_on(set, choice, &product) };
                        crate::kernels::parallel::with_threads(threads, run);
                        c.elements().into_iter().map(f32::to_bits).collect::<Vec<_>>()
                    });
                    assert!(results.iter().all(|bits| *bits == results[0]), "{} {choice:?} {m}×{n}×{k}", set.name());
                }
            }
        }
    }
}

#[test]
fn neither_the_path_nor_the_blocks_change_the_bits_where_no_vector_runs_along_the_depth() {
    let random = &mut Random(4);
    for set in kernel_set::available::<f32>().filter(|set| set.tile().is_some()) {
        // The last two are cut along the depth, into more blocks where A is transposed.
        let shapes = [(64, 48, 90), (2, 300, 20), (20, 70, 1100), (31, 17, 2500)];
        for ((m, n, k), layout) in
            shapes.into_iter().flat_map(|shape| [Layout::Rows, Layout::Columns].map(|layout| (shape, layout)))
        {
            let a = Guarded::<f32>::sparse((m, k), layout, random);
            let b = Guarded::<f32>::operand((k, n), Layout::Rows, random);
            let results = choices().flatten().filter(|choice| !choice.path.is_dots()).map(|choice| {
                let mut c = Guarded::new((m, n), Layout::Rows, 0.0, || 1.0);
                let product = Product::new(
                    Extents { rows: m, columns: n, depth: k },
                    a.read(),
                    b.read(),
                    c.write(),
                    Epilogue::Add,
                );
                // SAFETY: buffers of fitting shapes that live on; the kernel set is one of the available ones.
                unsafe { run_on(set, Some(choice), &product) };
                (choice, c.elements())
            });
            let results: Vec<_> = results.collect();
            for (choice, elements) in &results {
                assert!(*elements == results[0].1, "{} {choice:?} {m}×{n}×{k} {layout:?}", set.name());
            }
        }
    }
}

#[test]
fn not_a_number_and_infinity_reach_the_result() {
    for set in kernel_set::available::<f32>() {
        let mut a = Array2::<f32>::zeros((20, 30));
        let mut b = Array2::<f32>::zeros((30, 40));
        a[(3, 7)] = f32::NAN;
        b[(9, 11)] = f32::INFINITY;
        let mut c = Array2::zeros((20, 40));
        gemm_on(set, None, a.view(), b.view(), c.view_mut(), Epilogue::BiasRelu(&[0.0; 40]));
        for ((i, j), value) in c.indexed_iter() {
            // Zero times infinity is not a number.
            assert_eq!(value.is_nan(), i == 3 || j == 11, "{} at {i}, {j}", set.name());
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
    for set in kernel_set::available::<f64>() {
        for choice in choices() {
            let mut c = Array2::zeros((50, 40));
            gemm_on(set, choice, a, b, c.view_mut(), Epilogue::Store);
            assert!(c.iter().all(|value| *value == 14.0), "{} {choice:?}", set.name());
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
