//! Reductions of a dense array seen as `[outer, count, inner]` over its middle.
//!
//! Sums are taken in a fixed tree, so that their error grows with the logarithm of the count and their bits do not
//! depend on the threads.

use std::ops::Range;

use super::aligned::Aligned;
use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use super::tree::Tree;
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;
use crate::storage::Storage;

/// Bytes of a row's accumulators: enough to fill the vector registers of any instruction set and to hide the latency of
/// an addition. More of them would only be more to compile.
const LANE_BYTES: usize = 256;
/// The accumulators, or lanes, in groups so short that the loop over one is unrolled, and the lanes with that kept in
/// registers.
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
                rows(data, data.len(), partial, identity, combine);
            });
        });
        let data = partial.as_slice();
        return rows(data, data.len(), out, identity, combine);
    }
    for_each_chunk(out, (ELEMENTS_PER_TASK / count.max(1)).max(1), |start, out| {
        rows(&data[start * count..][..out.len() * count], count, out, identity, combine);
    });
}

struct Rows<'a, T, W, F, const OPERANDS: usize> {
    operands: [&'a [T]; OPERANDS],
    count: usize,
    /// The index of the first row.
    first: usize,
    /// From a row's index to the next one's: 0 where they are blocks of one row, else 1.
    step: usize,
    out: &'a mut [T],
    identity: T,
    value: W,
    combine: F,
}

impl<T, V, W, F, const OPERANDS: usize> Kernel for Rows<'_, T, W, F, OPERANDS>
where
    T: Scalar,
    V: Fn([T; OPERANDS]) -> T + Copy,
    W: Fn(usize) -> V + Copy,
    F: Fn(T, T) -> T + Copy,
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Rows { operands, count, first, step, out, identity, value, combine } = self;
        for (row, out) in out.iter_mut().enumerate() {
            let operands = cut(operands, row * count..(row + 1) * count);
            let first = first + row * step;
            if count <= BLOCK {
                *out = block(operands, identity, value(first), combine);
                continue;
            }
            // A long row: its blocks are rows, which are reduced by a call.
            let (mut tree, mut totals) = (Tree::new(identity), [identity; ROWS_TOGETHER]);
            let mut start = 0;
            while start < count {
                let blocks = ((count - start) / BLOCK).min(ROWS_TOGETHER);
                let (blocks, length) = if blocks == 0 { (1, count - start) } else { (blocks, BLOCK) };
                let operands = cut(operands, start..start + blocks * length);
                let out = &mut totals[..blocks];
                vectorized(Rows { operands, count: length, first, step: 0, out, identity, value, combine });
                totals[..blocks].iter().for_each(|&total| tree.push(total, combine));
                start += blocks * length;
            }
            *out = tree.total(identity, combine);
        }
    }
}

/// Combines the elements of each row of `count`.
///
/// This and [`rows_of`] are calls, also within a kernel: what sums the rows of a normalization is what sums the rows of
/// a tensor, and is compiled once for each instruction set. As a call takes as long as the sum of a short row, kernels
/// make it for [some rows together](rows_together).
#[inline]
pub(crate) fn rows<T: Scalar>(
    values: &[T],
    count: usize,
    out: &mut [T],
    identity: T,
    combine: impl Fn(T, T) -> T + Copy,
) {
    rows_of([values], count, out, identity, |_| |[element]| element, combine);
}

/// Combines, over each row of `count` elements, what `value` of the row's index makes of the operands' elements.
#[inline]
pub(crate) fn rows_of<T: Scalar, V: Fn([T; OPERANDS]) -> T + Copy, const OPERANDS: usize>(
    operands: [&[T]; OPERANDS],
    count: usize,
    out: &mut [T],
    identity: T,
    value: impl Fn(usize) -> V + Copy,
    combine: impl Fn(T, T) -> T + Copy,
) {
    vectorized(Rows { operands, count, first: 0, step: 1, out, identity, value, combine });
}

/// The dot product of each row of `count` elements with the same row of the other operand.
#[inline]
pub(crate) fn dots<T: Scalar>(operands: [&[T]; 2], count: usize, out: &mut [T]) {
    rows_of(operands, count, out, T::ZERO, |_| |[a, b]| a * b, T::add);
}

/// [`rows`] of a single one.
#[inline]
pub(crate) fn row<T: Scalar>(values: &[T], identity: T, combine: impl Fn(T, T) -> T + Copy) -> T {
    let mut total = [identity];
    rows(values, values.len(), &mut total, identity, combine);
    total[0]
}

/// The largest number of rows that a kernel reduces together.
pub(super) const ROWS_TOGETHER: usize = 64;

/// How many rows a kernel reduces together, if `elements` in all its arrays belong to a row: so many that they stay in
/// the first cache.
#[inline]
pub(super) fn rows_together<T>(elements: usize) -> usize {
    const BYTES: usize = 16 << 10;
    (BYTES / (size_of::<T>() * elements.max(1))).clamp(1, ROWS_TOGETHER)
}

/// A part of each row. (By itself, and not a closure: such a one would be compiled for each formula and combination.)
#[inline(always)]
pub(super) fn cut<T, const ROWS: usize>(rows: [&[T]; ROWS], part: Range<usize>) -> [&[T]; ROWS] {
    rows.map(|row| &row[part.clone()])
}

/// The elements of a column. (A map, as loops over what an index put together are not vectorised.)
#[inline(always)]
pub(super) fn column<T: Scalar, const ROWS: usize>(rows: [&[T]; ROWS], index: usize) -> [T; ROWS] {
    rows.map(|row| row[index])
}

#[inline(always)]
fn block<T: Scalar, const ROWS: usize>(
    rows: [&[T]; ROWS],
    identity: T,
    value: impl Fn([T; ROWS]) -> T + Copy,
    combine: impl Fn(T, T) -> T + Copy,
) -> T {
    if const { size_of::<T>() == size_of::<f32>() } {
        block_in_groups::<T, ROWS, { LANE_BYTES / size_of::<f32>() / GROUP }>(rows, identity, value, combine)
    } else {
        block_in_groups::<T, ROWS, { LANE_BYTES / size_of::<f64>() / GROUP }>(rows, identity, value, combine)
    }
}

/// A block, with so many groups of lanes.
#[inline(always)]
fn block_in_groups<T: Scalar, const ROWS: usize, const GROUPS: usize>(
    rows: [&[T]; ROWS],
    identity: T,
    value: impl Fn([T; ROWS]) -> T + Copy,
    combine: impl Fn(T, T) -> T + Copy,
) -> T {
    let (length, lanes) = (rows[0].len(), GROUPS * GROUP);
    let rows = cut(rows, 0..length);
    let whole = length - length % lanes;
    let rest = (whole..length).map(|i| value(column(rows, i)));
    if whole == 0 {
        return rest.fold(identity, combine);
    }
    let mut groups = [[identity; GROUP]; GROUPS];
    for start in (0..whole).step_by(lanes) {
        let chunk = cut(rows, start..start + lanes);
        for (group, lanes) in groups.iter_mut().enumerate() {
            for (lane, total) in lanes.iter_mut().enumerate() {
                *total = combine(*total, value(column(chunk, group * GROUP + lane)));
            }
        }
    }
    // What follows would have the compiler keep the lanes in pairs, or in memory; so it is not told that these are the
    // same.
    let mut groups = std::hint::black_box(Aligned(groups));
    let lanes = groups.0.as_flattened_mut();
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane = combine(*lane, value);
    }
    let mut width = GROUPS * GROUP;
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
    use std::ops::Add;

    use super::super::parallel::with_threads;
    use super::super::simd::isa::Isa;
    use super::super::vectorize::vectorized_for;
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
    fn rows_of_formulas_are_summed_on_every_instruction_set() {
        for (count, &isa) in
            [0, 1, 63, 64, 65, 4096, 9000].into_iter().flat_map(|n| Isa::available().iter().map(move |isa| (n, isa)))
        {
            let [x, y] = [7, 13].map(|factor| (0..3 * count).map(|i| (i * factor % 101) as f64).collect::<Vec<_>>());
            let (operands, first) = ([&x[..], &y[..]], 2);
            let value = |row: usize| move |[x, y]: [f64; 2]| x * (y - row as f64);
            let mut out = [f64::NAN; 3];
            let (identity, combine) = (0.0, Add::add);
            vectorized_for(isa, Rows { operands, count, first, step: 1, out: &mut out, identity, value, combine });
            for (row, found) in out.into_iter().enumerate() {
                let terms = (row * count..(row + 1) * count).map(|i| x[i] * (y[i] - (row + first) as f64));
                assert_eq!(found, terms.sum::<f64>(), "row {row} of {count} elements on {}", isa.name());
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
        let lanes = LANE_BYTES / size_of::<f32>();
        let depth = (BLOCK / lanes + lanes.ilog2() as usize + 3 + 7) as f64;
        assert!((f64::from(sum(1)) - exact).abs() < exact * depth * f64::from(f32::EPSILON) / 2.0);
        assert!([2, 3, 8].into_iter().all(|threads| sum(threads).to_bits() == sum(1).to_bits()));
    }
}
