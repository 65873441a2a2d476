//! Normalization of each example over its last dimensions.

use super::normalized::{Over, normalized};
use crate::error::shape_error;
use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// # Softmax and normalization: normalization of each example over its last dimensions
impl<T: Float> Tensor<T> {
    /// Normalizes each example to mean 0 and variance 1 over its last dimensions.
    /// y = (x - μ) / √(v + ε) · weight + bias
    ///
    /// Like
    /// [`torch.nn.functional.layer_norm`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.layer_norm.html)
    /// (Ba, Kiros and Hinton, [arXiv:1607.06450](https://arxiv.org/abs/1607.06450)), whose ε is 10⁻⁵ by default.
    /// `normalized_shape` are the last extents of the input, and the shape of weight and bias. With s = 1/√(v + ε), ŷ =
    /// (x - μ) s and g the gradient of ŷ:    dx = s (g - E\[g\] - ŷ E\[g ŷ\])
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 3.0, 5.0, 9.0], [2, 2]);
    /// assert_eq!(x.layer_norm([2], None, None, 0.0).to_vec(), [-1.0, 1.0, -1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If `normalized_shape` is empty or not the input's last extents, or weight or bias have another shape.
    #[track_caller]
    pub fn layer_norm(
        &self,
        normalized_shape: impl Into<Shape>,
        weight: Option<&Tensor<T>>,
        bias: Option<&Tensor<T>>,
        eps: f64,
    ) -> Tensor<T> {
        over_last("layer_norm", self, (normalized_shape.into(), true), [weight, bias], eps)
    }

    /// Divides each example by the root mean square over its last dimensions.    y = x / √(E\[x²\] + ε) · weight
    ///
    /// Like
    /// [`torch.nn.functional.rms_norm`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.rms_norm.html)
    /// (Zhang and Sennrich, [arXiv:1910.07467](https://arxiv.org/abs/1910.07467)). The default of `eps` is the type's
    /// [`EPSILON`](crate::Arithmetic::EPSILON). With s = 1/√(E\[x²\] + ε), ŷ = x s and g the gradient of ŷ:
    /// dx = s (g - ŷ E\[g ŷ\])
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![2.0, -2.0], [1, 2]);
    /// assert_eq!(x.rms_norm([2], None, Some(0.0)).to_vec(), [1.0, -1.0]);
    /// ```
    ///
    /// # Panics
    /// If `normalized_shape` is empty or not the input's last extents, or the weight has another shape.
    #[track_caller]
    pub fn rms_norm(
        &self,
        normalized_shape: impl Into<Shape>,
        weight: Option<&Tensor<T>>,
        eps: Option<f64>,
    ) -> Tensor<T> {
        let eps = eps.unwrap_or(T::EPSILON.to_f64());
        over_last("rms_norm", self, (normalized_shape.into(), false), [weight, None], eps)
    }
}

#[inline(never)]
#[track_caller]
fn over_last<T: Float>(
    op: &'static str,
    x: &Tensor<T>,
    (shape, centred): (Shape, bool),
    parameters: [Option<&Tensor<T>>; 2],
    eps: f64,
) -> Tensor<T> {
    let own = x.shape();
    if shape.rank() == 0 || !own.ends_with(&shape) {
        shape_error(op, format_args!("the input has shape {own}: its last extents are not {shape}"));
    }
    let over = Over::Rows { count: shape.numel(), centred };
    normalized(op, x, (over, shape), parameters, eps).0
}

instances!(|x| x.layer_norm(x.shape(), None, None, 0.0));

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(layer_norm: |x, w, b| x.layer_norm([4], Some(w), Some(b), 0.1), [3, 4], [4], [4]; fixed);
    gradients!(layer_norm_over_two: |x| x.layer_norm([3, 4], None, None, 0.1), [2, 3, 4]; fixed);
    gradients!(layer_norm_of_any: |x| x.layer_norm([x.size(1)], None, None, 0.1), [3, 4]);
    gradients!(rms_norm: |x, w| x.rms_norm([4], Some(w), Some(0.1)), [2, 3, 4], [4]; fixed);
    gradients!(rms_norm_by_default: |x| x.rms_norm([3, 4], None, None), [2, 3, 4]; fixed);
    gradients!(layer_norm_with_a_bias: |x, b| x.layer_norm([4], None, Some(b), 0.1), [3, 4], [4]; fixed);

    #[test]
    fn equal_elements_become_zeros() {
        let x = Tensor::full([2, 3], 5.0_f32).requires_grad();
        let y = x.layer_norm([3], None, None, 1e-5);
        assert_eq!(y.to_vec(), [0.0; 6]);
        let seed = Tensor::from_vec(vec![1.0, 2.0, 3.0, 0.0, 0.0, 3.0], [2, 3]);
        let gradient = y.backward_with(&seed).get(&x).unwrap().to_vec();
        assert!(gradient[1] == 0.0 && (gradient[2] / 316.227_78 - 1.0).abs() < 1e-5, "{gradient:?}");
    }

    #[test]
    #[should_panic(expected = "layer_norm: the input has shape [2, 3]: its last extents are not [2]")]
    fn the_last_extents_are_normalized() {
        Tensor::<f32>::zeros([2, 3]).layer_norm([2], None, None, 1e-5);
    }
}
