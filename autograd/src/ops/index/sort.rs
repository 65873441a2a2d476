//! Elements in order of their values.

use std::cmp::Ordering;

use super::gathered;
use crate::error::{dimension, shape_error};
use crate::float::Float;
use crate::indices::Indices;
use crate::kernels::rowwise::around;
use crate::tensor::Tensor;

/// The order of values in which NaN is the largest, as in PyTorch.
fn ascending<T: Float>(a: T, b: T) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// # Indexing: elements in order of their values
impl<T: Float> Tensor<T> {
    /// The elements along `dim` in ascending order, or in descending order, and the index of each before. Equal
    /// elements keep their order; NaN counts as largest.
    ///
    /// As [`torch.sort`](https://docs.pytorch.org/docs/stable/generated/torch.sort.html) with `stable=True`. The
    /// gradient goes back to where the elements were.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (values, index) = Tensor::from_vec(vec![3.0, 1.0, 2.0], [3]).sort(0, false);
    /// assert_eq!(values.to_vec(), [1.0, 2.0, 3.0]);
    /// assert_eq!(index.as_slice(), [1, 2, 0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension.
    #[inline(never)]
    #[track_caller]
    pub fn sort(&self, dim: isize, descending: bool) -> (Tensor<T>, Indices) {
        let axis = dimension("sort", dim, self.rank());
        self.taken(axis, self.order(axis, usize::MAX, descending))
    }

    /// The indices that put the elements along `dim` in order: those of [`sort`](Tensor::sort). No gradient flows
    /// through them.
    ///
    /// As [`torch.argsort`](https://docs.pytorch.org/docs/stable/generated/torch.argsort.html).
    ///
    /// # Panics
    /// If there is no such dimension.
    #[inline(never)]
    #[track_caller]
    pub fn argsort(&self, dim: isize, descending: bool) -> Indices {
        self.order(dimension("argsort", dim, self.rank()), usize::MAX, descending)
    }

    /// The `count` largest elements along `dim`, or the smallest ones, in order from the most extreme one on, and
    /// where they are. Of equal elements the first ones are taken; NaN counts as largest.
    ///
    /// As [`torch.topk`](https://docs.pytorch.org/docs/stable/generated/torch.topk.html), always sorted. The gradient
    /// goes back to where the elements were.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (values, index) = Tensor::from_vec(vec![3.0, 1.0, 4.0], [3]).topk(2, 0, true);
    /// assert_eq!(values.to_vec(), [4.0, 3.0]);
    /// assert_eq!(index.as_slice(), [2, 0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, or it has less than `count` elements.
    #[inline(never)]
    #[track_caller]
    pub fn topk(&self, count: usize, dim: isize, largest: bool) -> (Tensor<T>, Indices) {
        let axis = dimension("topk", dim, self.rank());
        let extent = self.shape().get(axis).copied().unwrap_or(1);
        if count > extent {
            shape_error("topk", format_args!("{count} elements are not in dimension {axis} of shape {}", self.shape()));
        }
        if self.rank() == 0 && count == 0 {
            shape_error("topk", "a scalar has one element along its dimension, not 0");
        }
        self.taken(axis, self.order(axis, count, largest))
    }

    #[track_caller]
    fn taken(&self, axis: usize, index: Indices) -> (Tensor<T>, Indices) {
        let values = if self.rank() == 0 { self.clone() } else { gathered(self, axis, &index) };
        (values, index)
    }

    /// The indices of the first elements along `axis` in order, at most `count`.
    fn order(&self, axis: usize, count: usize, descending: bool) -> Indices {
        let dense = self.dense();
        let values = dense.as_slice().expect("dense");
        let mut shape = self.shape().clone();
        let [outer, extent, inner] = if self.rank() == 0 { [1, 1, 1] } else { around(&shape, axis) };
        let count = count.min(extent);
        if self.rank() > 0 {
            shape.set(axis, count);
        }
        let mut found = vec![0; outer * count * inner];
        let mut order: Vec<(T, usize)> = Vec::with_capacity(extent);
        for (row, column) in (0..outer).flat_map(|row| (0..inner).map(move |column| (row, column))) {
            order.clear();
            order.extend((0..extent).map(|position| (values[(row * extent + position) * inner + column], position)));
            let compare = |a: &(T, usize), b: &(T, usize)| {
                let by_value = ascending(a.0, b.0);
                (if descending { by_value.reverse() } else { by_value }).then(a.1.cmp(&b.1))
            };
            if count < extent && count > 0 {
                order.select_nth_unstable_by(count - 1, compare);
                order.truncate(count);
            }
            order.sort_unstable_by(compare);
            for (rank, &(_, position)) in order.iter().take(count).enumerate() {
                found[(row * count + rank) * inner + column] = position as i64;
            }
        }
        Indices::new(found, shape)
    }
}

instances!(sort argsort topk);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(sort: |x| x.sort(1, false).0.powf(3.0) * x, [2, 4]; fixed);
    gradients!(sort_down: |x| x.sort(0, true).0.powf(2.0), [4, 2]; fixed);
    gradients!(topk: |x| x.topk(2, 1, true).0.powf(2.0), [2, 4, 3]; fixed);
    gradients!(topk_smallest: |x| x.topk(3, 0, false).0.powf(2.0), [4, 2]; fixed);

    #[test]
    fn equal_elements_keep_their_order_and_nan_is_largest() {
        let nan = f32::NAN;
        let x = Tensor::from_vec(vec![2.0, nan, -0.0, 2.0, 0.0, nan], [6]);
        assert_eq!(x.argsort(0, false).as_slice(), [2, 4, 0, 3, 1, 5]);
        assert_eq!(x.argsort(-1, true).as_slice(), [1, 5, 0, 3, 2, 4]);
        assert_eq!(x.topk(3, 0, true).1.as_slice(), [1, 5, 0]);
        assert_eq!(x.topk(3, 0, false).1.as_slice(), [2, 4, 0]);
        assert_eq!(*x.topk(0, 0, false).0.shape(), [0]);
        assert_eq!(*Tensor::<f32>::zeros([0, 2]).sort(0, false).0.shape(), [0, 2]);
        assert_eq!(Tensor::scalar(3.0_f32).sort(0, false).1.as_slice(), [0]);
    }

    #[test]
    #[should_panic(expected = "topk: 3 elements are not in dimension 0 of shape [2]")]
    fn no_more_are_taken_than_there_are() {
        Tensor::<f32>::zeros([2]).topk(3, 0, true);
    }
}
