//! From bytes to numbers: how a batch of pictures leaves memory.

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;
use crate::trace;

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
    let wanted = rows.len() * width;
    assert!(out.len() == wanted, "gather_rows: {} rows of {width} bytes do not fill {} numbers", rows.len(), out.len());
    if let Some(row) = rows.iter().find(|&&row| (row + 1) * width > source.len()) {
        panic!("gather_rows: row {row} of {width} bytes is not in a source of {} bytes", source.len());
    }
    if width == 0 {
        return;
    }
    trace::label("gather_rows");
    let rows_per_task = (ELEMENTS_PER_TASK / width).max(1);
    for_each_chunk(out, rows_per_task * width, |start, out| {
        vectorized(GatherRows { source, width, rows: &rows[start / width..], divisor, out });
    });
}

struct GatherRows<'a, T> {
    source: &'a [u8],
    width: usize,
    rows: &'a [usize],
    divisor: T,
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for GatherRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (out, &row) in self.out.chunks_exact_mut(self.width).zip(self.rows) {
            for (number, &byte) in out.iter_mut().zip(&self.source[row * self.width..][..self.width]) {
                *number = T::from_u8(byte) / self.divisor;
            }
        }
    }
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
    #[should_panic(expected = "gather_rows: row 2 of 3 bytes is not in a source of 8 bytes")]
    fn a_row_lies_in_the_source() {
        gather_rows(&[0; 8], 3, &[0, 2], 1.0, &mut [0.0_f32; 6]);
    }
}
