//! Powers.

use super::{Derivative, Keep, flat};
use crate::float::Float;
use crate::scalar::Scalar;
use crate::tensor::Tensor;

/// # Pointwise functions: powers and roots
impl<T: Float> Tensor<T> {
    /// x to the power of a number.    y = xᵖ        dy/dx = p xᵖ⁻¹ (0 everywhere for p = 0)
    ///
    /// As [`torch.pow`](https://docs.pytorch.org/docs/stable/generated/torch.pow.html): powers of ½ and -½ are the
    /// square root and its reciprocal, so that that of -∞ is NaN and that of -0 is -0, or -∞.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]).powf(2.0).to_vec(), [1.0, 4.0, 9.0]);
    /// ```
    #[inline(never)]
    #[track_caller]
    pub fn powf(&self, exponent: T) -> Tensor<T> {
        if exponent == T::ZERO {
            return self.pointwise("powf", |_| T::ONE, flat());
        }
        let derivative = Derivative::new(
            [Keep::Input],
            move |g: T, [x]: [T; 1]| g * (x.power(exponent - T::ONE) * exponent),
            move |g: &Tensor<T>, [x]: [&Tensor<T>; 1]| g * (x.powf(exponent - T::ONE) * exponent),
        );
        self.pointwise("powf", move |x| x.power(exponent), derivative)
    }

    /// Square.    y = x²        dy/dx = 2 x
    ///
    /// As [`torch.square`](https://docs.pytorch.org/docs/stable/generated/torch.square.html).
    #[inline(never)]
    #[track_caller]
    pub fn square(&self) -> Tensor<T> {
        self.powf(T::from_f64(2.0))
    }

    /// Reciprocal.    y = 1 / x        dy/dx = -y²
    ///
    /// As [`torch.reciprocal`](https://docs.pytorch.org/docs/stable/generated/torch.reciprocal.html).
    #[track_caller]
    pub fn reciprocal(&self) -> Tensor<T> {
        self.pointwise("reciprocal", |x| x.recip(), derivative!(|g, y| -(g * (y * y))))
    }

    /// Reciprocal of the square root.    y = 1 / √x        dy/dx = -½ y³
    ///
    /// As [`torch.rsqrt`](https://docs.pytorch.org/docs/stable/generated/torch.rsqrt.html).
    #[inline(never)]
    #[track_caller]
    pub fn rsqrt(&self) -> Tensor<T> {
        let half = T::from_f64(0.5);
        self.pointwise("rsqrt", |x| x.sqrt().recip(), derivative!(|g, y| -(g * (y * y * y * half))))
    }
}

/// The scalar counterpart of [`Tensor::powf`].
trait Power: Scalar {
    /// `powf` with the common exponents as what they are: cheaper, and exact.
    #[inline(always)]
    fn power(self, exponent: Self) -> Self {
        let two = Self::ONE + Self::ONE;
        if exponent == two {
            self * self
        } else if exponent == Self::ONE {
            self
        } else if exponent == two + Self::ONE {
            self * self * self
        } else if exponent == -Self::ONE {
            self.recip()
        } else if exponent == -two {
            (self * self).recip()
        } else if exponent == two.recip() {
            // √-∞ is NaN where (-∞)^½ is ∞, and √-0 is -0: as PyTorch, which takes the root too.
            self.sqrt()
        } else if exponent == -two.recip() {
            self.sqrt().recip()
        } else {
            self.powf(exponent)
        }
    }
}

impl<S: Scalar> Power for S {}

instances!(powf square reciprocal rsqrt);

#[cfg(test)]
mod tests {
    gradients!(square: |x| x.powf(2.0), [3, 4]);
    gradients!(cube: |x| x.powf(3.0), [3, 4]);
    gradients!(power: |x| (x * x + 0.5).powf(-1.7), [3, 4]);
    gradients!(power_of_zero: |x| x.powf(0.0) * x, [3, 4]);
    gradients!(square_by_name: |x| x.square(), [3, 4]);
    gradients!(reciprocal: |x| (x * x + 0.5).reciprocal(), [3, 4]);
    gradients!(rsqrt: |x| (x * x + 0.5).rsqrt(), [3, 4]);
}
