//! Pointwise kernels: `out[i] = f(a[i], b[i], ...)` over operands of any strides, broadcasting included.
//!
//! There is one algorithm. The operands are walked together with as few dimensions as their strides allow; dense ones are a single row,
//! which the compiler vectorises; a row whose first or last operand stands still (a bias, a number) is vectorised too; anything else is gathered.

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use super::vectorize::{Kernel, vectorized};
use crate::layout::{Layout, Walk};
use crate::scalar::Scalar;

/// An operand: numbers and how to walk them.
#[derive(Clone, Copy)]
pub(crate) struct View<'a, T> {
    pub(crate) numbers: &'a [T],
    pub(crate) layout: &'a Layout,
}

/// Writes `f` of the operands' elements to `out`, which is dense and has the extents `shape`.
///
/// `f` is plain scalar code and small enough to be inlined.
pub(crate) fn map<T: Scalar, const OPERANDS: usize>(
    operands: [View<'_, T>; OPERANDS],
    shape: &[usize],
    out: &mut [T],
    f: impl Fn([T; OPERANDS]) -> T + Copy + Sync,
) {
    if out.is_empty() {
        return;
    }
    let numbers = operands.map(|operand| operand.numbers);
    if operands.iter().all(|operand| operand.layout.shape[..] == *shape && operand.layout.is_contiguous()) {
        let offsets = operands.map(|operand| operand.layout.offset as isize);
        for_each_chunk(out, ELEMENTS_PER_TASK, |start, out| {
            let offsets = offsets.map(|offset| offset + start as isize);
            vectorized(Row { numbers, offsets, strides: [1; OPERANDS], out, f });
        });
        return;
    }
    let walk = Walk::new(shape, operands.map(|operand| operand.layout));
    for_each_chunk(out, ELEMENTS_PER_TASK, |start, out| vectorized(Rows { numbers, walk: &walk, start, out, f }));
}

/// `out[i] = f(out[i], operand[i])`, all dense and of one length.
pub(crate) fn map_in_place<T: Scalar>(out: &mut [T], operand: &[T], f: impl Fn(T, T) -> T + Copy + Sync) {
    assert_eq!(out.len(), operand.len(), "map_in_place: lengths differ");
    for_each_chunk(out, ELEMENTS_PER_TASK, |start, out| {
        let operand = &operand[start..][..out.len()];
        vectorized(InPlace { out, operand, f });
    });
}

/// Writes the operand's elements, row by row, to the places of `out` that `layout` walks: a copy into a view.
pub(crate) fn copy_into<T: Scalar>(operand: View<'_, T>, out: &mut [T], layout: &Layout) {
    let walk = Walk::new(&layout.shape, [layout, operand.layout]);
    let [step, operand_step] = walk.row_strides();
    walk.rows(0, layout.numel(), |_, [mut place, mut position], length| {
        for _ in 0..length {
            out[place as usize] = operand.numbers[position as usize];
            place += step;
            position += operand_step;
        }
    });
}

struct Row<'a, T, F, const OPERANDS: usize> {
    numbers: [&'a [T]; OPERANDS],
    offsets: [isize; OPERANDS],
    strides: [isize; OPERANDS],
    out: &'a mut [T],
    f: F,
}

impl<T: Scalar, F: Fn([T; OPERANDS]) -> T, const OPERANDS: usize> Kernel for Row<'_, T, F, OPERANDS> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Row { numbers, offsets, strides, out, f } = self;
        let length = out.len();
        let (first, last) = (strides[0], strides[OPERANDS - 1]);
        let dense = |range: std::ops::Range<usize>| strides[range].iter().all(|&stride| stride == 1);
        // Cut to the row's length, so that the compiler sees that no index is out of bounds.
        let mut rows = numbers;
        for operand in 0..OPERANDS {
            if strides[operand] == 1 {
                rows[operand] = &numbers[operand][offsets[operand] as usize..][..length];
            }
        }
        let mut elements = [T::ZERO; OPERANDS];
        if dense(0..OPERANDS) {
            for i in 0..length {
                for operand in 0..OPERANDS {
                    elements[operand] = rows[operand][i];
                }
                out[i] = f(elements);
            }
        } else if OPERANDS > 1 && last == 0 && dense(0..OPERANDS - 1) {
            let still = numbers[OPERANDS - 1][offsets[OPERANDS - 1] as usize];
            for i in 0..length {
                for operand in 0..OPERANDS - 1 {
                    elements[operand] = rows[operand][i];
                }
                elements[OPERANDS - 1] = still;
                out[i] = f(elements);
            }
        } else if OPERANDS > 1 && first == 0 && dense(1..OPERANDS) {
            let still = numbers[0][offsets[0] as usize];
            for i in 0..length {
                elements[0] = still;
                for operand in 1..OPERANDS {
                    elements[operand] = rows[operand][i];
                }
                out[i] = f(elements);
            }
        } else {
            let mut positions = offsets;
            for number in out {
                for operand in 0..OPERANDS {
                    elements[operand] = numbers[operand][positions[operand] as usize];
                    positions[operand] += strides[operand];
                }
                *number = f(elements);
            }
        }
    }
}

struct Rows<'a, T, F, const OPERANDS: usize> {
    numbers: [&'a [T]; OPERANDS],
    walk: &'a Walk<OPERANDS>,
    start: usize,
    out: &'a mut [T],
    f: F,
}

impl<T: Scalar, F: Fn([T; OPERANDS]) -> T + Copy, const OPERANDS: usize> Kernel for Rows<'_, T, F, OPERANDS> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Rows { numbers, walk, start, out, f } = self;
        let strides = walk.row_strides();
        walk.rows(start, start + out.len(), |first, offsets, length| {
            Row { numbers, offsets, strides, out: &mut out[first..][..length], f }.run();
        });
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
        for (number, &other) in self.out.iter_mut().zip(self.operand) {
            *number = (self.f)(*number, other);
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
        view.numbers[position as usize]
    }

    #[test]
    fn operands_of_any_layout_meet_element_by_element() {
        let numbers: Vec<f64> = (0..5000).map(f64::from).collect();
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
            (vec![1], dense(&[1]), dense(&[])),
        ];
        for (shape, left, right) in cases {
            let operands = [View { numbers: &numbers, layout: &left }, View { numbers: &numbers, layout: &right }];
            let count: usize = shape.iter().product();
            let mut out = vec![f64::NAN; count];
            map(operands, &shape, &mut out, |[a, b]| 10_000.0 * a + b);
            for (flat, &got) in out.iter().enumerate() {
                let [a, b] = operands.map(|operand| element(operand, &shape, flat));
                assert_eq!(got, 10_000.0 * a + b, "{shape:?} at {flat}");
            }
        }
    }

    #[test]
    fn a_large_map_is_the_same_on_any_number_of_threads() {
        let numbers: Vec<f32> = (0..300_000).map(|i| i as f32).collect();
        let layout = Layout::contiguous(Shape::from([500, 600])).permute(&[1, 0]);
        let run = |threads| {
            with_threads(threads, || {
                let mut out = vec![f32::NAN; numbers.len()];
                map([View { numbers: &numbers, layout: &layout }], &[600, 500], &mut out, |[x]| x / 3.0);
                out
            })
        };
        let one = run(1);
        assert_eq!(one[1], 200.0);
        assert!([2, 3, 8].into_iter().all(|threads| run(threads) == one));
    }
}
