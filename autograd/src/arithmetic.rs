//! The arithmetic of the two float types, `f32` and `f64`: constants, conversions, and what is one instruction or two.

use std::fmt::{Debug, Display, LowerExp};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

/// The arithmetic of a [`Scalar`](crate::scalar::Scalar), on which its elementary functions are built.
pub trait Arithmetic:
    Copy
    + Default
    + PartialEq
    + PartialOrd
    + Debug
    + Display
    + LowerExp
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Sum
{
    /// The type's name as it is printed: `"f32"` or `"f64"`.
    const NAME: &'static str;
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;
    /// Not a number.
    const NAN: Self;
    /// Positive infinity.
    const INFINITY: Self;
    /// Negative infinity.
    const NEG_INFINITY: Self;
    /// The distance from 1 to the next larger number.
    const EPSILON: Self;
    /// The smallest positive number that is not denormal.
    const MIN_POSITIVE: Self;
    /// log₂ e
    const LOG2_E: Self;
    /// √2
    const SQRT_2: Self;

    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;
    /// The same number as an `f64`, exactly.
    fn to_f64(self) -> f64;
    /// The same number, exactly.
    fn from_u8(value: u8) -> Self;
    /// The nearest number of this type; exact up to 2²⁴ for `f32` and 2⁵³ for `f64`.
    fn from_usize(value: usize) -> Self;

    /// Absolute value.
    fn abs(self) -> Self;
    /// Square root, correctly rounded.
    fn sqrt(self) -> Self;
    /// self · `factor` + `summand`, rounded once. A slow call where the machine cannot do that in one instruction.
    fn mul_add(self, factor: Self, summand: Self) -> Self;
    /// 1 / x.
    fn recip(self) -> Self {
        Self::ONE / self
    }
    /// -1, 0 or 1, and 0 for NaN: as PyTorch's `sign` (the standard library's `signum` of 0 is 1).
    #[inline(always)]
    fn sign(self) -> Self {
        if self > Self::ZERO {
            Self::ONE
        } else if self < Self::ZERO {
            -Self::ONE
        } else {
            Self::ZERO
        }
    }
    /// Whether this is not a number.
    fn is_nan(self) -> bool;
    /// Whether this is neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// The larger of two numbers; NaN if either is (the standard library's `max` drops a NaN).
    #[inline(always)]
    fn maximum(self, other: Self) -> Self {
        // With this order of the comparison, `larger` is a single instruction that returns a NaN in `self`.
        let larger = if other > self { other } else { self };
        if other.is_nan() { Self::NAN } else { larger }
    }
    /// The smaller of two numbers; NaN if either is.
    #[inline(always)]
    fn minimum(self, other: Self) -> Self {
        let smaller = if other < self { other } else { self };
        if other.is_nan() { Self::NAN } else { smaller }
    }
}

macro_rules! arithmetic {
    ($float:ident) => {
        impl Arithmetic for $float {
            const NAME: &'static str = stringify!($float);
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NAN: Self = $float::NAN;
            const INFINITY: Self = $float::INFINITY;
            const NEG_INFINITY: Self = $float::NEG_INFINITY;
            const EPSILON: Self = $float::EPSILON;
            const MIN_POSITIVE: Self = $float::MIN_POSITIVE;
            const LOG2_E: Self = std::$float::consts::LOG2_E;
            const SQRT_2: Self = std::$float::consts::SQRT_2;

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $float
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn from_u8(value: u8) -> Self {
                $float::from(value)
            }
            #[inline(always)]
            fn from_usize(value: usize) -> Self {
                value as $float
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $float::abs(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $float::sqrt(self)
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, summand: Self) -> Self {
                $float::mul_add(self, factor, summand)
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $float::is_nan(self)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $float::is_finite(self)
            }
        }
    };
}
arithmetic!(f32);
arithmetic!(f64);
