//! Losses that compare vectors or scores with each other.

use autograd::{Float, Reduction, Tensor, TripletMargin};

/// The loss of vectors that are to be far from one vector and near another, with the options of
/// [`torch.nn.TripletMarginLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.TripletMarginLoss.html); see
/// [`Tensor::triplet_margin_loss`].
///
/// ```
/// use autograd::Tensor;
/// let point = |x: f64| Tensor::from_vec(vec![x], [1, 1]);
/// let loss = nn::TripletMarginLoss::new().margin(2.0).forward(&point(0.0), &point(1.0), &point(1.5));
/// assert!((loss.item() - 1.5).abs() < 1e-5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TripletMarginLoss {
    options: TripletMargin,
}

impl TripletMarginLoss {
    /// A margin of 1, Euclidean distances, the mean over the examples.
    pub fn new() -> Self {
        TripletMarginLoss::default()
    }

    /// How much farther the negative is to be than the positive.
    pub fn margin(mut self, margin: f64) -> Self {
        self.options.margin = margin;
        self
    }

    /// The degree of the norm that measures distances.
    pub fn p(mut self, p: f64) -> Self {
        self.options.p = p;
        self
    }

    /// A small constant that is added to the differences, so that the norm has a derivative.
    pub fn eps(mut self, eps: f64) -> Self {
        self.options.eps = eps;
        self
    }

    /// Whether the distance from the positive to the negative counts, where it is the smaller one.
    pub fn swap(mut self, is_on: bool) -> Self {
        self.options.swap = is_on;
        self
    }

    /// Mean, sum, or each example's own loss.
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.options.reduction = reduction;
        self
    }

    /// The loss of vectors `[N, D]`, each with a positive and a negative one.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn forward<T: Float>(&self, anchor: &Tensor<T>, positive: &Tensor<T>, negative: &Tensor<T>) -> Tensor<T> {
        anchor.triplet_margin_loss(positive, negative, &self.options)
    }
}

/// Losses of two inputs and a target of 1 or -1, with a margin.
macro_rules! pairs {
    ($($(#[$doc:meta])+ $name:ident, $operation:ident, $margin:literal, [$($input:ident),+];)+) => {$(
        $(#[$doc])+
        #[doc = concat!("See [`Tensor::", stringify!($operation), "`].")]
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name {
            margin: f64,
            reduction: Reduction,
        }

        impl Default for $name {
            fn default() -> Self {
                $name { margin: $margin, reduction: Reduction::Mean }
            }
        }

        impl $name {
            #[doc = concat!("A margin of ", stringify!($margin), ", the mean over the examples.")]
            pub fn new() -> Self {
                $name::default()
            }

            /// The margin.
            pub fn margin(self, margin: f64) -> Self {
                $name { margin, ..self }
            }

            /// Mean, sum, or each example's own loss.
            pub fn reduction(self, reduction: Reduction) -> Self {
                $name { reduction, ..self }
            }

            /// The loss; the targets are 1 or -1.
            ///
            /// # Panics
            /// If the shapes do not fit.
            #[track_caller]
            pub fn forward<T: Float>(&self, input: &Tensor<T>, $($input: &Tensor<T>),+) -> Tensor<T> {
                input.$operation($($input,)+ self.margin, self.reduction)
            }
        }
    )+};
}

pairs! {
    /// The loss of vectors `[N, D]` that are to be alike (targets `[N]` of 1) or not (-1). As
    /// [`torch.nn.CosineEmbeddingLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.CosineEmbeddingLoss.html).
    CosineEmbeddingLoss, cosine_embedding_loss, 0.0, [other, target];
    /// The loss of two scores of which the first is to be the larger (a target of 1) or the second (-1). As
    /// [`torch.nn.MarginRankingLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.MarginRankingLoss.html).
    MarginRankingLoss, margin_ranking_loss, 0.0, [other, target];
    /// The loss of scores that are to have the target's sign, and a size of the margin at least.
    HingeLoss, hinge_loss, 1.0, [target];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_reach_the_operation() {
        let (a, b) = (Tensor::<f64>::randn([3, 2], 0), Tensor::randn([3, 2], 1));
        let target = Tensor::from_vec(vec![1.0, -1.0, 1.0], [3]);
        let (none, mean) = (Reduction::None, Reduction::Mean);
        let got = CosineEmbeddingLoss::new().margin(0.2).reduction(none).forward(&a, &b, &target);
        assert_eq!(got.to_vec(), a.cosine_embedding_loss(&b, &target, 0.2, none).to_vec());
        let (x, y) = (a.select(1, 0), b.select(1, 0));
        let got = MarginRankingLoss::new().margin(0.5).forward(&x, &y, &target);
        assert_eq!(got.item(), x.margin_ranking_loss(&y, &target, 0.5, mean).item());
        assert_eq!(HingeLoss::new().forward(&x, &target).item(), x.hinge_loss(&target, 1.0, mean).item());
    }
}
