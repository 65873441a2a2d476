//! Matrix products: the engine's, its peers', and yours, behind one signature.

pub mod blas;
mod rust;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use autograd::kernels::gemm::{Epilogue, GemmKernels, gemm};
use autograd::ndarray::{ArrayView2, ArrayViewMut2, LinalgScalar};

use crate::record::ContenderInfo;
use crate::yours;

/// An element type that all of them multiply: `f32` or `f64`.
pub trait Element: GemmKernels + LinalgScalar + rust::CrateProducts + blas::CblasProduct {}

impl Element for f32 {}
impl Element for f64 {}

/// C ← A·B.
type Multiply<T> = Box<dyn Fn(ArrayView2<'_, T>, ArrayView2<'_, T>, ArrayViewMut2<'_, T>)>;

/// A library's matrix product at a number of threads.
pub struct Implementation<T> {
    /// Name, version and settings.
    pub info: ContenderInfo,
    /// C ← A·B: A and B are stored by rows or by columns, C by rows.
    pub multiply: Multiply<T>,
    /// How long its threads keep spinning after a call.
    pub spin_time: Duration,
}

impl<T> Implementation<T> {
    fn new(
        info: ContenderInfo,
        multiply: impl Fn(ArrayView2<'_, T>, ArrayView2<'_, T>, ArrayViewMut2<'_, T>) + 'static,
    ) -> Self {
        Self { info, multiply: Box::new(multiply), spin_time: Duration::ZERO }
    }
}

/// What the engine is called in tables.
pub const OURS: &str = "gradus";

/// The engine and all peers there are, the engine first; at the end [`yours`], if it is wanted. Call them inside a
/// rayon pool of `threads` threads: those that use rayon take the surrounding pool. `matrixmultiply` and `ndarray` read
/// the number from the variable `MATMUL_NUM_THREADS`, once.
///
/// # Errors
/// If a library in `libraries` can't be loaded, or has no matrix product of this type.
pub fn all<T: Element>(threads: usize, libraries: &[PathBuf], with_yours: bool) -> Result<Vec<Implementation<T>>> {
    let mut all = vec![ours()];
    all.extend(rust::all::<T>(threads));
    for library in blas::find(libraries)? {
        match library.implementation::<T>(threads) {
            Some(implementation) => all.push(implementation),
            None => bail!("{}: no function {} with 32-bit sizes in it", library.path().display(), T::FUNCTION),
        }
    }
    if with_yours {
        let info = ContenderInfo::peer(yours::NAME, "", "benches/src/yours.rs");
        let info = ContenderInfo { is_ours: true, ..info };
        all.push(Implementation::new(info, yours::multiply::<T>));
    }
    Ok(all)
}

/// The engine.
pub fn ours<T: Element>() -> Implementation<T> {
    Implementation::new(ContenderInfo::engine(OURS), |a, b, c| gemm(a, b, c, Epilogue::Store))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operands::{Operands, Oracle};
    use crate::shapes::Shapes;

    fn all_are_right<T: Element>() {
        let all = all::<T>(1, &[], true).unwrap();
        assert!(all.len() >= 5 && all[0].info.name == OURS && all.last().unwrap().info.name == yours::NAME);
        for case in Shapes::All.cases().iter().filter(|case| case.flop() < 3e6) {
            let mut operands = Operands::<T>::new(case);
            let (a, b, mut c) = operands.views();
            let oracle = Oracle::new(a, b);
            for implementation in &all {
                c.fill(T::NAN);
                (implementation.multiply)(a, b, c.view_mut());
                if let Err(error) = oracle.check(c.view()) {
                    panic!("{}, {}: {error}", implementation.info.name, case.name);
                }
            }
        }
    }

    #[test]
    fn all_are_right_in_single_precision() {
        all_are_right::<f32>();
    }

    #[test]
    fn all_are_right_in_double_precision() {
        all_are_right::<f64>();
    }
}
