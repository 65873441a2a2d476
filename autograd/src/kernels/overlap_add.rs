//! Windows along a dimension, added to where they overlap: the adjoint of a view of windows.

use smallvec::SmallVec;

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk};
use super::tree::sum;
use crate::scalar::Scalar;

/// Elements that are summed one after another.
const MAX_IN_ORDER: usize = 64;

/// Windows as [`Layout::window`](crate::layout::Layout::window) has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overlap {
    pub(crate) size: usize,
    pub(crate) step: usize,
    pub(crate) dilation: usize,
}

impl Overlap {
    /// Writes the array `[outer, extent, inner]` whose elements are the sums of those of all windows that have them;
    /// the windows are dense, `[outer, count, inner, size]`. Each element is a sum of its own, so that it has the same
    /// bits on any number of threads; long sums are taken in pairs.
    pub(crate) fn add<T: Scalar>(&self, windows: &[T], [_, extent, inner]: [usize; 3], out: &mut [T]) {
        let Self { size, step, dilation } = *self;
        if windows.is_empty() || out.is_empty() {
            return out.fill(T::ZERO);
        }
        let count = (extent - dilation * (size - 1) - 1) / step + 1;
        let rows = (ELEMENTS_PER_TASK / size.div_ceil(step).saturating_mul(inner)).max(1);
        for_each_chunk(out, rows * inner, |start, out| {
            let mut meets: SmallVec<[(usize, usize); 16]> = SmallVec::new();
            for (row, out) in (start / inner..).zip(out.chunks_exact_mut(inner)) {
                let (outer, position) = (row / extent, row % extent);
                // Element k of the window that begins at position - k · dilation.
                let starts = (0..size).map_while(|k| Some((position.checked_sub(k * dilation)?, k)));
                let of_windows = starts.filter(|(start, _)| start % step == 0 && start / step < count);
                meets.clear();
                meets.extend(of_windows.map(|(start, k)| (start / step, k)));
                for (column, out) in out.iter_mut().enumerate() {
                    let at = |&(window, k): &(usize, usize)| ((outer * count + window) * inner + column) * size + k;
                    let values = meets.iter().map(|meet| windows[at(meet)]);
                    *out = if meets.len() <= MAX_IN_ORDER {
                        values.fold(T::ZERO, |sum, value| sum + value)
                    } else {
                        sum(values)
                    };
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::with_threads;
    use crate::layout::{Band, Layout, StridedIter};
    use crate::shape::Shape;

    #[test]
    fn each_element_is_the_sum_over_its_windows_on_any_number_of_threads() {
        for (shape, size, step, dilation) in [
            ([3, 20, 2], 3, 1, 1),
            ([2, 20, 1], 4, 3, 2),
            ([1, 5, 3], 1, 3, 1),
            ([1, 9, 2], 0, 2, 1),
            ([40, 50, 60], 5, 2, 3),
        ] {
            let whole = Layout::contiguous(Shape::from(shape));
            let views = whole.window(1, size, step, dilation);
            let windows: Vec<f64> = (0..views.numel()).map(|i| (i % 23) as f64).collect();
            let mut wanted = vec![0.0; whole.numel()];
            let iter = StridedIter::new(&views.shape, [&views]);
            let [along] = iter.row_strides();
            for Band { first, offsets: [offset], length, .. } in iter.bands(0, windows.len(), 1) {
                (0..length).for_each(|i| wanted[(offset + i as isize * along) as usize] += windows[first + i]);
            }
            for threads in [1, 3] {
                let mut out = vec![f64::NAN; whole.numel()];
                with_threads(threads, || Overlap { size, step, dilation }.add(&windows, shape, &mut out));
                assert_eq!(out, wanted, "{shape:?}, windows of {size}, step {step}, dilation {dilation}");
            }
        }
    }
}
