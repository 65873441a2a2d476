//! Whole slices chosen by index.

use super::check_bounds;
use crate::error::{dimension, shape_error};
use crate::float::Float;
use crate::indices::Indices;
use crate::kernels::bytes::choose;
use crate::kernels::parallel::fill;
use crate::kernels::rowwise::around;
use crate::kernels::scatter_add::ScatterAdd;
use crate::ops::linear_map::LinearMap;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// y = slices of x along `dim`, in the order of the index        adjoint: each slice is added where it would be taken
/// from
#[derive(Clone, Debug)]
struct Select {
    dim: usize,
    index: Indices,
    from: Shape,
}

impl<T: Float> LinearMap<T> for Select {
    const NAME: &'static str = "index_select";
    const ADJOINT: &'static str = "index_add";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        let mut shape = x.shape().clone();
        shape.set(self.dim, self.index.numel());
        shape.numel_for("index_select");
        let dense = x.dense();
        let elements = dense.as_slice().expect("dense");
        let [_, count, inner] = around(x.shape(), self.dim);
        let index = self.index.as_slice();
        let slice = |position: usize| {
            let source = position / index.len() * count + *index.get(position % index.len())? as usize;
            elements.get(source * inner..)?.get(..inner)
        };
        Tensor::build_for("index_select", shape, |out| choose(slice, inner, out, |element| element))
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        let dense = y.dense();
        let elements = dense.as_slice().expect("dense");
        let [_, count, inner] = around(&self.from, self.dim);
        Tensor::build(self.from.clone(), |out| {
            fill(out, T::ZERO);
            let index = self.index.as_slice();
            ScatterAdd::new(index, count, index.len(), inner).run(elements, inner, out);
        })
    }
}

/// Zeros of the shape `from`, with each slice of `x` added where `index_select` would take it from.
#[track_caller]
pub(super) fn slices_at<T: Float>(x: &Tensor<T>, dim: usize, index: &Indices, from: &Shape) -> Tensor<T> {
    Select { dim, index: index.clone(), from: from.clone() }.adjoint_of(x)
}

/// # Indexing: whole slices chosen by index
impl<T: Float> Tensor<T> {
    /// The slices along `dim` that the index names, in its order: rows of a matrix for `dim` 0.
    ///    dx = dy added where each slice was taken
    ///
    /// As [`torch.index_select`](https://docs.pytorch.org/docs/stable/generated/torch.index_select.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    /// assert_eq!(x.index_select(0, [1, 1, 0]).to_vec(), [3.0, 4.0, 3.0, 4.0, 1.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, the index is not one-dimensional, or an index is out of bounds.
    #[track_caller]
    pub fn index_select(&self, dim: isize, index: impl Into<Indices>) -> Tensor<T> {
        self.select_at(dim, index.into())
    }

    #[inline(never)]
    #[track_caller]
    fn select_at(&self, dim: isize, index: Indices) -> Tensor<T> {
        let axis = dimension("index_select", dim, self.rank());
        if self.rank() == 0 || index.shape().rank() != 1 {
            let (own, other) = (self.shape(), index.shape());
            shape_error(
                "index_select",
                format_args!("wants an index of one dimension into a tensor of at least one, not {other} into {own}"),
            );
        }
        check_bounds("index_select", &index, axis, self.shape());
        Select { dim: axis, index, from: self.shape().clone() }.of(self)
    }
}

instances!(select_at);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(index_select: |x| x.index_select(1, [3, 0, 3]).powf(2.0), [3, 4]; fixed);
    gradients!(index_select_in_the_middle: |x| x.index_select(1, [1, 1]).powf(2.0), [2, 3, 2]; fixed);

    #[test]
    #[should_panic(expected = "index_select: index 3 is not in dimension 0 of shape [3, 4]")]
    fn an_index_lies_in_its_dimension() {
        Tensor::<f32>::zeros([3, 4]).index_select(0, [0, 3]);
    }
}
