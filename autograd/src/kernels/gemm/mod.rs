//! The matrix product.
use crate::scalar::Scalar;
use ndarray::{ArrayView2, ArrayViewMut2};
/// placeholder
pub trait GemmScalar: Scalar {}
impl GemmScalar for f32 {}
impl GemmScalar for f64 {}
/// Epilogue.
#[derive(Clone, Copy, Debug)]
pub enum Epilogue<'a, T> {
    /// Store
    Store,
    /// Add
    Add,
    /// Bias
    Bias(&'a [T]),
    /// Bias, then max with 0.
    BiasRelu(&'a [T]),
}
/// placeholder
pub fn gemm<T: GemmScalar>(
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    mut c: ArrayViewMut2<'_, T>,
    epilogue: Epilogue<'_, T>,
) {
    for ((i, j), c) in c.indexed_iter_mut() {
        let mut sum = T::ZERO;
        for p in 0..a.ncols() {
            sum += a[[i, p]] * b[[p, j]];
        }
        *c = match epilogue {
            Epilogue::Store => sum,
            Epilogue::Add => *c + sum,
            Epilogue::Bias(bias) => sum + bias[j],
            Epilogue::BiasRelu(bias) => (sum + bias[j]).maximum(T::ZERO),
        };
    }
}
