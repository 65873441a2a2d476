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
        (|$grad: T, $kept: T| -> T { $expression }, |$grad: &Tensor<T>, $kept: &Tensor<T>| -> Tensor<T> { $expression })
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
            let (shape, scalar) = (kept.shape().clone(), self.scalar);
            ctx.propagate(0, || {
                Tensor::build(shape.clone(), |out| map([grad.view(), kept.view()], &shape, out, |[g, x]| scalar(g, x)))
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
        let shape = self.shape();
        Tensor::build(shape.clone(), |out| map([self.view()], shape, out, |[x]| formula(x))).record(&[self], |y| {
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

    /// Natural logarithm.    y = ln x        dy/dx = 1 / x
    pub fn ln(&self) -> Tensor<T> {
        self.pointwise("ln", |x| x.ln(), Keep::Input, derivative!(|g, x| g / x))
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

    /// Logistic function.    y = 1 / (1 + e⁻ˣ)        dy/dx = y (1 - y)
    pub fn sigmoid(&self) -> Tensor<T> {
        self.pointwise(
            "sigmoid",
            |x| (T::ONE + (-x).exp()).recip(),
            Keep::Output,
            derivative!(|g, y| g * ((-y + T::ONE) * y)),
        )
    }

    /// Rectifier.    y = max(x, 0), and NaN for NaN        dy/dx = 0 where y ≤ 0, else 1
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-1.0, 0.0, 2.0], [3]).relu().to_vec(), [0.0, 0.0, 2.0]);
    /// ```
    pub fn relu(&self) -> Tensor<T> {
        self.pointwise("relu", |x| x.maximum(T::ZERO), Keep::Output, derivative!(|g, y| g.gate(y)))
    }

    /// 0 where `y` is 0 or less, x elsewhere: the gradient of [`relu`](Tensor::relu) and of whatever ends with it.
    pub(crate) fn gate(&self, y: &Tensor<T>) -> Tensor<T> {
        let shape = self.shape();
        Tensor::build(shape.clone(), |out| map([self.view(), y.view()], shape, out, |[x, y]| x.gate(y)))
            .record(&[self], |_| Gate { y: Saved::aside(y) })
    }

    /// x to the power of a number.    y = xᵖ        dy/dx = p xᵖ⁻¹ (0 everywhere for p = 0)
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]).powf(2.0).to_vec(), [1.0, 4.0, 9.0]);
    /// ```
    pub fn powf(&self, exponent: T) -> Tensor<T> {
        if exponent == T::ZERO {
            return self.pointwise("powf", |_| T::ONE, Keep::Output, flat());
        }
        let power = move |x: T| x.power(exponent);
        self.pointwise(
            "powf",
            power,
            Keep::Input,
            (
                move |g: T, x: T| g * (x.power(exponent - T::ONE) * exponent),
                move |g: &Tensor<T>, x: &Tensor<T>| g * (x.powf(exponent - T::ONE) * exponent),
            ),
        )
    }
}

/// The derivative of what is constant wherever it has one.
#[allow(clippy::type_complexity)]
fn flat<T: Float>() -> (fn(T, T) -> T, fn(&Tensor<T>, &Tensor<T>) -> Tensor<T>) {
    (|_, _| T::ZERO, |grad, _| Tensor::zeros(grad.shape()))
}

/// Scalar counterparts of tensor operations that a derivative uses.
trait Pointed: Scalar {
    #[inline(always)]
    fn gate(self, y: Self) -> Self {
        // Asked this way round, a NaN lets the gradient pass, as in PyTorch.
        if y <= Self::ZERO { Self::ZERO } else { self }
    }

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
        } else if exponent == two.recip() {
            // √-∞ is NaN where (-∞)^½ is ∞: as PyTorch, which takes the root too.
            self.sqrt()
        } else {
            self.powf(exponent)
        }
    }
}

impl<S: Scalar> Pointed for S {}

/// y = 0 where the gate is shut, x elsewhere        dy/dx likewise
#[derive(Debug)]
struct Gate<T: Float> {
    y: Saved<T>,
}

impl<T: Float> Op<T> for Gate<T> {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, y) = (ctx.grad(), ctx.get(&self.y));
        ctx.propagate(0, || grad.gate(&y));
    }
}

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(exp: |x| x.exp(), [3, 4]);
    gradients!(ln: |x| (x * x + 0.5).ln(), [3, 4]);
    gradients!(sqrt: |x| (x * x + 0.5).sqrt(), [3, 4]);
    gradients!(abs: |x| x.abs(), [3, 4]);
    gradients!(sign: |x| x.sign() * x, [3, 4]);
    gradients!(sin: |x| x.sin(), [3, 4]);
    gradients!(cos: |x| x.cos(), [3, 4]);
    gradients!(tanh: |x| x.tanh(), [3, 4]);
    gradients!(sigmoid: |x| x.sigmoid(), [3, 4]);
    gradients!(relu: |x| x.relu(), [3, 4]);
    gradients!(relu_of_a_curve: |x| (x * x * x).relu(), [3, 4]);
    gradients!(square: |x| x.powf(2.0), [3, 4]);
    gradients!(cube: |x| x.powf(3.0), [3, 4]);
    gradients!(power: |x| (x * x + 0.5).powf(-1.7), [3, 4]);
    gradients!(power_of_zero: |x| x.powf(0.0) * x, [3, 4]);

    #[test]
    fn nan_goes_through_relu_and_so_does_its_gradient() {
        let x = Tensor::from_vec(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0], [4]).requires_grad();
        let y = x.relu();
        assert!(y.to_vec()[0].is_nan());
        assert_eq!(y.to_vec()[1..], [f32::INFINITY, 0.0, 0.0]);
        let gradients = y.backward_with(&Tensor::ones([4]));
        assert_eq!(gradients.get(&x).unwrap().to_vec(), [1.0, 1.0, 0.0, 0.0]);
    }
}
