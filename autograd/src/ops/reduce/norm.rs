//! Norms.

use super::magnitude::magnitude;
use super::variance::root;
use crate::error::shape_error;
use crate::float::Float;
use crate::ops::pointwise::flat;
use crate::ops::shape::distinct;
use crate::shape::Dims;
use crate::tensor::Tensor;

/// # Reductions and cumulative sums: norms
impl<T: Float> Tensor<T> {
    /// The p-norms along the given dimensions, which are dropped, or kept with extent 1 if `keepdim`; an empty list
    /// means all dimensions.
    /// y = (Σ |x|ᵖ)^(1/p)        dx = sign(x) |x|ᵖ⁻¹ / yᵖ⁻¹
    ///
    /// Like [`torch.linalg.vector_norm`](https://docs.pytorch.org/docs/stable/generated/torch.linalg.vector_norm.html):
    /// `p` is 2 for Euclidean lengths, 1 for sums of magnitudes, ∞ for the largest and -∞ for the smallest magnitude
    /// (ties share the gradient evenly), 0 for the number of elements other than 0; any other number is an exponent.
    /// The gradient is 0 where a norm is 0, and for an element that is 0.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![3.0_f32, -4.0], [2]);
    /// assert_eq!(x.norm(2.0, [], false).item(), 5.0);
    /// assert_eq!(x.norm(1.0, [], false).item(), 7.0);
    /// assert_eq!(x.norm(f64::INFINITY, [], false).item(), 4.0);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, or one is named twice; for infinite `p`, if one has extent 0.
    #[track_caller]
    pub fn norm(&self, p: f64, dims: impl Dims, keepdim: bool) -> Tensor<T> {
        self.norm_over(p, &dims, keepdim)
    }

    #[inline(never)]
    #[track_caller]
    fn norm_over(&self, p: f64, dims: &dyn Dims, keepdim: bool) -> Tensor<T> {
        let (named, own) = (distinct("norm", dims, self.rank()), self.shape());
        let is_reduced = |dim: usize| named.is_empty() || named.contains(&dim);
        if p.is_infinite() && (0..own.rank()).any(|dim| own[dim] == 0 && is_reduced(dim)) {
            shape_error("norm", format_args!("shape {own} has no elements to choose from for p = {p}"));
        }
        if p == f64::INFINITY {
            self.abs().amax(dims, keepdim)
        } else if p == f64::NEG_INFINITY {
            self.abs().amin(dims, keepdim)
        } else if p == 0.0 {
            // The gradient of a count is 0. A NaN counts as an element other than 0.
            let counted = self.pointwise("is_not_zero", |x| if x == T::ZERO { T::ZERO } else { T::ONE }, flat());
            counted.sum_dim(dims, keepdim)
        } else if p == 1.0 {
            self.abs().sum_dim(dims, keepdim)
        } else if p == 2.0 {
            root(&(self * self).sum_dim(dims, keepdim))
        } else {
            magnitude(&magnitude(self, p).sum_dim(dims, keepdim), p.recip())
        }
    }
}

instances!(|x| x.norm(2.0, 0, true));

#[cfg(test)]
mod tests {
    use crate::{Order, Tensor, grad};

    gradients!(norm: |x| x.norm(2.0, 1, false), [2, 3, 4]; fixed);
    gradients!(norm_of_sizes: |x| x.norm(1.0, [0, 1], true), [3, 4]);
    gradients!(norm_of_cubes: |x| x.norm(3.0, [], false), [3, 4]; fixed);
    gradients!(norm_of_roots: |x| x.norm(0.7, 0, false), [3, 4]; fixed);
    gradients!(norm_of_reciprocals: |x| (x * x + 0.5).norm(-1.0, 0, false), [3, 4]; fixed);
    gradients!(largest: |x| x.norm(f64::INFINITY, 1, false), [3, 4]; fixed);
    gradients!(smallest: |x| x.norm(f64::NEG_INFINITY, 1, false), [3, 4]; fixed);
    gradients!(count: |x| x.norm(0.0, 1, true) * x, [3, 4]);

    #[test]
    fn at_zero_there_is_no_slope() {
        for p in [0.5, 1.0, 1.5, 2.0, 3.0, f64::INFINITY, f64::NEG_INFINITY, 0.0] {
            for order in [Order::First, Order::Higher] {
                let x = Tensor::<f32>::zeros([3]).requires_grad();
                let norm = x.norm(p, 0, false);
                assert_eq!(norm.item(), 0.0, "{p}");
                assert_eq!(grad(&norm, &[&x], order)[0].to_vec(), [0.0; 3], "{p}, {order:?}");
            }
        }
    }
}
