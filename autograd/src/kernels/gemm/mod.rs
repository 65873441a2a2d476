//! The matrix product.
//!
//! Read `loops` for the blocks, `microkernel` for the arithmetic, `blocking` for the sizes, `table` for the instruction sets.
//!
#![doc = include_str!("../../../docs/gemm.md")]

mod blocking;
mod columns;
mod epilogue;
mod loops;
mod microkernel;
mod pack;
mod product;
mod route;
mod scatter;
mod table;
mod zeros;

#[cfg(test)]
mod tests;

use ndarray::{ArrayView2, ArrayViewMut2};

pub use epilogue::Epilogue;
pub(crate) use product::{Operand, Product, Target};
#[allow(unused_imports)] // Path: tests force one.
pub(crate) use route::{Path, Route};
use table::Engine;
pub use table::{Kernels, Row};

/// C ← A·B, finished by an [`Epilogue`]: A is m × k, B is k × n, C is m × n; any strides, any of them zero long.
///
/// The result's bits don't depend on the number of threads. NaN and infinity in A and B reach C by the rules of arithmetic: zeros of
/// an operand spare work only where they meet finite numbers.
/// With k = 0 the product is zero: `Store` writes zeros, `Bias` the bias.
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
/// If the columns of A are not as many as the rows of B, if C doesn't have the rows of A and the columns of B, or if a bias doesn't have a number for
/// each column of C.
#[track_caller]
#[inline]
pub fn gemm<T: Kernels>(
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    mut c: ArrayViewMut2<'_, T>,
    epilogue: Epilogue<'_, T>,
) {
    let ((m, k), (inner, n)) = (a.dim(), b.dim());
    if inner != k {
        panic!("gemm: A is {m}×{k} and B is {inner}×{n}: A has {k} columns, B has {inner} rows; they must be equal");
    }
    if c.dim() != (m, n) {
        let (rows, columns) = c.dim();
        let (what, wanted, found) = if rows != m { ("rows", m, rows) } else { ("columns", n, columns) };
        panic!(
            "gemm: A is {m}×{k} and B is {k}×{n}, so C must be {m}×{n}, but it is {rows}×{columns}: {wanted} {what} wanted, {found} found"
        );
    }
    if let Epilogue::Bias(bias) | Epilogue::BiasRelu(bias) = epilogue
        && bias.len() != n
    {
        panic!("gemm: C is {m}×{n}, so the bias must have {n} numbers, one for each column, but it has {}", bias.len());
    }
    let (strides_a, strides_b, strides_c) = (a.strides(), b.strides(), c.strides());
    let operand_a = Operand { data: a.as_ptr(), row: strides_a[0], column: strides_a[1] };
    let operand_b = Operand { data: b.as_ptr(), row: strides_b[0], column: strides_b[1] };
    let target = Target { row: strides_c[0], column: strides_c[1], data: c.as_mut_ptr() };
    // SAFETY: the views are valid for their shapes, which fit each other; C is borrowed mutably, so it is not shared with A, B or the
    // bias, and no two of its elements are one; the bias has a number for each column.
    unsafe { run(&Product::new((m, n, k), operand_a, operand_b, target, epilogue)) }
}

/// Computes a product that is described by addresses and strides: the door for batches, where a view for each matrix would cost more than a
/// small product.
///
/// # Safety
/// - A's m × k and B's k × n numbers may be read, C's m × n may be written, and read for [`Epilogue::Add`].
/// - C overlaps neither A, B nor the bias; no two elements of C are at the same address; nobody else uses C meanwhile.
/// - A bias has n numbers.
#[inline]
pub(crate) unsafe fn run<T: Kernels>(product: &Product<T>) {
    // SAFETY: passed on; the selected row runs on this machine.
    unsafe { gemm_on(table::selected::<T>(), None, None, product) }
}

/// The same on a given row of the table, along a given route, if the product can go it, and with given [`zeros::shares`] of its steps.
///
/// # Safety
/// That of [`run`]; the row runs on this machine.
unsafe fn gemm_on<T: Kernels>(row: &Row<T>, route: Option<Route>, shares: Option<[f32; 2]>, product: &Product<T>) {
    if product.rows == 0 || product.columns == 0 {
        return;
    }
    match &row.engine {
        // SAFETY: passed on.
        Engine::Foreign(foreign) => unsafe { foreign(product) },
        Engine::Own(own) => {
            // SAFETY: passed on.
            let shares = shares.unwrap_or_else(|| unsafe { zeros::shares(own, product) });
            let route = route.filter(|route| route.fits(product)).unwrap_or_else(|| {
                let dense = route::route(own, product);
                if shares == [1.0; 2] { dense } else { route::reroute(own, product, shares, dense) }
            });
            let turned;
            let product = if route.turned {
                turned = product.transposed();
                &turned
            } else {
                product
            };
            let plan = blocking::plan(own, product, route.path, shares[usize::from(route.turned)] < 1.0);
            // SAFETY: passed on.
            unsafe { loops::run(own, &plan, product) }
        }
    }
}
