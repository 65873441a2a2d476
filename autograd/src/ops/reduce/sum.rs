//! Sums and means.

use crate::float::Float;
use crate::graph::broadcast::sum_to;
use crate::ops::shape::reshaped;
use crate::shape::{Dims, Shape};
use crate::tensor::Tensor;

/// # Reductions and cumulative sums: sums and means
impl<T: Float> Tensor<T> {
    /// The sum of all elements: shape `[]`.        dy/dx = 1
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::arange(0.0, 5.0, 1.0).sum().item(), 10.0);
    /// ```
    #[inline(never)]
    #[track_caller]
    pub fn sum(&self) -> Tensor<T> {
        sum_to(self, &Shape::default())
    }

    /// The sums along the given dimensions, which are dropped, or kept with extent 1 if `keepdim`.        dy/dx = 1
    ///
    /// An empty list means all dimensions, as in PyTorch.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::arange(0.0, 6.0, 1.0).reshape([2, 3]);
    /// assert_eq!(x.sum_dim(0, false).to_vec(), [3.0, 5.0, 7.0]);
    /// assert_eq!(*x.sum_dim([0, 1], true).shape(), [1, 1]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, or one is named twice.
    #[track_caller]
    pub fn sum_dim(&self, dims: impl Dims, keepdim: bool) -> Tensor<T> {
        self.sum_over(&dims, keepdim)
    }

    #[inline(never)]
    #[track_caller]
    fn sum_over(&self, dims: &dyn Dims, keepdim: bool) -> Tensor<T> {
        let (kept, dropped) = self.reduced("sum_dim", dims);
        let sum = sum_to(self, &kept);
        if keepdim { sum } else { reshaped(&sum, &dropped) }
    }

    /// The mean of all elements: shape `[]`. NaN of none.        dy/dx = 1 / n
    #[inline(never)]
    #[track_caller]
    pub fn mean(&self) -> Tensor<T> {
        self.sum() / T::from_usize(self.numel())
    }

    /// The means along the given dimensions, which are dropped, or kept with extent 1 if `keepdim`. NaN along an extent
    /// of 0. dy/dx = 1 / n
    ///
    /// # Panics
    /// If there is no such dimension, or one is named twice.
    #[track_caller]
    pub fn mean_dim(&self, dims: impl Dims, keepdim: bool) -> Tensor<T> {
        self.mean_over(&dims, keepdim)
    }

    #[inline(never)]
    #[track_caller]
    fn mean_over(&self, dims: &dyn Dims, keepdim: bool) -> Tensor<T> {
        let (kept, _) = self.reduced("mean_dim", dims);
        let count: usize =
            self.shape().iter().zip(kept.iter()).filter(|(_, kept)| **kept == 1).map(|(extent, _)| extent).product();
        self.sum_dim(dims, keepdim) / T::from_usize(count)
    }
}

instances!(sum mean);
instances!(|x| x.sum_dim(0, true), x.mean_dim(0, true));

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(sum: |x| (x * x).sum(), [3, 4]);
    gradients!(sum_dim: |x| (x * x).sum_dim(0, false), [3, 4]);
    gradients!(sum_dims: |x| (x * x).sum_dim([0, 2], true), [2, 3, 4]);
    gradients!(mean: |x| (x * x).mean(), [3, 4]; fixed);
    gradients!(mean_dim: |x| (x * x).mean_dim([-1, 0], false), [2, 3, 4]; fixed);
    gradients!(mean_dim_kept: |x| (x * x).mean_dim(1, true), [2, 3, 4]; fixed);

    #[test]
    fn nothing_sums_to_zero_and_has_no_mean() {
        let empty = Tensor::<f32>::zeros([0, 3]);
        assert_eq!(empty.sum_dim(0, false).to_vec(), [0.0; 3]);
        assert!(empty.mean_dim(0, false).to_vec().iter().all(|x| x.is_nan()));
        assert_eq!(empty.sum_dim(1, false).numel(), 0);
    }

    #[test]
    #[should_panic(expected = "sum_dim: dimension 2 is out of range for 2 dimensions")]
    fn a_dimension_must_be_there() {
        Tensor::<f32>::zeros([1, 3]).sum_dim(2, false);
    }
}
