//! The matrix product.
//!
//! Read on with `path` (what is copied), `blocking` (the sizes), `loops` (the five loops), `microkernel` (the
//! arithmetic), `kernel_set` and `table` (the instruction sets). `near_panels` and `row_stream` are shorter ways for
//! products that need no blocks; `dot_kernel` and `part_kernel` are for those whose vectors run along the depth. Two
//! other orders (`order`) than that of the five loops are `passing`, where blocks of B stay in the second-level cache,
//! and `few_rows`, where a B from beyond it is read once.
//! In `dots_of_copy` the few columns of a B that lies by rows become contiguous before they are dot products.
//! `offset_product` and `offset_kernel` are products whose operands are read through tables of offsets, such as the
//! windows of an image: an entry of their own, beside [`gemm`].
//!
#![doc = include_str!("../../../docs/links.md")]
#![doc = include_str!("../../../docs/gemm.md")]

pub(super) mod batch;
pub(super) mod blocking;
pub(super) mod buffer;
pub(super) mod caches;
pub(super) mod cost;
mod dot_kernel;
mod dot_loops;
mod dots_of_copy;
pub(super) mod epilogue;
mod few_rows;
mod foreign;
pub(super) mod kernel_set;
mod loops;
pub(super) mod microkernel;
mod near_panels;
pub(super) mod offset_kernel;
pub(super) mod offset_product;
mod order;
pub(super) mod output;
pub(super) mod pack;
pub(super) mod packed_b;
mod part_kernel;
mod part_loops;
pub(super) mod partition;
mod passing;
pub(super) mod path;
pub(crate) mod prepacked;
pub(super) mod product;
mod row_stream;
mod shared_a;
pub(in crate::kernels) mod shared_sums;
mod store_transposed;
mod table;
pub(super) mod task_grid;

#[cfg(test)]
pub(super) mod tests;

use ndarray::{ArrayView2, ArrayViewMut2};

pub use batch::gemm_stack;
pub(crate) use batch::{MatrixStack, gemm_batch};
use blocking::Blocking;
pub use epilogue::Epilogue;
use kernel_set::Implementation;
pub use kernel_set::{GemmKernels, KernelSet};
use near_panels::NearPanels;
use path::{Choice, Path};
use product::{Extents, Operand, Product, Target};
use row_stream::RowStream;

/// C ← A·B, finished by an [`Epilogue`]: A is m × k, B is k × n, C is m × n; any strides, any of them zero long.
///
/// The result's bits don't depend on the number of threads. NaN and infinity in A and B reach C by the rules of
/// arithmetic. With k = 0 the product is zero: `Store` writes zeros, `Bias` the bias.
///
/// ```
/// use autograd::kernels::gemm::{Epilogue, gemm};
/// use ndarray::{array, Array2};
///
/// let x = array![[1.0_f32, 2.0], [3.0, 4.0]];
/// let weight = array![[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]];
/// let mut y = Array2::zeros((2, 3));
/// gemm(x.view(), weight.t(), y.view_mut(), Epilogue::BiasRelu(&[0.5, 0.5, 0.5]));
/// assert_eq!(y, array![[1.5, 2.5, 0.0], [3.5, 4.5, 0.0]]);
/// ```
///
/// # Panics
/// If the columns of A are not as many as the rows of B, if C doesn't have the rows of A and the columns of B, or if a
/// bias doesn't have a value for each column of C.
#[track_caller]
#[inline]
pub fn gemm<T: GemmKernels>(
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    c: ArrayViewMut2<'_, T>,
    epilogue: Epilogue<'_, T>,
) {
    let product = described(a, b, c, epilogue);
    // SAFETY: the views are valid for their shapes, which fit each other; C is borrowed mutably, so it is not shared
    // with A, B or the bias, and no two of its elements are one; the bias has a value for each column.
    unsafe { run(&product) }
}

/// Describes a product of views.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
#[inline]
pub(super) fn described<'a, T: GemmKernels>(
    a: ArrayView2<'a, T>,
    b: ArrayView2<'a, T>,
    mut c: ArrayViewMut2<'a, T>,
    epilogue: Epilogue<'a, T>,
) -> Product<T> {
    let ((rows, depth), columns) = (a.dim(), b.ncols());
    if b.nrows() != depth || c.dim() != (rows, columns) || epilogue.bias().is_some_and(|bias| bias.len() != columns) {
        shape_error(a.dim(), b.dim(), c.dim(), epilogue.bias().map(<[T]>::len));
    }
    let operand = |view: &ArrayView2<'_, T>| {
        let &[row_stride, column_stride] = view.strides() else { unreachable!("a matrix has two dimensions") };
        Operand { data: view.as_ptr(), row_stride, column_stride }
    };
    let (operand_a, operand_b) = (operand(&a), operand(&b));
    let target = Target { row_stride: c.strides()[0], column_stride: c.strides()[1], data: c.as_mut_ptr() };
    Product::new(Extents { rows, columns, depth }, operand_a, operand_b, target, epilogue)
}

/// Panics with the shapes that do not fit.
#[cold]
#[track_caller]
fn shape_error(a: (usize, usize), b: (usize, usize), c: (usize, usize), bias: Option<usize>) -> ! {
    let ((m, k), (inner, n), (rows, columns)) = (a, b, c);
    if inner != k {
        panic!("gemm: A is {m}×{k} and B is {inner}×{n}: A has {k} columns, B has {inner} rows; they must be equal");
    }
    if c != (m, n) {
        let (what, wanted, found) = if rows != m { ("rows", m, rows) } else { ("columns", n, columns) };
        panic!(
            "gemm: A is {m}×{k} and B is {k}×{n}, so C must be {m}×{n}, but it is {rows}×{columns}: \
             {wanted} {what} wanted, {found} found"
        );
    }
    let found = bias.unwrap_or(0);
    panic!("gemm: C is {m}×{n}, so the bias must have {n} values, one for each column, but it has {found}");
}

/// Computes a product that is described by addresses and strides.
///
/// # Safety
/// - A's and B's elements may be read, C's may be written, and read for [`Epilogue::Add`].
/// - C overlaps neither A, B nor the bias; no two elements of C are at the same address; nobody else uses C meanwhile.
/// - A bias has a value for each column of C.
#[inline]
pub(super) unsafe fn run<T: GemmKernels>(product: &Product<T>) {
    // SAFETY: passed on; the selected kernels run on this machine.
    unsafe { run_on(kernel_set::selected::<T>(), None, product) }
}

/// Computes a product inside of a task, on this thread; both operands are read in place.
///
/// # Safety
/// That of [`run_on`]. The columns of B are adjacent; or its rows are, and the columns of A, for a product of few rows.
#[inline]
pub(super) unsafe fn run_in_task<T: GemmKernels>(set: &KernelSet<T>, product: &Product<T>) {
    if product.extents.rows == 0 || product.extents.columns == 0 {
        return;
    }
    match &set.implementation {
        // SAFETY: passed on.
        Implementation::Foreign(foreign) => unsafe { foreign(product) },
        Implementation::Tiles(kernels) => {
            let is_by_columns = product.b.column_stride == 1 || product.extents.columns == 1;
            let path = if is_by_columns { Path::InPlace } else { Path::Dots };
            debug_assert!(Choice { path, transposed: false }.fits(product));
            let blocking = Blocking::within_task(product, path);
            // SAFETY: passed on; the operands can be read in place.
            unsafe { loops::run(kernels, &blocking, product) }
        }
    }
}

/// Computes a product on a given kernel set, along a given path if the product can take it.
///
/// # Safety
/// That of [`run`]; the kernel set runs on this machine.
pub(super) unsafe fn run_on<T: GemmKernels>(set: &KernelSet<T>, choice: Option<Choice>, product: &Product<T>) {
    if product.extents.rows == 0 || product.extents.columns == 0 {
        return;
    }
    match &set.implementation {
        // SAFETY: passed on.
        Implementation::Foreign(foreign) => unsafe { foreign(product) },
        Implementation::Tiles(kernels) => {
            if choice.is_none() {
                if let Some(panels) = NearPanels::of(kernels, product) {
                    // SAFETY: passed on.
                    return unsafe { panels.run(product) };
                }
                if let Some(rows) = RowStream::of(product) {
                    // SAFETY: passed on.
                    return unsafe { rows.run(kernels.stream, kernels.lanes) };
                }
                if dot_loops::is_one_row(kernels, product) {
                    // SAFETY: passed on.
                    return unsafe { dot_loops::one_row(kernels, product) };
                }
            }
            let choice = choice.filter(|choice| choice.fits(product)).unwrap_or_else(|| path::choose(kernels, product));
            let transposed;
            let product = if choice.transposed {
                transposed = product.transposed();
                &transposed
            } else {
                product
            };
            if choice.path == Path::InPlace
                && let Some(rows) = RowStream::of(product)
            {
                // SAFETY: passed on.
                return unsafe { rows.run(kernels.stream, kernels.lanes) };
            }
            let blocking = Blocking::new(kernels, product, choice.path);
            // SAFETY: passed on.
            unsafe { order::run(kernels, &blocking, product) }
        }
    }
}
