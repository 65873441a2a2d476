//! The Kullback-Leibler divergence.

use autograd::{Float, KlDivergence, KlReduction, Tensor};

/// The divergence of target distributions from those whose logarithms are the input, with the options of
/// [`torch.nn.KLDivLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html); see
/// [`Tensor::kl_div`].
///
/// ```
/// use autograd::{KlReduction, Tensor};
/// let criterion = nn::KLDivLoss::new().reduction(KlReduction::BatchMean);
/// let half = Tensor::<f32>::full([1, 2], 0.5);
/// assert_eq!(criterion.forward(&half.ln(), &half).item(), 0.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KLDivLoss {
    options: KlDivergence,
}

impl KLDivLoss {
    /// The mean over all elements, of targets that are probabilities.
    pub fn new() -> Self {
        KLDivLoss::default()
    }

    /// What becomes of the elements' divergences; `BatchMean` is what the formula means.
    pub fn reduction(mut self, reduction: KlReduction) -> Self {
        self.options.reduction = reduction;
        self
    }

    /// Whether the targets are logarithms of probabilities.
    pub fn log_target(mut self, is_log: bool) -> Self {
        self.options.log_target = is_log;
        self
    }

    /// The loss; input and target have the same shape.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn forward<T: Float>(&self, log_probabilities: &Tensor<T>, target: &Tensor<T>) -> Tensor<T> {
        log_probabilities.kl_div(target, &self.options)
    }
}
