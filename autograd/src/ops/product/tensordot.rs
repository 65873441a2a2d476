//! The product of two tensors, summed over some dimensions of each.

use crate::error::shape_error;
use crate::float::Float;
use crate::ops::shape::distinct;
use crate::shape::{Dims, Shape};
use crate::tensor::Tensor;

/// # Products of matrices: the product of two tensors summed over some dimensions of each
impl<T: Float> Tensor<T> {
    /// The products summed over the dimensions `own` of this tensor and `others` of the other one, pair by pair. The
    /// result has the remaining dimensions of this tensor, then those of the other one.
    ///    dx = dy and the other tensor, summed over its dimensions
    ///
    /// Like [`torch.tensordot`](https://docs.pytorch.org/docs/stable/generated/torch.tensordot.html) with lists of
    /// dimensions.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (a, b) = (Tensor::<f32>::ones([2, 3, 4]), Tensor::ones([4, 5, 3]));
    /// assert_eq!(*a.tensordot(&b, [1, 2], [2, 0]).shape(), [2, 5]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, one is given twice, the numbers of dimensions differ, or the extents of a pair
    /// differ.
    #[track_caller]
    pub fn tensordot(&self, other: &Tensor<T>, own: impl Dims, others: impl Dims) -> Tensor<T> {
        self.dot_along(other, &own, &others)
    }

    #[inline(never)]
    #[track_caller]
    fn dot_along(&self, other: &Tensor<T>, own: &dyn Dims, others: &dyn Dims) -> Tensor<T> {
        let left = distinct("tensordot", own, self.rank());
        let right = distinct("tensordot", others, other.rank());
        let (a, b) = (self.shape(), other.shape());
        let fits = left.len() == right.len() && left.iter().zip(&right).all(|(&left, &right)| a[left] == b[right]);
        if !fits {
            let (left, right) = (left.as_slice(), right.as_slice());
            shape_error("tensordot", format_args!("dimensions {left:?} of shape {a} and {right:?} of {b} do not pair"));
        }
        let (rows, columns) = (rest(a.rank(), &left), rest(b.rank(), &right));
        let inner = size(a, &left);
        let matrix = self.permute(order(&rows, &left)).reshape([size(a, &rows), inner]);
        let product = matrix.matmul(&other.permute(order(&right, &columns)).reshape([inner, size(b, &columns)]));
        product.reshape(extents_of(a, &rows, b, &columns))
    }
}

// Functions, as closures of a generic function are compiled for each element type.

/// The extents of dimensions of both.
fn extents_of(a: &Shape, rows: &[usize], b: &Shape, columns: &[usize]) -> Shape {
    rows.iter().map(|&dim| a[dim]).chain(columns.iter().map(|&dim| b[dim])).collect()
}

/// The dimensions that are not summed.
fn rest(rank: usize, summed: &[usize]) -> Vec<usize> {
    (0..rank).filter(|dim| !summed.contains(dim)).collect()
}

/// The product of the extents of some dimensions.
fn size(shape: &Shape, dims: &[usize]) -> usize {
    dims.iter().map(|&dim| shape[dim]).product()
}

/// The order of a permutation.
fn order(first: &[usize], last: &[usize]) -> Vec<isize> {
    first.iter().chain(last).map(|&dim| dim as isize).collect()
}

instances!(|x| x.tensordot(x, 0, 0));

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(tensordot: |a, b| a.tensordot(b, [1, 2], [2, 0]), [2, 3, 4], [4, 5, 3]);
    gradients!(tensordot_of_nothing: |a, b| a.tensordot(b, [], []), [2], [3]);

    #[test]
    #[should_panic(expected = "tensordot: dimensions [1] of shape [2, 3] and [0] of [4] do not pair")]
    fn extents_of_a_pair_are_equal() {
        Tensor::<f32>::ones([2, 3]).tensordot(&Tensor::ones([4]), [1], [0]);
    }
}
