//! Powers.

use super::{Fused, Keep, Rule, flat};
use crate::float::Float;
use crate::kernels::map::{Formula, each_of};
use crate::scalar::Scalar;
use crate::tensor::{Tensor, mapped_rows};

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
        let values = Power { factor: T::ONE, exponent }.of_rows([self]);
        let slope = Power { factor: exponent, exponent: exponent - T::ONE };
        self.recorded_pointwise(values, "powf", [Keep::Input], || Box::new(slope))
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

/// A factor times x to the power of `exponent`.
#[derive(Clone, Copy)]
struct Power<T> {
    factor: T,
    exponent: T,
}

/// The same for an exponent that [is short](Power::is_short).
#[derive(Clone, Copy)]
struct ShortPower<T>(Power<T>);

impl<T: Float> Power<T> {
    /// Whether multiplications, a division or a root compute the power: cheaper, and exact.
    fn is_short(self) -> bool {
        [0.0, 1.0, 2.0, 3.0, -1.0, -2.0, 0.5, -0.5].contains(&self.exponent.to_f64())
    }

    /// The power of each element of a tensor, or a gradient times that.
    #[track_caller]
    fn of_rows<const OPERANDS: usize>(self, operands: [&Tensor<T>; OPERANDS]) -> Tensor<T>
    where
        Self: Formula<T, OPERANDS>,
        ShortPower<T>: Formula<T, OPERANDS>,
    {
        // Chosen outside of the loops: with the general formula among them, none would be vectorised.
        if self.is_short() {
            mapped_rows(operands, &each_of(ShortPower(self)))
        } else {
            mapped_rows(operands, &each_of(self))
        }
    }
}

impl<T: Scalar> Formula<T, 1> for Power<T> {
    #[inline(always)]
    fn common(&self, [x]: [T; 1]) -> T {
        x.powf(self.exponent) * self.factor
    }
}

impl<T: Scalar> Formula<T, 1> for ShortPower<T> {
    #[inline(always)]
    fn common(&self, [x]: [T; 1]) -> T {
        let ShortPower(Power { factor, exponent }) = *self;
        let two = T::ONE + T::ONE;
        let power = if exponent == two {
            x * x
        } else if exponent == T::ONE {
            x
        } else if exponent == T::ZERO {
            T::ONE
        } else if exponent == two + T::ONE {
            x * x * x
        } else if exponent == -T::ONE {
            x.recip()
        } else if exponent == -two {
            (x * x).recip()
        } else if exponent > T::ZERO {
            // √-∞ is NaN where (-∞)^½ is ∞, and √-0 is -0: as PyTorch, which takes the root too.
            x.sqrt()
        } else {
            x.sqrt().recip()
        };
        power * factor
    }
}

macro_rules! times_gradient {
    ($($formula:ident)+) => {
        $(impl<T: Scalar> Formula<T, 2> for $formula<T> {
            #[inline(always)]
            fn common(&self, [grad, x]: [T; 2]) -> T {
                grad * self.common([x])
            }
        })+
    };
}
times_gradient!(Power ShortPower);

impl<T: Float> Fused<T, 1> for Power<T> {
    fn fused(&self, grad: &Tensor<T>, [x]: [&Tensor<T>; 1]) -> Tensor<T> {
        self.of_rows([grad, x])
    }
}

impl<T: Float> Rule<T, 1> for Power<T> {
    fn recorded(&self, grad: &Tensor<T>, [x]: [&Tensor<T>; 1]) -> Tensor<T> {
        grad * (x.powf(self.exponent) * self.factor)
    }
}

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
