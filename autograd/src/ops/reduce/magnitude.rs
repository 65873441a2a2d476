//! Powers of magnitudes whose derivatives are 0 at 0, for norms and standard deviations.

use crate::float::Float;
use crate::ops::pointwise::{Derivative, Keep};
use crate::scalar::Scalar;
use crate::tensor::Tensor;

/// y = |x|ᵖ        dy/dx = p sign(x) |x|ᵖ⁻¹, and 0 at 0
#[track_caller]
pub(super) fn magnitude<T: Float>(x: &Tensor<T>, exponent: f64) -> Tensor<T> {
    power(x, exponent, Parity { is_odd: false, is_slope: false })
}

/// Chooses between |x|ᵖ and sign(x) |x|ᵖ. Except for a factor, the derivative of each has the form of the other.
#[derive(Clone, Copy)]
struct Parity {
    is_odd: bool,
    /// Whether a negative power of 0 is 0, as in a derivative.
    is_slope: bool,
}

#[track_caller]
fn power<T: Float>(x: &Tensor<T>, exponent: f64, parity: Parity) -> Tensor<T> {
    let slope = Parity { is_odd: !parity.is_odd, is_slope: true };
    let (own, less, factor) = (T::from_f64(exponent), T::from_f64(exponent - 1.0), T::from_f64(exponent));
    let derivative = Derivative::new(
        [Keep::Input],
        move |g: T, [x]: [T; 1]| g * (signed_power(x, less, slope) * factor),
        move |g: &Tensor<T>, [x]: [&Tensor<T>; 1]| g * (power(x, exponent - 1.0, slope) * factor),
    );
    x.pointwise("magnitude", move |x| signed_power(x, own, parity), derivative)
}

#[inline(always)]
fn signed_power<S: Scalar>(x: S, exponent: S, parity: Parity) -> S {
    let size = x.abs();
    if parity.is_slope && exponent < S::ZERO && size == S::ZERO {
        return S::ZERO;
    }
    let half = (S::ONE + S::ONE).recip();
    let power = if exponent == half {
        size.sqrt()
    } else if exponent == -half {
        size.sqrt().recip()
    } else if exponent == S::ONE {
        size
    } else {
        size.powf(exponent)
    };
    if parity.is_odd { power * x.sign() } else { power }
}
