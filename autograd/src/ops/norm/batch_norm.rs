//! Normalization of each channel over a batch.

use super::standardize::standardized;
use super::{check_channels, check_input, scaled_channels};
use crate::error::shape_error;
use crate::float::Float;
use crate::ops::shape::reshaped;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// # Softmax and normalization: normalization of each channel over a batch
impl<T: Float> Tensor<T> {
    /// Normalizes each channel to mean 0 and variance 1 over the batch, and returns the batch's statistics.
    /// y = (x - μ) / √(v + ε) · weight + bias
    ///
    /// The input is `[N, C, ...]`, weight and bias are `[C]`. In addition to y it returns the mean μ and the unbiased
    /// variance v · n / (n - 1) of the n values of each channel, `[C]`, as constants, from which a layer updates its
    /// running statistics. Like
    /// [`torch.nn.functional.batch_norm`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.batch_norm.html)
    /// in training (Ioffe and Szegedy, [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)), whose ε is 10⁻⁵ by
    /// default. The derivative is that of [`layer_norm`](Tensor::layer_norm).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 3.0], [2, 1]);
    /// let (y, mean, variance) = x.batch_norm(None, None, 0.0);
    /// assert_eq!(y.to_vec(), [-1.0, 1.0]);
    /// assert_eq!((mean.item(), variance.item()), (2.0, 2.0));
    /// ```
    ///
    /// # Panics
    /// If the input has fewer than two dimensions or only one value in each channel, or weight or bias have another
    /// shape.
    #[inline(never)]
    #[track_caller]
    pub fn batch_norm(
        &self,
        weight: Option<&Tensor<T>>,
        bias: Option<&Tensor<T>>,
        eps: f64,
    ) -> (Tensor<T>, Tensor<T>, Tensor<T>) {
        let own = self.shape();
        check_input("batch_norm", own);
        let (channels, count) = (own[1], own[0] * own[2..].iter().product::<usize>());
        if count == 1 {
            shape_error("batch_norm", format_args!("shape {own} has one value a channel: wanted more for a variance"));
        }
        // One row for each channel.
        let channels_first = self.transpose(0, 1);
        let rows = reshaped(&channels_first, &Shape::from([channels, count]));
        let (y, moments) = standardized(&rows, true, eps);
        let y = reshaped(&y, channels_first.shape()).transpose(0, 1);
        let unbiased = T::from_usize(count) / (T::from_usize(count) - T::ONE);
        let (mean, variance) = (moments.select(1, 0), moments.select(1, 1) * unbiased);
        (scaled_channels("batch_norm", y, weight, bias), mean.contiguous(), variance)
    }

    /// Each channel normalized with given statistics, as after training.    y = (x - mean) / √(variance + ε) ·
    /// weight + bias        dx = dy / √(variance + ε) · weight
    ///
    /// The input is `[N, C, ...]`, the others are `[C]`. Like
    /// [`torch.nn.functional.batch_norm`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.batch_norm.html)
    /// in evaluation mode.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (x, one) = (Tensor::from_vec(vec![1.0, 5.0], [2, 1]), Tensor::ones([1]));
    /// assert_eq!(x.batch_norm_with(&one, &(&one * 4.0), None, None, 0.0).to_vec(), [0.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If the input has fewer than two dimensions, or another tensor is not `[C]`.
    #[inline(never)]
    #[track_caller]
    pub fn batch_norm_with(
        &self,
        mean: &Tensor<T>,
        variance: &Tensor<T>,
        weight: Option<&Tensor<T>>,
        bias: Option<&Tensor<T>>,
        eps: f64,
    ) -> Tensor<T> {
        let own = self.shape();
        check_input("batch_norm_with", own);
        let mut along = Shape::from(vec![1; own.rank() - 1]);
        along.set(0, own[1]);
        for (name, tensor) in [("mean", mean), ("variance", variance)] {
            check_channels("batch_norm_with", name, tensor, own[1]);
        }
        let scale = (variance + T::from_f64(eps)).powf(T::from_f64(-0.5));
        let y = (self - mean.reshape(&along)) * scale.reshape(&along);
        scaled_channels("batch_norm_with", y, weight, bias)
    }
}

instances!(batch_norm batch_norm_with);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(batch_norm: |x, w, b| x.batch_norm(Some(w), Some(b), 0.1).0, [5, 3], [3], [3]; fixed);
    gradients!(batch_norm_of_pictures: |x| x.batch_norm(None, None, 0.1).0, [3, 2, 1, 2]; fixed);
    gradients!(
        batch_norm_with: |x, m, v, w| x.batch_norm_with(m, &(v * v), Some(w), None, 0.1),
        [5, 3, 2], [3], [3], [3]; fixed
    );

    #[test]
    #[should_panic(expected = "batch_norm: shape [1, 3] has one value a channel: wanted more for a variance")]
    fn one_value_has_no_variance() {
        Tensor::<f32>::zeros([1, 3]).batch_norm(None, None, 1e-5);
    }

    #[test]
    fn the_statistics_are_constants() {
        let x = Tensor::<f64>::randn([4, 2, 3], 0).requires_grad();
        let (y, mean, variance) = x.batch_norm(None, None, 1e-5);
        assert!(y.is_tracked() && !mean.is_tracked() && !variance.is_tracked());
        let of_first: Vec<f64> = x.select(1, 0).to_vec();
        let expected = of_first.iter().sum::<f64>() / 12.0;
        let squares: f64 = of_first.iter().map(|x| (x - expected) * (x - expected)).sum();
        assert!((mean.to_vec()[0] - expected).abs() < 1e-12);
        assert!((variance.to_vec()[0] - squares / 11.0).abs() < 1e-12);
    }
}
