//! Cumulative products.

use super::recurrence::recurrence;
use crate::error::dimension;
use crate::float::Float;
use crate::ops::shape::padded_along;
use crate::tensor::Tensor;

/// The cumulative products along a dimension that has elements: the linear recurrence y_j = x_j y_{j-1}, which starts
/// with x_0.
#[track_caller]
pub(super) fn running_products<T: Float>(x: &Tensor<T>, dim: usize) -> Tensor<T> {
    let rest = x.shape()[dim] as isize - 1;
    let first = padded_along(x, dim, [0, -rest], T::ZERO);
    recurrence(x, &padded_along(&first, dim, [0, rest], T::ZERO), dim)
}

/// # Reductions and cumulative sums: running products
impl<T: Float> Tensor<T> {
    /// The cumulative products along `dim`.    y_j = x_0 · ... · x_j
    ///
    /// Like [`torch.cumprod`](https://docs.pytorch.org/docs/stable/generated/torch.cumprod.html): computed in `f64`,
    /// then rounded. The gradient is also correct if elements are 0.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![2.0, 3.0, 4.0], [3]).cumprod(0).to_vec(), [2.0, 6.0, 24.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension.
    #[inline(never)]
    #[track_caller]
    pub fn cumprod(&self, dim: isize) -> Tensor<T> {
        let dim = dimension("cumprod", dim, self.rank());
        // The product of a scalar is the scalar itself.
        if self.rank() == 0 || self.numel() == 0 { self.clone() } else { running_products(self, dim) }
    }
}

instances!(cumprod);

#[cfg(test)]
mod tests {
    gradients!(cumprod: |x| x.cumprod(0), [3, 4]);
    gradients!(cumprod_of_the_middle: |x| x.cumprod(-2), [2, 3, 2]);
}
