//! Windows that slide over planes: where the largest element of each is, and the mean of each.

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use super::reduce::sum;
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
    fn positions(self) -> impl Iterator<Item = usize> {
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
    fn planes_per_task(&self) -> usize {
        let covered = |windows: &[Window]| windows.iter().map(|window| window.count).sum::<usize>();
        (ELEMENTS_PER_TASK / covered(&self.rows).saturating_mul(covered(&self.columns)).max(1)).max(1)
    }

    /// For each window the position of its largest element in its plane: the first of ties, but the last NaN if there
    /// is one, as in PyTorch.
    pub(crate) fn largest<T: Scalar>(&self, values: &[T], out: &mut [i64]) {
        if out.is_empty() {
            return;
        }
        for_each_chunk(out, self.planes_per_task() * self.result(), |start, out| {
            let planes = values[start / self.result() * self.plane()..].chunks_exact(self.plane());
            for (plane, out) in planes.zip(out.chunks_exact_mut(self.result())) {
                let places = self.rows.iter().flat_map(|row| self.columns.iter().map(move |column| (row, column)));
                for (out, (row, column)) in out.iter_mut().zip(places) {
                    *out = self.largest_of(plane, *row, *column) as i64;
                }
            }
        });
    }

    fn largest_of<T: Scalar>(&self, plane: &[T], row: Window, column: Window) -> usize {
        let mut largest = T::NEG_INFINITY;
        let mut place = row.first * self.from[1] + column.first;
        for i in row.positions() {
            for j in column.positions() {
                let x = plane[i * self.from[1] + j];
                if x > largest || x.is_nan() {
                    (largest, place) = (x, i * self.from[1] + j);
                }
            }
        }
        place
    }

    /// For each window the sum of its elements divided by `divisor` of its row and column. Its positions are one apart.
    pub(crate) fn means<T: Scalar>(&self, values: &[T], divisor: impl Fn(Window, Window) -> T + Sync, out: &mut [T]) {
        if out.is_empty() {
            return;
        }
        for_each_chunk(out, self.planes_per_task() * self.result(), |start, out| {
            let planes = values[start / self.result() * self.plane()..].chunks_exact(self.plane());
            for (plane, out) in planes.zip(out.chunks_exact_mut(self.result())) {
                let mut out = out.iter_mut();
                for &row in &self.rows {
                    for (&column, out) in self.columns.iter().zip(&mut out) {
                        let part = |i: usize| plane[i * self.from[1] + column.first..][..column.count].iter().copied();
                        *out = sum(row.positions().flat_map(part)) / divisor(row, column);
                    }
                }
            }
        });
    }

    /// The gradient of [`means`](Windows::means): each window's, divided by its divisor, added to all elements of the
    /// window.
    pub(crate) fn spread<T: Scalar>(&self, grads: &[T], divisor: impl Fn(Window, Window) -> T + Sync, out: &mut [T]) {
        if out.is_empty() || self.result() == 0 {
            return out.fill(T::ZERO);
        }
        for_each_chunk(out, self.planes_per_task() * self.plane(), |start, out| {
            out.fill(T::ZERO);
            let grads = grads[start / self.plane() * self.result()..].chunks_exact(self.result());
            for (plane, grads) in out.chunks_exact_mut(self.plane()).zip(grads) {
                let mut grads = grads.iter();
                for &row in &self.rows {
                    for (&column, &grad) in self.columns.iter().zip(&mut grads) {
                        let share = grad / divisor(row, column);
                        for i in row.positions() {
                            let part = &mut plane[i * self.from[1] + column.first..][..column.count];
                            part.iter_mut().for_each(|x| *x += share);
                        }
                    }
                }
            }
        });
    }
}
