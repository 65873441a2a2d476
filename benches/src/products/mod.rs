//! Who multiplies matrices: the engine and its peers, behind one signature.

pub mod blas;
mod rust;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use autograd::kernels::gemm::{Epilogue, GemmKernels, gemm};
use autograd::ndarray::{ArrayView2, ArrayViewMut2, LinalgScalar};

/// A number type that all of them multiply: `f32` or `f64`.
pub trait Number: GemmKernels + LinalgScalar + rust::Foreign + blas::Foreign {}

impl Number for f32 {}
impl Number for f64 {}

/// C ← A·B.
type Multiply<T> = Box<dyn Fn(ArrayView2<'_, T>, ArrayView2<'_, T>, ArrayViewMut2<'_, T>)>;

/// Somebody's matrix product, at a number of threads.
pub struct Multiplier<T> {
    /// What it is called in tables.
    pub name: String,
    /// C ← A·B: A and B lie by rows or by columns, C by rows.
    pub multiply: Multiply<T>,
    /// How long its threads stay awake after a call.
    pub settle: Duration,
}

impl<T> Multiplier<T> {
    fn new(
        name: &str,
        multiply: impl Fn(ArrayView2<'_, T>, ArrayView2<'_, T>, ArrayViewMut2<'_, T>) + 'static,
    ) -> Self {
        Self { name: name.to_owned(), multiply: Box::new(multiply), settle: Duration::ZERO }
    }
}

/// What the engine is called in tables.
pub const OURS: &str = "gradus";

/// The engine and all peers there are, the engine first. Call them inside a rayon pool of `threads` threads: those that use rayon take the
/// surrounding pool. `matrixmultiply` and `ndarray` take the number from the variable `MATMUL_NUM_THREADS`, once.
///
/// # Errors
/// If a library in `libraries` can't be loaded, or has no matrix product.
pub fn all<T: Number>(threads: usize, libraries: &[PathBuf]) -> Result<Vec<Multiplier<T>>> {
    let mut all = vec![ours()];
    all.extend(rust::all::<T>(threads));
    for library in blas::find(libraries)? {
        all.push(library.multiplier::<T>(threads));
    }
    Ok(all)
}

/// The engine.
pub fn ours<T: Number>() -> Multiplier<T> {
    Multiplier::new(OURS, |a, b, c| gemm(a, b, c, Epilogue::Store))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operands::{Operands, Oracle};
    use crate::shapes::Shapes;

    fn everybody_is_right<T: Number>() {
        let all = all::<T>(1, &[]).unwrap();
        assert!(all.len() >= 4 && all[0].name == OURS);
        for case in Shapes::All.cases().iter().filter(|case| case.flop() < 3e6) {
            let mut operands = Operands::<T>::new(case);
            let (a, b, mut c) = operands.views();
            let oracle = Oracle::new(a, b);
            for multiplier in &all {
                c.fill(T::NAN);
                (multiplier.multiply)(a, b, c.view_mut());
                if let Err(error) = oracle.check(c.view()) {
                    panic!("{}, {}: {error}", multiplier.name, case.name);
                }
            }
        }
    }

    #[test]
    fn everybody_is_right_in_single_precision() {
        everybody_is_right::<f32>();
    }

    #[test]
    fn everybody_is_right_in_double_precision() {
        everybody_is_right::<f64>();
    }
}
