//! Coordinates of grids.

use std::borrow::Borrow;

use super::reshaped;
use crate::dimensions::pushed;
use crate::error::{argument_error, shape_error};
use crate::float::Float;
use crate::graph::broadcast::expand;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// # Shape: coordinates of grids
impl<T: Float> Tensor<T> {
    /// The coordinates of the points of a grid: for vectors of lengths n, m, ... as many tensors of shape `[n, m,
    /// ..]`. The elements of vector `i` are those along dimension `i` of tensor `i`. No element is copied.
    ///    dx = dy summed over the other dimensions
    ///
    /// Like [`torch.meshgrid`](https://docs.pytorch.org/docs/stable/generated/torch.meshgrid.html) with
    /// `indexing="ij"`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (y, x) = (Tensor::from_vec(vec![1.0, 2.0], [2]), Tensor::from_vec(vec![3.0, 4.0], [2]));
    /// let grid = Tensor::meshgrid(&[y, x]);
    /// assert_eq!(grid[0].to_vec(), [1.0, 1.0, 2.0, 2.0]);
    /// assert_eq!(grid[1].to_vec(), [3.0, 4.0, 3.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If a tensor has more than one dimension, or there are none.
    #[track_caller]
    pub fn meshgrid(vectors: &[impl Borrow<Tensor<T>>]) -> Vec<Tensor<T>> {
        let vectors = pushed(vectors.iter().map(Borrow::borrow));
        if vectors.is_empty() {
            argument_error("meshgrid", "there are no vectors");
        }
        if let Some(wrong) = vectors.iter().find(|vector| vector.rank() > 1) {
            shape_error("meshgrid", format_args!("shape {} is no vector", wrong.shape()));
        }
        let grid = Shape::from(pushed(vectors.iter().map(|vector| vector.numel())));
        grid.numel_for("meshgrid");
        let mut coordinates = Vec::with_capacity(vectors.len());
        // A loop, as a closure would be the caller whose line an anomaly shows.
        for (dim, vector) in vectors.iter().enumerate() {
            let mut own = Shape::from(vec![1; grid.rank()]);
            own.set(dim, grid[dim]);
            coordinates.push(expand(&reshaped(vector, &own), &grid).expect("extents of 1 stretch"));
        }
        coordinates
    }
}

instances!(|x| Tensor::meshgrid(&[x]));

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(meshgrid: |x, y| Tensor::stack(&Tensor::meshgrid(&[x, y]), 0).powf(2.0), [2], [3]);

    #[test]
    #[should_panic(expected = "meshgrid: shape [2, 1] is no vector")]
    fn a_matrix_is_no_axis() {
        Tensor::meshgrid(&[Tensor::<f32>::ones([2, 1])]);
    }
}
