//! The two float types, `f32` and `f64`, behind one sealed trait.
//!
//! Everything below the tensor is generic over [`Scalar`]: kernels, storage, layout. The trait carries the
//! constants and the elementary functions that a kernel needs, so that a pointwise op is written once for both types.

use crate::arithmetic::Arithmetic;
use crate::elementary::{self, Powers, Tables, Waves};

/// A floating point number that tensors can hold: `f32` or `f64`.
///
/// The trait is sealed: kernels are compiled, and tested, for exactly these two types.
pub trait Scalar: Arithmetic + Tables + Waves + Powers {
    /// eˣ, within 2 ulp (units in the last place).
    #[inline(always)]
    fn exp(self) -> Self {
        elementary::exp(self)
    }
    /// eˣ for x ≤ 0: the same result as [`exp`](Scalar::exp), but faster.
    #[inline(always)]
    fn exp_of_negative(self) -> Self {
        elementary::exp_of_negative(self)
    }
    /// eˣ - 1, within 4 ulp also where x is small.
    #[inline(always)]
    fn exp_m1(self) -> Self {
        elementary::exp_m1(self)
    }
    /// Natural logarithm, within 2 ulp.
    #[inline(always)]
    fn ln(self) -> Self {
        elementary::ln(self)
    }
    /// ln(1 + x), within 4 ulp also where x is small.
    #[inline(always)]
    fn ln_1p(self) -> Self {
        elementary::ln_1p(self)
    }
    /// Hyperbolic tangent, within 4 ulp.
    #[inline(always)]
    fn tanh(self) -> Self {
        elementary::tanh(self)
    }
    /// Logistic function 1 / (1 + e⁻ˣ), within 4 ulp.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        elementary::sigmoid(self)
    }
    /// Error function 2/√π ∫₀ˣ exp(-t²) dt, within 4 ulp.
    #[inline(always)]
    fn erf(self) -> Self {
        elementary::erf(self)
    }
    /// x Φ(x), with Φ the distribution function of the standard normal, within 4 ulp.
    #[inline(always)]
    fn gelu(self) -> Self {
        elementary::gelu(self)
    }
    /// The derivative of [`gelu`](Scalar::gelu), Φ(x) + x φ(x).
    #[inline(always)]
    fn gelu_slope(self) -> Self {
        elementary::gelu_slope(self)
    }
    /// Sine, of radians, within 2 ulp.
    #[inline(always)]
    fn sin(self) -> Self {
        if self.is_far() { self.wave_far(0) } else { self.wave(0) }
    }
    /// Cosine, of radians, within 2 ulp.
    #[inline(always)]
    fn cos(self) -> Self {
        if self.is_far() { self.wave_far(1) } else { self.wave(1) }
    }
    /// x to the power of `exponent`: rounded from `f64` for `f32`, and the standard library's for `f64`.
    #[inline(always)]
    fn powf(self, exponent: Self) -> Self {
        elementary::powf(self, exponent)
    }
}

impl Scalar for f32 {}
impl Scalar for f64 {}
