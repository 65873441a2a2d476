//! Powers: 2 to the power of p log₂ x in `f64` for `f32`, and the standard library's for `f64`, where there are no more
//! digits to compute in.

use super::{Tables, at_least, at_most, polynomial_fused};

/// Powers of each float type.
pub trait Powers: Sized {
    /// |x| to the power of `exponent`, but NaN in some of the cases in which the result is 1.
    fn power_of_magnitude(self, exponent: Self) -> Self;
    /// The largest integer that is not larger.
    fn rounded_down(self) -> Self;
}

/// log₂((1 + s) / (1 - s)) / s as a polynomial of s², |s| ≤ (√2 - 1) / (√2 + 1): 2⁻³⁷, so that also powers near the
/// largest `f32` have less than a hundredth of its last bit
const LOG2: [f64; 5] = [
    2.885_390_081_790_086_4,
    0.961_796_673_341_688_3,
    0.577_083_584_975_128_9,
    0.411_672_718_767_797_26,
    0.340_730_106_690_821_04,
];
/// 2ʳ, |r| ≤ ½: 2⁻²⁹
const POWER_OF_TWO: [f64; 7] = [
    1.000_000_000_554_166_3,
    0.693_147_205_737_252_6,
    0.240_226_468_906_395_73,
    0.055_503_287_769_976_636,
    0.009_618_488_956_522_791,
    0.001_339_993_120_947_414,
    0.000_153_458_121_587_401_83,
];
/// All finite `f32` lie well between 2 to minus this power and 2 to this power.
const FARTHEST: f64 = 200.0;

/// log₂ x = log₂ m + k with x = m 2ᵏ, for the magnitude of an `f32`.
#[inline(always)]
fn log2(x: f64) -> f64 {
    let (mantissa, exponent) = x.normal_mantissa_and_exponent();
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let inside = s.mul_add(polynomial_fused(s * s, &LOG2), exponent);
    let bounded = if x < f64::INFINITY { inside } else { x };
    if x == 0.0 { f64::NEG_INFINITY } else { bounded }
}

/// 2ˣ = 2ⁿ 2ʳ, rounded to 0 and to infinity where that of an `f32` is.
#[inline(always)]
fn power_of_two(x: f64) -> f64 {
    let x = at_least(at_most(x, FARTHEST), -FARTHEST);
    let shifted = x + f64::SHIFT;
    polynomial_fused(x - (shifted - f64::SHIFT), &POWER_OF_TWO) * f64::power_of_two(shifted)
}

impl Powers for f32 {
    #[inline(always)]
    fn power_of_magnitude(self, exponent: Self) -> Self {
        power_of_two(log2(f64::from(self.abs())) * f64::from(exponent)) as f32
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
pub(crate) fn powf<T: Tables + Powers>(x: T, exponent: T) -> T {
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
