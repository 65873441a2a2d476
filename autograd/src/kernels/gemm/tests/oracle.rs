//! The naive product in `f64` that all kernels are held against.

use crate::arithmetic::Arithmetic;
use crate::kernels::gemm::Epilogue;
use crate::kernels::gemm::product::Extents;
use crate::scalar::Scalar;

/// What a product should be, row after row, and the yardstick of its rounding errors: |A|·|B| + |C₀| + |bias| for each
/// element.
pub(in crate::kernels) struct Expected {
    pub(in crate::kernels) value: Vec<f64>,
    pub(in crate::kernels) magnitude: Vec<f64>,
}

/// Columns that are summed side by side, so that the compiler may use vectors; each sum is still one plain loop over
/// the depth.
const ABREAST: usize = 8;

/// Three loops in twice the precision, or in as much and term by term for `f64`. All matrices are given row after row.
pub(in crate::kernels) fn product<T: Scalar>(
    a: &[T],
    b: &[T],
    before: &[T],
    Extents { rows, columns, depth }: Extents,
    epilogue: Epilogue<'_, T>,
) -> Expected {
    let mut expected = Expected { value: vec![0.0; rows * columns], magnitude: vec![0.0; rows * columns] };
    for first in (0..columns).step_by(ABREAST) {
        let width = ABREAST.min(columns - first);
        let value =
            |step: usize, lane: usize| if lane < width { b[step * columns + first + lane].to_f64() } else { 0.0 };
        let of_b: Vec<[f64; ABREAST]> = (0..depth).map(|step| std::array::from_fn(|lane| value(step, lane))).collect();
        for row in 0..rows {
            let (mut sum, mut size) = ([0.0; ABREAST], [0.0; ABREAST]);
            for (a, b) in a[row * depth..][..depth].iter().zip(&of_b) {
                let a = a.to_f64();
                for lane in 0..ABREAST {
                    let term = a * b[lane];
                    sum[lane] += term;
                    size[lane] += term.abs();
                }
            }
            for lane in 0..width {
                let column = first + lane;
                let position = row * columns + column;
                let (addend, relu) = match epilogue {
                    Epilogue::Store => (0.0, false),
                    Epilogue::Relu => (0.0, true),
                    Epilogue::Add => (before[position].to_f64(), false),
                    Epilogue::Bias(bias) => (bias[column].to_f64(), false),
                    Epilogue::BiasRelu(bias) => (bias[column].to_f64(), true),
                };
                let total = sum[lane] + addend;
                expected.value[position] = if relu { Arithmetic::maximum(total, 0.0) } else { total };
                expected.magnitude[position] = size[lane] + addend.abs();
            }
        }
    }
    expected
}
