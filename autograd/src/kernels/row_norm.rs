//! Normalization of rows with a weight and a bias for each element of a row, and its gradients in one pass.

use std::ops::Add;

use super::normalize::{dots_with_standardized, moments_of};
use super::parallel::{ELEMENTS_PER_TASK, for_each_item};
use super::reduce::{ROWS_TOGETHER, cut, reduce, rows, rows_together};
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;
use crate::storage::Storage;

/// Rows of `count` elements; where `centred` is false, the mean is taken to be 0.
#[derive(Clone, Copy)]
pub(crate) struct RowNorm<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) count: usize,
    pub(crate) centred: bool,
    pub(crate) weight: Option<&'a [T]>,
}

impl<T: Scalar> RowNorm<'_, T> {
    /// Writes y = (x - μ) s · weight + bias to `out` with s = 1 / √(v + ε), and `[μ, s]` of each row to `shifts`.
    pub(crate) fn forward(self, bias: Option<&[T]>, epsilon: T, out: &mut [T], shifts: &mut [[T; 2]]) {
        if self.count == 0 {
            return shifts.fill([T::NAN; 2]);
        }
        let rows = (ELEMENTS_PER_TASK / self.count).max(1);
        let parts = out.chunks_mut(rows * self.count).zip(shifts.chunks_mut(rows));
        let parts = self.values.chunks(rows * self.count).zip(parts);
        for_each_item(parts, |(values, (out, shifts))| {
            vectorized(Forward { norm: RowNorm { values, ..self }, bias, epsilon, out, shifts });
        });
    }

    /// Writes the gradient of x to `out`, and returns those of weight and bias, one after the other:
    ///
    ///   dx = s (h - E\[h\] - ŷ E\[h ŷ\])   with   h = g · weight, ŷ = (x - μ) s, and without E\[h\] where not centred
    ///
    ///   dweight = Σ g ŷ, dbias = Σ g   over the rows
    pub(crate) fn backward(self, grads: &[T], shifts: &[[T; 2]], out: &mut [T], sums: &mut [T]) {
        let Self { count, .. } = self;
        sums.fill(T::ZERO);
        if count == 0 || out.is_empty() {
            return;
        }
        // So many rows that the sums of a task are few beside them.
        let rows = (8 * ELEMENTS_PER_TASK / count).max(8);
        let tasks = shifts.len().div_ceil(rows);
        let partial = Storage::build(tasks * 2 * count, |partial| {
            let parts = out.chunks_mut(rows * count).zip(partial.chunks_exact_mut(2 * count)).enumerate();
            for_each_item(parts, |(task, (out, sums))| {
                let first = task * rows * count;
                let [values, grads] = cut([self.values, grads], first..first + out.len());
                let shifts = &shifts[task * rows..][..out.len() / count];
                vectorized(Backward { norm: RowNorm { values, ..self }, grads, shifts, out, sums });
            });
        });
        reduce(partial.as_slice(), [1, tasks, 2 * count], sums, T::ZERO, Add::add);
    }
}

struct Forward<'a, T> {
    norm: RowNorm<'a, T>,
    bias: Option<&'a [T]>,
    epsilon: T,
    out: &'a mut [T],
    shifts: &'a mut [[T; 2]],
}

impl<T: Scalar> Kernel for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Forward { norm: RowNorm { values, count, centred, weight }, bias, epsilon, out, shifts } = self;
        let size = T::from_usize(count);
        let (mut means, mut squares) = ([T::ZERO; ROWS_TOGETHER], [T::ZERO; ROWS_TOGETHER]);
        let together = rows_together::<T>(2 * count);
        let parts = values.chunks(together * count).zip(out.chunks_mut(together * count));
        for ((values, out), shifts) in parts.zip(shifts.chunks_mut(together)) {
            moments_of(values, count, centred, [&mut means[..shifts.len()], &mut squares[..shifts.len()]]);
            for (shift, (&mean, &squares)) in shifts.iter_mut().zip(means.iter().zip(&squares)) {
                *shift = [mean, (squares / size + epsilon).sqrt().recip()];
            }
            for ((values, out), &mut [mean, scale]) in values.chunks(count).zip(out.chunks_mut(count)).zip(shifts) {
                let out = out.iter_mut().zip(values);
                match (weight, bias) {
                    (None, None) => out.for_each(|(out, &x)| *out = (x - mean) * scale),
                    (Some(weight), None) => out.zip(weight).for_each(|((out, &x), &w)| *out = (x - mean) * scale * w),
                    (None, Some(bias)) => out.zip(bias).for_each(|((out, &x), &b)| *out = (x - mean) * scale + b),
                    (Some(weight), Some(bias)) => {
                        out.zip(weight.iter().zip(bias))
                            .for_each(|((out, &x), (&w, &b))| *out = (x - mean) * scale * w + b);
                    }
                }
            }
        }
    }
}

struct Backward<'a, T> {
    norm: RowNorm<'a, T>,
    grads: &'a [T],
    shifts: &'a [[T; 2]],
    out: &'a mut [T],
    sums: &'a mut [T],
}

impl<T: Scalar> Kernel for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Backward { norm: RowNorm { values, count, centred, weight }, grads, shifts, out, sums } = self;
        sums.fill(T::ZERO);
        let (of_weight, of_bias) = sums.split_at_mut(count);
        let together = rows_together::<T>(6 * count);
        let parts = values.chunks(together * count).zip(grads.chunks(together * count));
        for (((values, grads), out), shifts) in parts.zip(out.chunks_mut(together * count)).zip(shifts.chunks(together))
        {
            weighted(grads, weight, count, out);
            input_gradients(values, count, shifts, centred, out);
            for ((values, grads), &[mean, scale]) in values.chunks(count).zip(grads.chunks(count)).zip(shifts) {
                let sums = of_weight.iter_mut().zip(of_bias.iter_mut());
                for ((of_weight, of_bias), (&g, &x)) in sums.zip(grads.iter().zip(values)) {
                    *of_weight += g * ((x - mean) * scale);
                    *of_bias += g;
                }
            }
        }
    }
}

/// h = g · weight.
#[inline(always)]
fn weighted<T: Scalar>(grads: &[T], weight: Option<&[T]>, count: usize, out: &mut [T]) {
    let Some(weight) = weight else { return out.copy_from_slice(grads) };
    for (grads, out) in grads.chunks(count).zip(out.chunks_mut(count)) {
        for (out, (&g, &w)) in out.iter_mut().zip(grads.iter().zip(weight)) {
            *out = g * w;
        }
    }
}

/// The gradients of some rows of x, in place of h.
#[inline(always)]
fn input_gradients<T: Scalar>(values: &[T], count: usize, shifts: &[[T; 2]], centred: bool, out: &mut [T]) {
    let size = T::from_usize(count);
    let (mut constants, mut slopes) = ([T::ZERO; ROWS_TOGETHER], [T::ZERO; ROWS_TOGETHER]);
    if centred {
        rows(out, count, &mut constants[..shifts.len()], T::ZERO, T::add);
    }
    dots_with_standardized([out, values], count, shifts, &mut slopes[..shifts.len()]);
    let rows = values.chunks(count).zip(out.chunks_mut(count)).zip(shifts);
    for (((values, out), &[mean, scale]), (&constant, &slope)) in rows.zip(constants.iter().zip(&slopes)) {
        let [constant, slope] = [constant / size, slope / size];
        for (out, &x) in out.iter_mut().zip(values) {
            *out = (*out - constant - (x - mean) * scale * slope) * scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::with_threads;
    use crate::kernels::simd::isa::Isa;
    use crate::kernels::vectorize::vectorized_for;

    const EPSILON: f64 = 0.1;

    fn samples(count: usize, factor: usize) -> Vec<f64> {
        (0..count).map(|i| ((i * factor) % 101) as f64 / 25.0 - 1.5).collect()
    }

    /// y, dx, dweight and dbias by their definitions.
    fn oracle([x, w, b, g]: [&[f64]; 4], centred: bool) -> [Vec<f64>; 4] {
        let count = w.len();
        let (mut y, mut dx, mut sums) = (Vec::new(), Vec::new(), [vec![0.0; count], vec![0.0; count]]);
        for (x, g) in x.chunks(count).zip(g.chunks(count)) {
            let mean_of = |value: &dyn Fn(usize) -> f64| (0..count).map(value).sum::<f64>() / count as f64;
            let mean = if centred { mean_of(&|i| x[i]) } else { 0.0 };
            let scale = (mean_of(&|i| (x[i] - mean).powi(2)) + EPSILON).sqrt().recip();
            let hat = |i: usize| (x[i] - mean) * scale;
            let constant = if centred { mean_of(&|i| g[i] * w[i]) } else { 0.0 };
            let slope = mean_of(&|i| g[i] * w[i] * hat(i));
            for i in 0..count {
                y.push(hat(i) * w[i] + b[i]);
                dx.push(scale * (g[i] * w[i] - constant - hat(i) * slope));
                sums[0][i] += g[i] * hat(i);
                sums[1][i] += g[i];
            }
        }
        let [dw, db] = sums;
        [y, dx, dw, db]
    }

    fn assert_close(found: &[f64], wanted: &[f64], what: &str) {
        assert_eq!(found.len(), wanted.len());
        let is_close = |(found, wanted): (&f64, &f64)| (found - wanted).abs() < 1e-10 * wanted.abs().max(1.0);
        assert!(found.iter().zip(wanted).all(is_close), "{what}");
    }

    #[test]
    fn rows_and_gradients_are_those_of_the_definition_on_every_instruction_set() {
        for (rows, count, centred) in [(1, 1, true), (3, 5, false), (4, 64, true), (5, 130, true), (2, 5000, false)] {
            let [x, g] = [7, 13].map(|factor| samples(rows * count, factor));
            let [w, b] = [3, 5].map(|factor| samples(count, factor));
            let wanted = oracle([&x, &w, &b, &g], centred);
            for &isa in Isa::available() {
                let norm = RowNorm { values: &x[..], count, centred, weight: Some(&w) };
                let (mut y, mut shifts) = (vec![f64::NAN; rows * count], vec![[f64::NAN; 2]; rows]);
                let bias = Some(&b[..]);
                vectorized_for(isa, Forward { norm, bias, epsilon: EPSILON, out: &mut y, shifts: &mut shifts });
                let (mut dx, mut sums) = (vec![f64::NAN; rows * count], vec![f64::NAN; 2 * count]);
                let (grads, shifts) = (&g[..], &shifts[..]);
                vectorized_for(isa, Backward { norm, grads, shifts, out: &mut dx, sums: &mut sums });
                let found = [&y[..], &dx, &sums[..count], &sums[count..]];
                for (found, wanted) in found.iter().zip(&wanted) {
                    assert_close(found, wanted, isa.name());
                }
            }
        }
    }

    #[test]
    fn without_weight_and_bias_they_are_1_and_0_on_any_number_of_threads() {
        let (rows, count) = (700, 300);
        let [x, g] = [7, 13].map(|factor| samples(rows * count, factor));
        let (ones, zeros) = (vec![1.0; count], vec![0.0; count]);
        let run = |threads, weight, bias| {
            let norm = RowNorm { values: &x[..], count, centred: true, weight };
            let (mut y, mut shifts) = (vec![f64::NAN; rows * count], vec![[f64::NAN; 2]; rows]);
            let (mut dx, mut sums) = (y.clone(), vec![f64::NAN; 2 * count]);
            with_threads(threads, || {
                norm.forward(bias, EPSILON, &mut y, &mut shifts);
                norm.backward(&g, &shifts, &mut dx, &mut sums);
            });
            [y, dx, sums]
        };
        let with_both = run(1, Some(&ones[..]), Some(&zeros[..]));
        for other in [run(3, Some(&ones), Some(&zeros)), run(2, None, None), run(1, Some(&ones), None)] {
            assert!(other == with_both);
        }
        let [y, dx, dw, db] = oracle([&x, &ones, &zeros, &g], true);
        let wanted = [y, dx, [dw, db].concat()];
        with_both.iter().zip(&wanted).for_each(|(found, wanted)| assert_close(found, wanted, "threads"));
    }
}
