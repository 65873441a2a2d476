//! Single elements chosen along a dimension.

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use crate::layout::Layout;
use crate::scalar::Scalar;

/// Elements of a task: each takes several times as long as one that is read in order.
const ELEMENTS_PER_GATHER: usize = ELEMENTS_PER_TASK / 4;

/// One position in a layout for each element of an index: its own in all dimensions but `dim`, and there the index's.
/// The index is no larger than the layout in any other dimension, and its elements are indices of `dim`.
pub(crate) struct Chosen<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) dim: usize,
    pub(crate) extents: &'a [usize],
    pub(crate) index: &'a [i64],
}

impl Chosen<'_> {
    /// Writes the chosen elements of `values`, which the layout is one of.
    pub(crate) fn gather<T: Scalar>(&self, values: &[T], out: &mut [T]) {
        self.write(out, |position| values[position]);
    }

    /// The positions.
    pub(crate) fn positions(&self) -> Vec<i64> {
        let mut positions = vec![0; self.index.len()];
        self.write(&mut positions, |position| position as i64);
        positions
    }

    fn write<E: Send>(&self, out: &mut [E], value: impl Fn(usize) -> E + Sync) {
        assert_eq!(out.len(), self.index.len(), "gather: the output's length");
        let Some((&length, outer)) = self.extents.split_last().filter(|_| !out.is_empty()) else { return };
        let last = outer.len();
        let (along, step) = (self.layout.strides[self.dim], self.layout.strides[last]);
        // Whole rows.
        let chunk = ELEMENTS_PER_GATHER.div_ceil(length) * length;
        for_each_chunk(out, chunk, |start, out| {
            for (row, out) in (start / length..).zip(out.chunks_mut(length)) {
                let (mut rest, mut first) = (row, self.layout.offset as isize);
                for axis in (0..last).rev() {
                    if axis != self.dim {
                        first += (rest % outer[axis]) as isize * self.layout.strides[axis];
                    }
                    rest /= outer[axis];
                }
                let step = if self.dim == last { 0 } else { step };
                let index = &self.index[row * length..][..out.len()];
                for ((column, out), &chosen) in (0..).zip(out).zip(index) {
                    *out = value((first + column * step + chosen as isize * along) as usize);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::with_threads;
    use crate::shape::Shape;

    #[test]
    fn elements_are_chosen_from_any_layout_on_any_number_of_threads() {
        let values: Vec<f64> = (0..200 * 300).map(f64::from).collect();
        let dense = Layout::contiguous(Shape::from([200, 300]));
        for layout in [dense.clone(), dense.permute(&[1, 0]), dense.flip(1).slice(0, 3, 90, 2)] {
            for dim in 0..2 {
                let mut extents = [layout.shape[0] - 5, layout.shape[1] - 7];
                extents[dim] = 400;
                let count = extents[0] * extents[1];
                let index: Vec<i64> = (0..count).map(|i| (i * 7919 % layout.shape[dim]) as i64).collect();
                let chosen = Chosen { layout: &layout, dim, extents: &extents, index: &index };
                let run = |threads| {
                    let mut out = vec![f64::NAN; count];
                    with_threads(threads, || chosen.gather(&values, &mut out));
                    out
                };
                let found = run(1);
                assert_eq!(found, run(3));
                let positions = chosen.positions();
                for slot in 0..count {
                    let mut at = [slot / extents[1], slot % extents[1]];
                    at[dim] = index[slot] as usize;
                    let wanted = layout.offset as isize
                        + at[0] as isize * layout.strides[0]
                        + at[1] as isize * layout.strides[1];
                    assert_eq!((found[slot], positions[slot]), (wanted as f64, wanted as i64));
                }
            }
        }
    }
}
