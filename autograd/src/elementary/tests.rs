//! Compares the elementary functions with the same functions in twice the precision: `f32` with `f64`, `f64` with pairs
//! of `f64`.

mod waves_and_powers;

use crate::scalar::Scalar;

/// The unevaluated sum of two `f64`, with a precision of about 106 bits (Dekker, 1971).
#[derive(Clone, Copy, Debug)]
struct Pair(f64, f64);

const LN_2: Pair = Pair(std::f64::consts::LN_2, 2.3190468138462996e-17);
const SQRT_HALF: Pair = Pair(std::f64::consts::FRAC_1_SQRT_2, -4.833646656726457e-17);
const TWO_BY_ROOT_PI: Pair = Pair(std::f64::consts::FRAC_2_SQRT_PI, 1.533545961316588e-17);
const NORMAL_DENSITY_AT_0: Pair = Pair(0.3989422804014327, -2.49232720227773e-17);
const ONE: Pair = Pair(1.0, 0.0);

impl Pair {
    fn sum(a: f64, b: f64) -> Pair {
        let sum = a + b;
        let grown = sum - a;
        Pair(sum, (a - (sum - grown)) + (b - grown))
    }

    fn add(self, other: Pair) -> Pair {
        let (high, low) = (Pair::sum(self.0, other.0), Pair::sum(self.1, other.1));
        let sum = Pair::sum(high.0, high.1 + low.0);
        Pair::sum(sum.0, sum.1 + low.1)
    }

    fn negate(self) -> Pair {
        Pair(-self.0, -self.1)
    }

    fn multiply(self, other: Pair) -> Pair {
        let product = self.0 * other.0;
        let lost = self.0.mul_add(other.0, -product);
        Pair::sum(product, lost + (self.0 * other.1 + self.1 * other.0))
    }

    fn divide(self, other: Pair) -> Pair {
        let first = self.0 / other.0;
        let rest = self.add(other.multiply(Pair(first, 0.0)).negate());
        let second = rest.0 / other.0;
        let rest = rest.add(other.multiply(Pair(second, 0.0)).negate());
        Pair::sum(first, second).add(Pair(rest.0 / other.0, 0.0))
    }

    /// The product with 2ⁿ, which is exact if nothing is denormal.
    fn scale(self, n: i32) -> Pair {
        Pair(times_power(self.0, n), times_power(self.1, n))
    }
}

fn times_power(x: f64, n: i32) -> f64 {
    let power = |n: i32| f64::from_bits(((n + 1023) as u64) << 52);
    x * power(n / 2) * power(n - n / 2)
}

/// An exact reference value: `mantissa` · 2^`exponent`, which may be too small for an `f64`.
struct Exact {
    mantissa: Pair,
    exponent: i32,
}

impl From<Pair> for Exact {
    fn from(mantissa: Pair) -> Self {
        Exact { mantissa, exponent: 0 }
    }
}

impl From<f64> for Exact {
    fn from(number: f64) -> Self {
        Exact::from(Pair(number, 0.0))
    }
}

/// The error of `got` in units in the last place. Infinities and NaN must agree.
fn error<T: Scalar>(got: T, exact: &Exact) -> f64 {
    let (got, mantissa) = (got.to_f64(), exact.mantissa);
    let (fraction, lowest, highest) = if T::NAME == "f32" { (23, -149, 127) } else { (52, -1074, 1023) };
    if !mantissa.0.is_finite() || mantissa.0 == 0.0 {
        let same = got.to_bits() == mantissa.0.to_bits() || (got.is_nan() && mantissa.0.is_nan());
        return if same { 0.0 } else { f64::INFINITY };
    }
    let exponent = exact.exponent + exponent_of(mantissa.0);
    let unit = (exponent - fraction).max(lowest);
    // A value that rounds to more than the largest number is infinite.
    let almost_double = || times_power(mantissa.0.abs(), -exponent_of(mantissa.0)) >= 2.0 - 2.0_f64.powi(-fraction - 1);
    let overflows = exponent > highest || (exponent == highest && almost_double());
    if overflows || got.is_infinite() {
        return if overflows && got == mantissa.0.signum() * f64::INFINITY { 0.0 } else { f64::INFINITY };
    }
    let wanted = mantissa.scale(exact.exponent - unit);
    ((times_power(got, -unit) - wanted.0) - wanted.1).abs()
}

fn exponent_of(x: f64) -> i32 {
    let bits = (x.abs().to_bits() >> 52) as i32;
    if bits == 0 { exponent_of(times_power(x, 60)) - 60 } else { bits - 1023 }
}

/// eˣ - 1 for |x| ≤ ½, by its series.
fn exp_m1_series(x: Pair) -> Pair {
    let (mut term, mut sum) = (x, x);
    for n in 2..32 {
        term = term.multiply(x).divide(Pair(f64::from(n), 0.0));
        sum = sum.add(term);
    }
    sum
}

fn exp(x: Pair) -> Exact {
    if x.0.abs() > 2000.0 {
        return x.0.exp().into();
    }
    let n = (x.0 / std::f64::consts::LN_2).round();
    let rest = x.add(LN_2.multiply(Pair(n, 0.0)).negate());
    Exact { mantissa: ONE.add(exp_m1_series(rest)), exponent: n as i32 }
}

fn exp_m1(x: f64) -> Exact {
    if x == 0.0 {
        return x.into();
    }
    if x.abs() < 0.5 {
        return exp_m1_series(Pair(x, 0.0)).into();
    }
    let exp = exp(Pair(x, 0.0));
    match x {
        ..-100.0 => (-1.0).into(),
        100.0.. => exp,
        _ => exp.mantissa.scale(exp.exponent).add(Pair(-1.0, 0.0)).into(),
    }
}

/// ln x by ln((1 + s) / (1 - s)) = 2s + ⅔s³ + ...
fn ln(x: Pair) -> Exact {
    let mut exponent = exponent_of(x.0);
    let mut mantissa = x.scale(-exponent);
    if mantissa.0 > std::f64::consts::SQRT_2 {
        mantissa = mantissa.scale(-1);
        exponent += 1;
    }
    let f = mantissa.add(Pair(-1.0, 0.0));
    let s = f.divide(f.add(Pair(2.0, 0.0)));
    let (mut power, square, mut sum) = (s, s.multiply(s), s);
    for n in 1..24 {
        power = power.multiply(square);
        sum = sum.add(power.divide(Pair(f64::from(2 * n + 1), 0.0)));
    }
    sum.scale(1).add(LN_2.multiply(Pair(f64::from(exponent), 0.0))).into()
}

fn tanh(x: f64) -> Exact {
    if x == 0.0 {
        return x.into();
    }
    let grown = exp_m1(2.0 * x.abs().min(40.0)).mantissa;
    let Pair(high, low) = grown.divide(grown.add(Pair(2.0, 0.0)));
    Pair(high * x.signum(), low * x.signum()).into()
}

fn sigmoid(x: f64) -> Exact {
    let exp = exp(Pair(-x.abs(), 0.0));
    let below = ONE.add(if exp.exponent < -200 { Pair(0.0, 0.0) } else { exp.mantissa.scale(exp.exponent) });
    match x < 0.0 {
        true => Exact { mantissa: exp.mantissa.divide(below), exponent: exp.exponent },
        false => ONE.divide(below).into(),
    }
}

/// erf x = 2/√π exp(-x²) (x + 2/3 x³ + 4/15 x⁵ + ...); all terms have the same sign.
fn erf_series(x: Pair) -> Pair {
    let square = x.multiply(x);
    let (mut term, mut sum) = (x, x);
    let mut n = 1.0;
    while term.0.abs() > sum.0.abs() * 1e-33 {
        term = term.multiply(square).scale(1).divide(Pair(2.0 * n + 1.0, 0.0));
        sum = sum.add(term);
        n += 1.0;
    }
    let exp = exp(square.negate());
    TWO_BY_ROOT_PI.multiply(sum).multiply(exp.mantissa.scale(exp.exponent))
}

fn erf(x: f64) -> Exact {
    match x.abs() {
        0.0 => x.into(),
        6.0.. => x.signum().into(),
        _ => erf_series(Pair(x, 0.0)).into(),
    }
}

/// x Φ(x): by erf, and in the lower tail by the continued fraction Φ(-x) = φ(x) / (x + 1 / (x + 2 / (x + 3 / ...))).
fn gelu(x: f64) -> Exact {
    let number = Pair(x, 0.0);
    if x == 0.0 || x > 10.0 {
        return x.into();
    }
    if x < -45.0 {
        return (-0.0).into();
    }
    if x > -6.0 {
        let doubled = ONE.add(erf_series(number.multiply(SQRT_HALF)));
        return number.multiply(doubled.scale(-1)).into();
    }
    let z = number.negate();
    let fraction = (1..150).rev().fold(z, |below, n| z.add(Pair(f64::from(n), 0.0).divide(below)));
    let exp = exp(z.multiply(z).scale(-1).negate());
    let mantissa = number.multiply(NORMAL_DENSITY_AT_0).multiply(exp.mantissa).divide(fraction);
    Exact { mantissa, exponent: exp.exponent }
}

/// The largest error and its argument.
#[derive(Clone, Copy, Default)]
struct Worst {
    error: f64,
    at: f64,
}

impl Worst {
    fn see<T: Scalar>(&mut self, x: T, got: T, exact: &Exact) {
        let error = error(got, exact);
        if error.is_nan() || error > self.error {
            *self = Worst { error, at: x.to_f64() };
        }
    }

    fn check(self, name: &str, bound: f64) {
        println!("{name}: {:.2} ulp at {:e}", self.error, self.at);
        assert!(self.error <= bound, "{name}: off by {} ulp at {:e}", self.error, self.at);
    }
}

/// Checks every 61st bit pattern of the `f32` between 2⁻²⁶ and 2⁸, where the functions are not nearly linear or
/// constant, and fewer outside; unoptimised builds check fewer.
fn singles(name: &str, bound: f64, function: impl Fn(f32) -> f32 + Sync, exact: impl Fn(f64) -> f64 + Sync) {
    let (dense, sparse) = if cfg!(debug_assertions) { (61 * 997, 61 * 9973) } else { (61, 61 * 61) };
    let half = |sign: u32| {
        let mut worst = Worst::default();
        let mut bits = 0;
        while bits < f32::INFINITY.to_bits() {
            let x = f32::from_bits(sign | bits);
            worst.see(x, function(x), &exact(f64::from(x)).into());
            bits += if (1.0 / 67_108_864.0..256.0).contains(&x.abs()) { dense } else { sparse };
        }
        let infinite = f32::from_bits(sign | f32::INFINITY.to_bits());
        worst.see(infinite, function(infinite), &exact(f64::from(infinite)).into());
        worst
    };
    let [positive, negative] = std::thread::scope(|scope| {
        let half = &half;
        let threads = [0, 1 << 31].map(|sign| scope.spawn(move || half(sign)));
        threads.map(|thread| thread.join().unwrap())
    });
    positive.check(name, bound);
    negative.check(name, bound);
    assert!(function(f32::NAN).is_nan(), "{name} of NaN");
}

/// Checks numbers that are uniform in an interval, and numbers that are uniform in the bit patterns.
fn doubles(name: &str, bound: f64, [from, to]: [f64; 2], function: impl Fn(f64) -> f64, exact: impl Fn(f64) -> Exact) {
    let count: u32 = if cfg!(debug_assertions) { 500 } else { 20_000 };
    let mut worst = Worst::default();
    for n in 0..count {
        // The fractional parts of multiples of the golden ratio are distributed uniformly.
        let part = (f64::from(n) * 0.618_033_988_749_894_9).fract();
        let evenly = from + (to - from) * part;
        let pattern = f64::from_bits((part * f64::INFINITY.to_bits() as f64) as u64);
        for x in [evenly, pattern, -pattern] {
            worst.see(x, function(x), &exact(x));
        }
    }
    worst.check(name, bound);
    assert!(function(f64::NAN).is_nan(), "{name} of NaN");
}

#[test]
fn exp_is_accurate() {
    singles("exp", 2.0, Scalar::exp, f64::exp);
    doubles("exp", 2.0, [-750.0, 712.0], Scalar::exp, |x| exp(Pair(x, 0.0)));
}

#[test]
fn exp_of_negative_numbers_has_the_bits_of_exp() {
    for bits in (0..f32::INFINITY.to_bits()).step_by(6101).chain([f32::INFINITY.to_bits()]) {
        let x = -f32::from_bits(bits);
        assert_eq!(x.exp_of_negative().to_bits(), Scalar::exp(x).to_bits(), "{x:e}");
    }
    for n in 0..400_000 {
        let x = f64::from(n) / -500.0;
        assert_eq!(x.exp_of_negative().to_bits(), Scalar::exp(x).to_bits(), "{x:e}");
    }
    assert!(f32::NAN.exp_of_negative().is_nan() && f64::NAN.exp_of_negative().is_nan());
}

#[test]
fn exp_m1_is_accurate() {
    singles("exp_m1", 4.0, Scalar::exp_m1, f64::exp_m1);
    doubles("exp_m1", 4.0, [-40.0, 40.0], Scalar::exp_m1, exp_m1);
}

#[test]
fn ln_is_accurate() {
    let exact = |x: f64| if x > 0.0 && x < f64::INFINITY { ln(Pair(x, 0.0)) } else { x.ln().into() };
    singles("ln", 2.0, Scalar::ln, f64::ln);
    doubles("ln", 2.0, [0.5, 2.0], Scalar::ln, exact);
}

#[test]
fn ln_1p_is_accurate() {
    let exact =
        |x: f64| if x > -1.0 && x < f64::INFINITY && x != 0.0 { ln(Pair::sum(1.0, x)) } else { x.ln_1p().into() };
    singles("ln_1p", 4.0, Scalar::ln_1p, f64::ln_1p);
    doubles("ln_1p", 4.0, [-1.0, 2.0], Scalar::ln_1p, exact);
}

#[test]
fn tanh_is_accurate() {
    singles("tanh", 4.0, Scalar::tanh, f64::tanh);
    doubles("tanh", 4.0, [-20.0, 20.0], Scalar::tanh, tanh);
}

#[test]
fn sigmoid_is_accurate() {
    let exact = |x: f64| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) };
    singles("sigmoid", 4.0, Scalar::sigmoid, exact);
    doubles("sigmoid", 4.0, [-750.0, 40.0], Scalar::sigmoid, sigmoid);
}

// The standard library has no erf and x Φ(x). The functions for `f64`, which are checked first, are the reference for
// `f32`.

#[test]
fn erf_is_accurate() {
    doubles("erf", 4.0, [-6.0, 6.0], Scalar::erf, erf);
    singles("erf", 4.0, Scalar::erf, Scalar::erf);
}

#[test]
fn gelu_is_accurate() {
    doubles("gelu", 4.0, [-39.0, 9.0], Scalar::gelu, gelu);
    singles("gelu", 4.0, Scalar::gelu, Scalar::gelu);
}

#[test]
fn gelu_slope_is_that_of_gelu() {
    let exact = |x: f64| 0.5 + 0.5 * Scalar::erf(x * 0.5_f64.sqrt()) + x * (-x * x / 2.0).exp() * NORMAL_DENSITY_AT_0.0;
    for n in -50_000..50_000 {
        let x = f64::from(n) / 1000.0;
        assert!((x.gelu_slope() - exact(x)).abs() < 2e-15, "{x}: {} instead of {}", x.gelu_slope(), exact(x));
        let single = x as f32;
        assert!((f64::from(single.gelu_slope()) - exact(f64::from(single))).abs() < 5e-7, "{single}");
    }
    assert_eq!([f32::NEG_INFINITY, f32::INFINITY].map(Scalar::gelu_slope), [0.0, 1.0]);
}
