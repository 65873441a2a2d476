//! Exponential, logarithm and their relatives as branch-free polynomials, written once for `f32` and `f64`.
//!
//! The standard library's functions are calls into the C library, which no loop around them can be vectorised across.
//! These are plain arithmetic and selections, so that the compiler turns a loop over them into vector code of whatever
//! instruction set it compiles for. They give the same bits on every machine. What is made of an exponential uses fused
//! multiply-adds: without hardware for it each is a slow call.
//!
//! Errors are in units in the last place (ulp) of the exact result, the largest that the tests find: the bounds are 2
//! for [`exp`] and [`ln`], 4 for the others. Zeros keep their sign, NaN stays NaN, results are denormal or infinite
//! where they should be.

mod tables;
#[cfg(test)]
mod tests;

pub use tables::Tables;

use crate::scalar::Scalar;

/// c₀ + c₁ x + c₂ x² + ... by Horner's rule.
#[inline(always)]
fn polynomial<T: Scalar>(x: T, coefficients: &'static [T]) -> T {
    let mut sum = coefficients[coefficients.len() - 1];
    for &coefficient in coefficients[..coefficients.len() - 1].iter().rev() {
        sum = sum * x + coefficient;
    }
    sum
}

/// The same as two polynomials of x², for the even and the odd powers: two chains side by side, each half as long, keep
/// the adders busy.
#[inline(always)]
fn polynomial_in_halves<T: Scalar>(x: T, coefficients: &'static [T]) -> T {
    let square = x * x;
    let half = |from: usize| {
        let own = coefficients[from..].iter().step_by(2).rev();
        own.copied().reduce(|sum, coefficient| sum * square + coefficient).expect("coefficients of both kinds")
    };
    half(0) + x * half(1)
}

/// [`polynomial`] with one rounding for each term.
#[inline(always)]
fn polynomial_fused<T: Scalar>(x: T, coefficients: &'static [T]) -> T {
    let terms = coefficients.iter().copied().rev();
    terms.reduce(|sum, coefficient| sum.mul_add(x, coefficient)).expect("coefficients")
}

/// x, but at most `highest`; NaN stays.
#[inline(always)]
fn at_most<T: Scalar>(x: T, highest: T) -> T {
    if x > highest { highest } else { x }
}

/// x, but at least `lowest`; NaN stays.
#[inline(always)]
fn at_least<T: Scalar>(x: T, lowest: T) -> T {
    if x < lowest { lowest } else { x }
}

/// x = n ln 2 + r with |r| ≤ ½ ln 2: n plus [`Tables::SHIFT`], as the functions that make 2ⁿ want it, and eʳ - 1.
///
/// n ln 2 is subtracted in two parts, the first of which leaves no error (Cody and Waite, "Software Manual for the
/// Elementary Functions", 1980).
#[inline(always)]
fn reduced_exp_m1<T: Scalar>(x: T) -> (T, T) {
    let shifted = x.mul_add(T::LOG2_E, T::SHIFT);
    let n = shifted - T::SHIFT;
    let r = n.mul_add(-T::LN_2_LOW, n.mul_add(-T::LN_2_HIGH, x));
    (shifted, (r * r).mul_add(polynomial_fused(r, T::EXP), r))
}

/// The same for -½x² in place of x.
///
/// In the tail an error of x² would grow by x². So x² is rounded only after n ln 2 has been taken from it, by a fused
/// multiply-add. All is done with twice the exponent, and the coefficients are those for its half.
#[inline(always)]
fn reduced_normal_m1<T: Scalar>(x: T) -> (T, T) {
    let two = T::ONE + T::ONE;
    let shifted = (x * x).mul_add(-T::LOG2_E / two, T::SHIFT);
    let n = shifted - T::SHIFT;
    let r = x.mul_add(-x, n * (-two * T::LN_2_HIGH));
    let r = n.mul_add(-two * T::LN_2_LOW, r);
    (shifted, r * polynomial_fused(r, T::EXP_OF_HALF))
}

/// eˣ = 2ⁿ eʳ
#[inline(always)]
pub(crate) fn exp<T: Scalar>(x: T) -> T {
    let x = at_least(at_most(x, T::EXP_HIGHEST), T::EXP_LOWEST);
    let (n, small) = reduced_exp_m1(x);
    (T::ONE + small).scale(n)
}

/// eˣ for x ≤ 0, to the same bits as [`exp`] but in three quarters of the operations.
#[inline(always)]
pub(crate) fn exp_of_negative<T: Scalar>(x: T) -> T {
    let (n, small) = reduced_exp_m1(at_least(x, T::EXP_LOWEST));
    (T::ONE + small).scale_down(n)
}

/// eˣ - 1 = 2ⁿ ((eʳ - 1) + (1 - 2⁻ⁿ))
#[inline(always)]
pub(crate) fn exp_m1<T: Scalar>(x: T) -> T {
    let bounded = at_least(at_most(x, T::EXP_HIGHEST), -T::EXP_SATURATED);
    let (n, small) = reduced_exp_m1(bounded);
    let minus_n = T::SHIFT - (n - T::SHIFT);
    let result = (small + (T::ONE - T::ONE.scale(minus_n))).scale(n);
    if x == T::ZERO { x } else { result }
}

/// ln(1 + f) + k ln 2 + `low`, for √½ ≤ 1 + f < √2.
///
/// With s = f / (2 + f), ln(1 + f) = ln((1 + s) / (1 - s)) = 2s + ⅔s³ + ... = f - (½f² - s (½f² + s² P(s²))): the
/// leading term f is exact, and what is subtracted from it small (this arrangement is that of Sun's fdlibm, 1993).
#[inline(always)]
fn ln_of_parts<T: Scalar>(f: T, k: T, low: T) -> T {
    let two = T::ONE + T::ONE;
    let s = f / (two + f);
    let z = s * s;
    let half_square = f * f / two;
    let rest = s * (half_square + z * polynomial(z, T::LN)) + (k * T::LN_2_LOW + low);
    k * T::LN_2_HIGH - ((half_square - rest) - f)
}

/// ln x = ln m + k ln 2 with x = m 2ᵏ
#[inline(always)]
pub(crate) fn ln<T: Scalar>(x: T) -> T {
    let (mantissa, exponent) = x.mantissa_and_exponent();
    at_the_ends_of_ln(x, ln_of_parts(mantissa - T::ONE, exponent, T::ZERO))
}

/// ln(1 + x) = ln u + c / u with u = 1 + x rounded and c what rounding lost (found as by Knuth's exact addition)
#[inline(always)]
pub(crate) fn ln_1p<T: Scalar>(x: T) -> T {
    let u = T::ONE + x;
    let grown = u - T::ONE;
    let lost = (T::ONE - (u - grown)) + (x - grown);
    let (mantissa, exponent) = u.mantissa_and_exponent();
    let result = at_the_ends_of_ln(u, ln_of_parts(mantissa - T::ONE, exponent, lost / u));
    if x == T::ZERO { x } else { result }
}

#[inline(always)]
fn at_the_ends_of_ln<T: Scalar>(x: T, inside: T) -> T {
    let bounded = if x < T::INFINITY { inside } else { x };
    if x > T::ZERO {
        bounded
    } else if x == T::ZERO {
        T::NEG_INFINITY
    } else {
        T::NAN
    }
}

/// tanh x = (e²ˣ - 1) / (e²ˣ + 1) for x ≥ 0, and odd
#[inline(always)]
pub(crate) fn tanh<T: Scalar>(x: T) -> T {
    let magnitude = at_most(x.abs(), T::EXP_SATURATED);
    let (n, small) = reduced_exp_m1(magnitude + magnitude);
    let power = T::power_of_two(n);
    let exp_m1 = power * small + (power - T::ONE);
    (exp_m1 / (exp_m1 + (T::ONE + T::ONE))).with_sign_of(x)
}

/// 1 / (1 + e⁻ˣ) for x ≥ 0 and eˣ / (1 + eˣ) for x < 0: nothing overflows, and small results keep their digits.
#[inline(always)]
pub(crate) fn sigmoid<T: Scalar>(x: T) -> T {
    let exp = exp_of_negative(-x.abs());
    let numerator = if x < T::ZERO { exp } else { T::ONE };
    numerator / (T::ONE + exp)
}

/// erf x = 1 - (1 - v)⁸ with 8v = x + x P(x) for x ≥ 0, and odd.
///
/// To take 1 - v to the eighth power and that from 1 would leave small results no digits. Three times w = 1 - (1 - v)²
/// = 2v - v² keeps them; of the multiples that are as large as the result, it is 4w = 8v - (8v)² / 16, and so on.
#[inline(always)]
pub(crate) fn erf<T: Scalar>(x: T) -> T {
    let quarter = (T::ONE + T::ONE + T::ONE + T::ONE).recip();
    let half = quarter + quarter;
    let magnitude = at_most(x.abs(), T::ERF_SATURATED);
    let rest = magnitude * polynomial_in_halves(magnitude, T::ERF);
    let once = magnitude + rest;
    // Only what is not x itself is rounded on the way.
    let twice = magnitude + (rest - once * once * (quarter * quarter));
    let thrice = twice - twice * twice * (quarter * half);
    (thrice - thrice * thrice * quarter).with_sign_of(x)
}

/// x Φ(x) = max(x, 0) - |x| Φ(-|x|), with Φ the distribution function of the standard normal
///
/// Φ(-x) for x ≥ 0 is exp(-½x²) / (x + c) times a factor between ⅖ and ½c, which is a polynomial. Here c is
/// [`Tables::NORMAL_CENTRE`].
#[inline(always)]
pub(crate) fn gelu<T: Scalar>(x: T) -> T {
    let magnitude = at_most(x.abs(), T::NORMAL_SATURATED);
    let half = (T::ONE + T::ONE).recip();
    let (n, small) = reduced_normal_m1(magnitude);
    let part = magnitude / (magnitude + T::NORMAL_CENTRE);
    let tail = polynomial_fused(part - half, T::NORMAL_TAIL);
    let (factor, part) = tail.mul_add(small, tail).scale_both(part, n);
    // 0 for negative numbers, but NaN for -∞, as in PyTorch; -0 stays. (The choice is not `x < 0`: for AArch64 the
    // compiler makes of that, against 0, the instruction FMINNM, which returns -0 for -0 and so loses the sign in the
    // difference.)
    let rectified = x - if x >= T::ZERO { T::ZERO } else { x };
    (-factor).mul_add(part, rectified)
}

/// The derivative of [`gelu`]: Φ(x) + x φ(x), accurate to a few units of [`Scalar::EPSILON`].
///
/// Below 0 it is exp(-½x²) P(-x), and at x and -x it adds up to 1.
#[inline(always)]
pub(crate) fn gelu_slope<T: Scalar>(x: T) -> T {
    let magnitude = at_most(x.abs(), T::NORMAL_SATURATED);
    let (n, small) = reduced_normal_m1(magnitude);
    let below = (T::ONE + small).scale_down(n) * polynomial_fused(magnitude, T::GELU_SLOPE);
    if x < T::ZERO { below } else { T::ONE - below }
}
