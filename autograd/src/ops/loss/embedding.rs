//! Losses for embeddings: vectors of similar objects should be close to each other.

use super::cross_entropy::Reduction;
use super::{check_target, reduced};
use crate::error::{argument_error, shape_error};
use crate::float::Float;
use crate::tensor::Tensor;

/// The options of [`Tensor::triplet_margin_loss`], with PyTorch's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TripletMargin {
    /// How much larger the distance to the negative should be than the distance to the positive.
    pub margin: f64,
    /// The degree p of the norm that measures distances, more than 0; infinity for the maximum norm.
    pub p: f64,
    /// A small constant that is added to the differences, so that the norm has a derivative.
    pub eps: f64,
    /// Whether the distance from the positive to the negative is used instead, if it is smaller.
    pub swap: bool,
    /// The reduction of the losses of the examples.
    pub reduction: Reduction,
}

impl Default for TripletMargin {
    fn default() -> Self {
        TripletMargin { margin: 1.0, p: 2.0, eps: 1e-6, swap: false, reduction: Reduction::Mean }
    }
}

/// A small constant that keeps the cosine of zero vectors finite.
const LEAST_SQUARE: f64 = 1e-12;

/// # Losses: losses of vectors that stand for things: those of like things are to be near each other
impl<T: Float> Tensor<T> {
    /// The loss of vectors that are to be alike (t = 1) or not (t = -1).    y = 1 - cos(x₁, x₂) where t = 1,
    /// max(cos(x₁, x₂) - m, 0) where t = -1        dx = that of the cosine where the loss is not 0
    ///
    /// Vectors `[N, D]` with targets `[N]`, or `[D]` with a single target. Like
    /// [`torch.nn.CosineEmbeddingLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.CosineEmbeddingLoss.html),
    /// whose margin m is 0 by default.
    ///
    /// ```
    /// use autograd::{Reduction, Tensor};
    /// let (a, b) = (Tensor::from_vec(vec![1.0, 0.0], [2]), Tensor::from_vec(vec![0.0, 2.0], [2]));
    /// assert_eq!(a.cosine_embedding_loss(&b, &Tensor::scalar(1.0), 0.0, Reduction::Mean).item(), 1.0);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or the target is tracked.
    #[inline(never)]
    #[track_caller]
    pub fn cosine_embedding_loss(
        &self,
        other: &Tensor<T>,
        target: &Tensor<T>,
        margin: f64,
        reduction: Reduction,
    ) -> Tensor<T> {
        let op = "cosine_embedding_loss";
        let own = self.shape();
        check_target(op, own, other.shape());
        if !(1..=2).contains(&own.rank()) || target.shape()[..] != own[..own.rank() - 1] {
            let message = format_args!("shapes {own} and {}: wanted [N, D] and [N], or [D] and []", target.shape());
            shape_error(op, message);
        }
        if target.is_tracked() {
            argument_error(op, "the target is tracked, but no gradient flows to it: detach it");
        }
        let own_square = (self * self).sum_dim(-1, false) + T::from_f64(LEAST_SQUARE);
        let other_square = (other * other).sum_dim(-1, false) + T::from_f64(LEAST_SQUARE);
        let cosine = (self * other).sum_dim(-1, false) / (own_square * other_square).sqrt();
        // Each loss is 0 where the other one counts: chosen, not multiplied by 0.
        let alike = (-&cosine + T::ONE).gate(target);
        let unlike = (cosine - T::from_f64(margin)).at_least_0().gate(&-target);
        reduced(alike + unlike, reduction)
    }

    /// The loss of an anchor a, which is to be nearer to the positive p than to the negative n.    y = max(m + d(a,
    /// p) - d(a, n), 0)        dx = that of d(a, p) - d(a, n) where y > 0
    ///
    /// Three tensors `[..., D]` of the same shape; the distance d is a norm of the difference along the last dimension.
    /// Like
    /// [`torch.nn.TripletMarginLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.TripletMarginLoss.html).
    ///
    /// ```
    /// use autograd::{Tensor, TripletMargin};
    /// let point = |x: f64| Tensor::from_vec(vec![x], [1, 1]);
    /// let loss = point(0.0).triplet_margin_loss(&point(2.0), &point(1.5), &TripletMargin::default());
    /// assert!((loss.item() - 1.5).abs() < 1e-5);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ or have no dimension, or the norm's degree is not positive.
    #[inline(never)]
    #[track_caller]
    pub fn triplet_margin_loss(
        &self,
        positive: &Tensor<T>,
        negative: &Tensor<T>,
        options: &TripletMargin,
    ) -> Tensor<T> {
        let op = "triplet_margin_loss";
        check_target(op, self.shape(), positive.shape());
        check_target(op, self.shape(), negative.shape());
        if self.rank() == 0 {
            shape_error(op, "single values are no vectors: wanted [..., D]");
        }
        if options.p.is_nan() || options.p <= 0.0 {
            argument_error(op, format_args!("a norm of degree {}: wanted more than 0", options.p));
        }
        let mut to_negative = distance(self, negative, options);
        if options.swap {
            to_negative = to_negative.minimum(&distance(positive, negative, options));
        }
        let excess = distance(self, positive, options) - to_negative + T::from_f64(options.margin);
        reduced(excess.at_least_0(), options.reduction)
    }
}

/// The norm of the difference of vectors.
#[track_caller]
fn distance<T: Float>(a: &Tensor<T>, b: &Tensor<T>, options: &TripletMargin) -> Tensor<T> {
    norm(&(a - b + T::from_f64(options.eps)), options.p)
}

/// (Σ |x|ᵖ)^(1/p) along the last dimension.
#[track_caller]
fn norm<T: Float>(x: &Tensor<T>, p: f64) -> Tensor<T> {
    if p == f64::INFINITY {
        return x.abs().amax(-1, false);
    }
    if p == 2.0 {
        return (x * x).sum_dim(-1, false).sqrt();
    }
    let p = T::from_f64(p);
    x.abs().powf(p).sum_dim(-1, false).powf(p.recip())
}

instances!(cosine_embedding_loss triplet_margin_loss);

#[cfg(test)]
mod tests {
    use crate::{Reduction, Tensor, TripletMargin};

    fn triplet(p: f64, swap: bool) -> TripletMargin {
        TripletMargin { margin: 3.0, p, swap, reduction: Reduction::None, ..TripletMargin::default() }
    }

    gradients!(
        cosine_embedding_loss: |a, b| {
            a.cosine_embedding_loss(b, &Tensor::from_vec(vec![1.0, -1.0, -1.0], [3]), 0.1, Reduction::None)
        },
        [3, 4], [3, 4]; fixed
    );
    gradients!(
        cosine_embedding_loss_mean: |a, b| {
            a.cosine_embedding_loss(b, &Tensor::from_vec(vec![1.0, -1.0], [2]), -0.5, Reduction::Mean)
        },
        [2, 3], [2, 3]; fixed
    );
    gradients!(
        triplet_margin_loss: |a, p, n| a.triplet_margin_loss(p, n, &triplet(2.0, false)),
        [3, 4], [3, 4], [3, 4]; fixed
    );
    gradients!(
        triplet_margin_loss_swapped: |a, p, n| a.triplet_margin_loss(p, n, &triplet(3.0, true)),
        [3, 4], [3, 4], [3, 4]; fixed
    );
    gradients!(
        triplet_margin_loss_of_the_largest: |a, p, n| a.triplet_margin_loss(p, n, &triplet(f64::INFINITY, false)),
        [3, 4], [3, 4], [3, 4]; fixed
    );

    #[test]
    fn unlike_vectors_have_no_loss_beyond_the_margin() {
        let (a, b) = (Tensor::from_vec(vec![1.0, 0.0], [1, 2]), Tensor::from_vec(vec![-1.0, 0.0], [1, 2]));
        let loss = |target: f64| a.cosine_embedding_loss(&b, &Tensor::full([1], target), 0.2, Reduction::Mean).item();
        assert!(loss(-1.0) == 0.0 && (loss(1.0) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn zero_vectors_have_a_finite_loss() {
        let zero = Tensor::<f32>::zeros([2, 3]).requires_grad();
        let loss = zero.cosine_embedding_loss(&Tensor::ones([2, 3]), &Tensor::ones([2]), 0.0, Reduction::Mean);
        assert_eq!(loss.item(), 1.0);
        assert!(loss.backward().get(&zero).unwrap().to_vec().iter().all(|slope| slope.is_finite()));
    }
}
