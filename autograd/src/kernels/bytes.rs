//! Rows chosen by number: how a batch leaves memory.
//!
//! The rows of a shuffled batch lie anywhere in a data set that no cache holds, so each is asked for some rows before
//! it is needed.

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use super::simd::prefetch;
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;
use crate::trace;

/// Numbers of a task: they come from far away, so fewer than elsewhere are worth a fork.
const NUMBERS_PER_TASK: usize = ELEMENTS_PER_TASK / 4;
/// How many rows ahead memory is asked.
const AHEAD: usize = 3;

/// Writes the chosen rows of `source`, rows of `width` bytes, to `out`, each byte divided by `divisor`.
///
/// ```
/// use autograd::kernels::bytes::gather_rows;
/// let mut out = [0.0_f32; 4];
/// gather_rows(&[0, 255, 51, 0], 2, &[1, 0], 255.0, &mut out);
/// assert_eq!(out, [0.2, 0.0, 0.0, 1.0]);
/// ```
///
/// # Panics
/// If a row is not in `source`, or `out` is not as long as the rows.
#[track_caller]
pub fn gather_rows<T: Scalar>(source: &[u8], width: usize, rows: &[usize], divisor: T, out: &mut [T]) {
    let wanted = rows.len().checked_mul(width);
    if wanted != Some(out.len()) {
        panic!("gather_rows: {} rows of {width} bytes do not fill {} numbers", rows.len(), out.len());
    }
    // Rows of no bytes are in any source.
    let rows_of_source = source.len().checked_div(width);
    if let Some(row) = rows.iter().find(|&&row| rows_of_source.is_some_and(|count| row >= count)) {
        panic!("gather_rows: row {row} of {width} bytes is not in a source of {} bytes", source.len());
    }
    trace::label("gather_rows");
    let row = |index: usize| rows.get(index).map(|&row| &source[row * width..][..width]);
    choose(row, width, out, |byte| T::from_u8(byte) / divisor);
}

/// Writes the rows that `row` gives for the indices 0, 1, ... to `out`, each element changed by `convert`.
pub(crate) fn choose<'a, S: Copy + Sync + 'a, T: Scalar>(
    row: impl Fn(usize) -> Option<&'a [S]> + Copy + Sync,
    width: usize,
    out: &mut [T],
    convert: impl Fn(S) -> T + Copy + Sync,
) {
    if out.is_empty() || width == 0 {
        return;
    }
    // Tasks of nearly the same number of rows.
    let rows = out.len() / width;
    let tasks = out.len().div_ceil(NUMBERS_PER_TASK).clamp(1, rows.max(1));
    for_each_chunk(out, rows.div_ceil(tasks).max(1) * width, |start, out| {
        vectorized(Choose { row, first: start / width, width, out, convert });
    });
}

struct Choose<'a, R, T, C> {
    row: R,
    first: usize,
    width: usize,
    out: &'a mut [T],
    convert: C,
}

impl<'s, S: Copy + 's, T, R, C> Kernel for Choose<'_, R, T, C>
where
    R: Fn(usize) -> Option<&'s [S]>,
    C: Fn(S) -> T,
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Choose { row, first, width, out, convert } = self;
        for index in first..first + AHEAD {
            row(index).into_iter().for_each(ask_for);
        }
        for (index, out) in (first..).zip(out.chunks_exact_mut(width)) {
            row(index + AHEAD).into_iter().for_each(ask_for);
            let source = row(index).expect("as many rows as the output has");
            for (number, &chosen) in out.iter_mut().zip(source) {
                *number = convert(chosen);
            }
        }
    }
}

/// Asks memory for a row.
#[inline(always)]
fn ask_for<S>(row: &[S]) {
    row.chunks((64 / size_of::<S>()).max(1)).for_each(|line| prefetch(line.as_ptr()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_divided_once() {
        let source: Vec<u8> = (0..=255).cycle().take(70 * 999).collect();
        let rows: Vec<usize> = (0..500).map(|i| (i * 37) % 70).collect();
        let mut out = vec![f32::NAN; rows.len() * 999];
        gather_rows(&source, 999, &rows, 255.0, &mut out);
        for (index, &number) in out.iter().enumerate() {
            assert_eq!(number, f32::from(source[rows[index / 999] * 999 + index % 999]) / 255.0);
        }
    }

    #[test]
    fn nothing_may_be_chosen() {
        gather_rows(&[1, 2], 2, &[], 1.0, &mut [0.0_f32; 0]);
        gather_rows(&[], 0, &[0, 0], 1.0, &mut [0.0_f32; 0]);
    }

    #[test]
    #[should_panic(expected = "gather_rows: row 9223372036854775808 of 2 bytes is not in a source of 8 bytes")]
    fn a_row_beyond_all_memory_is_not_the_first() {
        gather_rows(&[0; 8], 2, &[1 << 63], 1.0, &mut [0.0_f32; 2]);
    }

    #[test]
    #[should_panic(expected = "gather_rows: 2 rows of 9223372036854775808 bytes do not fill 0 numbers")]
    fn rows_beyond_all_memory_are_not_none() {
        gather_rows(&[0; 8], 1 << 63, &[0, 0], 1.0, &mut [0.0_f32; 0]);
    }

    #[test]
    #[should_panic(expected = "gather_rows: row 2 of 3 bytes is not in a source of 8 bytes")]
    fn a_row_lies_in_the_source() {
        gather_rows(&[0; 8], 3, &[0, 2], 1.0, &mut [0.0_f32; 6]);
    }
}
