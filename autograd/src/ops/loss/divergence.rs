//! The Kullback-Leibler divergence of two distributions.

use super::check_target;
use crate::float::Float;
use crate::tensor::Tensor;

/// The reduction of the divergences of the elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KlReduction {
    /// Their mean over all elements.
    #[default]
    Mean,
    /// Their sum divided by the extent of dimension 0: the mean of the examples' divergences, as in the mathematical
    /// definition.
    BatchMean,
    /// Their sum.
    Sum,
    /// No reduction.
    None,
}

/// The options of [`Tensor::kl_div`], with PyTorch's names and defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KlDivergence {
    /// The reduction of the divergences of the elements.
    pub reduction: KlReduction,
    /// Whether the elements of the target are logarithms of probabilities too.
    pub log_target: bool,
}

/// # Losses: the Kullback-Leibler divergence of two distributions
impl<T: Float> Tensor<T> {
    /// The divergence of a target distribution t from the distribution with logarithms x.
    /// y = t (ln t - x) with 0 ln 0 = 0        dy/dx = -t
    ///
    /// Like [`torch.nn.KLDivLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html); with
    /// `log_target`, y = eᵗ (t - x).
    ///
    /// ```
    /// use autograd::{KlDivergence, KlReduction, Tensor};
    /// let x = Tensor::from_vec(vec![0.5, 0.5], [1, 2]).ln();
    /// let options = KlDivergence { reduction: KlReduction::BatchMean, log_target: false };
    /// let divergence = x.kl_div(&Tensor::from_vec(vec![1.0, 0.0], [1, 2]), &options);
    /// assert_eq!(divergence.item(), 2.0_f32.ln());
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[inline(never)]
    #[track_caller]
    pub fn kl_div(&self, target: &Tensor<T>, options: &KlDivergence) -> Tensor<T> {
        check_target("kl_div", self.shape(), target.shape());
        let terms = if options.log_target { target.exp() * (target - self) } else { target.x_ln_x() - target * self };
        match options.reduction {
            KlReduction::None => terms,
            KlReduction::Sum => terms.sum(),
            KlReduction::Mean => terms.mean(),
            KlReduction::BatchMean => terms.sum() / T::from_usize(self.shape().first().copied().unwrap_or(1)),
        }
    }

    /// x ln x, and 0 for 0.        dy/dx = ln x + 1, but NaN at 0, as in PyTorch
    #[track_caller]
    fn x_ln_x(&self) -> Tensor<T> {
        let formula = |x: T| {
            let product = x * x.ln();
            if x == T::ZERO { T::ZERO } else { product }
        };
        self.pointwise("x_ln_x", formula, derivative!(|g, x| g * ((x * x.ln() + x) / x)))
    }
}

instances!(kl_div);

#[cfg(test)]
mod tests {
    use crate::{KlDivergence, KlReduction, Tensor};

    fn options(reduction: KlReduction, log_target: bool) -> KlDivergence {
        KlDivergence { reduction, log_target }
    }

    gradients!(kl_div: |x, t| x.kl_div(&(t * t + 0.3), &options(KlReduction::Sum, false)), [3, 4], [3, 4]);
    gradients!(kl_div_of_logarithms: |x, t| x.kl_div(t, &options(KlReduction::None, true)), [3, 4], [3, 4]);
    gradients!(kl_div_mean: |x, t| x.kl_div(t, &options(KlReduction::BatchMean, true)), [3, 4], [3, 4]; fixed);
    gradients!(
        kl_div_mean_of_all: |x, t| x.kl_div(&(t * t + 0.3), &options(KlReduction::Mean, false)),
        [3, 4], [3, 4]; fixed
    );

    #[test]
    fn what_never_happens_adds_nothing() {
        let x = Tensor::from_vec(vec![0.25_f64.ln(), 0.75_f64.ln()], [2]).requires_grad();
        let y = x.kl_div(&Tensor::from_vec(vec![0.0, 1.0], [2]), &KlDivergence::default());
        assert!((y.item() + 0.75_f64.ln() / 2.0).abs() < 1e-15);
        assert_eq!(y.backward().get(&x).unwrap().to_vec(), [0.0, -0.5]);
    }

    #[test]
    #[should_panic(expected = "kl_div: the input has shape [4, 1], the target [4]: they must be equal")]
    fn a_column_is_not_compared_with_a_row() {
        Tensor::<f32>::zeros([4, 1]).kl_div(&Tensor::zeros([4]), &KlDivergence::default());
    }
}
