//! Elements chosen by index.

use super::check_bounds;
use crate::error::{dimension, shape_error};
use crate::float::Float;
use crate::indices::Indices;
use crate::kernels::gather::Chosen;
use crate::kernels::parallel::fill;
use crate::kernels::scatter_add::ScatterAdd;
use crate::layout::Layout;
use crate::ops::linear_map::LinearMap;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// y[.., j, ..] = x[.., index[.., j, ..], ..]        adjoint: each element is added where it would be taken from
#[derive(Clone, Debug)]
struct Gather {
    dim: usize,
    index: Indices,
    from: Shape,
}

impl<T: Float> LinearMap<T> for Gather {
    const NAME: &'static str = "gather";
    const ADJOINT: &'static str = "scatter_add";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        let (extents, index) = (self.index.shape(), self.index.as_slice());
        let chosen = Chosen { layout: &x.layout, dim: self.dim, extents, index };
        Tensor::build_for("gather", extents.clone(), |out| chosen.gather(x.as_view().values, out))
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        let dense = y.dense();
        let elements = dense.as_slice().expect("dense");
        let positions = positions(&self.from, self.dim, &self.index);
        // An element can be chosen once for each index along the dimension.
        let most = self.index.shape().get(self.dim).copied().unwrap_or(1);
        Tensor::build(self.from.clone(), |out| {
            fill(out, T::ZERO);
            ScatterAdd::new(&positions, out.len(), most, 1).run(elements, 1, out);
        })
    }
}

/// The position in the whole of each element of the index.
pub(super) fn positions(whole: &Shape, dim: usize, index: &Indices) -> Vec<i64> {
    let layout = Layout::contiguous(whole.clone());
    Chosen { layout: &layout, dim, extents: index.shape(), index: index.as_slice() }.positions()
}

/// `gather` of an index that is known to be right.
#[track_caller]
pub(crate) fn gathered<T: Float>(x: &Tensor<T>, dim: usize, index: &Indices) -> Tensor<T> {
    Gather { dim, index: index.clone(), from: x.shape().clone() }.of(x)
}

/// Zeros of the shape `from`, with each element of `x` added where [`gathered`] would take it from.
#[track_caller]
pub(crate) fn scattered<T: Float>(x: &Tensor<T>, dim: usize, index: &Indices, from: &Shape) -> Tensor<T> {
    Gather { dim, index: index.clone(), from: from.clone() }.adjoint_of(x)
}

/// # Indexing: elements chosen by index
impl<T: Float> Tensor<T> {
    /// One element for each of the index's, taken along `dim`: for a matrix and `dim` 1, `y[i][j] = x[i][index[i][j]]`.
    ///    dx = dy added where each element was taken
    ///
    /// As [`torch.gather`](https://docs.pytorch.org/docs/stable/generated/torch.gather.html). An element that is taken
    /// several times gets the sum of the gradients.
    ///
    /// ```
    /// use autograd::{Indices, Tensor};
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    /// let index = Indices::new(vec![1, 0], [2, 1]);
    /// assert_eq!(x.gather(1, &index).to_vec(), [2.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the index has another number of dimensions, is larger than the tensor in a dimension other than `dim`, or an
    /// index is out of bounds.
    #[inline(never)]
    #[track_caller]
    pub fn gather(&self, dim: isize, index: &Indices) -> Tensor<T> {
        let axis = dimension("gather", dim, self.rank());
        let (own, other) = (self.shape(), index.shape());
        if own.rank() == 0 || other.rank() != own.rank() {
            shape_error(
                "gather",
                format_args!("the index has shape {other}, the tensor {own}: not as many dimensions"),
            );
        }
        if let Some(wrong) = (0..own.rank()).find(|&dim| dim != axis && other[dim] > own[dim]) {
            shape_error(
                "gather",
                format_args!("the index has shape {other}, the tensor {own}: dimension {wrong} is larger"),
            );
        }
        check_bounds("gather", index, axis, own);
        gathered(self, axis, index)
    }

    /// As [`gather`](Tensor::gather), with the index and the tensor broadcast against each other in the dimensions
    /// other than `dim`: what [`argsort`](Tensor::argsort) or [`argmax`](Tensor::argmax) found.
    ///    dx = dy added where each element was taken
    ///
    /// As [`torch.take_along_dim`](https://docs.pytorch.org/docs/stable/generated/torch.take_along_dim.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![3.0, 1.0, 2.0, 4.0], [2, 2]);
    /// assert_eq!(x.take_along_dim(&x.argmax(1, true), 1).to_vec(), [3.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If the numbers of dimensions differ, the other dimensions do not broadcast, or an index is out of bounds.
    #[inline(never)]
    #[track_caller]
    pub fn take_along_dim(&self, index: &Indices, dim: isize) -> Tensor<T> {
        let axis = dimension("take_along_dim", dim, self.rank());
        let (own, other) = (self.shape(), index.shape());
        let (mut whole, mut chosen) = (own.clone(), other.clone());
        let is_comparable = own.rank() > 0 && own.rank() == other.rank();
        let common = is_comparable.then(|| {
            whole.set(axis, 1);
            chosen.set(axis, 1);
            whole.broadcast(&chosen)
        });
        let Some(mut common) = common.flatten() else {
            shape_error(
                "take_along_dim",
                format_args!("the index has shape {other}, the tensor {own}: they do not broadcast"),
            );
        };
        check_bounds("take_along_dim", index, axis, own);
        common.set(axis, own[axis]);
        let stretched = self.expand(common.clone());
        common.set(axis, other[axis]);
        gathered(&stretched, axis, &index.expand(&common))
    }
}

instances!(gather take_along_dim);

#[cfg(test)]
mod tests {
    use crate::{Indices, Tensor};

    gradients!(gather: |x| x.gather(1, &Indices::new(vec![0, 0, 2, 3, 1, 1], [3, 2])).powf(2.0), [3, 4]; fixed);
    gradients!(take_along_dim: |x| x.take_along_dim(&Indices::new(vec![2, 0], [2, 1]), 0).powf(2.0), [3, 4]; fixed);
    gradients!(gather_from_part: |x| x.gather(0, &Indices::new(vec![2, 0, 2, 1], [2, 2])).powf(2.0), [3, 4]; fixed);

    #[test]
    #[should_panic(expected = "gather: the index has shape [4, 1], the tensor [3, 4]: dimension 0 is larger")]
    fn an_index_fits_its_tensor() {
        Tensor::<f32>::zeros([3, 4]).gather(1, &Indices::new(vec![0; 4], [4, 1]));
    }
}
