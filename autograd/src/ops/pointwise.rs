//! Operations on each element by itself.
//!
//! Such an operation is three lines: its formula, what to keep for backward, and its derivative. The derivative is written once and used twice:
//! as scalar code in one fused pass, and as tensor operations where the gradient is itself to be differentiated.

use std::fmt;

use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::map::map;
use crate::op::{Op, Saved};
use crate::scalar::Scalar;
use crate::tensor::Tensor;

/// What a pointwise operation keeps for its derivative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Input,
    Output,
}

/// Turns `|g, x| expression` into the pair of closures that [`Tensor::pointwise`] takes: the same expression over numbers and over tensors.
macro_rules! derivative {
    (|$grad:ident, $kept:ident| $expression:expr) => {
        (
            move |$grad: T, $kept: T| -> T { $expression },
            move |$grad: &Tensor<T>, $kept: &Tensor<T>| -> Tensor<T> { $expression },
        )
    };
}

struct Pointwise<T: Float, S, D> {
    name: &'static str,
    kept: Saved<T>,
    scalar: S,
    tensor: D,
}

impl<T: Float, S, D> fmt::Debug for Pointwise<T, S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", self.name, self.kept)
    }
}

impl<T, S, D> Op<T> for Pointwise<T, S, D>
where
    T: Float,
    S: Fn(T, T) -> T + Copy + Send + Sync + 'static,
    D: Fn(&Tensor<T>, &Tensor<T>) -> Tensor<T> + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, kept) = (ctx.grad(), ctx.get(&self.kept));
        if ctx.higher_order() {
            ctx.propagate(0, || (self.tensor)(&grad, &kept));
        } else {
            ctx.propagate(0, || {
                Tensor::build_in(kept.row_major(), |out| {
                    map([grad.view(), kept.view()], kept.shape(), out, |[g, x]| (self.scalar)(g, x));
                })
            });
        }
    }
}

impl<T: Float> Tensor<T> {
    /// Applies `formula` to each element. `derivative!(|g, x| ...)` gives the gradient from the output's gradient and what was kept.
    pub(crate) fn pointwise<S, D>(
        &self,
        name: &'static str,
        formula: impl Fn(T) -> T + Copy + Sync,
        keep: Keep,
        (scalar, tensor): (S, D),
    ) -> Tensor<T>
    where
        S: Fn(T, T) -> T + Copy + Send + Sync + 'static,
        D: Fn(&Tensor<T>, &Tensor<T>) -> Tensor<T> + Send + Sync + 'static,
    {
        let values = Tensor::build_in(self.row_major(), |out| map([self.view()], self.shape(), out, |[x]| formula(x)));
        values.record(&[self], |y| {
            let kept = match keep {
                Keep::Input => Saved::input(0, self),
                Keep::Output => Saved::output(y),
            };
            Pointwise { name, kept, scalar, tensor }
        })
    }

    /// Exponential.    y = eˣ        dy/dx = y
    pub fn exp(&self) -> Tensor<T> {
        self.pointwise("exp", |x| x.exp(), Keep::Output, derivative!(|g, y| g * y))
    }

    /// Exponential less 1, with all digits also where x is small.    y = eˣ - 1        dy/dx = y + 1
    ///
    /// As [`torch.expm1`](https://docs.pytorch.org/docs/stable/generated/torch.expm1.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1e-20, 100.0], [2]).exp_m1().to_vec(), [1e-20, f32::INFINITY]);
    /// ```
    pub fn exp_m1(&self) -> Tensor<T> {
        self.pointwise("exp_m1", |x| x.exp_m1(), Keep::Output, derivative!(|g, y| g * (y + T::ONE)))
    }

    /// Natural logarithm.    y = ln x        dy/dx = 1 / x
    pub fn ln(&self) -> Tensor<T> {
        self.pointwise("ln", |x| x.ln(), Keep::Input, derivative!(|g, x| g / x))
    }

    /// Natural logarithm of 1 + x, with all digits also where x is small.    y = ln(1 + x)        dy/dx = 1 / (1 + x)
    ///
    /// As [`torch.log1p`](https://docs.pytorch.org/docs/stable/generated/torch.log1p.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1e-20, -1.0], [2]).ln_1p().to_vec(), [1e-20, f32::NEG_INFINITY]);
    /// ```
    pub fn ln_1p(&self) -> Tensor<T> {
        self.pointwise("ln_1p", |x| x.ln_1p(), Keep::Input, derivative!(|g, x| g / (x + T::ONE)))
    }

    /// Square root.    y = √x        dy/dx = 1 / (2 y)
    pub fn sqrt(&self) -> Tensor<T> {
        self.pointwise("sqrt", |x| x.sqrt(), Keep::Output, derivative!(|g, y| g / (y + y)))
    }

    /// Absolute value.    y = |x|        dy/dx = sign x (0 at 0)
    pub fn abs(&self) -> Tensor<T> {
        self.pointwise("abs", |x| x.abs(), Keep::Input, derivative!(|g, x| g * x.sign()))
    }

    /// -1, 0 or 1; 0 for NaN, as in PyTorch.        dy/dx = 0
    pub fn sign(&self) -> Tensor<T> {
        self.pointwise("sign", |x| x.sign(), Keep::Output, flat())
    }

    /// Sine, of radians.        dy/dx = cos x
    pub fn sin(&self) -> Tensor<T> {
        self.pointwise("sin", |x| x.sin(), Keep::Input, derivative!(|g, x| g * x.cos()))
    }

    /// Cosine, of radians.        dy/dx = -sin x
    pub fn cos(&self) -> Tensor<T> {
        self.pointwise("cos", |x| x.cos(), Keep::Input, derivative!(|g, x| -(g * x.sin())))
    }

    /// Hyperbolic tangent.        dy/dx = 1 - y²
    pub fn tanh(&self) -> Tensor<T> {
        self.pointwise("tanh", |x| x.tanh(), Keep::Output, derivative!(|g, y| g * (-(y * y) + T::ONE)))
    }

    /// Error function.    y = 2/√π ∫₀ˣ exp(-t²) dt        dy/dx = 2/√π exp(-x²)
    ///
    /// ```
    /// use autograd::Tensor;
    /// let y = Tensor::from_vec(vec![0.0, 0.5, f32::INFINITY], [3]).erf();
    /// assert_eq!(y.to_vec(), [0.0, 0.5204999, 1.0]);
    /// ```
    pub fn erf(&self) -> Tensor<T> {
        let slope_at_0 = T::from_f64(std::f64::consts::FRAC_2_SQRT_PI);
        let derivative = derivative!(|g, x| g * ((-(x * x)).exp() * slope_at_0));
        self.pointwise("erf", |x| x.erf(), Keep::Input, derivative)
    }

    /// x to the power of a number.    y = xᵖ        dy/dx = p xᵖ⁻¹ (0 everywhere for p = 0)
    ///
    /// As [`torch.pow`](https://docs.pytorch.org/docs/stable/generated/torch.pow.html): powers of ½ and -½ are the
    /// square root and its reciprocal, so that that of -∞ is NaN and that of -0 is -0, or -∞.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]).powf(2.0).to_vec(), [1.0, 4.0, 9.0]);
    /// ```
    pub fn powf(&self, exponent: T) -> Tensor<T> {
        if exponent == T::ZERO {
            return self.pointwise("powf", |_| T::ONE, Keep::Output, flat());
        }
        let derivative = (
            move |g: T, x: T| g * (x.power(exponent - T::ONE) * exponent),
            move |g: &Tensor<T>, x: &Tensor<T>| g * (x.powf(exponent - T::ONE) * exponent),
        );
        self.pointwise("powf", move |x| x.power(exponent), Keep::Input, derivative)
    }
}

/// The derivative of what is constant wherever it has one.
#[allow(clippy::type_complexity)]
fn flat<T: Float>() -> (fn(T, T) -> T, fn(&Tensor<T>, &Tensor<T>) -> Tensor<T>) {
    (|_, _| T::ZERO, |grad, _| Tensor::zeros(grad.shape()))
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

#[cfg(test)]
mod tests {
    gradients!(exp: |x| x.exp(), [3, 4]);
    gradients!(ln: |x| (x * x + 0.5).ln(), [3, 4]);
    gradients!(sqrt: |x| (x * x + 0.5).sqrt(), [3, 4]);
    gradients!(abs: |x| x.abs(), [3, 4]);
    gradients!(sign: |x| x.sign() * x, [3, 4]);
    gradients!(sin: |x| x.sin(), [3, 4]);
    gradients!(cos: |x| x.cos(), [3, 4]);
    gradients!(exp_m1: |x| x.exp_m1(), [3, 4]);
    gradients!(ln_1p: |x| (x * x).ln_1p(), [3, 4]);
    gradients!(erf: |x| x.erf(), [3, 4]);
    gradients!(tanh: |x| x.tanh(), [3, 4]);
    gradients!(square: |x| x.powf(2.0), [3, 4]);
    gradients!(cube: |x| x.powf(3.0), [3, 4]);
    gradients!(power: |x| (x * x + 0.5).powf(-1.7), [3, 4]);
    gradients!(power_of_zero: |x| x.powf(0.0) * x, [3, 4]);
}
