//! The naive product in `f64` that all kernels are held against.

use ndarray::{Array2, ArrayView2};

use super::Epilogue;
use crate::scalar::Scalar;

/// What a product should be, and the yardstick of its rounding errors: |A|·|B| + |C₀| + |bias| for each element.
pub(super) struct Expected {
    pub(super) value: Array2<f64>,
    pub(super) magnitude: Array2<f64>,
}

/// Three loops, no tricks, twice the precision.
pub(super) fn product<T: Scalar>(
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    before: ArrayView2<'_, T>,
    epilogue: Epilogue<'_, T>,
) -> Expected {
    let (rows, columns) = before.dim();
    let mut value = Array2::zeros((rows, columns));
    let mut magnitude = Array2::zeros((rows, columns));
    for i in 0..rows {
        for j in 0..columns {
            let (mut sum, mut size) = (0.0, 0.0);
            for p in 0..a.ncols() {
                let term = a[(i, p)].to_f64() * b[(p, j)].to_f64();
                sum += term;
                size += term.abs();
            }
            let (addend, relu) = match epilogue {
                Epilogue::Store => (0.0, false),
                Epilogue::Add => (before[(i, j)].to_f64(), false),
                Epilogue::Bias(bias) => (bias[j].to_f64(), false),
                Epilogue::BiasRelu(bias) => (bias[j].to_f64(), true),
            };
            let total = sum + addend;
            value[(i, j)] = if relu { Scalar::maximum(total, 0.0) } else { total };
            magnitude[(i, j)] = size + addend.abs();
        }
    }
    Expected { value, magnitude }
}
