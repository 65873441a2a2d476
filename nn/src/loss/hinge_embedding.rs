//! A loss of distances.

use autograd::{Float, Reduction, Tensor};

/// The loss of distances x between things that are alike (targets t of 1) or not (-1): x where t = 1,
/// max(margin - x, 0) where t = -1, with the options of
/// [`torch.nn.HingeEmbeddingLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.HingeEmbeddingLoss.html).
/// For another target it is the sum of both, as there.
///
/// ```
/// use autograd::{Reduction, Tensor};
/// let (x, t) = (Tensor::from_vec(vec![0.25, 0.25], [2]), Tensor::from_vec(vec![1.0, -1.0], [2]));
/// let criterion = nn::HingeEmbeddingLoss::new().reduction(Reduction::None);
/// assert_eq!(criterion.forward(&x, &t).to_vec(), [0.25, 0.75]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HingeEmbeddingLoss {
    margin: f64,
    reduction: Reduction,
}

impl Default for HingeEmbeddingLoss {
    fn default() -> Self {
        HingeEmbeddingLoss { margin: 1.0, reduction: Reduction::Mean }
    }
}

impl HingeEmbeddingLoss {
    /// A margin of 1, the mean over the elements.
    pub fn new() -> Self {
        HingeEmbeddingLoss::default()
    }

    /// From which distance on things that are not alike have no loss.
    pub fn margin(self, margin: f64) -> Self {
        HingeEmbeddingLoss { margin, ..self }
    }

    /// Mean, sum, or each element's own loss.
    pub fn reduction(self, reduction: Reduction) -> Self {
        HingeEmbeddingLoss { reduction, ..self }
    }

    /// The loss of distances, with a target of 1 or -1 for each.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn forward<T: Float>(&self, input: &Tensor<T>, target: &Tensor<T>) -> Tensor<T> {
        let [found, wanted] = [target, input].map(Tensor::shape);
        assert!(found == wanted, "HingeEmbeddingLoss: the target has shape {found}: wanted the input's, {wanted}");
        let of_unlike = (-input + T::from_f64(self.margin)).relu().masked_fill(&target.eq(T::ONE), T::ZERO);
        let losses = of_unlike + input.masked_fill(&target.eq(-T::ONE), T::ZERO);
        match self.reduction {
            Reduction::None => losses,
            Reduction::Sum => losses.sum(),
            Reduction::Mean => losses.mean(),
        }
    }
}

#[cfg(test)]
mod tests {
    use autograd::check::gradcheck;

    use super::*;

    /// PyTorch's losses and gradients: at the margin, on both sides of it, for a target of neither kind.
    #[test]
    fn losses_and_gradients_are_those_of_pytorch() {
        let x = Tensor::from_vec(vec![0.5, -0.25, 1.5, 2.0, 0.5, 3.0], [2, 3]).requires_grad();
        let target = Tensor::from_vec(vec![1.0, -1.0, -1.0, -1.0, 0.0, 1.0], [2, 3]);
        let criterion = HingeEmbeddingLoss::new().margin(1.5);
        let losses = criterion.reduction(Reduction::None).forward(&x, &target);
        assert_eq!(losses.to_vec(), LOSSES);
        let mean = criterion.forward(&x, &target);
        assert!((mean.item() - losses.mean().item()).abs() < 1e-15);
        let sum = criterion.reduction(Reduction::Sum).forward(&x, &target);
        assert_eq!(sum.item(), LOSSES.iter().sum::<f64>());
        assert_eq!(sum.backward().get(&x).unwrap().to_vec(), GRADIENTS);
        let x = Tensor::from_vec(vec![0.5, -0.25, 1.25, 2.0, 0.5, 3.0], [2, 3]);
        gradcheck(|x| criterion.forward(&x[0], &target), &[x]).unwrap();
    }

    const LOSSES: [f64; 6] = [0.5, 1.75, 0.0, 0.0, 1.5, 3.0];
    const GRADIENTS: [f64; 6] = [1.0, -1.0, 0.0, 0.0, 0.0, 1.0];

    #[test]
    #[should_panic(expected = "HingeEmbeddingLoss: the target has shape [2]: wanted the input's, [2, 1]")]
    fn a_target_that_would_broadcast_is_refused() {
        let _ = HingeEmbeddingLoss::new().forward(&Tensor::<f32>::zeros([2, 1]), &Tensor::ones([2]));
    }
}
