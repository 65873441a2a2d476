//! Rows brought to mean 0 and variance 1, or to a mean square of 1, and the gradient of that.

use std::ops::Add;

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use super::reduce::{ROWS_TOGETHER, cut, dots, rows, rows_of, rows_together};
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;

/// Writes the mean of each row of `count` elements and its (biased) variance to `out`; where `centred` is false, 0
/// and the mean square.
///
/// The variance is taken in a second pass, from the distances to the mean: E[x²] - E[x]² has no digits left where the
/// mean is large.
pub(crate) fn moments<T: Scalar>(values: &[T], count: usize, centred: bool, out: &mut [[T; 2]]) {
    let size = T::from_usize(count);
    let rows = (ELEMENTS_PER_TASK / count.max(1)).max(1);
    for_each_chunk(out, rows, |start, out| {
        let (mut means, mut squares) = ([T::ZERO; ROWS_TOGETHER], [T::ZERO; ROWS_TOGETHER]);
        let together = rows_together::<T>(count);
        for (index, out) in out.chunks_mut(together).enumerate() {
            let values = &values[(start + index * together) * count..][..out.len() * count];
            moments_of(values, count, centred, [&mut means[..out.len()], &mut squares[..out.len()]]);
            for (out, (&mean, &squares)) in out.iter_mut().zip(means.iter().zip(&squares)) {
                *out = [mean, squares / size];
            }
        }
    });
}

/// For each of some rows of `count` values, their mean, or 0 if they are not to be centred, and the sum of their
/// squared distances to it.
#[inline(always)]
pub(super) fn moments_of<T: Scalar>(values: &[T], count: usize, centred: bool, [means, squares]: [&mut [T]; 2]) {
    if centred {
        rows(values, count, means, T::ZERO, Add::add);
        let size = T::from_usize(count);
        means.iter_mut().for_each(|mean| *mean /= size);
    } else {
        means.fill(T::ZERO);
    }
    squared_distances(values, count, means, squares);
}

/// The sum of the squared distances of each row's values to the row's mean.
#[inline(always)]
fn squared_distances<T: Scalar>(values: &[T], count: usize, means: &[T], out: &mut [T]) {
    let distance = |row: usize| {
        let mean = means[row];
        move |[x]: [T; 1]| (x - mean) * (x - mean)
    };
    rows_of([values], count, out, T::ZERO, distance, Add::add);
}

/// For each of some rows Σ a (x - μ) s, with the row's `[μ, s]`.
#[inline]
pub(super) fn dots_with_standardized<T: Scalar>(operands: [&[T]; 2], count: usize, shifts: &[[T; 2]], out: &mut [T]) {
    let term = |row: usize| {
        let [mean, scale] = shifts[row];
        move |[a, x]: [T; 2]| a * ((x - mean) * scale)
    };
    rows_of(operands, count, out, T::ZERO, term, Add::add);
}

/// (x - mean) · scale of each row of `count` elements, with its `[mean, scale]`.
pub(crate) fn standardize<T: Scalar>(values: &[T], count: usize, shifts: &[[T; 2]], out: &mut [T]) {
    if count == 0 {
        return;
    }
    let rows = (ELEMENTS_PER_TASK / count).max(1);
    for_each_chunk(out, rows * count, |start, out| {
        let values = &values[start..][..out.len()];
        vectorized(Standardize { values, count, shifts: &shifts[start / count..], out });
    });
}

struct Standardize<'a, T> {
    values: &'a [T],
    count: usize,
    shifts: &'a [[T; 2]],
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for Standardize<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let rows = self.values.chunks_exact(self.count).zip(self.out.chunks_exact_mut(self.count));
        for ((values, out), &[mean, scale]) in rows.zip(self.shifts) {
            for (out, &x) in out.iter_mut().zip(values) {
                *out = (x - mean) * scale;
            }
        }
    }
}

/// The gradient of [`standardize`] with its row's own moments, from the output's gradient g and the output y: scale ·
/// (g - E[g] - y E[g y]); where `centred`
/// is false, without E[g].
pub(crate) fn gradient<T: Scalar>(
    [grads, outputs]: [&[T]; 2],
    count: usize,
    shifts: &[[T; 2]],
    centred: bool,
    out: &mut [T],
) {
    if count == 0 {
        return;
    }
    let rows = (ELEMENTS_PER_TASK / count).max(1);
    for_each_chunk(out, rows * count, |start, out| {
        let [grads, outputs] = cut([grads, outputs], start..start + out.len());
        vectorized(Gradient { grads, outputs, count, shifts: &shifts[start / count..], centred, out });
    });
}

struct Gradient<'a, T> {
    grads: &'a [T],
    outputs: &'a [T],
    count: usize,
    shifts: &'a [[T; 2]],
    centred: bool,
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for Gradient<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Gradient { grads, outputs, count, shifts, centred, out } = self;
        let size = T::from_usize(count);
        let (mut means, mut slopes) = ([T::ZERO; ROWS_TOGETHER], [T::ZERO; ROWS_TOGETHER]);
        let together = rows_together::<T>(3 * count);
        let parts = grads.chunks(together * count).zip(outputs.chunks(together * count));
        for (((grads, outputs), out), shifts) in
            parts.zip(out.chunks_mut(together * count)).zip(shifts.chunks(together))
        {
            let height = out.len() / count;
            if centred {
                rows(grads, count, &mut means[..height], T::ZERO, Add::add);
            }
            dots([grads, outputs], count, &mut slopes[..height]);
            let rows = grads.chunks(count).zip(outputs.chunks(count)).zip(out.chunks_mut(count));
            for ((((grads, outputs), out), &[_, scale]), (&mean, &slope)) in
                rows.zip(shifts).zip(means.iter().zip(&slopes))
            {
                let [mean, slope] = [mean / size, slope / size];
                for (out, (&g, &y)) in out.iter_mut().zip(grads.iter().zip(outputs)) {
                    *out = (g - mean - y * slope) * scale;
                }
            }
        }
    }
}
