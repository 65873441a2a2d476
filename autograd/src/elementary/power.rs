//! Powers: eᵖ ˡⁿ ˣ in `f64` for `f32`, and the standard library's for `f64`, where there are no more digits to compute in.

use super::{exp, ln};

/// Powers of each float type.
pub trait Powers: Sized {
    /// |x| to the power of `exponent`, but NaN in some of the cases in which the result is 1.
    fn power_of_magnitude(self, exponent: Self) -> Self;
    /// The largest integer that is not larger.
    fn rounded_down(self) -> Self;
}

impl Powers for f32 {
    #[inline(always)]
    fn power_of_magnitude(self, exponent: Self) -> Self {
        exp(ln(f64::from(self.abs())) * f64::from(exponent)) as f32
    }

    #[inline(always)]
    fn rounded_down(self) -> Self {
        f32::floor(self)
    }
}

impl Powers for f64 {
    #[inline(always)]
    fn power_of_magnitude(self, exponent: Self) -> Self {
        f64::powf(self.abs(), exponent)
    }

    #[inline(always)]
    fn rounded_down(self) -> Self {
        f64::floor(self)
    }
}

/// x to the power of `exponent`, as C's `pow`: 1 for the base 1 and for the exponent 0 even of NaN, and NaN for a
/// negative number if the exponent is not an integer.
#[inline(always)]
pub(crate) fn powf<T: crate::scalar::Scalar>(x: T, exponent: T) -> T {
    let half = (T::ONE + T::ONE).recip();
    let power = x.power_of_magnitude(exponent);
    let is_integer = Powers::rounded_down(exponent) == exponent;
    let is_odd = is_integer && Powers::rounded_down(exponent * half) != exponent * half;
    let is_undefined = x < T::ZERO && x > T::NEG_INFINITY && !is_integer;
    let signed = if is_odd { power.with_sign_of(x) } else { power };
    let defined = if is_undefined { T::NAN } else { signed };
    let is_one = exponent == T::ZERO || x == T::ONE || (x == -T::ONE && exponent.abs() == T::INFINITY);
    if is_one { T::ONE } else { defined }
}
