//! A band of a matrix, turned: what lies dense down a column is to lie dense along a row.
//!
//! The obvious loop writes each number to a row of its own. The compiler makes instructions of it that write to sixteen
//! places, and those take as long as sixteen that write to one. So a square of numbers is transposed by itself first,
//! in registers, and then written in whole lines.

use crate::scalar::Scalar;

/// Side of the squares: of `f32`, sixteen fill a cache line.
const SIDE: usize = 16;

/// Copies `width` columns of `height` numbers each, which lie dense from `position` on and `step` apart, to the
/// beginnings of as many rows of `out`.
#[inline(always)]
pub(super) fn turn<T: Scalar, const LENGTH: usize>(
    numbers: &[T],
    position: isize,
    step: isize,
    [height, width]: [usize; 2],
    out: &mut [[T; LENGTH]],
) {
    let column = |index: usize| &numbers[(position + step * index as isize) as usize..][..height];
    let [whole_rows, whole_columns] = [height, width.min(LENGTH)].map(|extent| extent / SIDE * SIDE);
    for left in (0..whole_columns).step_by(SIDE) {
        for top in (0..whole_rows).step_by(SIDE) {
            let mut square = [T::ZERO; SIDE * SIDE];
            for (index, line) in square.chunks_exact_mut(SIDE).enumerate() {
                line.copy_from_slice(&column(left + index)[top..][..SIDE]);
            }
            for (row, line) in out[top..].iter_mut().zip(transposed(square).chunks_exact(SIDE)) {
                row[left..][..SIDE].copy_from_slice(line);
            }
        }
    }
    for index in 0..width.min(LENGTH) {
        let from = if index < whole_columns { whole_rows } else { 0 };
        column(index)[from..].iter().zip(&mut out[from..]).for_each(|(&number, row)| row[index] = number);
    }
}

/// A square of [`SIDE`] rows, transposed as cards are shuffled: those of the first half go to every other place, those
/// of the second half between them, and again, four times.
///
/// Written in binary, a number's place has four digits for its row and four for its column. A shuffle puts the first
/// digit last; four put the column's digits where the row's were.
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
    use super::super::vectorize::{Kernel, vectorized_for};
    use super::*;

    struct Turn<'a, T> {
        numbers: &'a [T],
        extents: [usize; 2],
        out: &'a mut [[T; 40]],
    }

    impl<T: Scalar> Kernel for Turn<'_, T> {
        type Output = ();

        #[inline(always)]
        fn run(self) {
            turn(self.numbers, 7, 100, self.extents, self.out);
        }
    }

    fn turned_on_every_row<T: Scalar>() {
        let numbers: Vec<T> = (0..4100).map(T::from_usize).collect();
        for &isa in Isa::available() {
            for [height, width] in [[1, 1], [16, 16], [15, 40], [64, 32], [33, 17], [90, 40]] {
                let mut out = vec![[T::NAN; 40]; height];
                vectorized_for(isa, Turn { numbers: &numbers, extents: [height, width], out: &mut out });
                for (row, line) in out.iter().enumerate() {
                    for (column, &got) in line.iter().enumerate() {
                        let inside = column < width;
                        let place = format!("[{row}, {column}] of {height} by {width} on {}", isa.name());
                        assert!(if inside { got == numbers[7 + 100 * column + row] } else { got.is_nan() }, "{place}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_lay_down_a_column_lies_along_a_row() {
        turned_on_every_row::<f32>();
        turned_on_every_row::<f64>();
    }
}
