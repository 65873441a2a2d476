//! A band of a matrix, transposed: what is contiguous down a column becomes contiguous along a row.
//!
//! The obvious loop writes each element to a row of its own. The compiler makes instructions of it that write to
//! sixteen addresses, and those take as long as sixteen that write to one. So a square of elements is transposed by
//! itself first, in registers, and then written in whole lines.

use super::aligned::Aligned;
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;

/// Side of the squares: of `f32`, sixteen fill a cache line.
const SIDE: usize = 16;

/// Copies `width` columns of `height` elements each, which are contiguous from `position` on and `step` apart, to the
/// beginnings of as many rows of `out`.
pub(super) fn transpose_band<T: Scalar, const LENGTH: usize>(
    values: &[T],
    position: isize,
    step: isize,
    extents: [usize; 2],
    out: &mut [Aligned<[T; LENGTH]>],
) {
    vectorized(Transpose { values, position, step, extents, out });
}

struct Transpose<'a, T, const LENGTH: usize> {
    values: &'a [T],
    position: isize,
    step: isize,
    extents: [usize; 2],
    out: &'a mut [Aligned<[T; LENGTH]>],
}

impl<T: Scalar, const LENGTH: usize> Kernel for Transpose<'_, T, LENGTH> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Transpose { values, position, step, extents: [height, width], out } = self;
        let column = |index: usize| &values[(position + step * index as isize) as usize..][..height];
        let (whole_rows, whole_columns) = (height / SIDE * SIDE, width.min(LENGTH) / SIDE * SIDE);
        for left in (0..whole_columns).step_by(SIDE) {
            for top in (0..whole_rows).step_by(SIDE) {
                let mut square = [T::ZERO; SIDE * SIDE];
                for (index, line) in square.chunks_exact_mut(SIDE).enumerate() {
                    line.copy_from_slice(&column(left + index)[top..][..SIDE]);
                }
                for (row, line) in out[top..].iter_mut().zip(transposed(square).chunks_exact(SIDE)) {
                    row.0[left..][..SIDE].copy_from_slice(line);
                }
            }
        }
        for index in 0..width.min(LENGTH) {
            let from = if index < whole_columns { whole_rows } else { 0 };
            column(index)[from..].iter().zip(&mut out[from..]).for_each(|(&value, row)| row.0[index] = value);
        }
    }
}

/// A square of [`SIDE`] rows, transposed as cards are shuffled: the rows of the first half go to the even positions,
/// those of the second half to the odd ones, element by element, four times.
///
/// Written in binary, an element's position has four digits for its row and four for its column. A shuffle puts the
/// first digit last; four put the column's digits where the row's were.
#[inline(always)]
fn transposed<T: Scalar>(mut square: [T; SIDE * SIDE]) -> [T; SIDE * SIDE] {
    for _ in 0..SIDE.ilog2() {
        let (first, second) = square.split_at(SIDE * SIDE / 2);
        let mut shuffled = [T::ZERO; SIDE * SIDE];
        for (pair, (&even, &odd)) in shuffled.chunks_exact_mut(2).zip(first.iter().zip(second)) {
            pair[0] = even;
            pair[1] = odd;
        }
        square = shuffled;
    }
    square
}

#[cfg(test)]
mod tests {
    use super::super::simd::isa::Isa;
    use super::super::vectorize::vectorized_for;
    use super::*;

    fn transposed_on_every_instruction_set<T: Scalar>() {
        let values: Vec<T> = (0..4100).map(T::from_usize).collect();
        for &isa in Isa::available() {
            for [height, width] in [[1, 1], [16, 16], [15, 40], [64, 32], [33, 17], [90, 40]] {
                let mut out = vec![Aligned([T::NAN; 40]); height];
                let extents = [height, width];
                vectorized_for(isa, Transpose { values: &values, position: 7, step: 100, extents, out: &mut out });
                for (row, line) in out.iter().enumerate() {
                    for (column, &got) in line.0.iter().enumerate() {
                        let inside = column < width;
                        let position = format!("[{row}, {column}] of {height} by {width} on {}", isa.name());
                        assert!(
                            if inside { got == values[7 + 100 * column + row] } else { got.is_nan() },
                            "{position}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_contiguous_down_a_column_becomes_contiguous_along_a_row() {
        transposed_on_every_instruction_set::<f32>();
        transposed_on_every_instruction_set::<f64>();
    }
}
