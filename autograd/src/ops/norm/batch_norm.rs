//! Normalization of each channel over a batch.

use smallvec::SmallVec;

use super::normalized::{SHORT, normalized};
use super::{along_channels, channel_planes, check_channels, check_input, over_channels, scaled_channels};
use crate::dimensions::pushed;
use crate::error::shape_error;
use crate::float::Float;
use crate::graph::Backward;
use crate::op::{Op, Saved};
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
        let count = own[0] * own[2..].iter().product::<usize>();
        if count == 1 {
            shape_error("batch_norm", format_args!("shape {own} has one value a channel: wanted more for a variance"));
        }
        let (y, moments) = normalized("batch_norm", self, over_channels(own, 0), [weight, bias], eps);
        let unbiased = T::from_usize(count) / (T::from_usize(count) - T::ONE);
        let (mean, variance) = (moments.select(1, 0), moments.select(1, 1) * unbiased);
        (y, mean.contiguous(), variance)
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
        for (name, tensor) in [("mean", Some(mean)), ("variance", Some(variance)), ("weight", weight), ("bias", bias)] {
            if let Some(tensor) = tensor {
                check_channels("batch_norm_with", name, tensor, own[1]);
            }
        }
        given_normalized(self, [mean, variance], [weight, bias], eps)
    }
}

/// y = (x - mean) / √(variance + ε) · weight + bias
#[derive(Debug)]
struct GivenNorm<T: Float> {
    x: Saved<T>,
    moments: [Saved<T>; 2],
    parameters: [Option<Saved<T>>; 2],
    epsilon: f64,
}

impl<T: Float> Op<T> for GivenNorm<T> {
    fn name(&self) -> &'static str {
        "batch_norm_with"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (x, mean, variance) = (ctx.get(&self.x), ctx.get(&self.moments[0]), ctx.get(&self.moments[1]));
        let parameter = |index: usize| self.parameters[index].as_ref().map(|saved| ctx.get(saved));
        let parameters = [parameter(0), parameter(1)];
        if ctx.higher_order() {
            let parameters = [parameters[0].as_ref(), parameters[1].as_ref()];
            return ctx.go_on_through(|_| given_composed(&x, [&mean, &variance], parameters, self.epsilon));
        }
        let along = |tensor: &Tensor<T>| along_channels(tensor, x.rank());
        let (grad, scale) = (ctx.grad(), (&variance + T::from_f64(self.epsilon)).rsqrt());
        let [weight, _] = &parameters;
        let weighted = weight.as_ref().map_or_else(|| scale.clone(), |weight| &scale * weight);
        ctx.propagate(0, || &grad * along(&weighted));
        ctx.propagate(1, || sum_to_channels(&grad) * -&weighted);
        let with_distance = || sum_to_channels(&(&grad * (&x - along(&mean))));
        let half = T::from_f64(-0.5);
        ctx.propagate(2, || with_distance() * (&weighted * (&scale * &scale)) * half);
        if weight.is_some() {
            ctx.propagate(3, || with_distance() * &scale);
        }
        if parameters[1].is_some() {
            ctx.propagate(3 + usize::from(weight.is_some()), || sum_to_channels(&grad));
        }
    }
}

#[track_caller]
fn given_normalized<T: Float>(
    x: &Tensor<T>,
    [mean, variance]: [&Tensor<T>; 2],
    parameters: [Option<&Tensor<T>>; 2],
    epsilon: f64,
) -> Tensor<T> {
    let planes = channel_planes(x.shape(), 0);
    if planes.length < SHORT {
        return given_composed(x, [mean, variance], parameters, epsilon);
    }
    let (dense, means, variances) = (x.dense(), mean.dense(), variance.dense());
    let [values, means, variances] = Tensor::dense_slices([&dense, &means, &variances]);
    let (dense_weight, dense_bias) = (parameters[0].map(Tensor::dense), parameters[1].map(Tensor::dense));
    let weight = dense_weight.as_ref().and_then(Tensor::as_slice);
    let bias = dense_bias.as_ref().and_then(Tensor::as_slice);
    let scale = |variance: &T| (variance.to_f64() + epsilon).sqrt().recip();
    let pairs = means.iter().zip(variances);
    let shifts = pushed(pairs.map(|(&mean, variance)| [mean, T::from_f64(scale(variance))]));
    let y = Tensor::build_for("batch_norm_with", x.shape().clone(), |out| {
        planes.forward(values, &shifts, [weight, bias], out);
    });
    let [weight, bias] = parameters;
    let mut inputs = SmallVec::<[&Tensor<T>; 5]>::from_slice(&[x, mean, variance]);
    for parameter in parameters.into_iter().flatten() {
        inputs.push(parameter);
    }
    y.record(&inputs, |_| GivenNorm {
        x: Saved::input(0, x),
        moments: [Saved::input(1, mean), Saved::input(2, variance)],
        parameters: [
            weight.map(|weight| Saved::input(3, weight)),
            bias.map(|bias| Saved::input(inputs.len() - 1, bias)),
        ],
        epsilon,
    })
}

/// The same by operations, each of which is differentiable.
#[track_caller]
fn given_composed<T: Float>(
    x: &Tensor<T>,
    [mean, variance]: [&Tensor<T>; 2],
    [weight, bias]: [Option<&Tensor<T>>; 2],
    epsilon: f64,
) -> Tensor<T> {
    let scale = (variance + T::from_f64(epsilon)).powf(T::from_f64(-0.5));
    let y = (x - along_channels(mean, x.rank())) * along_channels(&scale, x.rank());
    scaled_channels("batch_norm_with", y, weight, bias)
}

fn all_but_channels(rank: usize) -> Vec<isize> {
    (0..rank as isize).filter(|&dim| dim != 1).collect()
}

/// The sums over all dimensions but the channels'.
#[track_caller]
fn sum_to_channels<T: Float>(x: &Tensor<T>) -> Tensor<T> {
    x.sum_dim(all_but_channels(x.rank()), false)
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
    gradients!(
        batch_norm_with_of_planes: |x, m, v, b| x.batch_norm_with(m, &(v * v), None, Some(b), 0.1),
        [2, 2, 3, 3], [2], [2], [2]; fixed
    );
    gradients!(
        batch_norm_with_of_weighted_planes: |x, m, v, w| x.batch_norm_with(m, &(v * v), Some(w), Some(m), 0.1),
        [1, 2, 9], [2], [2], [2]; fixed
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
