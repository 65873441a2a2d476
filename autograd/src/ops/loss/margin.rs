//! Losses with a margin between the correct and the wrong prediction.

use super::cross_entropy::Reduction;
use super::{check_target, reduced};
use crate::float::Float;
use crate::tensor::Tensor;

/// # Losses: losses that ask for a margin between the right answer and the wrong one
impl<T: Float> Tensor<T> {
    /// The hinge loss of scores x for targets t of -1 or 1.
    /// y = max(m - x t, 0) with the margin m        dy/dx = -t where m - x t > 0, else 0
    ///
    /// The margin is usually 1. A score with the correct sign and a magnitude of at least the margin has no loss.
    ///
    /// ```
    /// use autograd::{Reduction, Tensor};
    /// let (x, t) = (Tensor::from_vec(vec![0.5, 2.0], [2]), Tensor::from_vec(vec![1.0, -1.0], [2]));
    /// assert_eq!(x.hinge_loss(&t, 1.0, Reduction::None).to_vec(), [0.5, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[inline(never)]
    #[track_caller]
    pub fn hinge_loss(&self, target: &Tensor<T>, margin: f64, reduction: Reduction) -> Tensor<T> {
        check_target("hinge_loss", self.shape(), target.shape());
        reduced((-(self * target) + T::from_f64(margin)).relu(), reduction)
    }

    /// The loss of two scores of which x₁ is to be the larger (t = 1) or x₂ (t = -1).    y = max(m - t (x₁ - x₂), 0)
    /// with the margin m        dy/dx₁ = -t where y > 0, dy/dx₂ = t there
    ///
    /// Like
    /// [`torch.nn.MarginRankingLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.MarginRankingLoss.html),
    /// whose margin is 0 by default.
    ///
    /// # Panics
    /// If the shapes differ.
    #[inline(never)]
    #[track_caller]
    pub fn margin_ranking_loss(
        &self,
        other: &Tensor<T>,
        target: &Tensor<T>,
        margin: f64,
        reduction: Reduction,
    ) -> Tensor<T> {
        check_target("margin_ranking_loss", self.shape(), other.shape());
        check_target("margin_ranking_loss", self.shape(), target.shape());
        reduced((-(target * (self - other)) + T::from_f64(margin)).at_least_0(), reduction)
    }

    /// max(x, 0) with the derivative of PyTorch's `clamp_min`, which is 1 at 0; that of [`relu`](Tensor::relu) is 0.
    #[track_caller]
    pub(super) fn at_least_0(&self) -> Tensor<T> {
        let derivative = piecewise!(|g, x| if x < T::ZERO { T::ZERO } else { g });
        self.pointwise("at_least_0", |x| x.maximum(T::ZERO), derivative)
    }
}

instances!(hinge_loss margin_ranking_loss);

#[cfg(test)]
mod tests {
    use crate::{Reduction, Tensor};

    gradients!(hinge_loss: |x, t| x.hinge_loss(t, 1.0, Reduction::Sum), [3, 4], [3, 4]);
    gradients!(hinge_loss_mean: |x, t| x.hinge_loss(t, 0.3, Reduction::Mean), [3, 4], [3, 4]; fixed);
    gradients!(hinge_loss_none: |x, t| x.hinge_loss(t, 1.0, Reduction::None), [3, 4], [3, 4]);
    gradients!(
        margin_ranking_loss_mean: |a, b, t| a.margin_ranking_loss(b, t, 0.0, Reduction::Mean),
        [3, 4], [3, 4], [3, 4]; fixed
    );
    gradients!(
        margin_ranking_loss: |a, b, t| a.margin_ranking_loss(b, t, 0.5, Reduction::None),
        [3, 4], [3, 4], [3, 4]
    );

    #[test]
    fn at_the_margin_the_gradient_is_that_of_pytorch() {
        let x = Tensor::from_vec(vec![2.0_f32], [1]).requires_grad();
        let one = Tensor::ones([1]);
        let gradients = x.margin_ranking_loss(&one, &one, 1.0, Reduction::Sum).backward();
        assert_eq!(gradients.get(&x).unwrap().to_vec(), [-1.0]);
        let gradients = x.hinge_loss(&one, 2.0, Reduction::Sum).backward();
        assert_eq!(gradients.get(&x).unwrap().to_vec(), [0.0]);
    }
}
