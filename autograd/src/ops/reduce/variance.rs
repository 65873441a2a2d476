//! Variances and standard deviations.

use super::along::Along;
use super::magnitude::magnitude;
use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::moments::{Moments, row_moments};
use crate::kernels::normalize;
use crate::op::{Op, Saved};
use crate::ops::shape::reshaped;
use crate::shape::Dims;
use crate::tensor::Tensor;

/// y = Σ (x - mean x)² / divisor along some dimensions, which are kept
/// dx = 2 (x - mean x) dy / divisor
#[derive(Debug)]
struct Variance<T: Float> {
    x: Saved<T>,
    /// With the kept dimensions.
    means: Saved<T>,
    along: Along,
    divisor: T,
}

impl<T: Float> Op<T> for Variance<T> {
    fn name(&self) -> &'static str {
        "var"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, x) = (ctx.grad(), ctx.get(&self.x));
        let factor = T::from_f64(2.0) / self.divisor;
        if ctx.higher_order() {
            return ctx.propagate(0, || (&x - x.mean_dim(&self.along.dims()[..], true)) * (grad * factor));
        }
        let means = ctx.get(&self.means);
        if self.along.has_long_rows() {
            return ctx.propagate(0, || (x - means) * (grad * factor));
        }
        ctx.propagate(0, || {
            let (means, grads) = (means.dense(), grad.dense());
            let [means, grads] = Tensor::dense_slices([&means, &grads]);
            let shifts: Vec<[T; 2]> = means.iter().zip(grads).map(|(&mean, &grad)| [mean, grad * factor]).collect();
            self.along.by_rows(&x, |values, out| normalize::standardize(values, self.along.count, &shifts, out))
        });
    }
}

/// # Reductions and cumulative sums: variances and standard deviations
impl<T: Float> Tensor<T> {
    /// The variances along the given dimensions, which are dropped, or kept with extent 1 if `keepdim`; an empty list
    /// means all dimensions.
    /// y = Σ (x - mean x)² / max(n - correction, 0)        dx = 2 (x - mean x) / (n - correction)
    ///
    /// Like [`torch.var`](https://docs.pytorch.org/docs/stable/generated/torch.var.html), whose default `correction` is
    /// 1: an estimate from a sample. With `correction` 0 it is the variance of the elements themselves. The result is
    /// NaN if there are at most `correction` elements and all are equal. It is computed in two passes, so that a large
    /// mean does not reduce the precision.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0_f32, 2.0, 3.0, 6.0], [2, 2]);
    /// assert_eq!(x.var(1_isize, 1, false).to_vec(), [0.5, 4.5]);
    /// assert_eq!(x.var([], 0, false).item(), 3.5);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, or one is named twice.
    #[track_caller]
    pub fn var(&self, dims: impl Dims, correction: usize, keepdim: bool) -> Tensor<T> {
        self.variance("var", &dims, correction, keepdim)
    }

    /// The standard deviations along the given dimensions: the square roots of the [variances](Tensor::var), like
    /// [`torch.std`](https://docs.pytorch.org/docs/stable/generated/torch.std.html).
    /// dx = (x - mean x) / ((n - correction) y), and 0 where y is 0.
    ///
    /// # Panics
    /// If there is no such dimension, or one is named twice.
    #[track_caller]
    pub fn std(&self, dims: impl Dims, correction: usize, keepdim: bool) -> Tensor<T> {
        root(&self.variance("std", &dims, correction, keepdim))
    }

    /// The [variances](Tensor::var) and the means along the given dimensions.        dx = as of `var` and `mean_dim`
    ///
    /// Like [`torch.var_mean`](https://docs.pytorch.org/docs/stable/generated/torch.var_mean.html).
    ///
    /// # Panics
    /// If there is no such dimension, or one is named twice.
    #[track_caller]
    pub fn var_mean(&self, dims: impl Dims, correction: usize, keepdim: bool) -> (Tensor<T>, Tensor<T>) {
        (self.variance("var_mean", &dims, correction, keepdim), self.mean_dim(&dims, keepdim))
    }

    #[inline(never)]
    #[track_caller]
    fn variance(&self, op: &str, dims: &dyn Dims, correction: usize, keepdim: bool) -> Tensor<T> {
        let along = Along::new(op, self.shape(), dims);
        let divisor = along.count.saturating_sub(correction);
        let rows = along.rows(self);
        let moments = row_moments(rows.as_slice().expect("dense"), along.count, along.kept.numel());
        let of = |value: &dyn Fn(Moments) -> f64| {
            let values: Vec<T> = moments.iter().map(|&moments| T::from_f64(value(moments))).collect();
            Tensor::from_vec(values, &along.kept)
        };
        let variance = of(&|moments| moments.squares / divisor as f64);
        let (means, dropped) = (of(&|moments| moments.mean), along.dropped.clone());
        let variance = variance.record(&[self], |_| Variance {
            x: Saved::input(0, self),
            means: Saved::aside(&means),
            along: along.clone(),
            divisor: T::from_usize(divisor),
        });
        if keepdim { variance } else { reshaped(&variance, &dropped) }
    }
}

/// √x with the derivative 0 at 0.
#[track_caller]
#[inline(never)]
pub(super) fn root<T: Float>(x: &Tensor<T>) -> Tensor<T> {
    magnitude(x, 0.5)
}

instances!(|x| x.var(0, 1, true), x.var_mean(0, 1, true), x.std(0, 1, true));

#[cfg(test)]
mod tests {
    use crate::{Order, Tensor, grad};

    gradients!(var: |x| x.var([0, -1], 1, false), [3, 2, 4]; fixed);
    gradients!(var_of_all: |x| x.var([], 0, true), [3, 4]; fixed);
    gradients!(std: |x| x.std(1, 0, true), [2, 4]; fixed);
    gradients!(std_of_two: |x| (x * Tensor::arange(1.0, 5.0, 1.0)).std([0, 1], 1, false), [2, 4]; fixed);
    gradients!(var_mean_kept: |x| x.var_mean(1, 0, true).0 * x.var_mean([], 1, true).1, [3, 4]; fixed);
    gradients!(var_mean: |x| x.var_mean(0, 1, false).0 * x.var_mean(0, 1, false).1, [3, 4]; fixed);

    #[test]
    fn a_large_mean_costs_no_digits() {
        let x = Tensor::from_vec(vec![1e6_f32 + 1.0, 1e6 + 2.0, 1e6 + 3.0], [3]);
        assert_eq!(x.var(0, 1, false).item(), 1.0);
    }

    #[test]
    fn too_few_elements_have_no_variance_and_equal_ones_no_slope() {
        let one = Tensor::from_vec(vec![2.0_f32], [1]).requires_grad();
        let variance = one.var(0, 1, false);
        assert!(variance.item().is_nan() && grad(&variance, &[&one], Order::First)[0].item().is_nan());
        assert_eq!(one.var(0, 0, false).item(), 0.0);
        assert!(Tensor::<f32>::zeros([0]).var(0, 0, false).item().is_nan());
        for order in [Order::First, Order::Higher] {
            let equal = Tensor::full([3], 2.0_f32).requires_grad();
            let deviation = equal.std(0, 0, false);
            assert_eq!(deviation.item(), 0.0);
            assert_eq!(grad(&deviation, &[&equal], order)[0].to_vec(), [0.0; 3]);
        }
    }
}
