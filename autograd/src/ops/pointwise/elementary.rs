//! Exponentials, logarithms, roots, hyperbolic functions, and signs.

use super::{ONE, flat};
use crate::float::Float;
use crate::tensor::Tensor;

/// # Pointwise functions: elementary functions
impl<T: Float> Tensor<T> {
    /// Exponential.    y = eˣ        dy/dx = y
    #[track_caller]
    pub fn exp(&self) -> Tensor<T> {
        self.pointwise("exp", |x| x.exp(), derivative!(|g, y| g * y))
    }

    /// Exponential less 1, with all digits also where x is small.    y = eˣ - 1        dy/dx = y + 1
    ///
    /// As [`torch.expm1`](https://docs.pytorch.org/docs/stable/generated/torch.expm1.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1e-20, 100.0], [2]).exp_m1().to_vec(), [1e-20, f32::INFINITY]);
    /// ```
    #[track_caller]
    pub fn exp_m1(&self) -> Tensor<T> {
        self.pointwise("exp_m1", |x| x.exp_m1(), derivative!(|g, y| g * (ONE + y)))
    }

    /// Natural logarithm.    y = ln x        dy/dx = 1 / x
    #[track_caller]
    pub fn ln(&self) -> Tensor<T> {
        self.pointwise("ln", |x| x.ln(), derivative!(|g, x| g / x))
    }

    /// Natural logarithm of 1 + x, with all digits also where x is small.    y = ln(1 + x)        dy/dx = 1 / (1 + x)
    ///
    /// As [`torch.log1p`](https://docs.pytorch.org/docs/stable/generated/torch.log1p.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1e-20, -1.0], [2]).ln_1p().to_vec(), [1e-20, f32::NEG_INFINITY]);
    /// ```
    #[track_caller]
    pub fn ln_1p(&self) -> Tensor<T> {
        self.pointwise("ln_1p", |x| x.ln_1p(), derivative!(|g, x| g / (ONE + x)))
    }

    /// Square root.    y = √x        dy/dx = 1 / (2 y)
    #[track_caller]
    pub fn sqrt(&self) -> Tensor<T> {
        self.pointwise("sqrt", |x| x.sqrt(), derivative!(|g, y| g / (y + y)))
    }

    /// Absolute value.    y = |x|        dy/dx = sign x (0 at 0)
    #[track_caller]
    pub fn abs(&self) -> Tensor<T> {
        self.pointwise("abs", |x| x.abs(), derivative!(|g, x| g * x.sign()))
    }

    /// -1, 0 or 1; 0 for NaN, as in PyTorch.        dy/dx = 0
    #[track_caller]
    pub fn sign(&self) -> Tensor<T> {
        self.pointwise("sign", |x| x.sign(), flat())
    }

    /// Hyperbolic tangent.        dy/dx = 1 - y²
    #[track_caller]
    pub fn tanh(&self) -> Tensor<T> {
        self.pointwise("tanh", |x| x.tanh(), derivative!(|g, y| g * (ONE - y * y)))
    }

    /// Error function.    y = 2/√π ∫₀ˣ exp(-t²) dt        dy/dx = 2/√π exp(-x²)
    ///
    /// ```
    /// use autograd::Tensor;
    /// let y = Tensor::from_vec(vec![0.0, 0.5, f32::INFINITY], [3]).erf();
    /// assert_eq!(y.to_vec(), [0.0, 0.5204999, 1.0]);
    /// ```
    #[inline(never)]
    #[track_caller]
    pub fn erf(&self) -> Tensor<T> {
        let slope_at_0 = T::from_f64(std::f64::consts::FRAC_2_SQRT_PI);
        let derivative = derivative!(|g, x| g * ((-(x * x)).exp() * slope_at_0));
        self.pointwise("erf", |x| x.erf(), derivative)
    }
}

instances!(exp exp_m1 ln ln_1p sqrt abs sign tanh erf);

#[cfg(test)]
mod tests {
    gradients!(exp: |x| x.exp(), [3, 4]);
    gradients!(exp_m1: |x| x.exp_m1(), [3, 4]);
    gradients!(ln: |x| (x * x + 0.5).ln(), [3, 4]);
    gradients!(ln_1p: |x| (x * x).ln_1p(), [3, 4]);
    gradients!(sqrt: |x| (x * x + 0.5).sqrt(), [3, 4]);
    gradients!(abs: |x| x.abs(), [3, 4]);
    gradients!(sign: |x| x.sign() * x, [3, 4]);
    gradients!(tanh: |x| x.tanh(), [3, 4]);
    gradients!(erf: |x| x.erf(), [3, 4]);
}
