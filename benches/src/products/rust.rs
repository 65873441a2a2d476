//! Peers that are Rust crates.

use autograd::ndarray::linalg::general_mat_mul;
use autograd::ndarray::{ArrayView2, ArrayViewMut2};

use super::{Multiplier, Number};

/// What the crates need to know of a number type.
pub trait Foreign: Sized {
    /// The crate `matrixmultiply`.
    fn matrixmultiply(a: ArrayView2<'_, Self>, b: ArrayView2<'_, Self>, c: ArrayViewMut2<'_, Self>);
    /// The kernels of faer, or faer itself; `None` on machines that they don't know.
    fn faer(threads: usize) -> Option<Multiplier<Self>>;
}

macro_rules! foreign {
    ($float:ident, $matrixmultiply:ident, $name:ident) => {
        impl Foreign for $float {
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
            fn faer(threads: usize) -> Option<Multiplier<Self>> {
                let parallel = if threads == 1 { faer::Par::Seq } else { faer::Par::rayon(threads) };
                Some(Multiplier::<Self>::new("faer", move |a, b, mut c| {
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
            fn faer(threads: usize) -> Option<Multiplier<Self>> {
                use private_gemm_x86::{Accum, DType, DstKind, IType, InstrSet, gemm};
                // As faer 0.24 chooses the set, and the number of threads.
                let set = if is_x86_feature_detected!("avx512f") {
                    InstrSet::Avx512
                } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    InstrSet::Avx256
                } else {
                    return None;
                };
                Some(Multiplier::<Self>::new("faer-kernels", move |a, b, mut c| {
                    let ((m, k), n) = (a.dim(), b.ncols());
                    let (by_a, by_b, by_c) = (strides(a.strides()), strides(b.strides()), strides(c.strides()));
                    let threads = if m * n * k >= 4096 * size_of::<Self>() { threads } else { 1 };
                    let (none, one) = (std::ptr::null(), 1.0 as Self);
                    // SAFETY: the views are valid for their shapes and strides, and the shapes fit; there are no lists of indices and no
                    // diagonal; the set is one that this machine has.
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
            fn faer(_threads: usize) -> Option<Multiplier<Self>> {
                None
            }
        }
    };
}

foreign!(f32, sgemm, F32);
foreign!(f64, dgemm, F64);

fn strides(strides: &[isize]) -> (isize, isize) {
    (strides[0], strides[1])
}

/// All of them.
pub(super) fn all<T: Number>(threads: usize) -> Vec<Multiplier<T>> {
    let parallel = if threads == 1 { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(threads) };
    let mut all = vec![Multiplier::new(
        "gemm",
        move |a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, mut c: ArrayViewMut2<'_, T>| {
            let ((m, k), n) = (a.dim(), b.ncols());
            let (by_a, by_b, by_c) = (strides(a.strides()), strides(b.strides()), strides(c.strides()));
            // SAFETY: the views are valid for their shapes and strides, and the shapes fit. (The crate takes columns' strides first.)
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
    all.push(Multiplier::new("matrixmultiply", T::matrixmultiply));
    // What `dot` calls, without its allocation.
    all.push(Multiplier::new("ndarray", |a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, mut c: ArrayViewMut2<'_, T>| {
        general_mat_mul(T::ONE, &a, &b, T::ZERO, &mut c);
    }));
    all
}
