//! Running sums along the rows of a dense matrix, in `f64`.
//!
//! Each sum waits for the one before it in its row, but for no other row's. So eight rows are summed together, in the
//! lanes of a vector: a tile of eight columns of theirs is transposed, summed column by column, and transposed back.

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use super::scan::From;
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;

/// Rows that are summed together, and columns of a tile.
const SIDE: usize = 8;

/// Writes the running sums of the rows of `count` values to `out`.
pub(crate) fn row_sums<T: Scalar>(values: &[T], count: usize, from: From, out: &mut [T]) {
    assert_eq!(out.len(), values.len(), "row_sums: the output's length");
    if out.is_empty() {
        return;
    }
    let together = (ELEMENTS_PER_TASK / count).max(1).next_multiple_of(SIDE) * count;
    for_each_chunk(out, together, |start, out| {
        let values = &values[start..][..out.len()];
        match from {
            From::Start => vectorized(Rows::<T, false> { values, count, out }),
            From::End => vectorized(Rows::<T, true> { values, count, out }),
        }
    });
}

struct Rows<'a, T, const FROM_END: bool> {
    values: &'a [T],
    count: usize,
    out: &'a mut [T],
}

impl<T: Scalar, const FROM_END: bool> Kernel for Rows<'_, T, FROM_END> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Rows { values, count, out } = self;
        let size = SIDE * count;
        let whole = out.len() / size * size;
        for (values, out) in values[..whole].chunks_exact(size).zip(out[..whole].chunks_exact_mut(size)) {
            sum_together::<T, FROM_END>(values, count, out);
        }
        sum_rows::<T, FROM_END>(&values[whole..], count, &mut out[whole..]);
    }
}

/// The sums of `SIDE` rows.
#[inline(always)]
fn sum_together<T: Scalar, const FROM_END: bool>(values: &[T], count: usize, out: &mut [T]) {
    let mut sums = [0.0; SIDE];
    let tiled = count / SIDE * SIDE;
    for step in (0..tiled).step_by(SIDE) {
        let column = if FROM_END { count - SIDE - step } else { step };
        let mut tile = [[0.0; SIDE]; SIDE];
        for row in 0..SIDE {
            let part: &[T; SIDE] = values[row * count + column..][..SIDE].try_into().expect("the side of a tile");
            for i in 0..SIDE {
                tile[i][row] = part[i].to_f64();
            }
        }
        for i in 0..SIDE {
            let column = &mut tile[if FROM_END { SIDE - 1 - i } else { i }];
            for (sum, x) in sums.iter_mut().zip(column) {
                *sum += *x;
                *x = *sum;
            }
        }
        for row in 0..SIDE {
            let part: &mut [T; SIDE] =
                (&mut out[row * count + column..][..SIDE]).try_into().expect("the side of a tile");
            for i in 0..SIDE {
                part[i] = T::from_f64(tile[i][row]);
            }
        }
    }
    let rest = if FROM_END { 0..count - tiled } else { tiled..count };
    for (row, sum) in sums.into_iter().enumerate() {
        let rest = row * count + rest.start..row * count + rest.end;
        sum_row::<T, FROM_END>(&values[rest.clone()], sum, &mut out[rest]);
    }
}

/// The sums of rows, one after another. (These two functions gain nothing by an instruction set, so they are compiled
/// once.)
#[inline(never)]
fn sum_rows<T: Scalar, const FROM_END: bool>(values: &[T], count: usize, out: &mut [T]) {
    for (values, out) in values.chunks_exact(count).zip(out.chunks_exact_mut(count)) {
        sum_row::<T, FROM_END>(values, 0.0, out);
    }
}

/// The sums of a row, or of the part of it that remains, after a sum of what was before.
#[inline(never)]
fn sum_row<T: Scalar, const FROM_END: bool>(values: &[T], mut sum: f64, out: &mut [T]) {
    for step in 0..out.len() {
        let position = if FROM_END { out.len() - 1 - step } else { step };
        sum += values[position].to_f64();
        out[position] = T::from_f64(sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::with_threads;

    fn check<T: Scalar>(rows: usize, count: usize) {
        let values: Vec<T> = (0..rows * count).map(|i| T::from_f64((i * i % 37) as f64 / 7.0 - 2.0)).collect();
        for from in [From::Start, From::End] {
            let mut wanted = vec![T::ZERO; values.len()];
            for (values, wanted) in values.chunks(count.max(1)).zip(wanted.chunks_mut(count.max(1))) {
                let mut sum = 0.0;
                for step in 0..count {
                    let position = if from == From::Start { step } else { count - 1 - step };
                    sum += values[position].to_f64();
                    wanted[position] = T::from_f64(sum);
                }
            }
            for threads in [1, 3] {
                let mut out = vec![T::NAN; values.len()];
                with_threads(threads, || row_sums(&values, count, from, &mut out));
                assert_eq!(out, wanted, "{rows} rows of {count}, {from:?}, {threads} threads");
            }
        }
    }

    #[test]
    fn the_sums_of_rows_of_any_length_are_those_of_one_after_another() {
        for (rows, count) in [(1, 1), (8, 8), (9, 17), (7, 5), (70_003, 3), (3, 90_001), (21, 5000), (4, 0), (0, 4)] {
            check::<f32>(rows, count);
            check::<f64>(rows, count);
        }
    }
}
