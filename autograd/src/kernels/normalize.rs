//! Rows brought to mean 0 and variance 1, or to a mean square of 1, and the gradient of that.

use std::ops::Add;

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use super::reduce::{row, row_of};
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;

/// Writes the mean of each row of `count` elements and its (biased) variance to `out`; where `centred` is false, 0
/// and the mean square.
///
/// The variance is taken in a second pass, from the distances to the mean: E[x²] - E[x]² has no digits left where the
/// mean is large.
pub(crate) fn moments<T: Scalar>(values: &[T], count: usize, centred: bool, out: &mut [[T; 2]]) {
    let rows = (ELEMENTS_PER_TASK / count.max(1)).max(1);
    for_each_chunk(out, rows, |start, out| {
        let values = &values[start * count..][..out.len() * count];
        vectorized(Moments { values, count, centred, out });
    });
}

struct Moments<'a, T> {
    values: &'a [T],
    count: usize,
    centred: bool,
    out: &'a mut [[T; 2]],
}

impl<T: Scalar> Kernel for Moments<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let size = T::from_usize(self.count);
        for (index, out) in self.out.iter_mut().enumerate() {
            let values = &self.values[index * self.count..][..self.count];
            let [mean, squares] = moments_of(values, self.centred);
            *out = [mean, squares / size];
        }
    }
}

/// The mean of the values, or 0 if they are not to be centred, and the sum of their squared distances to it.
#[inline(always)]
pub(super) fn moments_of<T: Scalar>(values: &[T], centred: bool) -> [T; 2] {
    let sum = if centred { row(values, T::ZERO, Add::add) } else { T::ZERO };
    let mean = if centred { sum / T::from_usize(values.len()) } else { T::ZERO };
    [mean, row_of([values], T::ZERO, |[x]| (x - mean) * (x - mean), Add::add)]
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
        let [grads, outputs] = [grads, outputs].map(|values| &values[start..][..out.len()]);
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
        let rows = grads.chunks_exact(count).zip(outputs.chunks_exact(count)).zip(out.chunks_exact_mut(count));
        for (((grads, outputs), out), &[_, scale]) in rows.zip(shifts) {
            let mean = if centred { row(grads, T::ZERO, Add::add) / size } else { T::ZERO };
            let slope = row_of([grads, outputs], T::ZERO, |[g, y]| g * y, Add::add) / size;
            for (out, (&g, &y)) in out.iter_mut().zip(grads.iter().zip(outputs)) {
                *out = (g - mean - y * slope) * scale;
            }
        }
    }
}
