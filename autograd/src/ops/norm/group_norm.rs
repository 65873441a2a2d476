//! Normalization of groups of channels, and of single channels.

use super::normalized::normalized;
use super::{check_input, over_channels};
use crate::error::shape_error;
use crate::float::Float;
use crate::tensor::Tensor;

/// # Softmax and normalization: normalization of groups of channels, and of single ones
impl<T: Float> Tensor<T> {
    /// Normalizes each group of channels of each example to mean 0 and variance 1.
    /// y = (x - μ) / √(v + ε) · weight + bias
    ///
    /// The input is `[N, C, ...]`, weight and bias are `[C]`, and C is a multiple of `num_groups`. Like
    /// [`torch.nn.functional.group_norm`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.group_norm.html)
    /// (Wu and He, [arXiv:1803.08494](https://arxiv.org/abs/1803.08494)), whose ε is 10⁻⁵ by default. The derivative is
    /// that of [`layer_norm`](Tensor::layer_norm).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 3.0, 5.0, 9.0], [1, 4]);
    /// assert_eq!(x.group_norm(2, None, None, 0.0).to_vec(), [-1.0, 1.0, -1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the input has fewer than two dimensions, the channels are not a multiple of the groups, or weight or bias
    /// have another shape.
    #[inline(never)]
    #[track_caller]
    pub fn group_norm(
        &self,
        num_groups: usize,
        weight: Option<&Tensor<T>>,
        bias: Option<&Tensor<T>>,
        eps: f64,
    ) -> Tensor<T> {
        let own = self.shape();
        check_input("group_norm", own);
        if num_groups == 0 || !own[1].is_multiple_of(num_groups) {
            let message = format_args!("the {} channels of shape {own} do not make {num_groups} groups", own[1]);
            shape_error("group_norm", message);
        }
        normalized("group_norm", self, over_channels(own, num_groups), [weight, bias], eps).0
    }

    /// Normalizes each channel of each example to mean 0 and variance 1.    y = (x - μ) / √(v + ε) · weight + bias
    ///
    /// The input is `[N, C, ...]`, weight and bias are `[C]`. Like
    /// [`torch.nn.functional.instance_norm`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.instance_norm.html)
    /// (Ulyanov, Vedaldi and Lempitsky, [arXiv:1607.08022](https://arxiv.org/abs/1607.08022)) without running
    /// statistics, whose ε is 10⁻⁵ by default. The derivative is that of [`layer_norm`](Tensor::layer_norm).
    ///
    /// # Panics
    /// If the input has fewer than three dimensions or only one value in each channel, or weight or bias have
    /// another shape.
    #[inline(never)]
    #[track_caller]
    pub fn instance_norm(&self, weight: Option<&Tensor<T>>, bias: Option<&Tensor<T>>, eps: f64) -> Tensor<T> {
        let own = self.shape();
        if own.rank() < 3 || own[2..].iter().product::<usize>() == 1 {
            let message =
                format_args!("the input has shape {own}: wanted [N, C, ...] with more than one value a channel");
            shape_error("instance_norm", message);
        }
        normalized("instance_norm", self, over_channels(own, own[1]), [weight, bias], eps).0
    }
}

instances!(group_norm instance_norm);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(group_norm: |x, w, b| x.group_norm(2, Some(w), Some(b), 0.1), [3, 4, 2], [4], [4]; fixed);
    gradients!(group_norm_of_single_channels: |x| x.group_norm(4, None, None, 0.1), [2, 4, 3]; fixed);
    gradients!(instance_norm_of_images: |x| x.instance_norm(None, None, 0.1), [2, 2, 2, 3]; fixed);
    gradients!(instance_norm: |x, w, b| x.instance_norm(Some(w), Some(b), 0.1), [3, 2, 4], [2], [2]; fixed);

    #[test]
    #[should_panic(expected = "group_norm: the 4 channels of shape [2, 4] do not make 3 groups")]
    fn channels_make_whole_groups() {
        Tensor::<f32>::zeros([2, 4]).group_norm(3, None, None, 1e-5);
    }

    #[test]
    #[should_panic(expected = "instance_norm: the weight has shape [3], wanted [2]")]
    fn a_weight_belongs_to_each_channel() {
        Tensor::<f32>::zeros([3, 2, 4]).instance_norm(Some(&Tensor::ones([3])), None, 1e-5);
    }

    #[test]
    fn nothing_is_normalized_to_nothing() {
        assert_eq!(Tensor::<f32>::zeros([0, 2, 4]).instance_norm(None, None, 1e-5).numel(), 0);
        assert_eq!(Tensor::<f32>::zeros([0, 4]).group_norm(2, None, None, 1e-5).numel(), 0);
    }
}
