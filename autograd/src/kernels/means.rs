//! The means of windows that slide over planes, and what goes back to their elements.

use std::ops::Range;

use super::parallel::for_each_chunk;
use super::tree::sum;
use super::vectorize::{Kernel, vectorized};
use super::windows::{Window, Windows};
use crate::scalar::Scalar;

/// Elements of a window that are added one after another; more are summed in pairs of blocks.
const SMALL: usize = 64;

impl Windows {
    /// For each window the sum of its elements divided by `divisor` of its row and column. Its positions are one apart.
    pub(crate) fn means<T: Scalar>(&self, values: &[T], divisor: impl Fn(Window, Window) -> T, out: &mut [T]) {
        if out.is_empty() {
            return;
        }
        let (divisors, even) = (self.divisors(divisor), self.even_columns());
        for_each_chunk(out, self.planes_per_task() * self.result(), |start, out| {
            let first = start / self.result();
            for index in 0..out.len() / self.result() {
                let plane = &values[(first + index) * self.plane()..][..self.plane()];
                let out = &mut out[index * self.result()..][..self.result()];
                vectorized(Means { windows: self, even: &even, divisors: &divisors, plane, out });
            }
        });
    }

    /// The gradient of [`means`](Windows::means): each window's, divided by its divisor, added to all elements of the
    /// window.
    pub(crate) fn spread<T: Scalar>(&self, grads: &[T], divisor: impl Fn(Window, Window) -> T, out: &mut [T]) {
        if out.is_empty() || self.result() == 0 {
            return out.fill(T::ZERO);
        }
        let (divisors, even) = (self.divisors(divisor), self.even_columns());
        for_each_chunk(out, self.planes_per_task() * self.plane(), |start, out| {
            let first = start / self.plane();
            let mut shares = vec![T::ZERO; self.columns.len()];
            for index in 0..out.len() / self.plane() {
                let grads = &grads[(first + index) * self.result()..][..self.result()];
                let (plane, shares) = (&mut out[index * self.plane()..][..self.plane()], &mut shares[..]);
                vectorized(Spread { windows: self, even: &even, divisors: &divisors, grads, shares, plane });
            }
        });
    }

    /// The divisor of each window of a plane.
    fn divisors<T: Scalar>(&self, divisor: impl Fn(Window, Window) -> T) -> Vec<T> {
        let mut divisors = Vec::with_capacity(self.plane());
        for &row in &self.rows {
            for &column in &self.columns {
                divisors.push(divisor(row, column));
            }
        }
        divisors
    }
}

struct Means<'a, T> {
    windows: &'a Windows,
    even: &'a (Range<usize>, usize),
    divisors: &'a [T],
    plane: &'a [T],
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for Means<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Means { windows, even: (even, step), divisors, plane, out } = self;
        let (count, width) = (windows.columns.len(), windows.from[1]);
        for line in 0..windows.rows.len() {
            let (row, out) = (windows.rows[line], &mut out[line * count..][..count]);
            let widest = windows.columns[even.start];
            let together = if row.count * widest.count <= SMALL { even.clone() } else { 0..0 };
            for column in (0..together.start).chain(together.end..count) {
                out[column] = sum_of(plane, width, row, windows.columns[column]);
            }
            // The windows side by side: one element of each, then the next one.
            let out = &mut out[together];
            out.fill(T::ZERO);
            for i in row.positions() {
                for j in widest.positions() {
                    add_elements(out, &plane[i * width + j..], *step);
                }
            }
        }
        let divisors = &divisors[..out.len()];
        for i in 0..out.len() {
            out[i] /= divisors[i];
        }
    }
}

/// Adds an element to each sum: the first one, and then one `step` elements after that of the sum before.
#[inline(always)]
fn add_elements<T: Scalar>(sums: &mut [T], elements: &[T], step: usize) {
    let length = sums.len();
    match step {
        1 => {
            let elements = &elements[..length];
            for i in 0..length {
                sums[i] += elements[i];
            }
        }
        2 if elements.len() >= 2 * length => {
            let pairs = &elements.as_chunks::<2>().0[..length];
            for i in 0..length {
                sums[i] += pairs[i][0];
            }
        }
        _ => {
            for i in 0..length {
                sums[i] += elements[i * step];
            }
        }
    }
}

/// The sum of a window.
fn sum_of<T: Scalar>(plane: &[T], width: usize, row: Window, column: Window) -> T {
    let part = |i: usize| plane[i * width + column.first..][..column.count].iter().copied();
    sum(row.positions().flat_map(part))
}

struct Spread<'a, T> {
    windows: &'a Windows,
    even: &'a (Range<usize>, usize),
    divisors: &'a [T],
    grads: &'a [T],
    /// Room for a row of windows.
    shares: &'a mut [T],
    plane: &'a mut [T],
}

impl<T: Scalar> Kernel for Spread<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Spread { windows, even: (even, step), divisors, grads, shares, plane } = self;
        let (count, width) = (windows.columns.len(), windows.from[1]);
        let shares = &mut shares[..count];
        plane.fill(T::ZERO);
        for line in 0..windows.rows.len() {
            let row = windows.rows[line];
            let (grads, divisors) = (&grads[line * count..][..count], &divisors[line * count..][..count]);
            for column in 0..count {
                shares[column] = grads[column] / divisors[column];
            }
            let widest = windows.columns[even.start];
            for i in row.positions() {
                let line = &mut plane[i * width..][..width];
                for column in (0..even.start).chain(even.end..count) {
                    let Window { first, count, .. } = windows.columns[column];
                    add_to_all(&mut line[first..][..count], shares[column]);
                }
                add_shares(&mut line[widest.first..], &shares[even.clone()], widest.count, *step);
            }
        }
    }
}

/// Adds each share to the elements of its window: `count` of them, `step` elements after those of the one before.
#[inline(always)]
fn add_shares<T: Scalar>(line: &mut [T], shares: &[T], count: usize, step: usize) {
    match (count, step) {
        (2, 2) => {
            let pairs = &mut line.as_chunks_mut::<2>().0[..shares.len()];
            for i in 0..shares.len() {
                pairs[i][0] += shares[i];
                pairs[i][1] += shares[i];
            }
        }
        (_, 1) => {
            for offset in 0..count {
                let line = &mut line[offset..][..shares.len()];
                for i in 0..shares.len() {
                    line[i] += shares[i];
                }
            }
        }
        _ => {
            for i in 0..shares.len() {
                add_to_all(&mut line[i * step..][..count], shares[i]);
            }
        }
    }
}

#[inline(always)]
fn add_to_all<T: Scalar>(elements: &mut [T], share: T) {
    for x in elements {
        *x += share;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::with_threads;
    use crate::kernels::simd::isa::Isa;
    use crate::kernels::vectorize::vectorized_for;
    use crate::kernels::windows::sliding;

    fn divisor(row: Window, column: Window) -> f64 {
        (row.count * column.padded) as f64
    }

    /// The means of a plane's windows, and what goes back to its elements from `grads`.
    fn oracle(windows: &Windows, plane: &[f64], grads: &[f64]) -> [Vec<f64>; 2] {
        let (mut means, mut back, width) = (Vec::new(), vec![0.0; plane.len()], windows.from[1]);
        for (&row, &column) in
            windows.rows.iter().flat_map(|row| windows.columns.iter().map(move |column| (row, column)))
        {
            let positions: Vec<usize> =
                row.positions().flat_map(|i| column.positions().map(move |j| i * width + j)).collect();
            let share = grads[means.len()] / divisor(row, column);
            means.push(positions.iter().map(|&position| plane[position]).sum::<f64>() / divisor(row, column));
            positions.iter().for_each(|&position| back[position] += share);
        }
        [means, back]
    }

    #[test]
    fn means_and_their_gradients_are_right_on_every_instruction_set_and_number_of_threads() {
        for options in
            [[2, 2, 0, 1], [3, 2, 1, 1], [3, 1, 1, 1], [2, 3, 1, 1], [4, 4, 2, 1], [1, 1, 0, 1], [9, 5, 0, 1]]
        {
            let windows = Windows { rows: sliding(19, options), columns: sliding(37, options), from: [19, 37] };
            let planes = 120;
            let values: Vec<f64> = (0..planes * windows.plane()).map(|i| (i * 7919 % 101) as f64).collect();
            let grads: Vec<f64> = (0..planes * windows.result()).map(|i| (i * 7919 % 103) as f64).collect();
            let run = |threads| {
                let (mut out, mut back) = (vec![f64::NAN; grads.len()], vec![f64::NAN; values.len()]);
                with_threads(threads, || {
                    windows.means(&values, divisor, &mut out);
                    windows.spread(&grads, divisor, &mut back);
                });
                [out, back]
            };
            let found = run(1);
            assert!(found == run(3), "{options:?}");
            let is_close = |found: &[f64], wanted: &[f64]| found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9);
            for plane in 0..planes {
                let [from, to] = [plane * windows.plane(), plane * windows.result()];
                let (values, grads) = (&values[from..][..windows.plane()], &grads[to..][..windows.result()]);
                let [means, back] = oracle(&windows, values, grads);
                assert!(is_close(&found[0][to..][..means.len()], &means), "{options:?}");
                assert!(is_close(&found[1][from..][..back.len()], &back), "{options:?}");
            }
            let (divisors, even) = (windows.divisors(divisor), windows.even_columns());
            for &isa in Isa::available() {
                let (mut out, mut back) = (vec![f64::NAN; windows.result()], vec![f64::NAN; windows.plane()]);
                let (windows, even, divisors, plane) = (&windows, &even, &divisors[..], &values[..windows.plane()]);
                vectorized_for(isa, Means { windows, even, divisors, plane, out: &mut out });
                let (grads, shares) = (&grads[..windows.result()], &mut vec![0.0; windows.columns.len()][..]);
                vectorized_for(isa, Spread { windows, even, divisors, grads, shares, plane: &mut back });
                let [means, wanted] = oracle(windows, plane, grads);
                assert!(is_close(&out, &means) && is_close(&back, &wanted), "{options:?}, {}", isa.name());
            }
        }
    }
}
