//! Means and squared distances of rows, of any length, in one pass over memory.

use super::normalize::moments_of;
use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use super::reduce::{ROWS_TOGETHER, rows_together};
use crate::scalar::Scalar;

/// Elements of which both sums are taken while they are in the first cache.
const BLOCK: usize = 4096;

/// The number of values, their mean, and the sum of their squared distances to it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    pub(crate) count: f64,
    pub(crate) mean: f64,
    pub(crate) squares: f64,
}

impl Moments {
    /// The mean squared distance, of the values themselves. NaN of none.
    pub(crate) fn variance(self) -> f64 {
        self.squares / self.count
    }

    /// Those of both together (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
    /// sample variances", 1979).
    pub(crate) fn with(self, other: Moments) -> Moments {
        let count = self.count + other.count;
        if other.count == 0.0 {
            return self;
        }
        let (distance, share) = (other.mean - self.mean, other.count / count);
        Moments {
            count,
            mean: self.mean + distance * share,
            squares: self.squares + other.squares + distance * distance * self.count * share,
        }
    }

    /// What normalizes the values, as (x - μ) s: `[μ, s]` with s = 1 / √(v + ε).
    pub(crate) fn shift<T: Scalar>(self, epsilon: f64) -> [T; 2] {
        [T::from_f64(self.mean), T::from_f64((self.variance() + epsilon).sqrt().recip())]
    }
}

/// The moments of each row of `count` elements.
pub(crate) fn row_moments<T: Scalar>(values: &[T], count: usize, rows: usize) -> Vec<Moments> {
    from_blocks(count, rows, |blocks, parts| {
        for_each_chunk(parts, (ELEMENTS_PER_TASK / count.min(BLOCK)).max(1), |start, parts| {
            blocks_from(values, count, blocks, start, parts);
        });
    })
}

/// The same on this thread alone, for a caller that has divided its work already.
pub(super) fn row_moments_here<T: Scalar>(values: &[T], count: usize, rows: usize) -> Vec<Moments> {
    from_blocks(count, rows, |blocks, parts| blocks_from(values, count, blocks, 0, parts))
}

/// Joins the moments of the blocks of each row, of which `write` gets the number in a row and writes all.
fn from_blocks(count: usize, rows: usize, write: impl FnOnce(usize, &mut [Moments])) -> Vec<Moments> {
    if count == 0 {
        return vec![Moments::default(); rows];
    }
    let blocks = count.div_ceil(BLOCK);
    let mut parts = vec![Moments::default(); rows * blocks];
    write(blocks, &mut parts);
    if blocks == 1 {
        return parts;
    }
    joined(&parts, blocks)
}

/// The moments of each so many blocks.
fn joined(parts: &[Moments], blocks: usize) -> Vec<Moments> {
    parts.chunks(blocks).map(|parts| parts.iter().copied().reduce(Moments::with).expect("a block")).collect()
}

/// The moments of the blocks from `start` on, of which a row has `blocks`.
fn blocks_from<T: Scalar>(values: &[T], count: usize, blocks: usize, start: usize, parts: &mut [Moments]) {
    let (mut means, mut squares) = ([T::ZERO; ROWS_TOGETHER], [T::ZERO; ROWS_TOGETHER]);
    let together = if blocks == 1 { rows_together::<T>(count) } else { 1 };
    for (index, parts) in parts.chunks_mut(together).enumerate() {
        let index = start + index * together;
        let from = index / blocks * count + index % blocks * BLOCK;
        let length = (count - index % blocks * BLOCK).min(BLOCK);
        let moments = [&mut means[..parts.len()], &mut squares[..parts.len()]];
        moments_of(&values[from..][..parts.len() * length], length, true, moments);
        for (part, (mean, squares)) in parts.iter_mut().zip(means.iter().zip(&squares)) {
            *part = Moments { count: length as f64, mean: mean.to_f64(), squares: squares.to_f64() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::with_threads;

    fn oracle(values: &[f32]) -> [f64; 2] {
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len() as f64;
        [mean, values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum()]
    }

    fn check(found: Moments, values: &[f32]) {
        let [mean, squares] = oracle(values);
        assert_eq!(found.count, values.len() as f64);
        assert!((found.mean - mean).abs() <= 1e-5 * mean.abs(), "{found:?}, {mean}");
        assert!((found.squares - squares).abs() <= 1e-3 * squares, "{found:?}, {squares}");
    }

    #[test]
    fn moments_of_rows_are_accurate_on_any_number_of_threads() {
        for (rows, count) in [(3, 1), (5, 7), (2, 4096), (3, 4097), (1, 300_000), (400, 300)] {
            let values: Vec<f32> = (0..rows * count).map(|i| 1000.0 + (i * 7919 % 1013) as f32 / 50.0).collect();
            let run = |threads| with_threads(threads, || row_moments(&values, count, rows));
            let found = run(1);
            found.iter().zip(values.chunks(count)).for_each(|(&found, values)| check(found, values));
            let bits = |found: Vec<Moments>| {
                found.iter().map(|found| [found.mean, found.squares].map(f64::to_bits)).collect::<Vec<_>>()
            };
            assert_eq!(bits(found), bits(run(3)));
        }
        assert_eq!(row_moments::<f64>(&[], 0, 2).len(), 2);
    }
}
