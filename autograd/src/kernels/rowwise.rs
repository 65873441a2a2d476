//! Kernels along one dimension of a dense array, seen as `[outer, count, inner]`.

use std::ops::Add;

use super::aligned::Aligned;
use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use super::reduce::{ROWS_TOGETHER, cut, dots, row, rows, rows_together};
use super::tree::Tree;
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;

/// The extents before `dim`, of it, and after it.
pub(crate) fn around(shape: &[usize], dim: usize) -> [usize; 3] {
    [shape[..dim].iter().product(), shape[dim], shape[dim + 1..].iter().product()]
}

/// Elements of a task: the exponentials of so many take some 10 µs.
const EXPONENTIALS_PER_TASK: usize = ELEMENTS_PER_TASK / 4;
/// Elements of short rows that are computed together, as a row by itself would not fill the registers: so many stay in
/// the first cache.
const ELEMENTS_PER_GROUP: usize = 1024;

/// Softmax of each row of `count` elements, or its logarithm: eˣ⁻ᵐ / Σ eˣ⁻ᵐ with m the row's largest, so that nothing
/// overflows.
pub(crate) fn softmax<T: Scalar>(values: &[T], count: usize, out: &mut [T], logarithm: bool) {
    if count == 0 {
        return;
    }
    let rows = (EXPONENTIALS_PER_TASK / count).max(1);
    for_each_chunk(out, rows * count, |start, out| {
        let values = &values[start..][..out.len()];
        if logarithm {
            vectorized(LogSoftmax { values, count, out });
        } else {
            vectorized(Softmax { values, count, out });
        }
    });
}

/// For each row of `count` elements, its largest m and ln Σ eˣ⁻ᵐ. (Apart, they keep the digits that their sum would
/// lose.)
pub(crate) fn log_sum_exp<T: Scalar>(values: &[T], count: usize, out: &mut [[T; 2]]) {
    let rows = (EXPONENTIALS_PER_TASK / count.max(1)).max(1);
    for_each_chunk(out, rows, |start, out| {
        let values = &values[start * count..][..out.len() * count];
        vectorized(LogSumExp { values, count, space: &mut Aligned([T::ZERO; ELEMENTS_PER_GROUP]).0, out });
    });
}

/// `scale · softmax` of each row of `count` elements, from what [`log_sum_exp`] found.
///
/// Products below `smallest` are 0, but only in rows whose scale is so large that nothing is lost which is added to it.
pub(crate) fn scaled_softmax<T: Scalar>(
    values: &[T],
    count: usize,
    sums: &[[T; 2]],
    scales: &[T],
    smallest: T,
    out: &mut [T],
) {
    if count == 0 {
        return;
    }
    let rows = (EXPONENTIALS_PER_TASK / count).max(1);
    for_each_chunk(out, rows * count, |start, out| {
        let (first, rows) = (start / count, out.len() / count);
        let values = &values[start..][..out.len()];
        vectorized(ScaledSoftmax {
            values,
            count,
            sums: &sums[first..][..rows],
            scales: &scales[first..][..rows],
            smallest,
            out,
        });
    });
}

struct Softmax<'a, T> {
    values: &'a [T],
    count: usize,
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for Softmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { values, count, out } = self;
        let mut of_rows = [T::ZERO; ROWS_TOGETHER];
        let together = rows_together::<T>(2 * count) * count;
        for (values, out) in values.chunks(together).zip(out.chunks_mut(together)) {
            let of_rows = &mut of_rows[..out.len() / count];
            rows(values, count, of_rows, T::NEG_INFINITY, T::maximum);
            for ((values, out), &largest) in values.chunks(count).zip(out.chunks_mut(count)).zip(&*of_rows) {
                for (out, &x) in out.iter_mut().zip(values) {
                    *out = (x - largest).exp_of_negative();
                }
            }
            rows(out, count, of_rows, T::ZERO, Add::add);
            for (out, &sum) in out.chunks_mut(count).zip(&*of_rows) {
                let scale = sum.recip();
                for out in out {
                    *out *= scale;
                }
            }
        }
    }
}

struct LogSoftmax<'a, T> {
    values: &'a [T],
    count: usize,
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for LogSoftmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { values, count, out } = self;
        let mut sums = [[T::ZERO; 2]; ROWS_TOGETHER];
        // Fewer than fit: from memory, two rows of 1024 elements at a time take a tenth longer than each by itself.
        let together = rows_together::<T>(3 * count) * count;
        for (values, out) in values.chunks(together).zip(out.chunks_mut(together)) {
            let sums = &mut sums[..out.len() / count];
            // The exponentials go to where the result will be: its lines then come from memory in the time that they
            // take.
            vectorized(LogSumExp { values, count, space: out, out: sums });
            for ((values, out), &mut [largest, log_sum]) in values.chunks(count).zip(out.chunks_mut(count)).zip(sums) {
                for (out, &x) in out.iter_mut().zip(values) {
                    *out = (x - largest) - log_sum;
                }
            }
        }
    }
}

struct LogSumExp<'a, T> {
    values: &'a [T],
    count: usize,
    /// For the exponentials of some rows, or of a part of a long one, which are computed before they are summed: among
    /// the lanes of a sum the compiler would not vectorise them.
    space: &'a mut [T],
    out: &'a mut [[T; 2]],
}

impl<T: Scalar> Kernel for LogSumExp<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { values, count, space, out } = self;
        if count == 0 || count > space.len() / 2 {
            for (index, out) in out.iter_mut().enumerate() {
                let values = &values[index * count..][..count];
                let largest = row(values, T::NEG_INFINITY, T::maximum);
                let mut sums = Tree::new(T::ZERO);
                for values in values.chunks(space.len()) {
                    let space = &mut space[..values.len()];
                    for (exponential, &x) in space.iter_mut().zip(values) {
                        *exponential = (x - largest).exp_of_negative();
                    }
                    sums.push(row(space, T::ZERO, Add::add), Add::add);
                }
                *out = [largest, sums.total(T::ZERO, Add::add).ln()];
            }
            return;
        }
        // The exponentials and the logarithms of many rows side by side.
        let together = (space.len() / count).min(ROWS_TOGETHER);
        for (out, values) in out.chunks_mut(together).zip(values.chunks(together * count)) {
            let below = &mut space[..values.len()];
            let (mut largest, mut sums) = ([T::ZERO; ROWS_TOGETHER], [T::ZERO; ROWS_TOGETHER]);
            rows(values, count, &mut largest[..out.len()], T::NEG_INFINITY, T::maximum);
            for ((values, below), &largest) in values.chunks(count).zip(below.chunks_mut(count)).zip(&largest) {
                for (below, &x) in below.iter_mut().zip(values) {
                    *below = x - largest;
                }
            }
            for value in below.iter_mut() {
                *value = value.exp_of_negative();
            }
            rows(below, count, &mut sums[..out.len()], T::ZERO, Add::add);
            for (out, (&largest, &sum)) in out.iter_mut().zip(largest.iter().zip(&sums)) {
                *out = [largest, sum.ln()];
            }
        }
    }
}

struct ScaledSoftmax<'a, T> {
    values: &'a [T],
    count: usize,
    sums: &'a [[T; 2]],
    scales: &'a [T],
    smallest: T,
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for ScaledSoftmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { values, count, sums, scales, smallest, out } = self;
        // The exponentials of short rows side by side; a long row is alone.
        let rows = (ELEMENTS_PER_GROUP / count).max(1);
        let tasks = out.chunks_mut(rows * count).zip(values.chunks(rows * count));
        for ((out, values), (sums, scales)) in tasks.zip(sums.chunks(rows).zip(scales.chunks(rows))) {
            for ((out, values), &[largest, log_sum]) in out.chunks_mut(count).zip(values.chunks(count)).zip(sums) {
                for (out, &x) in out.iter_mut().zip(values) {
                    *out = (x - largest) - log_sum;
                }
            }
            for out in out.iter_mut() {
                *out = out.exp_of_negative();
            }
            for (out, &scale) in out.chunks_mut(count).zip(scales) {
                let smallest = if scale.abs() < smallest / T::EPSILON { T::ZERO } else { smallest };
                for out in out {
                    let scaled = *out * scale;
                    *out = if scaled.abs() < smallest { T::ZERO } else { scaled };
                }
            }
        }
    }
}

/// What of the output's gradient g and the output y a gradient has the sums of: g y, or g alone.
#[derive(Clone, Copy)]
pub(crate) enum Terms {
    Products,
    Gradients,
}

/// The gradients of softmax and its logarithm: for each row of `count` elements, `slope` of the output's gradient, the
/// output, and the row's sum of `terms`.
pub(crate) fn with_sums<T: Scalar>(
    [grads, outputs]: [&[T]; 2],
    count: usize,
    out: &mut [T],
    terms: Terms,
    slope: impl Fn(T, T, T) -> T + Copy + Sync,
) {
    if count == 0 {
        return;
    }
    let rows = (EXPONENTIALS_PER_TASK / count).max(1);
    for_each_chunk(out, rows * count, |start, out| {
        let [grads, outputs] = cut([grads, outputs], start..start + out.len());
        vectorized(WithSums { grads, outputs, count, out, terms, slope });
    });
}

struct WithSums<'a, T, F> {
    grads: &'a [T],
    outputs: &'a [T],
    count: usize,
    out: &'a mut [T],
    terms: Terms,
    slope: F,
}

impl<T: Scalar, F: Fn(T, T, T) -> T> Kernel for WithSums<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let WithSums { grads, outputs, count, out, terms, slope } = self;
        let mut sums = [T::ZERO; ROWS_TOGETHER];
        let together = rows_together::<T>(3 * count) * count;
        for ((grads, outputs), out) in
            grads.chunks(together).zip(outputs.chunks(together)).zip(out.chunks_mut(together))
        {
            let sums = &mut sums[..out.len() / count];
            match terms {
                Terms::Products => dots([grads, outputs], count, sums),
                Terms::Gradients => rows(grads, count, sums, T::ZERO, Add::add),
            }
            let rows = grads.chunks(count).zip(outputs.chunks(count)).zip(out.chunks_mut(count));
            for (((grads, outputs), out), &mut sum) in rows.zip(sums) {
                for (out, (&g, &y)) in out.iter_mut().zip(grads.iter().zip(outputs)) {
                    *out = slope(g, y, sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_sum_exp_of(values: &[f32]) -> [f32; 2] {
        let mut out = [[f32::NAN; 2]];
        log_sum_exp(values, values.len(), &mut out);
        out[0]
    }

    #[test]
    fn of_scaled_probabilities_only_the_denormal_are_zero_and_only_in_rows_of_large_scales() {
        let values: Vec<f32> = (0..3600).map(|i| -(i % 1200) as f32 / 10.0).collect();
        let (mut sums, mut out) = ([[0.0; 2]; 3], vec![f32::NAN; 3600]);
        log_sum_exp(&values, 1200, &mut sums);
        let scales = [1e-10, -1e-29, 1e-33];
        scaled_softmax(&values, 1200, &sums, &scales, f32::MIN_POSITIVE, &mut out);
        for (index, &found) in out.iter().enumerate() {
            let (row, column) = (index / 1200, index % 1200);
            let exponent = f64::from(values[column]) - f64::from(sums[row][1]);
            let exact = exponent.exp() * f64::from(scales[row]);
            let is_cleared = row < 2 && exact.abs() < f64::from(f32::MIN_POSITIVE);
            let expected = if is_cleared { 0.0 } else { exact };
            let error = (f64::from(found) - expected).abs();
            assert!(error <= expected.abs() * 1e-4 + 1e-44, "{index}: {found:e}, {expected:e}");
        }
    }

    #[test]
    fn the_error_of_a_very_long_rows_sum_does_not_grow_with_its_length() {
        let stretches = 3000;
        let mut values = vec![-3.3_f32; stretches * ELEMENTS_PER_GROUP];
        values[0] = 0.0;
        let [_, log_sum] = log_sum_exp_of(&values);
        let exact = ((values.len() - 1) as f64 * f64::from(-3.3_f32).exp()).ln_1p();
        assert!((f64::from(log_sum) - exact).abs() < 3e-6, "{log_sum}, {exact}");
    }

    #[test]
    fn the_sum_of_a_long_row_is_exact_to_some_digits() {
        for count in [1023, 1024, 1025, 16 * ELEMENTS_PER_GROUP, 16 * ELEMENTS_PER_GROUP + 1, 40_000] {
            let values: Vec<f32> = (0..count).map(|i| (i * 7919 % 1013) as f32 / 50.0 - 10.0).collect();
            let [largest, log_sum] = log_sum_exp_of(&values);
            let sum: f64 = values.iter().map(|&x| f64::from(x - largest).exp()).sum();
            assert!((f64::from(log_sum) - sum.ln()).abs() < 1e-6, "{count}: {log_sum}, {}", sum.ln());
        }
    }

    /// Computed together, the rows have the bits that they have by themselves.
    #[test]
    fn short_rows_are_what_they_are_alone() {
        for count in [1, 2, 10, 64, 65, 200, 512, 513, 1025] {
            let rows = 2 * ELEMENTS_PER_GROUP / count + 3;
            let values: Vec<f32> = (0..rows * count).map(|i| (i * 7919 % 1013) as f32 / 50.0 - 10.0).collect();
            let scales: Vec<f32> = (0..rows).map(|row| (row % 3) as f32 / 7.0).collect();
            let (mut sums, mut out) = (vec![[0.0; 2]; rows], vec![f32::NAN; rows * count]);
            log_sum_exp(&values, count, &mut sums);
            scaled_softmax(&values, count, &sums, &scales, 0.0, &mut out);
            for (index, values) in values.chunks(count).enumerate() {
                let [largest, log_sum] = log_sum_exp_of(values);
                assert_eq!(sums[index], [largest, log_sum], "row {index} of {count}");
                for (&x, &found) in values.iter().zip(&out[index * count..]) {
                    let exponential = Scalar::exp((x - largest) - log_sum); // f32 has an `exp` of its own
                    assert_eq!(found, exponential * scales[index], "row {index} of {count}");
                }
            }
        }
    }
}
