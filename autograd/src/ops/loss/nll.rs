//! The negative log-likelihood of labels.

use super::cross_entropy::Reduction;
use super::{check_labels, class_rows};
use crate::dimensions::pushed;
use crate::float::Float;
use crate::indices::Indices;
use crate::kernels::tree::sum;
use crate::ops::index::gathered;
use crate::ops::shape::reshaped;
use crate::tensor::Tensor;

/// The options of [`Tensor::nll_loss`], with PyTorch's names and defaults.
#[derive(Clone, Debug)]
pub struct NllLoss<T: Float = f32> {
    /// The reduction of the losses of the examples. The mean is weighted by the classes' weights.
    pub reduction: Reduction,
    /// A weight for each class, shape `[classes]`, which must be a constant; the default is 1 for each class.
    pub weight: Option<Tensor<T>>,
    /// Examples with this target are ignored.
    pub ignore_index: i64,
}

impl<T: Float> Default for NllLoss<T> {
    fn default() -> Self {
        NllLoss { reduction: Reduction::Mean, weight: None, ignore_index: -100 }
    }
}

/// # Losses: the negative log-likelihood of labels
impl<T: Float> Tensor<T> {
    /// The negative log-likelihood of labels t, from log-probabilities x.
    /// y = -w_t x_t        dy/dx_c = -w_t for c = t, else 0
    ///
    /// Log-probabilities `[N, C]` with labels `[N]`, `[N, C, d1, ...]` with `[N, d1, ...]`, or `[C]` with a single
    /// label. Like [`torch.nn.NLLLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html): the mean
    /// is divided by the sum of the weights w_t, and is NaN if there are no examples. For scores,
    /// [`cross_entropy`](Tensor::cross_entropy) computes the same in one pass.
    ///
    /// ```
    /// use autograd::{Indices, NllLoss, Tensor};
    /// let x = Tensor::from_vec(vec![-1.0, -2.0, -3.0, -4.0], [2, 2]);
    /// assert_eq!(x.nll_loss(&Indices::from([1, 0]), &NllLoss::default()).item(), 2.5);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or a label is not a class (nor ignored).
    #[inline(never)]
    #[track_caller]
    pub fn nll_loss(&self, target: &Indices, options: &NllLoss<T>) -> Tensor<T> {
        check_labels("nll_loss", self.shape(), target, options.ignore_index, options.weight.as_ref());
        let labels = target.as_slice();
        let is_counted = |label: i64| label != options.ignore_index;
        let class_weights = options.weight.as_ref().map(Tensor::to_vec);
        let weight_of = |&label: &i64| match &class_weights {
            _ if !is_counted(label) => T::ZERO,
            None => T::ONE,
            Some(weights) => weights[label as usize],
        };
        let losses = if labels.is_empty() || labels.iter().all(|&label| !is_counted(label)) {
            // Without classes there is no valid index for an ignored label.
            class_rows(self).sum_dim(1, false).gate(&Tensor::zeros([labels.len()]))
        } else {
            let column = [labels.len(), 1];
            let chosen = pushed(labels.iter().map(|&label| if is_counted(label) { label } else { 0 }));
            let counted = labels.iter().map(|&label| if is_counted(label) { T::ONE } else { T::ZERO });
            let picked = gathered(&class_rows(self), 1, &Indices::new(chosen, column));
            // Ignored elements are replaced, not multiplied by 0, because they may be infinite.
            let picked = picked.gate(&Tensor::of_values(counted, column));
            -(picked * Tensor::of_values(labels.iter().map(weight_of), column))
        };
        match options.reduction {
            Reduction::None => reshaped(&losses, target.shape()),
            Reduction::Sum => losses.sum(),
            Reduction::Mean => losses.sum() / sum(labels.iter().map(weight_of)),
        }
    }
}

instances!(nll_loss);

#[cfg(test)]
mod tests {
    use crate::{Indices, NllLoss, Reduction, Tensor};

    fn options(reduction: Reduction) -> NllLoss<f64> {
        NllLoss { reduction, weight: Some(Tensor::from_vec(vec![0.5, 1.5, 2.0, 0.0], [4])), ignore_index: 1 }
    }

    gradients!(nll_loss: |x| (x * x).nll_loss(&Indices::from([3, 1, 0]), &NllLoss::default()), [3, 4]; fixed);
    gradients!(
        nll_loss_weighted: |x| (x * x).nll_loss(&Indices::from([3, 1, 0]), &options(Reduction::Mean)),
        [3, 4]; fixed
    );
    gradients!(nll_loss_sum: |x| (x * x).nll_loss(&Indices::from([1, 1, 0]), &options(Reduction::Sum)), [3, 4]; fixed);
    gradients!(
        nll_loss_of_pictures:
            |x| (x * x).nll_loss(&Indices::new(vec![0, 1, 2, 3, 2, 0], [2, 3]), &options(Reduction::None)),
        [2, 4, 3]; fixed
    );

    #[test]
    fn what_is_ignored_may_be_infinite() {
        let x = Tensor::from_vec(vec![f32::NEG_INFINITY, f32::NEG_INFINITY, -1.0, -3.0], [2, 2]).requires_grad();
        let y = x.nll_loss(&Indices::from([-100, 1]), &NllLoss::default());
        assert_eq!(y.item(), 3.0);
        assert_eq!(y.backward().get(&x).unwrap().to_vec(), [0.0, 0.0, 0.0, -1.0]);
    }

    #[test]
    fn the_mean_over_no_examples_is_nan_and_their_sum_0() {
        let x = Tensor::<f32>::zeros([2, 3]);
        let ignored = Indices::from([-100, -100]);
        assert!(x.nll_loss(&ignored, &NllLoss::default()).item().is_nan());
        let options = NllLoss { reduction: Reduction::Sum, ..NllLoss::default() };
        assert_eq!(x.nll_loss(&ignored, &options).item(), 0.0);
    }

    #[test]
    #[should_panic(expected = "nll_loss: label 3 is not one of the 3 classes (dimension 1 of shape [2, 3])")]
    fn a_label_is_a_class() {
        Tensor::<f32>::zeros([2, 3]).nll_loss(&Indices::from([0, 3]), &NllLoss::default());
    }
}
