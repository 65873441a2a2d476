//! Running products.

use super::recurrence::recurrence;
use crate::error::dimension;
use crate::float::Float;
use crate::ops::shape::padded_along;
use crate::tensor::Tensor;

/// The running products along a dimension that has elements. y_j = x_j y_{j-1} is a linear recurrence that starts
/// with x_0.
#[track_caller]
pub(super) fn running_products<T: Float>(x: &Tensor<T>, dim: usize) -> Tensor<T> {
    let rest = x.shape()[dim] as isize - 1;
    let first = padded_along(x, dim, [0, -rest], T::ZERO);
    recurrence(x, &padded_along(&first, dim, [0, rest], T::ZERO), dim)
}

/// # Reductions and cumulative sums: running products
impl<T: Float> Tensor<T> {
    /// The products of all elements up to each one along `dim`.    y_j = x_0 · ... · x_j
    ///
    /// As [`torch.cumprod`](https://docs.pytorch.org/docs/stable/generated/torch.cumprod.html): taken in `f64`, and
    /// rounded. The gradient is right where elements are 0, too.
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
        // A scalar is its own product.
        if self.rank() == 0 || self.numel() == 0 { self.clone() } else { running_products(self, dim) }
    }
}

instances!(cumprod);

#[cfg(test)]
mod tests {
    gradients!(cumprod: |x| x.cumprod(0), [3, 4]);
    gradients!(cumprod_of_the_middle: |x| x.cumprod(-2), [2, 3, 2]);
}
