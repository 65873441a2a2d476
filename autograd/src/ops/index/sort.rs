//! Elements in order of their values.

use std::sync::Arc;

use super::gathered;
use crate::error::{dimension, shape_error};
use crate::float::Float;
use crate::indices::Indices;
use crate::kernels::order::{Order, put_rows};
use crate::ops::linear_map::LinearMap;
use crate::shape::Shape;
use crate::tensor::Tensor;

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
        self.ordered("sort", axis, self.shape().get(axis).copied().unwrap_or(1), descending)
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
        let axis = dimension("argsort", dim, self.rank());
        self.detach().ordered("argsort", axis, self.shape().get(axis).copied().unwrap_or(1), descending).1
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
        self.ordered("topk", axis, count, largest)
    }

    /// The first elements along `axis` in order, and their indices.
    #[track_caller]
    fn ordered(&self, op: &str, axis: usize, wanted: usize, descending: bool) -> (Tensor<T>, Indices) {
        if self.rank() == 0 {
            return (self.clone(), Indices::new(vec![0], ()));
        }
        let (axis, last) = (axis as isize, self.rank() as isize - 1);
        if axis != last {
            let (values, index) = self.transpose(axis, last).ordered(op, last as usize, wanted, descending);
            let index = index.transposed(axis as usize, last as usize);
            return (values.transpose(axis, last).contiguous(), index);
        }
        let (dense, count) = (self.dense(), self.size(-1));
        let mut shape = self.shape().clone();
        shape.set(last as usize, wanted);
        let mut positions: Arc<[i64]> = std::iter::repeat_n(0, shape.numel_for(op)).collect();
        let values = Tensor::build_for(op, shape.clone(), |out| {
            let positions = Arc::get_mut(&mut positions).expect("just made");
            Order { count, wanted, descending }.rows(dense.as_slice().expect("dense"), out, positions);
        });
        let index = Indices::new(positions, shape);
        let placed = || Placed { index: index.clone(), from: self.shape().clone() };
        (Placed::record(placed, self, values), index)
    }
}

/// y = elements of each row, none of them twice        adjoint: each is put where it was taken from
#[derive(Clone, Debug)]
struct Placed {
    index: Indices,
    from: Shape,
}

impl<T: Float> LinearMap<T> for Placed {
    const NAME: &'static str = "sort";
    const ADJOINT: &'static str = "sort_put_back";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        gathered(&x.detach(), x.rank() - 1, &self.index)
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        let dense = y.dense();
        let (count, wanted) = (self.from[self.from.rank() - 1], y.size(-1));
        Tensor::build(self.from.clone(), |out| {
            put_rows(dense.as_slice().expect("dense"), self.index.as_slice(), wanted, count, out);
        })
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
