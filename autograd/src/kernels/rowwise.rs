//! Kernels along one dimension of a dense array, seen as `[outer, count, inner]`.

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use super::reduce::row;
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;

/// The extents before `dim`, of it, and after it.
pub(crate) fn around(shape: &[usize], dim: usize) -> [usize; 3] {
    [shape[..dim].iter().product(), shape[dim], shape[dim + 1..].iter().product()]
}

/// For each place of `outer × inner`, the index of the best element along the middle: the first one that no other is `better` than. A NaN is best.
pub(crate) fn find<T: Scalar>(
    numbers: &[T],
    [outer, count, inner]: [usize; 3],
    better: impl Fn(T, T) -> bool + Copy + Sync,
) -> Vec<i64> {
    let mut places = vec![0; outer * inner];
    if count == 0 {
        return places;
    }
    let chunk = (ELEMENTS_PER_TASK / count).max(1);
    for_each_chunk(&mut places, chunk, |start, places| {
        for (place, found) in (start..).zip(places) {
            let first = (place / inner) * count * inner + place % inner;
            let mut best = numbers[first];
            for index in 1..count {
                let candidate = numbers[first + index * inner];
                if better(candidate, best) || (candidate.is_nan() && !best.is_nan()) {
                    best = candidate;
                    *found = index as i64;
                }
            }
        }
    });
    places
}

/// Elements of a task: the exponentials of so many take some 10 µs.
const EXPONENTIALS_PER_TASK: usize = ELEMENTS_PER_TASK / 4;

/// Softmax of each row of `count` elements, or its logarithm: eˣ⁻ᵐ / Σ eˣ⁻ᵐ with m the row's largest, so that nothing overflows.
pub(crate) fn softmax<T: Scalar>(numbers: &[T], count: usize, out: &mut [T], logarithm: bool) {
    if count == 0 {
        return;
    }
    let rows = (EXPONENTIALS_PER_TASK / count).max(1);
    for_each_chunk(out, rows * count, |start, out| {
        let numbers = &numbers[start..][..out.len()];
        if logarithm {
            vectorized(LogSoftmax { numbers, count, out });
        } else {
            vectorized(Softmax { numbers, count, out });
        }
    });
}

/// For each row of `count` elements, its largest m and ln Σ eˣ⁻ᵐ. (Apart, they keep the digits that their sum would lose.)
pub(crate) fn log_sum_exp<T: Scalar>(numbers: &[T], count: usize, out: &mut [[T; 2]]) {
    let rows = (EXPONENTIALS_PER_TASK / count.max(1)).max(1);
    for_each_chunk(out, rows, |start, out| {
        let numbers = &numbers[start * count..][..out.len() * count];
        vectorized(LogSumExp { numbers, count, out });
    });
}

/// `scale · softmax` of each row of `count` elements, from what [`log_sum_exp`] found. A row whose scale is 0 is zeros.
pub(crate) fn scaled_softmax<T: Scalar>(numbers: &[T], count: usize, sums: &[[T; 2]], scales: &[T], out: &mut [T]) {
    if count == 0 {
        return;
    }
    let rows = (EXPONENTIALS_PER_TASK / count).max(1);
    for_each_chunk(out, rows * count, |start, out| {
        let (first, rows) = (start / count, out.len() / count);
        let numbers = &numbers[start..][..out.len()];
        vectorized(ScaledSoftmax {
            numbers,
            count,
            sums: &sums[first..][..rows],
            scales: &scales[first..][..rows],
            out,
        });
    });
}

struct Softmax<'a, T> {
    numbers: &'a [T],
    count: usize,
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for Softmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (numbers, out) in self.numbers.chunks_exact(self.count).zip(self.out.chunks_exact_mut(self.count)) {
            let largest = row(numbers, T::NEG_INFINITY, T::maximum);
            for (out, &x) in out.iter_mut().zip(numbers) {
                *out = (x - largest).exp();
            }
            let scale = row(out, T::ZERO, |a, b| a + b).recip();
            for out in out {
                *out *= scale;
            }
        }
    }
}

struct LogSoftmax<'a, T> {
    numbers: &'a [T],
    count: usize,
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for LogSoftmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (numbers, out) in self.numbers.chunks_exact(self.count).zip(self.out.chunks_exact_mut(self.count)) {
            let [largest, log_sum] = log_sum_exp_of(numbers, out);
            for (out, &x) in out.iter_mut().zip(numbers) {
                *out = (x - largest) - log_sum;
            }
        }
    }
}

/// The row's largest and ln Σ eˣ⁻ᵐ; `scratch` is as long as the row.
#[inline(always)]
fn log_sum_exp_of<T: Scalar>(numbers: &[T], scratch: &mut [T]) -> [T; 2] {
    let largest = row(numbers, T::NEG_INFINITY, T::maximum);
    for (out, &x) in scratch.iter_mut().zip(numbers) {
        *out = (x - largest).exp();
    }
    [largest, row(scratch, T::ZERO, |a, b| a + b).ln()]
}

struct LogSumExp<'a, T> {
    numbers: &'a [T],
    count: usize,
    out: &'a mut [[T; 2]],
}

impl<T: Scalar> Kernel for LogSumExp<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut scratch = vec![T::ZERO; self.count];
        for (index, out) in self.out.iter_mut().enumerate() {
            *out = log_sum_exp_of(&self.numbers[index * self.count..][..self.count], &mut scratch);
        }
    }
}

struct ScaledSoftmax<'a, T> {
    numbers: &'a [T],
    count: usize,
    sums: &'a [[T; 2]],
    scales: &'a [T],
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for ScaledSoftmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let rows = self.numbers.chunks_exact(self.count).zip(self.out.chunks_exact_mut(self.count));
        for ((numbers, out), (&[largest, log_sum], &scale)) in rows.zip(self.sums.iter().zip(self.scales)) {
            if scale == T::ZERO {
                out.fill(T::ZERO);
                continue;
            }
            for (out, &x) in out.iter_mut().zip(numbers) {
                *out = ((x - largest) - log_sum).exp() * scale;
            }
        }
    }
}
