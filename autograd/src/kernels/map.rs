//! Pointwise kernels: `out[i] = f(a[i], b[i], ...)` over operands of any strides, broadcasting included.
//!
//! There is one algorithm. The operands are walked together with as few dimensions as their strides allow. Rows in
//! which every operand lies dense are what the compiler vectorises; an operand that stands still (a value), steps or
//! runs backwards is first gathered into a short dense row, and one that is dense the other way (a transpose) is
//! transposed, a band of rows at a time, so that each cache line is read once.

use super::aligned::Aligned;
use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk, for_each_item};
pub(crate) use super::row_body::{Formula, RowBody, each, each_of};
use super::simd::isa::{Isa, selected};
use super::transpose_band::transpose_band;
use super::vectorize::{Kernel, vectorized, vectorized_for};
use crate::layout::{Band, Layout, StridedIter};
use crate::scalar::Scalar;

/// An operand: values and how to iter them.
#[derive(Clone, Copy)]
pub(crate) struct View<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) layout: &'a Layout,
}

/// Elements of a gathered row: enough to make the loop over them worth its start, few enough to stay in the first
/// cache.
const GATHERED: usize = 128;
/// Rows of a band: so many that some cache lines which lie side by side are read at once.
const BAND: usize = 64;

/// Writes `formula` of the operands' elements to `out`, which is dense and has the extents `shape`.
#[inline]
pub(crate) fn map<T: Scalar, const OPERANDS: usize>(
    operands: [View<'_, T>; OPERANDS],
    shape: &[usize],
    out: &mut [T],
    formula: impl Fn([T; OPERANDS]) -> T + Copy + Sync,
) {
    map_rows(operands, shape, out, &each(formula));
}

/// As [`map`], with the loop over a row.
#[inline(never)]
pub(crate) fn map_rows<T: Scalar, const OPERANDS: usize>(
    operands: [View<'_, T>; OPERANDS],
    shape: &[usize],
    out: &mut [T],
    body: &dyn RowBody<T, OPERANDS>,
) {
    if are_dense(&operands, shape) {
        return map_contiguous(operands, out, body);
    }
    if out.is_empty() {
        return;
    }
    map_strided(operands, shape, out, body);
}

/// As [`map_rows`], for operands that are contiguous and of one shape. A few elements are computed without one more
/// call.
#[inline(always)]
pub(crate) fn map_contiguous<T: Scalar, const OPERANDS: usize>(
    operands: [View<'_, T>; OPERANDS],
    out: &mut [T],
    body: &dyn RowBody<T, OPERANDS>,
) {
    match out.len() {
        0 => {}
        1..=ELEMENTS_PER_TASK => body.run(rows_of(&operands, 0, out.len()), out),
        _ => map_dense(operands, out, body),
    }
}

#[inline(always)]
fn are_dense<T>(operands: &[View<'_, T>], shape: &[usize]) -> bool {
    operands.iter().all(|operand| operand.layout.shape[..] == *shape && operand.layout.is_contiguous())
}

/// A part of each of the operands, which are dense.
#[inline(always)]
fn rows_of<'a, T: Scalar, const OPERANDS: usize>(
    operands: &[View<'a, T>; OPERANDS],
    start: usize,
    length: usize,
) -> [&'a [T]; OPERANDS] {
    let mut rows = [&[][..]; OPERANDS];
    for (row, View { values, layout }) in rows.iter_mut().zip(operands) {
        *row = &values[layout.offset + start..][..length];
    }
    rows
}

#[inline(never)]
fn map_dense<T: Scalar, const OPERANDS: usize>(
    operands: [View<'_, T>; OPERANDS],
    out: &mut [T],
    body: &dyn RowBody<T, OPERANDS>,
) {
    for_each_chunk(out, ELEMENTS_PER_TASK, |start, out| body.run(rows_of(&operands, start, out.len()), out));
}

#[inline(never)]
fn map_strided<T: Scalar, const OPERANDS: usize>(
    operands: [View<'_, T>; OPERANDS],
    shape: &[usize],
    out: &mut [T],
    body: &dyn RowBody<T, OPERANDS>,
) {
    let (mut values, mut layouts) = ([&[][..]; OPERANDS], [operands[0].layout; OPERANDS]);
    for (operand, view) in operands.into_iter().enumerate() {
        (values[operand], layouts[operand]) = (view.values, view.layout);
    }
    let iter = StridedIter::new(shape, layouts);
    // Whole bands, unless they are so long that too few tasks would be left.
    let band = BAND * iter.row_length();
    let chunk =
        if band <= 8 * ELEMENTS_PER_TASK { ELEMENTS_PER_TASK.next_multiple_of(band) } else { ELEMENTS_PER_TASK };
    for_each_chunk(out, chunk, |start, out| map_part(values, &iter, start, out, body));
}

/// `out[i] = f(out[i], operand[i])`, all dense and of one length.
pub(crate) fn map_in_place<T: Scalar>(out: &mut [T], operand: &[T], f: impl Fn(T, T) -> T + Copy + Sync) {
    assert_eq!(out.len(), operand.len(), "map_in_place: lengths differ");
    for_each_chunk(out, ELEMENTS_PER_TASK, |start, out| {
        let operand = &operand[start..][..out.len()];
        vectorized(InPlace { out, operand, f });
    });
}

/// Writes the operand's elements, row by row, to the positions of `out` that `layout` has: a copy into a view. The
/// operand has the view's shape.
#[inline(never)]
pub(crate) fn copy_into<T: Scalar>(operand: View<'_, T>, out: &mut [T], layout: &Layout) {
    update_view(operand, out, layout, |out, value| *out = value);
}

/// Adds the operand's elements to those positions.
#[inline(never)]
pub(crate) fn add_into<T: Scalar>(operand: View<'_, T>, out: &mut [T], layout: &Layout) {
    update_view(operand, out, layout, |out, value| *out += value);
}

fn update_view<T: Scalar>(
    operand: View<'_, T>,
    out: &mut [T],
    layout: &Layout,
    update: impl Fn(&mut T, T) + Copy + Sync,
) {
    let Some(dim) = outermost(layout).filter(|_| layout.numel() > 2 * ELEMENTS_PER_TASK) else {
        return update_part(operand, out, layout, update);
    };
    // Each task has some indices of the outermost dimension: a part of `out` that no other task writes to.
    let (extent, stride) = (layout.shape[dim], layout.strides[dim] as usize);
    let each = (ELEMENTS_PER_TASK * extent).div_ceil(layout.numel()).min(extent);
    let parts = out[layout.offset..].chunks_mut(each * stride).zip((0..extent).step_by(each));
    for_each_item(parts, |(out, start)| {
        let length = each.min(extent - start);
        let part = Layout { offset: 0, ..layout.slice(dim, start, length, 1) };
        let stretched = operand.layout.expand(&layout.shape).expect("the operand has the view's shape");
        let View { values, .. } = operand;
        update_part(View { values, layout: &stretched.slice(dim, start, length, 1) }, out, &part, update);
    });
}

/// The dimension that cuts a layout into parts which follow one another in memory: the one of the largest stride, if no
/// stride is negative and an index of it spans less than the stride.
fn outermost(layout: &Layout) -> Option<usize> {
    let strides = || layout.strides.iter().zip(&*layout.shape).enumerate().filter(|(_, (_, extent))| **extent > 1);
    let (dim, (&stride, &extent)) = strides().max_by_key(|(_, (stride, _))| **stride)?;
    let span: isize = strides().map(|(_, (&stride, &extent))| stride * (extent as isize - 1)).sum();
    let is_cut = strides().all(|(_, (&stride, _))| stride >= 0) && span - stride * (extent as isize - 1) < stride;
    is_cut.then_some(dim)
}

#[inline(never)]
fn update_part<T: Scalar>(operand: View<'_, T>, out: &mut [T], layout: &Layout, update: impl Fn(&mut T, T) + Copy) {
    let iter = StridedIter::new(&layout.shape, [layout, operand.layout]);
    let [step, operand_step] = iter.row_strides();
    for Band { offsets: [mut position, mut operand_position], length, .. } in iter.bands(0, layout.numel(), 1) {
        if [step, operand_step] == [1, 1] {
            let row = &operand.values[operand_position as usize..][..length];
            let out = &mut out[position as usize..][..length];
            out.iter_mut().zip(row).for_each(|(out, &value)| update(out, value));
            continue;
        }
        for _ in 0..length {
            update(&mut out[position as usize], operand.values[operand_position as usize]);
            position += step;
            operand_position += operand_step;
        }
    }
}

/// Computes the elements of `out`, which follow one another from `start` on.
#[inline(never)]
fn map_part<T: Scalar, const OPERANDS: usize>(
    values: [&[T]; OPERANDS],
    iter: &StridedIter<OPERANDS>,
    start: usize,
    out: &mut [T],
    body: &dyn RowBody<T, OPERANDS>,
) {
    let (isa, steps, jumps) = (selected().isa, iter.row_strides(), iter.band_strides());
    let widest = if steps == [1; OPERANDS] { usize::MAX } else { GATHERED };
    let mut gathered = [const { Aligned([T::ZERO; GATHERED]) }; OPERANDS];
    let mut transposed = [const { Vec::new() }; OPERANDS];
    for Band { first, offsets, rows: height, length } in iter.bands(start, start + out.len(), BAND) {
        let mut is_transposed = [false; OPERANDS];
        for operand in 0..OPERANDS {
            is_transposed[operand] = height > 1 && jumps[operand] == 1 && ![0, 1].contains(&steps[operand]);
        }
        let mut column = 0;
        while column < length {
            let width = widest.min(length - column);
            for operand in 0..OPERANDS {
                if is_transposed[operand] {
                    let (at, step) = (offsets[operand] + steps[operand] * column as isize, steps[operand]);
                    transposed[operand].resize(BAND, Aligned([T::ZERO; GATHERED]));
                    transpose_band(values[operand], at, step, [height, width], &mut transposed[operand]);
                }
            }
            for row in 0..height {
                let mut rows: [&[T]; OPERANDS] = [&[]; OPERANDS];
                for (operand, gathered) in gathered.iter_mut().enumerate() {
                    let (values, step) = (values[operand], steps[operand]);
                    let at = offsets[operand] + step * column as isize + jumps[operand] * row as isize;
                    rows[operand] = if step == 1 {
                        &values[at as usize..][..width]
                    } else if is_transposed[operand] {
                        &transposed[operand][row].0[..width]
                    } else {
                        gather(isa, values, at, step, &mut gathered.0[..width]);
                        &gathered.0[..width]
                    };
                }
                body.run(rows, &mut out[first + row * length + column..][..width]);
            }
            column += width;
        }
    }
}

/// Copies every `step`-th value from `position` on.
#[inline(always)]
fn gather<T: Scalar>(isa: Isa, values: &[T], mut position: isize, step: isize, out: &mut [T]) {
    if step == 0 {
        return vectorized_for(isa, Fill { value: values[position as usize], out });
    }
    for value in out {
        *value = values[position as usize];
        position += step;
    }
}

/// Written in the vectors that the formula reads: of narrower ones that are still on their way to the cache, a wide one
/// cannot be read at once.
struct Fill<'a, T> {
    value: T,
    out: &'a mut [T],
}

impl<T: Scalar> Kernel for Fill<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.out.fill(self.value);
    }
}

struct InPlace<'a, T, F> {
    out: &'a mut [T],
    operand: &'a [T],
    f: F,
}

impl<T: Scalar, F: Fn(T, T) -> T> Kernel for InPlace<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (value, &other) in self.out.iter_mut().zip(self.operand) {
            *value = (self.f)(*value, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parallel::with_threads;
    use super::*;
    use crate::shape::Shape;

    fn element(view: View<'_, f64>, shape: &[usize], mut flat: usize) -> f64 {
        let layout = view.layout.expand(&Shape::from(shape)).unwrap();
        let mut position = layout.offset as isize;
        for dim in (0..shape.len()).rev() {
            position += layout.strides[dim] * (flat % shape[dim]) as isize;
            flat /= shape[dim];
        }
        view.values[position as usize]
    }

    #[test]
    fn operands_of_any_layout_meet_element_by_element() {
        let values: Vec<f64> = (0..30_000).map(f64::from).collect();
        let dense = |shape: &[usize]| Layout::contiguous(Shape::from(shape));
        let cases: Vec<(Vec<usize>, Layout, Layout)> = vec![
            (vec![3, 4], dense(&[3, 4]), dense(&[3, 4])),
            (vec![3, 4], dense(&[3, 4]), dense(&[4])),
            (vec![3, 4], dense(&[3, 1]), dense(&[3, 4])),
            (vec![3, 4], dense(&[]), dense(&[3, 4])),
            (vec![3, 4], dense(&[4, 3]).permute(&[1, 0]), dense(&[1, 4])),
            (vec![2, 3, 4], dense(&[4, 3, 2]).permute(&[2, 1, 0]), dense(&[3, 4]).flip(1)),
            (vec![0, 4], dense(&[0, 4]), dense(&[4])),
            (vec![40, 70], dense(&[40, 70]), dense(&[70, 40]).permute(&[1, 0])),
            (vec![40, 70], dense(&[70, 40]).permute(&[1, 0]), dense(&[70, 40]).permute(&[1, 0]).flip(0).flip(1)),
            (vec![3, 20, 150], dense(&[3, 150, 20]).permute(&[0, 2, 1]), dense(&[20, 1])),
            (vec![3, 20, 150], dense(&[150, 20, 3]).permute(&[2, 1, 0]), dense(&[3, 1, 1])),
            (vec![150, 200], dense(&[200, 150]).permute(&[1, 0]), dense(&[150, 1])),
            (vec![1], dense(&[1]), dense(&[])),
        ];
        for (shape, left, right) in cases {
            let operands = [View { values: &values, layout: &left }, View { values: &values, layout: &right }];
            let count: usize = shape.iter().product();
            let mut out = vec![f64::NAN; count];
            map(operands, &shape, &mut out, |[a, b]| 100_000.0 * a + b);
            for (flat, &got) in out.iter().enumerate() {
                let [a, b] = operands.map(|operand| element(operand, &shape, flat));
                assert_eq!(got, 100_000.0 * a + b, "{shape:?} at {flat}");
            }
        }
    }

    #[test]
    fn a_large_copy_into_a_view_is_the_same_on_any_number_of_threads() {
        let values: Vec<f32> = (0..300_000).map(|i| i as f32).collect();
        let whole = Layout::contiguous(Shape::from([600, 700]));
        let from = Layout::contiguous(Shape::from([500, 600]));
        for (view, operand) in [
            (whole.slice(0, 40, 500, 1).slice(1, 3, 600, 1), from.clone()),
            (whole.slice(0, 0, 500, 1).slice(1, 99, 600, 1), from.flip(0)),
            (whole.permute(&[1, 0]).slice(0, 100, 500, 1), from.permute(&[0, 1])),
            (
                whole.flip(1).slice(0, 7, 500, 1).slice(1, 0, 600, 1),
                from.slice(0, 5, 1, 1).expand(&from.shape).unwrap(),
            ),
        ] {
            let run = |threads| {
                let mut out = vec![-1.0; 420_000];
                let operand = View { values: &values, layout: &operand };
                with_threads(threads, || copy_into(operand, &mut out, &view));
                out
            };
            let mut wanted = vec![-1.0; 420_000];
            update_part(View { values: &values, layout: &operand }, &mut wanted, &view, |out, value| *out = value);
            assert!([1, 2, 3].into_iter().all(|threads| run(threads) == wanted), "{view:?}");
        }
    }

    #[test]
    fn a_large_map_is_the_same_on_any_number_of_threads() {
        let values: Vec<f32> = (0..300_000).map(|i| i as f32).collect();
        let layout = Layout::contiguous(Shape::from([500, 600])).permute(&[1, 0]);
        let run = |threads| {
            with_threads(threads, || {
                let mut out = vec![f32::NAN; values.len()];
                map([View { values: &values, layout: &layout }], &[600, 500], &mut out, |[x]| x / 3.0);
                out
            })
        };
        let one = run(1);
        assert_eq!(one[1], 200.0);
        assert!([2, 3, 8].into_iter().all(|threads| run(threads) == one));
    }
}
