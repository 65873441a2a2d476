//! Matrix products: the engine's, its peers', and yours, behind one signature.

pub mod blas;
mod rust;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use autograd::kernels::gemm::{Epilogue, GemmKernels, gemm, gemm_stack};
use autograd::ndarray::{ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3, Axis, LinalgScalar};

use crate::record::ContenderInfo;
use crate::yours;

/// An element type that all of them multiply: `f32` or `f64`.
pub trait Element: GemmKernels + LinalgScalar + rust::CrateProducts + blas::CblasProduct {}

impl Element for f32 {}
impl Element for f64 {}

/// C ← A·B.
type Multiply<T> = Box<dyn Fn(ArrayView2<'_, T>, ArrayView2<'_, T>, ArrayViewMut2<'_, T>)>;

/// The same for each matrix of three stacks.
type MultiplyStack<T> = Box<dyn Fn(ArrayView3<'_, T>, ArrayView3<'_, T>, ArrayViewMut3<'_, T>)>;

/// A library's matrix product at a number of threads.
pub struct Implementation<T> {
    /// Name, version and settings.
    pub info: ContenderInfo,
    /// C ← A·B: A and B are stored by rows or by columns, C by rows.
    pub multiply: Multiply<T>,
    /// Its own entry for stacks of matrices; without one, they are multiplied one by one.
    pub by_stack: Option<MultiplyStack<T>>,
    /// How long its threads keep spinning after a call.
    pub spin_time: Duration,
}

impl<T> Implementation<T> {
    fn new(
        info: ContenderInfo,
        multiply: impl Fn(ArrayView2<'_, T>, ArrayView2<'_, T>, ArrayViewMut2<'_, T>) + 'static,
    ) -> Self {
        Self { info, multiply: Box::new(multiply), by_stack: None, spin_time: Duration::ZERO }
    }

    /// C ← A·B for each matrix of stacks: by the library's entry for them, or one by one.
    pub fn multiply_stack(&self, a: ArrayView3<'_, T>, b: ArrayView3<'_, T>, mut c: ArrayViewMut3<'_, T>) {
        match &self.by_stack {
            Some(by_stack) if c.len_of(Axis(0)) > 1 => by_stack(a, b, c),
            _ => {
                let operands = a.outer_iter().zip(b.outer_iter());
                operands.zip(c.outer_iter_mut()).for_each(|((a, b), c)| (self.multiply)(a, b, c));
            }
        }
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
    let one = Implementation::new(ContenderInfo::engine(OURS), |a, b, c| gemm(a, b, c, Epilogue::Store));
    Implementation { by_stack: Some(Box::new(|a, b, c| gemm_stack(a, b, c))), ..one }
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
            let (a, b, mut c) = operands.stacks();
            let oracles = Oracle::of_stack(a, b);
            for implementation in &all {
                c.fill(T::NAN);
                implementation.multiply_stack(a, b, c.view_mut());
                if let Err(error) = Oracle::check_stack(&oracles, c.view()) {
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
