//! A pointwise pass over a matrix that sums the columns of its result on the way: the gate of a rectifier, and with it
//! the gradient of the bias.

use std::ops::Add;

use super::parallel::{ELEMENTS_PER_TASK, for_each_item};
use super::reduce::{ROWS, reduce};
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;

/// `out[i] = f(a[i], b[i])` over dense matrices with as many columns as `sums`, where each column's sum goes.
///
/// The sums are taken in the order of [`reduce`](super::reduce::reduce), so that they have the bits of the two passes.
pub(crate) fn map_and_sum<T: Scalar>([a, b]: [&[T]; 2], out: &mut [T], sums: &mut [T], f: impl Fn(T, T) -> T + Sync) {
    let block = ROWS * sums.len();
    if out.len() <= block {
        return vectorized(MapAndSum { operands: [a, b], width: sums.len(), out, sums, f: &f });
    }
    let width = sums.len();
    let mut partial = vec![T::ZERO; out.len().div_ceil(block) * width];
    let blocks_per_task = (ELEMENTS_PER_TASK / 2 / block).max(1);
    let length = blocks_per_task * block;
    let tasks = out
        .chunks_mut(length)
        .zip(partial.chunks_mut(blocks_per_task * width))
        .zip(a.chunks(length).zip(b.chunks(length)));
    for_each_item(tasks, |((out, sums), (a, b))| vectorized(MapAndSum { operands: [a, b], width, out, sums, f: &f }));
    reduce(&partial, [1, partial.len() / width, width], sums, T::ZERO, Add::add);
}

/// Some blocks of [`ROWS`] rows, and for each a row of sums.
struct MapAndSum<'a, T, F> {
    operands: [&'a [T]; 2],
    width: usize,
    out: &'a mut [T],
    sums: &'a mut [T],
    f: &'a F,
}

impl<T: Scalar, F: Fn(T, T) -> T> Kernel for MapAndSum<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let MapAndSum { operands: [a, b], width, out, sums, f } = self;
        sums.fill(T::ZERO);
        if width == 0 {
            return;
        }
        let rows = out.chunks_exact_mut(width).zip(a.chunks_exact(width).zip(b.chunks_exact(width)));
        for (row, (out, (a, b))) in rows.enumerate() {
            let sums = &mut sums[row / ROWS * width..][..width];
            for i in 0..width {
                let value = f(a[i], b[i]);
                out[i] = value;
                sums[i] += value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parallel::with_threads;
    use super::*;

    #[test]
    fn the_bits_are_those_of_two_passes_on_any_number_of_threads() {
        for (rows, width) in [(0, 5), (3, 0), (1, 1), (64, 256), (65, 10), (1000, 77), (333, 300), (5000, 3)] {
            let values = |seed: usize| (0..rows * width).map(move |i| ((i * 7919 + seed) % 1009) as f32 / 7.0 - 70.0);
            let (a, b): (Vec<f32>, Vec<f32>) = (values(1).collect(), values(5).collect());
            let product: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a * b).collect();
            let mut expected = vec![f32::NAN; width];
            reduce(&product, [1, rows, width], &mut expected, 0.0, |a, b| a + b);
            for threads in [1, 2, 3, 8] {
                let (mut out, mut sums) = (vec![f32::NAN; rows * width], vec![f32::NAN; width]);
                with_threads(threads, || map_and_sum([&a, &b], &mut out, &mut sums, |a, b| a * b));
                assert_eq!(out, product, "{rows}×{width}");
                assert_eq!(sums, expected, "{rows}×{width} on {threads} threads");
            }
        }
    }
}
