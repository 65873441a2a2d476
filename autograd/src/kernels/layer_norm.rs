//! Normalization of rows with a weight and a bias for each column, in one pass over memory, and its gradients in
//! another one.

use super::parallel::{ELEMENTS_PER_TASK, for_each_item};
use super::reduce::{ROWS, reduce, row, row_of};
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;

/// The weight and the bias of each column.
#[derive(Clone, Copy)]
pub(crate) struct Affine<'a, T> {
    pub(crate) weight: &'a [T],
    pub(crate) bias: &'a [T],
}

/// Blocks of [`ROWS`] rows that make a task; the sums of columns are taken by blocks.
fn blocks_per_task(count: usize) -> usize {
    (ELEMENTS_PER_TASK / (ROWS * count)).max(1)
}

/// (x - μ) s · weight + bias of each row, and its `[μ, s]`: the mean, and 1 / √(variance + ε).
pub(crate) fn forward<T: Scalar>(
    values: &[T],
    affine: Affine<'_, T>,
    epsilon: T,
    shifts: &mut [[T; 2]],
    out: &mut [T],
) {
    let count = affine.weight.len();
    if out.is_empty() {
        return;
    }
    let rows = blocks_per_task(count) * ROWS;
    let tasks = out.chunks_mut(rows * count).zip(shifts.chunks_mut(rows)).zip(values.chunks(rows * count));
    for_each_item(tasks.collect(), |((out, shifts), values)| {
        vectorized(Forward { values, affine, epsilon, shifts, out });
    });
}

struct Forward<'a, T> {
    values: &'a [T],
    affine: Affine<'a, T>,
    epsilon: T,
    shifts: &'a mut [[T; 2]],
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { values, affine: Affine { weight, bias }, epsilon, shifts, out } = self;
        let (count, size) = (weight.len(), T::from_usize(weight.len()));
        let rows = values.chunks_exact(count).zip(out.chunks_exact_mut(count));
        for ((values, out), shift) in rows.zip(shifts) {
            // The variance in a second pass: E[x²] - E[x]² has no digits left where the mean is large.
            let mean = row(values, T::ZERO, |a, b| a + b) / size;
            let squares = row_of([values], T::ZERO, |[x]| (x - mean) * (x - mean), |a, b| a + b);
            let scale = (squares / size + epsilon).sqrt().recip();
            *shift = [mean, scale];
            for ((out, &x), (&weight, &bias)) in out.iter_mut().zip(values).zip(weight.iter().zip(bias)) {
                *out = (x - mean) * scale * weight + bias;
            }
        }
    }
}

/// What the gradients are computed from: the output's gradient, the input, and each row's `[μ, s]`.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a, T> {
    pub(crate) grads: &'a [T],
    pub(crate) values: &'a [T],
    pub(crate) shifts: &'a [[T; 2]],
}

/// The gradients of input, weight and bias. With ŷ = (x - μ) s and h = g · weight: dx = s (h - E[h] - ŷ E[h ŷ]),
/// dweight = Σ g ŷ and dbias = Σ g.
///
/// `sums` are the latter two, one after the other. They are taken by blocks of rows, and the blocks in a tree, so their
/// bits do not depend on the number of threads.
pub(crate) fn backward<T: Scalar>(known: Known<'_, T>, weight: &[T], out: &mut [T], sums: &mut [T]) {
    let count = weight.len();
    if out.is_empty() {
        return sums.fill(T::ZERO);
    }
    let (blocks, width) = (blocks_per_task(count), 2 * count);
    let length = blocks * ROWS * count;
    let mut partial = vec![T::ZERO; out.len().div_ceil(ROWS * count) * width];
    let tasks = out
        .chunks_mut(length)
        .zip(partial.chunks_mut(blocks * width))
        .zip(known.grads.chunks(length).zip(known.values.chunks(length)))
        .zip(known.shifts.chunks(blocks * ROWS));
    for_each_item(tasks.collect(), |(((out, sums), (grads, values)), shifts)| {
        vectorized(Backward { known: Known { grads, values, shifts }, weight, out, sums });
    });
    reduce(&partial, [1, partial.len() / width, width], sums, T::ZERO, |a, b| a + b);
}

struct Backward<'a, T> {
    known: Known<'a, T>,
    weight: &'a [T],
    out: &'a mut [T],
    /// A row of both sums for each block of rows; zeros.
    sums: &'a mut [T],
}

impl<T: Scalar> Kernel for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { known: Known { grads, values, shifts }, weight, out, sums } = self;
        let (count, size) = (weight.len(), T::from_usize(weight.len()));
        let rows = grads.chunks_exact(count).zip(values.chunks_exact(count)).zip(out.chunks_exact_mut(count));
        for (index, (((grads, values), out), &[mean, scale])) in rows.zip(shifts).enumerate() {
            let (to_weight, to_bias) = sums[index / ROWS * 2 * count..][..2 * count].split_at_mut(count);
            let average = row_of([grads, weight], T::ZERO, |[g, w]| g * w, |a, b| a + b) / size;
            let slope = |[g, w, x]: [T; 3]| g * w * ((x - mean) * scale);
            let slope = row_of([grads, weight, values], T::ZERO, slope, |a, b| a + b) / size;
            for i in 0..count {
                let (g, y) = (grads[i], (values[i] - mean) * scale);
                out[i] = (g * weight[i] - average - y * slope) * scale;
                to_weight[i] += g * y;
                to_bias[i] += g;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::with_threads;

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads() {
        let (rows, count) = (1500, 70);
        let values: Vec<f32> = (0..rows * count).map(|i| (i * 7919 % 1013) as f32 / 50.0 - 10.0).collect();
        let grads: Vec<f32> = values.iter().map(|x| x * 0.5 - 1.0).collect();
        let weight: Vec<f32> = (0..count).map(|i| 1.0 + i as f32 / 70.0).collect();
        let run = |threads| {
            with_threads(threads, || {
                let (mut out, mut shifts) = (vec![f32::NAN; values.len()], vec![[f32::NAN; 2]; rows]);
                forward(&values, Affine { weight: &weight, bias: &weight }, 1e-5, &mut shifts, &mut out);
                let (mut slopes, mut sums) = (vec![f32::NAN; values.len()], vec![f32::NAN; 2 * count]);
                let known = Known { grads: &grads, values: &values, shifts: &shifts };
                backward(known, &weight, &mut slopes, &mut sums);
                (out, slopes, sums)
            })
        };
        let (one, three) = (run(1), run(3));
        assert!(one == three && one.2.iter().all(|sum| sum.is_finite()));
        let sum: f64 = grads.iter().step_by(count).map(|&g| f64::from(g)).sum();
        assert!((f64::from(one.2[count]) - sum).abs() < 1e-2, "{} and {sum}", one.2[count]);
    }
}
