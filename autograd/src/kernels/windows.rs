//! Windows that slide over planes, and the largest element of each.

use std::ops::Range;

use super::gemm::buffer::PoolVec;
use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk, for_each_item};
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;

/// The positions along one dimension that a window has in common with the input: `count` of them from `first` on,
/// `step` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) first: usize,
    pub(crate) count: usize,
    pub(crate) step: usize,
    /// The window's extent with the padding that it covers.
    pub(crate) padded: usize,
}

impl Window {
    #[inline(always)]
    pub(super) fn positions(self) -> impl Iterator<Item = usize> {
        (0..self.count).map(move |index| self.first + index * self.step)
    }
}

/// The windows of all rows and columns of an output plane, and the extents of an input plane.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    pub(crate) rows: Vec<Window>,
    pub(crate) columns: Vec<Window>,
    pub(crate) from: [usize; 2],
}

/// For each window of all planes the position of its largest element in its plane.
pub(crate) struct Positions(PoolVec<u32>);

impl Positions {
    /// So many positions.
    pub(crate) fn new(windows: usize, positions: impl Iterator<Item = u32>) -> Self {
        Positions(PoolVec::collect(windows, positions))
    }

    /// The positions, plane after plane.
    pub(crate) fn as_slice(&self) -> &[u32] {
        &self.0
    }
}

impl Windows {
    /// Elements of an output plane.
    pub(crate) fn result(&self) -> usize {
        self.rows.len() * self.columns.len()
    }

    /// Elements of an input plane.
    pub(crate) fn plane(&self) -> usize {
        self.from[0] * self.from[1]
    }

    /// Planes that make a task.
    pub(super) fn planes_per_task(&self) -> usize {
        let covered = |windows: &[Window]| windows.iter().map(|window| window.count).sum::<usize>();
        (ELEMENTS_PER_TASK / covered(&self.rows).saturating_mul(covered(&self.columns)).max(1)).max(1)
    }

    /// For each window its largest element, and the position of that in its plane: the first of ties, but the last NaN
    /// if there is one, as in PyTorch.
    ///
    /// # Panics
    /// If a plane has more than 2³² elements.
    pub(crate) fn largest<T: Scalar>(&self, values: &[T], out: &mut [T]) -> Positions {
        assert!(u32::try_from(self.plane()).is_ok(), "max_pool: a plane of {} elements", self.plane());
        let mut positions = PoolVec::zeros(out.len());
        if !out.is_empty() {
            let even = self.even_columns();
            let length = self.planes_per_task() * self.result();
            let chunks = out.chunks_mut(length).zip(positions.chunks_mut(length)).enumerate();
            for_each_item(chunks, |(task, (out, positions))| {
                let (first, result) = (task * self.planes_per_task(), self.result());
                for index in 0..out.len() / result {
                    let plane = &values[(first + index) * self.plane()..][..self.plane()];
                    let out = &mut out[index * result..][..result];
                    let positions = &mut positions[index * result..][..result];
                    vectorized(Largest { windows: self, even: &even, plane, out, positions });
                }
            });
        }
        Positions(positions)
    }

    /// The columns of output whose windows all have as many columns as the widest, at even distances, and that
    /// distance: all but those at the edges.
    pub(super) fn even_columns(&self) -> (Range<usize>, usize) {
        let widest = self.columns.iter().map(|column| column.count).max().unwrap_or(0);
        let Some(start) = self.columns.iter().position(|column| column.count == widest) else { return (0..0, 1) };
        let columns = &self.columns[start..];
        let step = columns.get(1).map_or(1, |second| second.first.saturating_sub(columns[0].first)).max(1);
        let is_even = |(index, column): &(usize, &Window)| {
            column.count == widest && column.first == columns[0].first + index * step
        };
        (start..start + columns.iter().enumerate().take_while(is_even).count(), step)
    }

    /// For each window the element at its position.
    pub(crate) fn pick<T: Scalar>(&self, values: &[T], positions: &Positions, out: &mut [T]) {
        if out.is_empty() {
            return;
        }
        for_each_chunk(out, self.planes_per_task() * self.result(), |start, out| {
            let result = self.result();
            for index in 0..out.len() / result {
                let plane = &values[(start / result + index) * self.plane()..][..self.plane()];
                let positions = &positions.0[start + index * result..][..result];
                let out = &mut out[index * result..][..result];
                for i in 0..result {
                    out[i] = plane[positions[i] as usize];
                }
            }
        });
    }

    /// The adjoint of [`pick`](Windows::pick): each window's gradient is added where its element was taken from.
    pub(crate) fn put_back<T: Scalar>(&self, grads: &[T], positions: &Positions, out: &mut [T]) {
        if out.is_empty() || self.result() == 0 {
            return out.fill(T::ZERO);
        }
        for_each_chunk(out, self.planes_per_task() * self.plane(), |start, out| {
            out.fill(T::ZERO);
            let (first, result) = (start / self.plane(), self.result());
            for index in 0..out.len() / self.plane() {
                let plane = &mut out[index * self.plane()..][..self.plane()];
                let start = (first + index) * result;
                let (grads, positions) = (&grads[start..][..result], &positions.0[start..][..result]);
                for i in 0..result {
                    plane[positions[i] as usize] += grads[i];
                }
            }
        });
    }
}

/// The largest elements of the windows of a plane.
struct Largest<'a, T> {
    windows: &'a Windows,
    even: &'a (Range<usize>, usize),
    plane: &'a [T],
    out: &'a mut [T],
    positions: &'a mut [u32],
}

impl<T: Scalar> Kernel for Largest<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Largest { windows, even: (even, step), plane, out, positions } = self;
        let (count, width) = (windows.columns.len(), windows.from[1]);
        for line in 0..windows.rows.len() {
            let (row, start) = (windows.rows[line], line * count);
            let (out, positions) = (&mut out[start..][..count], &mut positions[start..][..count]);
            for column in (0..even.start).chain(even.end..count) {
                (out[column], positions[column]) = largest_of(plane, width, row, windows.columns[column]);
            }
            // The windows side by side: one element of each, then the next one. No branch depends on the elements.
            let column = windows.columns[even.start];
            let (out, positions) = (&mut out[even.clone()], &mut positions[even.clone()]);
            out.fill(T::NEG_INFINITY);
            let first = (row.first * width + column.first) as u32;
            for index in 0..positions.len() {
                positions[index] = first + (index * step) as u32;
            }
            for i in row.positions() {
                for j in column.positions() {
                    let (start, length) = (i * width + j, out.len());
                    let elements = &plane[start..];
                    match step {
                        1 => {
                            let elements = &elements[..length];
                            keep_larger(|index| elements[index], start, 1, out, positions);
                        }
                        2 if elements.len() >= 2 * length => {
                            let pairs = &elements.as_chunks::<2>().0[..length];
                            keep_larger(|index| pairs[index][0], start, 2, out, positions);
                        }
                        _ => keep_larger(|index| elements[index * step], start, *step, out, positions),
                    }
                }
            }
        }
    }
}

/// Takes over the elements that are larger than the largest ones so far, or not a number, with their positions: those
/// from `start` on, `step` apart, which `element` gives by index.
#[inline(always)]
fn keep_larger<T: Scalar>(
    element: impl Fn(usize) -> T + Copy,
    start: usize,
    step: usize,
    largest: &mut [T],
    positions: &mut [u32],
) {
    let positions = &mut positions[..largest.len()];
    let mut at = start as u32;
    for i in 0..largest.len() {
        // All are loaded first: the compiler does not vectorise a loop in which a load has a condition.
        let (x, best, position) = (element(i), largest[i], positions[i]);
        let is_larger = x > best || x.is_nan();
        largest[i] = if is_larger { x } else { best };
        positions[i] = if is_larger { at } else { position };
        at = at.wrapping_add(step as u32);
    }
}

/// The largest element of a window, and its position.
fn largest_of<T: Scalar>(plane: &[T], width: usize, row: Window, column: Window) -> (T, u32) {
    let mut largest = T::NEG_INFINITY;
    let mut position = row.first * width + column.first;
    for i in row.positions() {
        for j in column.positions() {
            let x = plane[i * width + j];
            if x > largest || x.is_nan() {
                (largest, position) = (x, i * width + j);
            }
        }
    }
    (largest, position as u32)
}

/// Windows along a dimension, as [`MaxPool`](crate::MaxPool) makes them.
#[cfg(test)]
pub(super) fn sliding(extent: usize, [size, stride, padding, step]: [usize; 4]) -> Vec<Window> {
    let span = step * (size - 1) + 1;
    let starts = (0..=(extent + 2 * padding - span)).step_by(stride);
    let window = |start: usize| {
        let inside = (0..size).filter(|i| (padding..extent + padding).contains(&(start + i * step)));
        let first = inside.clone().next().expect("a window meets the plane");
        Window { first: start + first * step - padding, count: inside.count(), step, padded: span }
    };
    starts.map(window).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::with_threads;

    #[test]
    fn the_largest_of_each_window_is_found_picked_and_put_back_on_any_number_of_threads() {
        for options in [[2, 2, 0, 1], [3, 2, 1, 1], [3, 1, 1, 1], [2, 3, 1, 2], [4, 4, 2, 1], [1, 1, 0, 1]] {
            let from = [19, 37];
            let windows = Windows { rows: sliding(19, options), columns: sliding(37, options), from };
            let value = |i: usize| if i.is_multiple_of(101) { f32::NAN } else { (i * 7919 % 13) as f32 };
            let planes = 150;
            let values: Vec<f32> = (0..planes * windows.plane()).map(value).collect();
            let run = |threads| {
                with_threads(threads, || {
                    let mut out = vec![-1.0; planes * windows.result()];
                    let positions = windows.largest(&values, &mut out);
                    let mut picked = vec![-1.0; out.len()];
                    windows.pick(&values, &positions, &mut picked);
                    let mut back = vec![-1.0; values.len()];
                    windows.put_back(&vec![1.0; out.len()], &positions, &mut back);
                    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                    (bits(&out), bits(&picked), back, positions.as_slice().to_vec())
                })
            };
            let (out, picked, back, positions) = run(1);
            let mut wanted = vec![0.0; values.len()];
            for (plane, positions) in positions.chunks_exact(windows.result()).enumerate() {
                let values = &values[plane * windows.plane()..][..windows.plane()];
                let all = windows.rows.iter().flat_map(|row| windows.columns.iter().map(move |column| (row, column)));
                for ((row, column), (&position, result)) in all.zip(positions.iter().zip(plane * windows.result()..)) {
                    let (largest, expected) = largest_of(values, 37, *row, *column);
                    assert_eq!((position, out[result]), (expected, largest.to_bits()), "{options:?}");
                    wanted[plane * windows.plane() + position as usize] += 1.0;
                }
            }
            assert_eq!((&picked, &back), (&out, &wanted));
            assert!((out, picked, back, positions) == run(3));
        }
    }
}
