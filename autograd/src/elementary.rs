//! Exponential, logarithm and related functions as branch-free polynomials, written once for `f32` and `f64`.
//!
//! The standard library's functions are calls into the C library, so a loop over them cannot be vectorised. The
//! functions here consist of arithmetic and selections, so that the compiler can vectorise a loop over them for its
//! instruction set. They give the same bits on every machine. Functions based on the exponential use fused
//! multiply-adds, which are slow calls on hardware without them.
//!
//! Errors are in units in the last place (ulp) of the exact result. The tests check the bounds: 2 for [`exp`] and
//! [`ln`], 4 for the others. Zeros keep their sign, NaN stays NaN, and results are denormal or infinite where the exact
//! result is.

mod power;
mod tables;
#[cfg(test)]
mod tests;
mod waves;

pub use power::Powers;
pub(crate) use power::powf;
pub use tables::Tables;
pub use waves::Waves;

/// c₀ + c₁ x + c₂ x² + ... by Horner's rule.
#[inline(always)]
fn polynomial<T: Tables>(x: T, coefficients: &'static [T]) -> T {
    horner(coefficients, 1, 0, |sum, coefficient| sum * x + coefficient)
}

/// Goes from the last coefficient to the first, over each `step`-th from `first` on. (A loop with an index: chains of
/// iterators are functions of their own, which the compiler does not always inline into a kernel.)
#[inline(always)]
fn horner<T: Tables>(coefficients: &'static [T], step: usize, first: usize, term: impl Fn(T, T) -> T) -> T {
    let mut index = first + (coefficients.len() - 1 - first) / step * step;
    let mut sum = coefficients[index];
    while index > first {
        index -= step;
        sum = term(sum, coefficients[index]);
    }
    sum
}

/// The same as two polynomials of x², for the even and the odd powers: two independent chains of half the length can be
/// executed in parallel.
#[inline(always)]
fn polynomial_in_halves<T: Tables>(x: T, coefficients: &'static [T]) -> T {
    let square = x * x;
    let half = |first| horner(coefficients, 2, first, |sum, coefficient| sum * square + coefficient);
    half(0) + x * half(1)
}

/// [`polynomial`] with fused multiply-adds, which round once for each term.
#[inline(always)]
fn polynomial_fused<T: Tables>(x: T, coefficients: &'static [T]) -> T {
    horner(coefficients, 1, 0, |sum, coefficient| sum.mul_add(x, coefficient))
}

/// x, but at most `highest`; NaN stays.
#[inline(always)]
fn at_most<T: Tables>(x: T, highest: T) -> T {
    if x > highest { highest } else { x }
}

/// x, but at least `lowest`; NaN stays.
#[inline(always)]
fn at_least<T: Tables>(x: T, lowest: T) -> T {
    if x < lowest { lowest } else { x }
}

/// x = n ln 2 + r with |r| ≤ ½ ln 2. Returns n + [`Tables::SHIFT`], as the functions that compute 2ⁿ need it, and eʳ -
/// 1.
///
/// n ln 2 is subtracted in two parts, of which the first is exact (Cody and Waite, "Software Manual for the Elementary
/// Functions", 1980).
#[inline(always)]
fn reduced_exp_m1<T: Tables>(x: T) -> (T, T) {
    let shifted = x.mul_add(T::LOG2_E, T::SHIFT);
    let n = shifted - T::SHIFT;
    let r = n.mul_add(-T::LN_2_LOW, n.mul_add(-T::LN_2_HIGH, x));
    (shifted, (r * r).mul_add(polynomial_fused(r, T::EXP), r))
}

/// The same for -½x² instead of x.
///
/// In the tail a relative error of x² would be multiplied by x². So x² is rounded only after n ln 2 has been
/// subtracted, by a fused multiply-add. The computation uses twice the exponent, and coefficients for its half.
#[inline(always)]
fn reduced_normal_m1<T: Tables>(x: T) -> (T, T) {
    let two = T::ONE + T::ONE;
    let shifted = (x * x).mul_add(-T::LOG2_E / two, T::SHIFT);
    let n = shifted - T::SHIFT;
    let r = x.mul_add(-x, n * (-two * T::LN_2_HIGH));
    let r = n.mul_add(-two * T::LN_2_LOW, r);
    (shifted, r * polynomial_fused(r, T::EXP_OF_HALF))
}

/// eˣ = 2ⁿ eʳ
///
/// A lower x than [`Tables::EXP_SCALED_TO_ZERO`], such as the -∞ of a hidden score, is raised to it: its 2ⁿ is
/// exactly 0. A product that underflows to 0 takes as long as twenty others.
#[inline(always)]
pub(crate) fn exp<T: Tables>(x: T) -> T {
    let (n, small) = reduced_exp_m1(at_least(at_most(x, T::EXP_HIGHEST), T::EXP_SCALED_TO_ZERO));
    (T::ONE + small).scale(n)
}

/// eˣ for x ≤ 0, with the same bits as [`exp`] but three quarters of the operations.
#[inline(always)]
pub(crate) fn exp_of_negative<T: Tables>(x: T) -> T {
    let (n, small) = reduced_exp_m1(at_least(x, T::EXP_SCALED_DOWN_TO_ZERO));
    (T::ONE + small).scale_down(n)
}

/// eˣ - 1 = 2ⁿ ((eʳ - 1) + (1 - 2⁻ⁿ))
#[inline(always)]
pub(crate) fn exp_m1<T: Tables>(x: T) -> T {
    let bounded = at_least(at_most(x, T::EXP_HIGHEST), -T::EXP_SATURATED);
    let (n, small) = reduced_exp_m1(bounded);
    let minus_n = T::SHIFT - (n - T::SHIFT);
    let result = (small + (T::ONE - T::ONE.scale(minus_n))).scale(n);
    if x == T::ZERO { x } else { result }
}

/// ln(1 + f) + k ln 2 + `low`, for √½ ≤ 1 + f < √2.
///
/// With s = f / (2 + f), ln(1 + f) = ln((1 + s) / (1 - s)) = 2s + ⅔s³ + ... = f - (½f² - s (½f² + s² P(s²))). The
/// leading term f is exact and the difference is small (this form is from Sun's fdlibm, 1993).
#[inline(always)]
fn ln_of_parts<T: Tables>(f: T, k: T, low: T) -> T {
    let two = T::ONE + T::ONE;
    let s = f / (two + f);
    let z = s * s;
    let half_square = f * f / two;
    let rest = s * (half_square + z * polynomial(z, T::LN)) + (k * T::LN_2_LOW + low);
    k * T::LN_2_HIGH - ((half_square - rest) - f)
}

/// ln x = ln m + k ln 2 with x = m 2ᵏ
#[inline(always)]
pub(crate) fn ln<T: Tables>(x: T) -> T {
    let (mantissa, exponent) = x.mantissa_and_exponent();
    at_the_ends_of_ln(x, ln_of_parts(mantissa - T::ONE, exponent, T::ZERO))
}

/// ln(1 + x) = ln u + c / u with u = 1 + x rounded and c the rounding error (by Knuth's exact addition)
#[inline(always)]
pub(crate) fn ln_1p<T: Tables>(x: T) -> T {
    let u = T::ONE + x;
    let grown = u - T::ONE;
    let lost = (T::ONE - (u - grown)) + (x - grown);
    let (mantissa, exponent) = u.mantissa_and_exponent();
    let result = at_the_ends_of_ln(u, ln_of_parts(mantissa - T::ONE, exponent, lost / u));
    if x == T::ZERO { x } else { result }
}

#[inline(always)]
fn at_the_ends_of_ln<T: Tables>(x: T, inside: T) -> T {
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
pub(crate) fn tanh<T: Tables>(x: T) -> T {
    let magnitude = at_most(x.abs(), T::EXP_SATURATED);
    let (n, small) = reduced_exp_m1(magnitude + magnitude);
    let power = T::power_of_two(n);
    let exp_m1 = power * small + (power - T::ONE);
    (exp_m1 / (exp_m1 + (T::ONE + T::ONE))).with_sign_of(x)
}

/// 1 / (1 + e⁻ˣ) for x ≥ 0 and eˣ / (1 + eˣ) for x < 0: nothing overflows, and small results keep their precision.
#[inline(always)]
pub(crate) fn sigmoid<T: Tables>(x: T) -> T {
    let exp = exp_of_negative(-x.abs());
    let numerator = if x < T::ZERO { exp } else { T::ONE };
    numerator / (T::ONE + exp)
}

/// erf x = 1 - (1 - v)⁸ with 8v = x + x P(x) for x ≥ 0, and odd.
///
/// Computing 1 - (1 - v)⁸ directly would lose the precision of small results. Applying w = 1 - (1 - v)² = 2v - v² three
/// times keeps it. With multiples that are as large as the result, the steps are 4w = 8v - (8v)² / 16, and so on.
#[inline(always)]
pub(crate) fn erf<T: Tables>(x: T) -> T {
    let quarter = (T::ONE + T::ONE + T::ONE + T::ONE).recip();
    let half = quarter + quarter;
    let magnitude = at_most(x.abs(), T::ERF_SATURATED);
    let rest = magnitude * polynomial_in_halves(magnitude, T::ERF);
    let once = magnitude + rest;
    // x itself is added last, so that only the remainder is rounded before.
    let twice = magnitude + (rest - once * once * (quarter * quarter));
    let thrice = twice - twice * twice * (quarter * half);
    (thrice - thrice * thrice * quarter).with_sign_of(x)
}

/// x Φ(x) = max(x, 0) - |x| Φ(-|x|), with Φ the distribution function of the standard normal
///
/// Φ(-x) for x ≥ 0 is exp(-½x²) / (x + c) times a factor between ⅖ and ½c, which is a polynomial. Here c is
/// [`Tables::NORMAL_CENTRE`].
#[inline(always)]
pub(crate) fn gelu<T: Tables>(x: T) -> T {
    let magnitude = at_most(x.abs(), T::NORMAL_SATURATED);
    let half = (T::ONE + T::ONE).recip();
    let (n, small) = reduced_normal_m1(magnitude);
    let part = magnitude / (magnitude + T::NORMAL_CENTRE);
    let tail = polynomial_fused(part - half, T::NORMAL_TAIL);
    let (factor, part) = tail.mul_add(small, tail).scale_both(part, n);
    // 0 for negative x, but NaN for -∞, as in PyTorch; -0 stays. (The condition is not `x < 0`: for AArch64 the
    // compiler would convert this to the instruction FMINNM, which returns -0 for -0, so that the difference loses the
    // sign.)
    let rectified = x - if x >= T::ZERO { T::ZERO } else { x };
    (-factor).mul_add(part, rectified)
}

/// The derivative of [`gelu`]: Φ(x) + x φ(x), accurate to a few units of [`EPSILON`](crate::Arithmetic::EPSILON).
///
/// For x < 0 it is exp(-½x²) P(-x), and the values at x and -x add up to 1.
#[inline(always)]
pub(crate) fn gelu_slope<T: Tables>(x: T) -> T {
    let magnitude = at_most(x.abs(), T::NORMAL_SATURATED);
    let (n, small) = reduced_normal_m1(magnitude);
    let below = (T::ONE + small).scale_down(n) * polynomial_fused(magnitude, T::GELU_SLOPE);
    if x < T::ZERO { below } else { T::ONE - below }
}
