//! Peers that are Rust crates.

use autograd::ndarray::linalg::general_mat_mul;
use autograd::ndarray::{ArrayView2, ArrayViewMut2};

use super::{Element, Implementation};
use crate::record::ContenderInfo;
use crate::versions::version_of;

/// The products of crates that have a function of their own for each element type.
pub trait CrateProducts: Sized {
    /// The crate `matrixmultiply`.
    fn matrixmultiply(a: ArrayView2<'_, Self>, b: ArrayView2<'_, Self>, c: ArrayViewMut2<'_, Self>);
    /// The kernels of faer, or faer itself; `None` on machines without kernels of theirs.
    fn faer(threads: usize) -> Option<Implementation<Self>>;
}

macro_rules! crate_products {
    ($float:ident, $matrixmultiply:ident, $name:ident) => {
        impl CrateProducts for $float {
            fn matrixmultiply(a: ArrayView2<'_, Self>, b: ArrayView2<'_, Self>, mut c: ArrayViewMut2<'_, Self>) {
                let ((m, k), n) = (a.dim(), b.ncols());
                let (by_a, by_b, by_c) = (strides(a.strides()), strides(b.strides()), strides(c.strides()));
                // SAFETY: the views are valid for their shapes and strides, and the shapes fit.
                unsafe {
                    matrixmultiply::$matrixmultiply(
                        m,
                        k,
                        n,
                        1.0,
                        a.as_ptr(),
                        by_a.0,
                        by_a.1,
                        b.as_ptr(),
                        by_b.0,
                        by_b.1,
                        0.0,
                        c.as_mut_ptr(),
                        by_c.0,
                        by_c.1,
                    );
                }
            }

            #[cfg(feature = "faer")]
            fn faer(threads: usize) -> Option<Implementation<Self>> {
                let parallel = if threads == 1 { faer::Par::Seq } else { faer::Par::rayon(threads) };
                Some(Implementation::<Self>::new(info("faer", "0.24"), move |a, b, mut c| {
                    let ((m, k), n) = (a.dim(), b.ncols());
                    let (by_a, by_b, by_c) = (strides(a.strides()), strides(b.strides()), strides(c.strides()));
                    // SAFETY: the views are valid for their shapes and strides.
                    unsafe {
                        let a = faer::MatRef::from_raw_parts(a.as_ptr(), m, k, by_a.0, by_a.1);
                        let b = faer::MatRef::from_raw_parts(b.as_ptr(), k, n, by_b.0, by_b.1);
                        let c = faer::MatMut::from_raw_parts_mut(c.as_mut_ptr(), m, n, by_c.0, by_c.1);
                        faer::linalg::matmul::matmul(c, faer::Accum::Replace, a, b, 1.0, parallel);
                    }
                }))
            }

            #[cfg(all(not(feature = "faer"), target_arch = "x86_64"))]
            fn faer(threads: usize) -> Option<Implementation<Self>> {
                use private_gemm_x86::{Accum, DType, DstKind, IType, InstrSet, gemm};
                // As faer 0.24 chooses the set, and the number of threads.
                let set = if is_x86_feature_detected!("avx512f") {
                    InstrSet::Avx512
                } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    InstrSet::Avx256
                } else {
                    return None;
                };
                let kernels = ContenderInfo { name: "faer-kernels".to_owned(), ..info("private-gemm-x86", "0.1") };
                Some(Implementation::<Self>::new(kernels, move |a, b, mut c| {
                    let ((m, k), n) = (a.dim(), b.ncols());
                    let (by_a, by_b, by_c) = (strides(a.strides()), strides(b.strides()), strides(c.strides()));
                    let threads = if m * n * k >= 4096 * size_of::<Self>() { threads } else { 1 };
                    let (none, one) = (std::ptr::null(), 1.0 as Self);
                    // SAFETY: the views are valid for their shapes and strides, and the shapes fit; there are no lists
                    // of indices and no diagonal; the set is one that this machine has.
                    unsafe {
                        gemm(
                            DType::$name,
                            IType::U64,
                            set.clone(),
                            m,
                            n,
                            k,
                            c.as_mut_ptr().cast(),
                            by_c.0,
                            by_c.1,
                            none,
                            none,
                            DstKind::Full,
                            Accum::Replace,
                            a.as_ptr().cast(),
                            by_a.0,
                            by_a.1,
                            false,
                            none,
                            0,
                            b.as_ptr().cast(),
                            by_b.0,
                            by_b.1,
                            false,
                            (&raw const one).cast(),
                            threads,
                        );
                    }
                }))
            }

            #[cfg(all(not(feature = "faer"), not(target_arch = "x86_64")))]
            fn faer(_threads: usize) -> Option<Implementation<Self>> {
                None
            }
        }
    };
}

crate_products!(f32, sgemm, F32);
crate_products!(f64, dgemm, F64);

/// A crate of the workspace.
fn info(name: &str, version: &str) -> ContenderInfo {
    ContenderInfo::peer(name, version_of(name, version), "in the surrounding rayon pool")
}

/// A crate that reads its number of threads from a variable.
fn threads_from_variable(name: &str, version: &str) -> ContenderInfo {
    ContenderInfo { settings: "threads from MATMUL_NUM_THREADS".to_owned(), ..info(name, version) }
}

fn strides(strides: &[isize]) -> (isize, isize) {
    (strides[0], strides[1])
}

/// All of them.
pub(super) fn all<T: Element>(threads: usize) -> Vec<Implementation<T>> {
    let parallel = if threads == 1 { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(threads) };
    let mut all = vec![Implementation::new(
        info("gemm", "0.19"),
        move |a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, mut c: ArrayViewMut2<'_, T>| {
            let ((m, k), n) = (a.dim(), b.ncols());
            let (by_a, by_b, by_c) = (strides(a.strides()), strides(b.strides()), strides(c.strides()));
            // SAFETY: the views are valid for their shapes and strides, and the shapes fit. (The strides of columns are
            // the first argument.)
            unsafe {
                gemm::gemm(
                    m,
                    n,
                    k,
                    c.as_mut_ptr(),
                    by_c.1,
                    by_c.0,
                    false,
                    a.as_ptr(),
                    by_a.1,
                    by_a.0,
                    b.as_ptr(),
                    by_b.1,
                    by_b.0,
                    T::ZERO,
                    T::ONE,
                    false,
                    false,
                    false,
                    parallel,
                );
            }
        },
    )];
    all.extend(T::faer(threads));
    all.push(Implementation::new(threads_from_variable("matrixmultiply", "0.3"), T::matrixmultiply));
    // What `dot` calls, without its allocation.
    all.push(Implementation::new(
        threads_from_variable("ndarray", "0.17"),
        |a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, mut c: ArrayViewMut2<'_, T>| {
            general_mat_mul(T::ONE, &a, &b, T::ZERO, &mut c);
        },
    ));
    all
}
