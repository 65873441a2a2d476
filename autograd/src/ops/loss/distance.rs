//! Losses for regression: functions of the distance between each value and its target.

use super::cross_entropy::Reduction;
use super::{check_target, reduced};
use crate::error::argument_error;
use crate::float::Float;
use crate::ops::pointwise::{Derivative, Keep};
use crate::tensor::Tensor;

/// # Losses: losses of predicted values: functions of the distance from each one to its target
impl<T: Float> Tensor<T> {
    /// Squared error.    y = (x - t)²        dy/dx = 2 (x - t) = -dy/dt
    ///
    /// Like [`torch.nn.MSELoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html).
    ///
    /// ```
    /// use autograd::{Reduction, Tensor};
    /// let x = Tensor::from_vec(vec![1.0, 2.0], [2]);
    /// assert_eq!(x.mse_loss(&Tensor::zeros([2]), Reduction::Mean).item(), 2.5);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[inline(never)]
    #[track_caller]
    pub fn mse_loss(&self, target: &Tensor<T>, reduction: Reduction) -> Tensor<T> {
        check_target("mse_loss", self.shape(), target.shape());
        reduced((self - target).powf(T::ONE + T::ONE), reduction)
    }

    /// Absolute error.    y = |x - t|        dy/dx = sign(x - t) = -dy/dt (0 where they are equal)
    ///
    /// Like [`torch.nn.L1Loss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.L1Loss.html).
    ///
    /// # Panics
    /// If the shapes differ.
    #[inline(never)]
    #[track_caller]
    pub fn l1_loss(&self, target: &Tensor<T>, reduction: Reduction) -> Tensor<T> {
        check_target("l1_loss", self.shape(), target.shape());
        reduced((self - target).abs(), reduction)
    }

    /// Absolute error, but squared error near 0.
    /// With d = x - t: y = d² / (2 β) where |d| < β, else |d| - β/2        dy/dx = d/β where |d| < β, else sign d
    ///
    /// Like [`torch.nn.SmoothL1Loss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.SmoothL1Loss.html), whose
    /// β is 1 by default. With β = 0 it is the [`l1_loss`](Tensor::l1_loss).
    ///
    /// ```
    /// use autograd::{Reduction, Tensor};
    /// let x = Tensor::from_vec(vec![0.5, 3.0], [2]);
    /// assert_eq!(x.smooth_l1_loss(&Tensor::zeros([2]), 1.0, Reduction::None).to_vec(), [0.125, 2.5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes differ, or `beta` is negative or NaN.
    #[inline(never)]
    #[track_caller]
    pub fn smooth_l1_loss(&self, target: &Tensor<T>, beta: f64, reduction: Reduction) -> Tensor<T> {
        check_target("smooth_l1_loss", self.shape(), target.shape());
        if beta.is_nan() || beta < 0.0 {
            argument_error("smooth_l1_loss", format_args!("beta is {beta}: wanted 0 or more"));
        }
        let distance = self - target;
        let losses = if beta == 0.0 { distance.abs() } else { distance.rounded_abs(T::from_f64(beta)) };
        reduced(losses, reduction)
    }

    /// Squared error, but linear far from 0.
    /// With d = x - t: y = d²/2 where |d| < δ, else δ (|d| - δ/2)        dy/dx = d where |d| < δ, else δ sign d
    ///
    /// Like [`torch.nn.HuberLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.HuberLoss.html), whose δ is
    /// 1 by default. It is δ times the [`smooth_l1_loss`](Tensor::smooth_l1_loss) with β = δ.
    ///
    /// # Panics
    /// If the shapes differ, or `delta` is not positive.
    #[inline(never)]
    #[track_caller]
    pub fn huber_loss(&self, target: &Tensor<T>, delta: f64, reduction: Reduction) -> Tensor<T> {
        check_target("huber_loss", self.shape(), target.shape());
        if delta.is_nan() || delta <= 0.0 {
            argument_error("huber_loss", format_args!("delta is {delta}: wanted more than 0"));
        }
        let delta = T::from_f64(delta);
        reduced((self - target).rounded_abs(delta) * delta, reduction)
    }

    /// |x|, but x² / (2 β) where |x| < β. The derivative is an operation too. Its derivative is 1/β where |x| < β, and
    /// 0 elsewhere.
    #[track_caller]
    fn rounded_abs(&self, beta: T) -> Tensor<T> {
        let half = T::from_f64(0.5);
        let formula = move |x: T| {
            let (size, curve) = (x.abs(), x * x * half / beta);
            if size < beta { curve } else { size - beta * half }
        };
        let slope = move |x: T| if x.abs() < beta { x / beta } else { sign_or_nan(x) };
        let derivative = Derivative::new(
            [Keep::Input],
            move |g: T, [x]: [T; 1]| g * slope(x),
            move |g: &Tensor<T>, [x]: [&Tensor<T>; 1]| {
                let curvature = piecewise!(|g, x| if x.abs() < beta { g / beta } else { T::ZERO });
                g * x.pointwise("rounded_abs_slope", slope, curvature)
            },
        );
        self.pointwise("rounded_abs", formula, derivative)
    }
}

/// The sign as -1 or 1, and NaN for NaN, for which [`sign`](crate::Arithmetic::sign) gives 0.
#[inline(always)]
fn sign_or_nan<T: Float>(x: T) -> T {
    let sign = if x < T::ZERO { -T::ONE } else { T::ONE };
    if x.is_nan() { x } else { sign }
}

instances!(mse_loss l1_loss smooth_l1_loss huber_loss);

#[cfg(test)]
mod tests {
    use crate::{Reduction, Tensor};

    gradients!(mse_loss: |x, t| x.mse_loss(t, Reduction::Sum), [3, 4], [3, 4]);
    gradients!(mse_loss_mean: |x, t| x.mse_loss(t, Reduction::Mean), [3, 4], [3, 4]; fixed);
    gradients!(mse_loss_none: |x, t| x.mse_loss(t, Reduction::None), [3, 4], [3, 4]);
    gradients!(l1_loss_mean: |x, t| x.l1_loss(t, Reduction::Mean), [3, 4], [3, 4]; fixed);
    gradients!(l1_loss_sum: |x, t| x.l1_loss(t, Reduction::Sum), [3, 4], [3, 4]);
    gradients!(smooth_l1_loss_mean: |x, t| x.smooth_l1_loss(t, 1.3, Reduction::Mean), [3, 4], [3, 4]; fixed);
    gradients!(smooth_l1_loss_sum: |x, t| x.smooth_l1_loss(t, 1.3, Reduction::Sum), [3, 4], [3, 4]);
    gradients!(huber_loss_mean: |x, t| x.huber_loss(t, 0.4, Reduction::Mean), [3, 4], [3, 4]; fixed);
    gradients!(huber_loss_none: |x, t| x.huber_loss(t, 1.3, Reduction::None), [3, 4], [3, 4]);
    gradients!(l1_loss: |x, t| x.l1_loss(t, Reduction::None), [3, 4], [3, 4]);
    gradients!(smooth_l1_loss: |x, t| x.smooth_l1_loss(t, 1.3, Reduction::None), [3, 4], [3, 4]);
    gradients!(smooth_l1_loss_of_beta_0: |x, t| x.smooth_l1_loss(t, 0.0, Reduction::None), [3, 4], [3, 4]);
    gradients!(huber_loss: |x, t| x.huber_loss(t, 1.3, Reduction::Sum), [3, 4], [3, 4]);

    #[test]
    #[should_panic(expected = "mse_loss: the input has shape [4, 1], the target [4]: they must be equal")]
    fn a_column_is_not_compared_with_a_row() {
        Tensor::<f32>::zeros([4, 1]).mse_loss(&Tensor::zeros([4]), Reduction::Mean);
    }

    #[test]
    fn far_from_the_target_losses_are_linear_and_nan_stays() {
        let x = Tensor::from_vec(vec![f32::INFINITY, -1e30, f32::NAN], [3]).requires_grad();
        let y = x.huber_loss(&Tensor::zeros([3]), 2.0, Reduction::None);
        assert_eq!(y.to_vec()[..2], [f32::INFINITY, 2e30]);
        assert!(y.to_vec()[2].is_nan());
        let gradients = y.backward_with(&Tensor::ones([3]));
        let gradient = gradients.get(&x).unwrap().to_vec();
        assert_eq!(gradient[..2], [2.0, -2.0]);
        assert!(gradient[2].is_nan());
    }

    #[test]
    fn the_mean_of_no_losses_is_nan_and_their_sum_0() {
        let x = Tensor::<f32>::zeros([0, 3]);
        assert!(x.mse_loss(&x, Reduction::Mean).item().is_nan());
        assert_eq!(x.l1_loss(&x, Reduction::Sum).item(), 0.0);
    }
}
