//! Powers: eᵖ ˡⁿ ˣ, with the logarithm in more digits than the result has.

use super::{Tables, at_most, exp, ln};

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

/// (artanh s / s - 1 - ⅓s²) / s⁴ as a polynomial of s², for the s of [`Tables::LN`]: 2⁻⁷⁴
const ARTANH: [f64; 8] = [
    0.199_999_999_999_999_9,
    0.142_857_142_857_225_56,
    0.111_111_111_087_682_42,
    0.090_909_094_351_561_25,
    0.076_922_784_355_801_88,
    0.066_681_587_066_137_4,
    0.058_374_093_058_338_15,
    0.059_945_062_095_674_795,
];
/// ⅓ as the nearest `f64`, and what is missing.
const THIRD: [f64; 2] = [0.333_333_333_333_333_3, 1.850_371_707_708_594e-17];

impl Powers for f64 {
    #[inline(always)]
    fn power_of_magnitude(self, exponent: Self) -> Self {
        let [high, low] = ln_of_positive(self.abs());
        let product = high * exponent;
        let lost = high.mul_add(exponent, -product) + low * exponent;
        // Where the power is 0 or infinite nothing is left to correct.
        let lost = if product.abs() < 800.0 { lost } else { 0.0 };
        let power = exp(product);
        // (The largest numbers times a small one, so that nothing overflows twice.)
        at_most(power, f64::MAX).mul_add(lost, power)
    }

    #[inline(always)]
    fn rounded_down(self) -> Self {
        f64::floor(self)
    }
}

/// ln x as a sum of two, for x ≥ 0 and NaN.
///
/// With m = x / 2ᵏ and s = (m - 1) / (m + 1) it is k ln 2 + 2 artanh s, of whose series the first two terms are
/// computed with their errors.
#[inline(always)]
fn ln_of_positive(x: f64) -> [f64; 2] {
    let (mantissa, k) = x.mantissa_and_exponent();
    let f = mantissa - 1.0;
    let divisor = 2.0 + f;
    let lost = f - (divisor - 2.0);
    let s = f / divisor;
    let s_low = ((-s).mul_add(divisor, f) - s * lost) / divisor;
    let square = s * s;
    let square_low = s.mul_add(s, -square) + 2.0 * s * s_low;
    let third = square * THIRD[0];
    let third_low = square.mul_add(THIRD[0], -third) + (square * THIRD[1] + square_low * THIRD[0]);
    let upper = ARTANH.iter().rev().copied().reduce(|sum, c| sum.mul_add(square, c)).expect("coefficients");
    let rest = (square * square).mul_add(upper, third_low);
    // 2s (1 + third + rest) + k ln 2, from the largest term on, each with what it loses.
    let twice = s + s;
    let next = twice * third;
    let next_low = twice.mul_add(third, -next) + twice * rest + (s_low + s_low) * (1.0 + third);
    let whole = k * f64::LN_2_HIGH;
    let first = whole + twice;
    // Exact, as k is 0 or the term with it is the larger one.
    let first_low = (whole - first) + twice;
    let second = first + next;
    let second_low = (first - second) + next;
    let low = first_low + second_low + (next_low + k * f64::LN_2_LOW);
    let sum = second + low;
    let sum_low = (second - sum) + low;
    let ends = if x == 0.0 { f64::NEG_INFINITY } else { x };
    let is_inside = x > 0.0 && x < f64::INFINITY;
    if is_inside { [sum, sum_low] } else { [ends, 0.0] }
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
