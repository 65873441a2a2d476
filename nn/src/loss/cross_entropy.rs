//! Losses of scores against classes.

use autograd::{CrossEntropy, Float, Indices, NllLoss, Reduction, Tensor};

/// Cross-entropy between scores and class labels, with the options of
/// [`torch.nn.CrossEntropyLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html).
///
/// ```
/// use autograd::{Indices, Tensor};
/// use nn::CrossEntropyLoss;
/// let criterion: CrossEntropyLoss = CrossEntropyLoss::default().label_smoothing(0.1);
/// let loss = criterion.forward(&Tensor::zeros([2, 10]), &Indices::from([3, 7]));
/// assert!((loss.item() - 10.0_f32.ln()).abs() < 1e-6);
/// ```
#[derive(Clone, Debug, Default)]
pub struct CrossEntropyLoss<T: Float = f32> {
    options: CrossEntropy<T>,
}

impl<T: Float> CrossEntropyLoss<T> {
    /// The mean over the examples, all classes alike.
    pub fn new() -> Self {
        CrossEntropyLoss { options: CrossEntropy::default() }
    }

    /// Mean, sum, or each example's own loss.
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.options.reduction = reduction;
        self
    }

    /// A weight for each class, `[classes]`.
    pub fn weight(mut self, weight: Tensor<T>) -> Self {
        self.options.weight = Some(weight);
        self
    }

    /// Examples with this label count for nothing.
    pub fn ignore_index(mut self, label: i64) -> Self {
        self.options.ignore_index = label;
        self
    }

    /// The share of probability that the target spreads evenly over all classes.
    ///
    /// # Panics
    /// [`forward`](CrossEntropyLoss::forward) panics if it lies outside of [0, 1].
    pub fn label_smoothing(mut self, share: f64) -> Self {
        self.options.label_smoothing = share;
        self
    }

    /// Elements of the gradient with a smaller absolute value may be 0; see
    /// [`CrossEntropy::min_gradient`](autograd::CrossEntropy::min_gradient).
    pub fn min_gradient(mut self, smallest: f64) -> Self {
        self.options.min_gradient = smallest;
        self
    }

    /// The loss of scores `[N, C]` or `[N, C, ...]` against labels `[N]` or `[N, ...]`.
    ///
    /// # Panics
    /// If the shapes do not fit, or a label is neither a class nor ignored.
    #[track_caller]
    pub fn forward(&self, scores: &Tensor<T>, labels: &Indices) -> Tensor<T> {
        scores.cross_entropy_with(labels, &self.options)
    }

    /// The loss of scores `[N, C, ...]` against a probability for each class, of the same shape.
    ///
    /// # Panics
    /// If the shapes differ, or an `ignore_index` was given: a probability is no label to be ignored.
    #[track_caller]
    pub fn forward_soft(&self, scores: &Tensor<T>, probabilities: &Tensor<T>) -> Tensor<T> {
        scores.cross_entropy_soft(probabilities, &self.options)
    }
}

/// Negative log-likelihood of class labels, with the options of
/// [`torch.nn.NLLLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html); see
/// [`Tensor::nll_loss`].
///
/// ```
/// use autograd::{Indices, Tensor};
/// let log_probabilities = Tensor::<f32>::zeros([2, 10]).log_softmax(1);
/// let loss = nn::NLLLoss::new().forward(&log_probabilities, &Indices::from([3, 7]));
/// assert!((loss.item() - 10.0_f32.ln()).abs() < 1e-6);
/// ```
#[derive(Clone, Debug, Default)]
pub struct NLLLoss<T: Float = f32> {
    options: NllLoss<T>,
}

impl<T: Float> NLLLoss<T> {
    /// The mean over the examples, all classes alike.
    pub fn new() -> Self {
        NLLLoss { options: NllLoss::default() }
    }

    /// Mean, sum, or each example's own loss.
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.options.reduction = reduction;
        self
    }

    /// A weight for each class, `[classes]`.
    pub fn weight(mut self, weight: Tensor<T>) -> Self {
        self.options.weight = Some(weight);
        self
    }

    /// Examples with this label count for nothing.
    pub fn ignore_index(mut self, label: i64) -> Self {
        self.options.ignore_index = label;
        self
    }

    /// The loss of logarithms of probabilities, `[N, C]` or `[N, C, ...]`, against labels `[N]` or `[N, ...]`.
    ///
    /// # Panics
    /// If the shapes do not fit, or a label is neither a class nor ignored.
    #[track_caller]
    pub fn forward(&self, log_probabilities: &Tensor<T>, labels: &Indices) -> Tensor<T> {
        log_probabilities.nll_loss(labels, &self.options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_reach_the_operation() {
        let scores: Tensor<f64> = Tensor::randn([3, 2], 0);
        let labels = Indices::from([0, 1, -1]);
        let criterion = CrossEntropyLoss::new()
            .reduction(Reduction::None)
            .weight(Tensor::from_vec(vec![1.0, 2.0], [2]))
            .ignore_index(-1);
        let plain = CrossEntropyLoss::new().reduction(Reduction::None).ignore_index(-1);
        let (weighted, plain) =
            (criterion.forward(&scores, &labels).to_vec(), plain.forward(&scores, &labels).to_vec());
        assert_eq!(weighted, [plain[0], 2.0 * plain[1], 0.0]);
        let smooth = CrossEntropyLoss::new().ignore_index(-1).label_smoothing(0.5).forward(&scores, &labels);
        assert!(smooth.item() != CrossEntropyLoss::new().ignore_index(-1).forward(&scores, &labels).item());
    }
}
