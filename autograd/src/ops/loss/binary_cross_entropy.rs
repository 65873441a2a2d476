//! Losses for binary classification, from probabilities and from scores (logits).

use super::cross_entropy::Reduction;
use super::{check_target, check_weight, reduced};
use crate::error::argument_error;
use crate::float::Float;
use crate::ops::pointwise::{Activation, Derivative, Keep};
use crate::tensor::Tensor;

/// The options of [`Tensor::binary_cross_entropy`], with PyTorch's names and defaults.
#[derive(Clone, Debug, Default)]
pub struct BinaryCrossEntropy<T: Float = f32> {
    /// The reduction of the losses of the elements.
    pub reduction: Reduction,
    /// The weight of each element's loss; broadcast to the input's shape.
    pub weight: Option<Tensor<T>>,
}

/// The options of [`Tensor::binary_cross_entropy_with_logits`], with PyTorch's names and defaults.
#[derive(Clone, Debug, Default)]
pub struct BinaryCrossEntropyWithLogits<T: Float = f32> {
    /// The reduction of the losses of the elements.
    pub reduction: Reduction,
    /// The weight of each element's loss; broadcast to the input's shape.
    pub weight: Option<Tensor<T>>,
    /// The weight of the positive part of the loss; broadcast to the input's shape.
    pub pos_weight: Option<Tensor<T>>,
}

/// The lower bound of logarithms of probabilities, so that a wrong prediction with probability 1 has a finite loss.
const LEAST_LOGARITHM: f64 = -100.0;
/// The lower bound of x (1 - x), the divisor of the gradient. As in PyTorch, it is the nearest `f32`, also in `f64`.
const LEAST_VARIANCE: f64 = 1e-12_f32 as f64;

/// # Losses: losses of yes-or-no answers, from probabilities and from scores (logits)
impl<T: Float> Tensor<T> {
    /// The loss of probabilities x for targets t in [0, 1].
    /// y = -t ln x - (1 - t) ln(1 - x), logarithms at least -100        dy/dx = (x - t) / (x (1 - x))
    ///
    /// Like [`torch.nn.BCELoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.BCELoss.html); the gradient's
    /// divisor is at least 10⁻¹².
    /// For scores, [`binary_cross_entropy_with_logits`](Tensor::binary_cross_entropy_with_logits) is more precise.
    ///
    /// ```
    /// use autograd::{BinaryCrossEntropy, Tensor};
    /// let x = Tensor::from_vec(vec![0.5, 0.0], [2]);
    /// let loss = x.binary_cross_entropy(&Tensor::ones([2]), &BinaryCrossEntropy::default());
    /// assert_eq!(loss.item(), (2.0_f32.ln() + 100.0) / 2.0);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or an element of the input lies outside of [0, 1].
    #[inline(never)]
    #[track_caller]
    pub fn binary_cross_entropy(&self, target: &Tensor<T>, options: &BinaryCrossEntropy<T>) -> Tensor<T> {
        let op = "binary_cross_entropy";
        check_target(op, self.shape(), target.shape());
        // NaN is refused too, as in PyTorch.
        let is_probability = |x: &T| *x >= T::ZERO && *x <= T::ONE;
        if let Some(wrong) = self.to_vec().iter().find(|x| !is_probability(x)) {
            argument_error(op, format_args!("{wrong} in the input is no probability: wanted values from 0 to 1"));
        }
        let (least, variance) = (T::from_f64(LEAST_LOGARITHM), T::from_f64(LEAST_VARIANCE));
        let both = [Keep::Input, Keep::SecondInput];
        let to_input = Derivative::new(
            both,
            move |g: T, [x, t]: [T; 2]| g * ((x - t) / ((T::ONE - x) * x).maximum(variance)),
            move |g: &Tensor<T>, [x, t]: [&Tensor<T>; 2]| {
                g * ((x - t) / ((-x + T::ONE) * x).maximum(&Tensor::scalar(variance)))
            },
        );
        let to_target = Derivative::new(
            both,
            move |g: T, [x, _]: [T; 2]| g * ((-x).ln_1p().maximum(least) - x.ln().maximum(least)),
            move |g: &Tensor<T>, [x, _]: [&Tensor<T>; 2]| {
                let least = Tensor::scalar(least);
                g * ((-x).ln_1p().maximum(&least) - x.ln().maximum(&least))
            },
        );
        let formula = move |x: T, t: T| (t - T::ONE) * (-x).ln_1p().maximum(least) - t * x.ln().maximum(least);
        let losses = self.binary(op, target, formula, to_input, to_target);
        reduced(weighted(op, losses, options.weight.as_ref()), options.reduction)
    }

    /// The loss of scores x (logits) for targets t in [0, 1].    y = (1 - t) x + ln(1 + e⁻ˣ)    dy/dx = σ(x) - t
    ///
    /// This is the [`binary_cross_entropy`](Tensor::binary_cross_entropy) of σ(x), but without loss of precision, also
    /// for large scores. Like
    /// [`torch.nn.BCEWithLogitsLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html);
    /// a `pos_weight` p multiplies the part with t: y = (1 - t) x + (1 + (p - 1) t) ln(1 + e⁻ˣ).
    ///
    /// ```
    /// use autograd::{BinaryCrossEntropyWithLogits, Reduction, Tensor};
    /// let x = Tensor::from_vec(vec![1000.0_f32, -1000.0, 0.0], [3]);
    /// let options = BinaryCrossEntropyWithLogits { reduction: Reduction::None, ..Default::default() };
    /// let losses = x.binary_cross_entropy_with_logits(&Tensor::ones([3]), &options);
    /// assert_eq!(losses.to_vec(), [0.0, 1000.0, 2.0_f32.ln()]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[inline(never)]
    #[track_caller]
    pub fn binary_cross_entropy_with_logits(
        &self,
        target: &Tensor<T>,
        options: &BinaryCrossEntropyWithLogits<T>,
    ) -> Tensor<T> {
        let op = "binary_cross_entropy_with_logits";
        check_target(op, self.shape(), target.shape());
        let to_input = derivative!(|g, a, b| g * (a.sigmoid() - b));
        let to_target = Derivative::new(
            [Keep::Input, Keep::SecondInput],
            |g: T, [x, _]: [T; 2]| -(g * x),
            |g: &Tensor<T>, [x, _]: [&Tensor<T>; 2]| -(g * x),
        );
        let losses = self.binary(op, target, |x, t| (T::ONE - t) * x + (-x).softplus(), to_input, to_target);
        let losses = match &options.pos_weight {
            None => losses,
            Some(pos_weight) => {
                check_weight(op, "pos_weight", self.shape(), pos_weight.shape());
                losses + (pos_weight - T::ONE) * target * (-self).softplus(T::ONE, T::INFINITY)
            }
        };
        reduced(weighted(op, losses, options.weight.as_ref()), options.reduction)
    }
}

#[track_caller]
fn weighted<T: Float>(op: &str, losses: Tensor<T>, weight: Option<&Tensor<T>>) -> Tensor<T> {
    let Some(weight) = weight else { return losses };
    check_weight(op, "weight", losses.shape(), weight.shape());
    losses * weight
}

instances!(binary_cross_entropy binary_cross_entropy_with_logits);

#[cfg(test)]
mod tests {
    use crate::{BinaryCrossEntropy, BinaryCrossEntropyWithLogits, Reduction, Tensor};

    fn options(weight: Option<Tensor<f64>>) -> BinaryCrossEntropy<f64> {
        BinaryCrossEntropy { reduction: Reduction::Sum, weight }
    }

    fn with_logits(weight: Option<Tensor<f64>>, pos_weight: Option<Tensor<f64>>) -> BinaryCrossEntropyWithLogits<f64> {
        BinaryCrossEntropyWithLogits { reduction: Reduction::Sum, weight, pos_weight }
    }

    gradients!(bce: |x, t| x.sigmoid().binary_cross_entropy(&t.sigmoid(), &options(None)), [3, 4], [3, 4]);
    gradients!(
        bce_mean: |x, t| x.sigmoid().binary_cross_entropy(&t.sigmoid(), &BinaryCrossEntropy::default()),
        [3, 4], [3, 4]; fixed
    );
    gradients!(
        bce_with_logits_mean: |x, t| x.binary_cross_entropy_with_logits(t, &BinaryCrossEntropyWithLogits::default()),
        [3, 4], [3, 4]; fixed
    );
    gradients!(
        bce_weighted: |x, t, w| x.sigmoid().binary_cross_entropy(t, &options(Some(w.clone()))),
        [3, 4], [3, 4], [4]
    );
    gradients!(bce_with_logits: |x, t| x.binary_cross_entropy_with_logits(t, &with_logits(None, None)), [3, 4], [3, 4]);
    gradients!(
        bce_with_logits_weighted:
            |x, t, w| x.binary_cross_entropy_with_logits(t, &with_logits(Some(w.clone()), Some(w * w))),
        [3, 4], [3, 4], [4]
    );

    #[test]
    fn certain_answers_have_the_loss_and_the_gradient_of_pytorch() {
        let x = Tensor::from_vec(vec![0.0_f64, 0.0, 1.0, 1.0], [4]).requires_grad();
        let t = Tensor::from_vec(vec![0.0, 1.0, 0.0, 1.0], [4]);
        let options = BinaryCrossEntropy { reduction: Reduction::None, weight: None };
        let y = x.binary_cross_entropy(&t, &options);
        assert_eq!(y.to_vec(), [0.0, 100.0, 100.0, 0.0]);
        let gradients = y.backward_with(&Tensor::ones([4]));
        let steepest = 1.0 / f64::from(1e-12_f32);
        assert_eq!(gradients.get(&x).unwrap().to_vec(), [0.0, -steepest, steepest, 0.0]);
    }

    #[test]
    fn small_gradients_of_sure_scores_keep_their_digits() {
        let x = Tensor::from_vec(vec![-50.0_f32], [1]).requires_grad();
        let y = x.binary_cross_entropy_with_logits(&Tensor::zeros([1]), &Default::default());
        let gradients = y.backward();
        assert!((gradients.get(&x).unwrap().item() / (-50.0_f32).exp() - 1.0).abs() < 1e-5);
    }

    #[test]
    #[should_panic(expected = "binary_cross_entropy: 1.5 in the input is no probability: wanted values from 0 to 1")]
    fn a_score_is_no_probability() {
        Tensor::full([2], 1.5_f32).binary_cross_entropy(&Tensor::ones([2]), &Default::default());
    }

    #[test]
    #[should_panic(expected = "binary_cross_entropy_with_logits: the input has shape [4, 1], the target [4]")]
    fn a_column_is_not_compared_with_a_row() {
        Tensor::<f32>::zeros([4, 1]).binary_cross_entropy_with_logits(&Tensor::zeros([4]), &Default::default());
    }
}
