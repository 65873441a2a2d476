//! Reductions of a dense array seen as `[outer, count, inner]` over its middle.
//!
//! Sums are taken in a fixed tree, so that their error grows with the logarithm of the count and their bits do not
//! depend on the threads.

use std::ops::{Add, Range};

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;
use crate::storage::Storage;

/// Accumulators of a row: enough to fill the vector registers of any instruction set and to hide the latency of an
/// addition.
const LANES: usize = 64;
/// The lanes in groups so short that the loop over one is unrolled, and the lanes with that kept in registers.
const GROUP: usize = 16;
/// Elements that the lanes take in one go; longer rows are cut into such blocks, which are combined in pairs.
const BLOCK: usize = 4096;
/// Rows whose sum is taken in one go; more are first reduced to one for each so many.
pub(super) const ROWS: usize = 64;

/// Writes `combine` over the `count` middle elements to each of the `outer × inner` elements of `out`; `identity` where
/// `count` is 0.
///
/// `combine` is associative up to rounding and commutative.
pub(crate) fn reduce<T: Scalar>(
    data: &[T],
    [outer, count, inner]: [usize; 3],
    out: &mut [T],
    identity: T,
    combine: impl Fn(T, T) -> T + Copy + Sync,
) {
    assert_eq!(data.len(), outer * count * inner, "reduce: the input's length");
    assert_eq!(out.len(), outer * inner, "reduce: the output's length");
    if out.is_empty() {
        return;
    }
    if inner != 1 {
        let parts = count.div_ceil(ROWS).max(1);
        let columns = |out: &mut [T]| {
            // Whole rows, which are read fastest, unless they are very long.
            let few = (ELEMENTS_PER_TASK / count.clamp(1, ROWS)).max(1);
            let chunk = if inner <= 8 * few { inner * (few / inner).max(1) } else { few };
            for_each_chunk(out, chunk, |start, out| {
                vectorized(Columns { data, count, inner, parts, start, out, identity, combine })
            });
        };
        if parts == 1 {
            return columns(out);
        }
        let partial = Storage::build(outer * parts * inner, columns);
        return reduce(partial.as_slice(), [outer, parts, inner], out, identity, combine);
    }
    if outer == 1 && count > ELEMENTS_PER_TASK {
        let partial = Storage::build(count.div_ceil(ELEMENTS_PER_TASK), |partial| {
            for_each_chunk(partial, 1, |index, partial| {
                let start = index * ELEMENTS_PER_TASK;
                let data = &data[start..count.min(start + ELEMENTS_PER_TASK)];
                vectorized(Rows { count: data.len(), data, out: partial, identity, combine });
            });
        });
        let data = partial.as_slice();
        return vectorized(Rows { count: data.len(), data, out, identity, combine });
    }
    let rows = (ELEMENTS_PER_TASK / count.max(1)).max(1);
    for_each_chunk(out, rows, |start, out| {
        let data = &data[start * count..][..out.len() * count];
        vectorized(Rows { data, count, out, identity, combine });
    });
}

struct Rows<'a, T, F> {
    data: &'a [T],
    count: usize,
    out: &'a mut [T],
    identity: T,
    combine: F,
}

impl<T: Scalar, F: Fn(T, T) -> T + Copy> Kernel for Rows<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (index, out) in self.out.iter_mut().enumerate() {
            *out = row(&self.data[index * self.count..][..self.count], self.identity, self.combine);
        }
    }
}

/// Combines the elements of a row.
#[inline(always)]
pub(crate) fn row<T: Scalar>(data: &[T], identity: T, combine: impl Fn(T, T) -> T + Copy) -> T {
    row_of([data], identity, |[element]| element, combine)
}

/// Combines `value` of the elements of one or more rows of the same length.
///
/// Long rows are cut into blocks, which are combined in a tree without recursion, so that it is inlined into the
/// vectorised caller.
#[inline(always)]
pub(crate) fn row_of<T: Scalar, const ROWS: usize>(
    rows: [&[T]; ROWS],
    identity: T,
    value: impl Fn([T; ROWS]) -> T + Copy,
    combine: impl Fn(T, T) -> T + Copy,
) -> T {
    let length = rows[0].len();
    // Apart, though the block is compiled twice so: in one loop for both cases the sums would go through memory.
    if length <= BLOCK {
        return block(rows, identity, value, combine);
    }
    let mut tree = Tree::new(identity);
    for start in (0..length).step_by(BLOCK) {
        tree.push(block(cut(rows, start..length.min(start + BLOCK)), identity, value, combine), combine);
    }
    tree.total(identity, combine)
}

/// A part of each row. (By itself, and not a closure: such a one would be compiled for each formula and combination.)
#[inline(always)]
pub(super) fn cut<T, const ROWS: usize>(rows: [&[T]; ROWS], part: Range<usize>) -> [&[T]; ROWS] {
    rows.map(|row| &row[part.clone()])
}

/// The elements of a column.
#[inline(always)]
pub(super) fn column<T: Scalar, const ROWS: usize>(rows: [&[T]; ROWS], index: usize) -> [T; ROWS] {
    rows.map(|row| row[index])
}

/// Combines values one after another in a binary tree of which only one node a level is kept, so that the error of a
/// sum grows with the logarithm of their count.
pub(super) struct Tree<T> {
    /// A binary counter: level l holds the total of 2^l values. 52 levels of the smallest blocks are more than memory
    /// holds.
    levels: [T; 52],
    /// The levels in use, a bit for each.
    filled: u64,
}

impl<T: Scalar> Tree<T> {
    #[inline(always)]
    pub(super) fn new(identity: T) -> Self {
        Tree { levels: [identity; 52], filled: 0 }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, value: T, combine: impl Fn(T, T) -> T) {
        let (mut total, mut level) = (value, 0);
        while self.filled & (1 << level) != 0 {
            total = combine(self.levels[level], total);
            self.filled &= !(1 << level);
            level += 1;
        }
        self.levels[level] = total;
        self.filled |= 1 << level;
    }

    #[inline(always)]
    pub(super) fn total(&self, identity: T, combine: impl Fn(T, T) -> T) -> T {
        let (mut total, mut filled) = (identity, self.filled);
        while filled != 0 {
            total = combine(self.levels[filled.trailing_zeros() as usize], total);
            filled &= filled - 1;
        }
        total
    }
}

/// The sum of values that lie in no array: in blocks of [`ROWS`], which are summed in pairs.
pub(crate) fn sum<T: Scalar>(mut values: impl Iterator<Item = T>) -> T {
    let mut tree = Tree::new(T::ZERO);
    while let Some(first) = values.next() {
        tree.push(values.by_ref().take(ROWS - 1).fold(first, |sum, value| sum + value), Add::add);
    }
    tree.total(T::ZERO, Add::add)
}

#[inline(always)]
fn block<T: Scalar, const ROWS: usize>(
    rows: [&[T]; ROWS],
    identity: T,
    value: impl Fn([T; ROWS]) -> T,
    combine: impl Fn(T, T) -> T + Copy,
) -> T {
    let length = rows[0].len();
    let rows = cut(rows, 0..length);
    let whole = length - length % LANES;
    let rest = (whole..length).map(|i| value(column(rows, i)));
    if whole == 0 {
        return rest.fold(identity, combine);
    }
    let mut groups = [[identity; GROUP]; LANES / GROUP];
    for start in (0..whole).step_by(LANES) {
        let chunk = cut(rows, start..start + LANES);
        for (group, lanes) in groups.iter_mut().enumerate() {
            for (lane, total) in lanes.iter_mut().enumerate() {
                *total = combine(*total, value(column(chunk, group * GROUP + lane)));
            }
        }
    }
    // What follows would have the compiler keep the lanes in pairs, or in memory; so it is not told that these are the
    // same.
    let mut groups = std::hint::black_box(groups);
    let lanes = groups.as_flattened_mut();
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane = combine(*lane, value);
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] = combine(lanes[lane], lanes[lane + width]);
        }
    }
    lanes[0]
}

struct Columns<'a, T, F> {
    data: &'a [T],
    count: usize,
    inner: usize,
    parts: usize,
    start: usize,
    out: &'a mut [T],
    identity: T,
    combine: F,
}

impl<T: Scalar, F: Fn(T, T) -> T + Copy> Kernel for Columns<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Columns { data, count, inner, parts, start, out, identity, combine } = self;
        let mut position = 0;
        while position < out.len() {
            let (group, column) = ((start + position) / inner, (start + position) % inner);
            let (outer, first) = (group / parts, group % parts * ROWS);
            let width = (inner - column).min(out.len() - position);
            let total = &mut out[position..][..width];
            let row = |row: usize| &data[(outer * count + row) * inner + column..][..width];
            total.fill(identity);
            let rows = first..count.min(first + ROWS);
            // Row by row, but eight in one go, so that the totals are loaded and stored less often.
            for next in rows.clone().step_by(8) {
                if next + 8 <= rows.end {
                    let rows: [_; 8] = std::array::from_fn(|more| row(next + more));
                    for i in 0..width {
                        total[i] = rows.iter().fold(total[i], |total, row| combine(total, row[i]));
                    }
                } else {
                    for last in next..rows.end {
                        for (total, &element) in total.iter_mut().zip(row(last)) {
                            *total = combine(*total, element);
                        }
                    }
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
    fn every_middle_is_reduced() {
        for extents in [
            [1, 0, 1],
            [2, 0, 3],
            [1, 1, 1],
            [3, 5, 1],
            [3, 5, 7],
            [1, 70, 600],
            [5, 4100, 1],
            [1, 100_000, 1],
            [2, 9000, 3],
        ] {
            let [outer, count, inner] = extents;
            let data: Vec<f64> = (0..outer * count * inner).map(|i| (i % 17) as f64).collect();
            let (mut sums, mut largest) = (vec![f64::NAN; outer * inner], vec![f64::NAN; outer * inner]);
            reduce(&data, extents, &mut sums, 0.0, |a, b| a + b);
            reduce(&data, extents, &mut largest, f64::NEG_INFINITY, Arithmetic::maximum);
            for index in 0..outer * inner {
                let middle = || (0..count).map(|i| data[(index / inner * count + i) * inner + index % inner]);
                assert_eq!(sums[index], middle().sum::<f64>(), "{extents:?} at {index}");
                assert_eq!(largest[index], middle().fold(f64::NEG_INFINITY, f64::max), "{extents:?} at {index}");
            }
        }
    }

    #[test]
    fn a_long_sum_is_accurate_and_the_same_on_any_number_of_threads() {
        let data = vec![0.1_f32; 3_000_000];
        let sum = |threads| {
            with_threads(threads, || {
                let mut out = [f32::NAN];
                reduce(&data, [1, data.len(), 1], &mut out, 0.0, |a, b| a + b);
                out[0]
            })
        };
        let exact = f64::from(0.1_f32) * data.len() as f64;
        // No element takes part in more additions than this: down a lane, across the lanes, up the tree of blocks, and
        // of parts.
        let depth = (BLOCK / LANES + LANES.ilog2() as usize + 3 + 7) as f64;
        assert!((f64::from(sum(1)) - exact).abs() < exact * depth * f64::from(f32::EPSILON) / 2.0);
        assert!([2, 3, 8].into_iter().all(|threads| sum(threads).to_bits() == sum(1).to_bits()));
    }

    #[test]
    fn a_long_sum_of_values_without_an_array_is_accurate() {
        for count in [0, 1, ROWS - 1, ROWS, ROWS + 1, 5 * ROWS + 3, 1 << 22] {
            let exact = f64::from(0.1_f32) * count as f64;
            let depth = (ROWS + count.max(1).ilog2() as usize) as f64;
            let found = f64::from(sum(std::iter::repeat_n(0.1_f32, count)));
            assert!((found - exact).abs() <= exact * depth * f64::from(f32::EPSILON) / 2.0, "{count}: {found}");
        }
    }
}
