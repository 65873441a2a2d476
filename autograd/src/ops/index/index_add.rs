//! Slices added at chosen indices.

use super::check_bounds;
use super::index_select::slices_at;
use crate::error::shape_error;
use crate::float::Float;
use crate::indices::Indices;
use crate::tensor::Tensor;

/// # Indexing: slices added at chosen indices
impl<T: Float> Tensor<T> {
    /// This tensor with `alpha` times the slices of `source` along `dim` added where the index has them: rows of a
    /// matrix for `dim` 0, `y[index[i]] += alpha source[i]`.
    ///
    /// As [`torch.index_add`](https://docs.pytorch.org/docs/stable/generated/torch.index_add.html), whose `alpha` is
    /// 1 unless given. The gradient of the source is `alpha` times what [`index_select`](Tensor::index_select) takes
    /// of the output's.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let source = Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]);
    /// assert_eq!(Tensor::zeros([2]).index_add(0, [1, 0, 1], &source, 1.0).to_vec(), [2.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, the index is not one-dimensional, the source's shape is not this tensor's with
    /// the index's length for `dim`, or an index is out of bounds.
    #[track_caller]
    pub fn index_add(&self, dim: isize, index: impl Into<Indices>, source: &Tensor<T>, alpha: T) -> Tensor<T> {
        self.add_at(dim, &index.into(), source, alpha)
    }

    #[inline(never)]
    #[track_caller]
    fn add_at(&self, dim: isize, index: &Indices, source: &Tensor<T>, alpha: T) -> Tensor<T> {
        let (dim, _) = self.dimension_of("index_add", dim);
        let mut wanted = self.shape().clone();
        wanted.set(dim, index.numel());
        if index.shape().rank() != 1 || *source.shape() != wanted {
            let (own, given, chosen) = (self.shape(), source.shape(), index.shape());
            shape_error(
                "index_add",
                format_args!("an index of shape {chosen} into shape {own} wants a source of {wanted}, not {given}"),
            );
        }
        check_bounds("index_add", index, dim, self.shape());
        let sums = slices_at(source, dim, index, self.shape());
        self + if alpha == T::ONE { sums } else { sums * alpha }
    }
}

instances!(add_at);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(index_add: |x, y| x.index_add(0, [3, 0, 3], y, 1.0).powf(2.0), [4, 2], [3, 2]; fixed);
    gradients!(index_add_scaled: |x, y| x.index_add(-1, [1, 1, 0], y, -2.0).powf(2.0), [2, 3, 2], [2, 3, 3]; fixed);

    #[test]
    #[should_panic(expected = "index_add: an index of shape [2] into shape [3, 4] wants a source of [2, 4], not [4]")]
    fn each_index_has_its_slice() {
        Tensor::<f32>::zeros([3, 4]).index_add(0, [0, 1], &Tensor::ones([4]), 1.0);
    }
}
