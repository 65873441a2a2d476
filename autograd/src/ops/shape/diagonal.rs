//! Diagonals of matrices, and matrices made from diagonals.

use super::{added_to_part, placed};
use crate::error::{dimension, shape_error};
use crate::float::Float;
use crate::ops::linear_map::LinearMap;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// y[.., i] = x[.., i, .., i + offset, ..]        adjoint: the elements at those positions, zeros elsewhere
#[derive(Clone, Debug)]
struct Diagonal {
    dims: [usize; 2],
    offset: isize,
    from: Shape,
}

impl<T: Float> LinearMap<T> for Diagonal {
    const NAME: &'static str = "diagonal";
    const ADJOINT: &'static str = "diag_embed";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        x.with_layout(x.layout.diagonal(self.dims, self.offset))
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        placed(y, &self.from, |whole| whole.diagonal(self.dims, self.offset))
    }

    fn add_adjoint(&self, y: &Tensor<T>, sum: &mut Tensor<T>) -> bool {
        added_to_part(y, sum, |whole| whole.diagonal(self.dims, self.offset))
    }
}

/// # Shape: diagonals of matrices, and matrices of diagonals
impl<T: Float> Tensor<T> {
    /// The elements `[i, i + offset]` of the dimensions `first` and `second`. A new last dimension replaces these two.
    /// No element is copied.
    ///
    /// Like [`torch.diagonal`](https://docs.pytorch.org/docs/stable/generated/torch.diagonal.html). The gradient of the
    /// other elements is 0.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    /// assert_eq!(x.diagonal(0, 0, 1).to_vec(), [1.0, 4.0]);
    /// assert_eq!(x.diagonal(1, 0, 1).to_vec(), [2.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, or both are the same.
    #[inline(never)]
    #[track_caller]
    pub fn diagonal(&self, offset: isize, first: isize, second: isize) -> Tensor<T> {
        if self.rank() < 2 {
            shape_error("diagonal", format_args!("shape {} has less than two dimensions", self.shape()));
        }
        let dims = [dimension("diagonal", first, self.rank()), dimension("diagonal", second, self.rank())];
        if dims[0] == dims[1] {
            shape_error(
                "diagonal",
                format_args!("dimensions {first} and {second} of shape {} are the same", self.shape()),
            );
        }
        Diagonal { dims, offset, from: self.shape().clone() }.of(self)
    }

    /// Matrices with the last dimension's elements at `[i, i + offset]` and zeros elsewhere: from shape `[.., n]` to
    /// `[.., n + |offset|, n + |offset|]`.        dx = the diagonals of dy
    ///
    /// Like [`torch.diag_embed`](https://docs.pytorch.org/docs/stable/generated/torch.diag_embed.html).
    ///
    /// # Panics
    /// If this is a scalar.
    #[inline(never)]
    #[track_caller]
    pub fn diag_embed(&self, offset: isize) -> Tensor<T> {
        let (_, length) = self.dimension_of("diag_embed", -1);
        let (rank, size) = (self.rank(), length.saturating_add(offset.unsigned_abs()));
        let from: Shape = self.shape()[..rank - 1].iter().copied().chain([size, size]).collect();
        from.numel_for("diag_embed");
        Diagonal { dims: [rank - 1, rank], offset, from }.adjoint_of(self)
    }

    /// The diagonal of a matrix, or the matrix of a diagonal.        dx = dy on the diagonal
    ///
    /// Like [`torch.diag`](https://docs.pytorch.org/docs/stable/generated/torch.diag.html):
    /// [`diagonal`](Tensor::diagonal) of two dimensions, [`diag_embed`](Tensor::diag_embed) of one.
    ///
    /// # Panics
    /// If there are no dimensions, or more than two.
    #[inline(never)]
    #[track_caller]
    pub fn diag(&self, offset: isize) -> Tensor<T> {
        match self.rank() {
            1 => self.diag_embed(offset),
            2 => self.diagonal(offset, 0, 1),
            _ => shape_error("diag", format_args!("shape {} is neither a vector nor a matrix", self.shape())),
        }
    }
}

instances!(diagonal diag_embed diag);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(diagonal: |x| x.diagonal(1, 0, -1).powf(2.0), [3, 2, 4]);
    gradients!(diagonal_below: |x| x.diagonal(-2, 1, 0).powf(2.0), [3, 4]);
    gradients!(diag_embed: |x| x.diag_embed(-1).powf(2.0), [2, 3]);
    gradients!(diag: |x| x.diag(1).powf(2.0), [3]);

    #[test]
    fn a_diagonal_outside_of_the_matrix_is_empty() {
        let x = Tensor::<f32>::ones([3, 4]);
        for offset in [4, -3, isize::MAX, isize::MIN] {
            assert_eq!(*x.diagonal(offset, 0, 1).shape(), [0], "{offset}");
        }
        assert_eq!(x.diagonal(-2, 0, 1).numel(), 1);
    }

    #[test]
    #[should_panic(expected = "diagonal: dimensions 1 and -1 of shape [3, 4] are the same")]
    fn a_diagonal_has_two_dimensions() {
        Tensor::<f32>::ones([3, 4]).diagonal(0, 1, -1);
    }
}
