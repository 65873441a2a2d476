//! The larger and the smaller of two elements.

use crate::float::Float;
use crate::tensor::Tensor;

/// # Arithmetic of two tensors: the larger and the smaller
impl<T: Float> Tensor<T> {
    /// The larger of each two elements, NaN if one is.    y = max(a, b)        dy/da = 1 where a > b, ½ where a = b,
    /// else 0
    ///
    /// As [`torch.maximum`](https://docs.pytorch.org/docs/stable/generated/torch.maximum.html). The shapes are
    /// broadcast.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[inline(never)]
    #[track_caller]
    pub fn maximum(&self, other: &Tensor<T>) -> Tensor<T> {
        let to_a = piecewise!(|g, a, b| share(g, a < b, a == b));
        let to_b = piecewise!(|g, a, b| share(g, a > b, a == b));
        self.binary("maximum", other, |a, b| a.maximum(b), to_a, to_b)
    }

    /// The smaller of each two elements, NaN if one is.    y = min(a, b)        dy/da = 1 where a < b, ½ where a = b,
    /// else 0
    ///
    /// As [`torch.minimum`](https://docs.pytorch.org/docs/stable/generated/torch.minimum.html). The shapes are
    /// broadcast.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (a, b) = (Tensor::from_vec(vec![1.0, 5.0], [2]), Tensor::from_vec(vec![3.0], [1]));
    /// assert_eq!(a.minimum(&b).to_vec(), [1.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[inline(never)]
    #[track_caller]
    pub fn minimum(&self, other: &Tensor<T>) -> Tensor<T> {
        let to_a = piecewise!(|g, a, b| share(g, a > b, a == b));
        let to_b = piecewise!(|g, a, b| share(g, a < b, a == b));
        self.binary("minimum", other, |a, b| a.minimum(b), to_a, to_b)
    }
}

/// Nothing for the operand that lost, half of the gradient at a tie, all of it otherwise: beside a NaN too, as in
/// PyTorch.
#[inline(always)]
fn share<T: Float>(grad: T, is_lost: bool, is_tie: bool) -> T {
    let half = if is_tie { grad * T::from_f64(0.5) } else { grad };
    if is_lost { T::ZERO } else { half }
}

instances!(maximum minimum);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(maximum: |a, b| a.maximum(b), [3, 4], [4]);
    gradients!(minimum: |a, b| a.minimum(b), [3, 4], [3, 4]);
    gradients!(minimum_broadcast: |a, b| a.minimum(b) * b, [3, 1], [4]);

    #[test]
    fn ties_share_the_gradient() {
        let (a, b) = (Tensor::from_vec(vec![1.0, 2.0], [2]).requires_grad(), Tensor::full([1], 2.0).requires_grad());
        let gradients = a.minimum(&b).sum().backward();
        assert_eq!(gradients.get(&a).unwrap().to_vec(), [1.0, 0.5]);
        assert_eq!(gradients.get(&b).unwrap().to_vec(), [0.5]);
    }
}
