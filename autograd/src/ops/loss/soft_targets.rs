//! The cross-entropy loss with a target probability for each class.

use super::cross_entropy::{CrossEntropy, Reduction, check_smoothing};
use super::{check_class_weight, check_target, class_rows, examples_of};
use crate::error::argument_error;
use crate::float::Float;
use crate::ops::shape::reshaped;
use crate::tensor::Tensor;

/// # Losses: the classifier's loss where the target is a probability for each class
impl<T: Float> Tensor<T> {
    /// The cross-entropy between scores x and probabilities t of the classes.
    /// y = -Σ w_c t_c ln p_c with p = softmax x        dy/dx = p Σ w t - w t
    ///
    /// Both are `[N, C]`, `[N, C, d1, ...]` or `[C]`. Like
    /// [`torch.nn.CrossEntropyLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html)
    /// with probabilities: smoothing replaces t by (1 - ε) t + ε / C, and the mean is taken over the examples, without
    /// regard to the classes' weights.
    ///
    /// ```
    /// use autograd::{CrossEntropy, Tensor};
    /// let scores: Tensor = Tensor::zeros([1, 4]);
    /// let loss = scores.cross_entropy_soft(&Tensor::full([1, 4], 0.25), &CrossEntropy::default());
    /// assert_eq!(loss.item(), 4.0_f32.ln());
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, the smoothing is outside of [0, 1], or `ignore_index` is set, which has no meaning
    /// here.
    #[inline(never)]
    #[track_caller]
    pub fn cross_entropy_soft(&self, target: &Tensor<T>, options: &CrossEntropy<T>) -> Tensor<T> {
        let op = "cross_entropy_soft";
        let (examples, classes) = examples_of(op, self.shape());
        check_target(op, self.shape(), target.shape());
        check_class_weight(op, classes, options.weight.as_ref());
        check_smoothing(options.label_smoothing);
        if options.ignore_index >= 0 {
            argument_error(
                op,
                format_args!("label {} cannot be ignored: the targets are no labels", options.ignore_index),
            );
        }
        let (scores, mut target) = (class_rows(self), class_rows(target));
        if options.label_smoothing > 0.0 {
            let smoothing = T::from_f64(options.label_smoothing);
            target = target * (T::ONE - smoothing) + smoothing / T::from_usize(classes.max(1));
        }
        let mut terms = scores.log_softmax(1) * target;
        if let Some(weight) = &options.weight {
            terms = terms * weight;
        }
        match options.reduction {
            Reduction::None => reshaped(&-terms.sum_dim(1, false), &examples),
            Reduction::Sum => -terms.sum(),
            Reduction::Mean => -terms.sum() / T::from_usize(examples.numel()),
        }
    }
}

instances!(cross_entropy_soft);

#[cfg(test)]
mod tests {
    use crate::{CrossEntropy, Indices, Reduction, Tensor};

    fn options(reduction: Reduction, label_smoothing: f64) -> CrossEntropy<f64> {
        let weight = Some(Tensor::from_vec(vec![0.5, 1.5, 2.0, 0.0], [4]));
        CrossEntropy { reduction, weight, label_smoothing, ..CrossEntropy::default() }
    }

    gradients!(cross_entropy_soft: |x, t| x.cross_entropy_soft(t, &CrossEntropy::default()), [3, 4], [3, 4]; fixed);
    gradients!(
        cross_entropy_soft_with_options: |x, t| x.cross_entropy_soft(t, &options(Reduction::None, 0.2)),
        [2, 4, 3], [2, 4, 3]; fixed
    );
    gradients!(
        cross_entropy_soft_of_one:
            |x, t| x.cross_entropy_soft(t, &CrossEntropy { reduction: Reduction::Sum, ..Default::default() }),
        [5], [5]
    );

    #[test]
    fn certain_probabilities_are_labels() {
        let scores = Tensor::<f64>::randn([3, 4], 0);
        let target = Tensor::from_vec(vec![0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0], [3, 4]);
        for smoothing in [0.0, 0.3] {
            let options = options(Reduction::None, smoothing);
            let soft = scores.cross_entropy_soft(&target, &options).to_vec();
            let hard = scores.cross_entropy_with(&Indices::from([1, 3, 0]), &options).to_vec();
            assert!(soft.iter().zip(&hard).all(|(a, b)| (a - b).abs() < 1e-12), "{soft:?}, {hard:?}");
        }
    }
}
