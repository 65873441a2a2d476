//! Where along a dimension the largest or the smallest element is.

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use super::reduce::{ROWS_TOGETHER, rows, rows_together};
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;

/// For each slot of `outer × inner`, the index of the largest (or smallest) element along the middle: the first of
/// equal ones. `more_extreme` is [`Arithmetic::maximum`] or [`Arithmetic::minimum`], and `least` -∞ or ∞; a NaN
/// counts as most extreme.
pub(crate) fn find<T: Scalar>(
    values: &[T],
    [outer, count, inner]: [usize; 3],
    least: T,
    more_extreme: impl Fn(T, T) -> T + Copy + Sync,
) -> Vec<i64> {
    let mut positions = vec![0; outer * inner];
    if count == 0 {
        return positions;
    }
    let few = (ELEMENTS_PER_TASK / count).max(1);
    if inner == 1 {
        for_each_chunk(&mut positions, few, |start, positions| {
            let values = &values[start * count..][..positions.len() * count];
            vectorized(FindInRows { values, count, positions, least, more_extreme });
        });
        return positions;
    }
    for_each_chunk(&mut positions, few.max(COLUMNS_PER_GROUP), |start, positions| {
        vectorized(FindInColumns { values, count, inner, start, positions, more_extreme });
    });
    positions
}

/// Whether the value is the most extreme of those that it was found among.
#[inline(always)]
fn is_it<T: Scalar>(value: T, extreme: T) -> bool {
    value == extreme || (value.is_nan() && extreme.is_nan())
}

struct FindInRows<'a, T, F> {
    values: &'a [T],
    count: usize,
    positions: &'a mut [i64],
    least: T,
    more_extreme: F,
}

impl<T: Scalar, F: Fn(T, T) -> T + Copy> Kernel for FindInRows<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let FindInRows { values, count, positions, least, more_extreme } = self;
        let mut extremes = [least; ROWS_TOGETHER];
        // As many rows as stay in the first-level cache for the second pass.
        let together = rows_together::<T>(count);
        for (values, positions) in values.chunks(together * count).zip(positions.chunks_mut(together)) {
            let extremes = &mut extremes[..positions.len()];
            rows(values, count, extremes, least, more_extreme);
            for ((found_at, values), &mut extreme) in positions.iter_mut().zip(values.chunks(count)).zip(extremes) {
                // A stretch at a time, which the compiler vectorises.
                let has_it = |stretch: &&[T]| stretch.iter().fold(false, |found, &x| found | is_it(x, extreme));
                let stretch = values.chunks(64).position(|stretch| has_it(&stretch)).expect("it is one of them");
                let within = values[64 * stretch..].iter().position(|&x| is_it(x, extreme));
                *found_at = (64 * stretch + within.expect("it is in the stretch")) as i64;
            }
        }
    }
}

/// Columns whose most extreme elements are found together.
const COLUMNS_PER_GROUP: usize = 256;

struct FindInColumns<'a, T, F> {
    values: &'a [T],
    count: usize,
    inner: usize,
    start: usize,
    positions: &'a mut [i64],
    more_extreme: F,
}

impl<T: Scalar, F: Fn(T, T) -> T + Copy> Kernel for FindInColumns<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let FindInColumns { values, count, inner, start, positions, more_extreme } = self;
        let mut position = 0;
        while position < positions.len() {
            let (outer, column) = ((start + position) / inner, (start + position) % inner);
            let width = (inner - column).min(positions.len() - position).min(COLUMNS_PER_GROUP);
            let positions = &mut positions[position..][..width];
            let row = |index: usize| &values[(outer * count + index) * inner + column..][..width];
            let mut extreme = [T::ZERO; COLUMNS_PER_GROUP];
            let extreme = &mut extreme[..width];
            extreme.copy_from_slice(row(0));
            for index in 1..count {
                let row = row(index);
                for i in 0..width {
                    let better = more_extreme(extreme[i], row[i]);
                    positions[i] = if is_it(better, extreme[i]) { positions[i] } else { index as i64 };
                    extreme[i] = better;
                }
            }
            position += width;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parallel::with_threads;
    use super::*;
    use crate::arithmetic::Arithmetic;

    #[test]
    fn the_first_of_the_largest_is_found() {
        for extents in [[1, 1, 1], [3, 5, 1], [2, 700, 1], [3, 5, 7], [2, 300, 300], [1, 40_000, 1]] {
            let [outer, count, inner] = extents;
            for nan_at in [usize::MAX, 11, 450] {
                let value = |i: usize| if i == nan_at { f32::NAN } else { (i * 7919 % 101) as f32 };
                let values: Vec<f32> = (0..outer * count * inner).map(value).collect();
                let found = with_threads(2, || {
                    [
                        find(&values, extents, f32::NEG_INFINITY, Arithmetic::maximum),
                        find(&values, extents, f32::INFINITY, Arithmetic::minimum),
                    ]
                });
                for slot in 0..outer * inner {
                    let at = |index: usize| values[(slot / inner * count + index) * inner + slot % inner];
                    let first = |better: fn(f32, f32) -> bool| {
                        (1..count).fold(0, |best, index| {
                            let wins = better(at(index), at(best)) || at(index).is_nan();
                            if wins && !at(best).is_nan() { index } else { best }
                        }) as i64
                    };
                    let wanted = [first(|a, b| a > b), first(|a, b| a < b)];
                    assert_eq!(found.each_ref().map(|found| found[slot]), wanted, "{extents:?} at {slot}");
                }
            }
        }
    }
}
