//! Sine, cosine and powers, compared with the standard library's of an `f64`, which are within an ulp or two.

use super::{Pair, Worst, doubles, exp, ln, singles};
use crate::scalar::Scalar;

#[test]
fn sine_and_cosine_are_accurate_at_any_distance() {
    singles("sin", 2.0, Scalar::sin, f64::sin);
    singles("cos", 2.0, Scalar::cos, f64::cos);
    for interval in [[-4.0, 4.0], [-2e6, 2e6], [1e15, 1e18]] {
        doubles("sin", 2.0, interval, Scalar::sin, |x| x.sin().into());
        doubles("cos", 2.0, interval, Scalar::cos, |x| x.cos().into());
    }
    let mut worst = Worst::default();
    for quarters in (1..5000).chain(667_000..669_000) {
        // Next to a zero of either.
        let x = f64::from(quarters) * std::f64::consts::FRAC_PI_2;
        for x in [x, -x] {
            worst.see(x, Scalar::sin(x), &x.sin().into());
            worst.see(x, Scalar::cos(x), &x.cos().into());
        }
    }
    worst.check("next to zeros", 2.0);
    // The f64 that comes nearest of all to a zero (Muller, "Elementary Functions", 1997). Standard libraries differ.
    assert_eq!(Scalar::cos(6_381_956_970_095_103.0 * 2_f64.powi(797)), -4.687_165_924_254_628e-19);
    assert!([f64::INFINITY, f64::NEG_INFINITY].into_iter().all(|x| Scalar::sin(x).is_nan() && Scalar::cos(x).is_nan()));
    assert!(Scalar::sin(-0.0_f32).to_bits() == (-0.0_f32).to_bits() && Scalar::cos(-0.0_f64) == 1.0);
}

#[test]
fn powers_are_accurate() {
    for exponent in [0.5, -0.5, 1.7, 3.0, -7.0, 1e-3, 33.3, -250.0] {
        let exact = |x: f64| match x {
            x if x > 0.0 && x < f64::INFINITY => {
                let ln = ln(Pair(x, 0.0)).mantissa;
                exp(ln.multiply(Pair(exponent, 0.0)))
            }
            _ => x.powf(exponent).into(),
        };
        doubles("powf", 4.0, [0.0, 5.0], |x| Scalar::powf(x, exponent), exact);
        let single = exponent as f32;
        singles("powf", 1.0, |x| Scalar::powf(x, single), |x| x.powf(f64::from(single)));
    }
}

#[test]
fn powers_at_the_ends_are_those_of_the_standard_library() {
    let ends = [0.0, -0.0, 1.0, -1.0, 2.0, -3.0, 0.5, -2.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    for (x, exponent) in ends.into_iter().flat_map(|x| ends.map(|exponent| (x, exponent))) {
        let same = |found: f64, wanted: f64| found.to_bits() == wanted.to_bits() || found.is_nan() && wanted.is_nan();
        let close = |found: f64, wanted: f64| (found - wanted).abs() <= 1e-15 * wanted.abs();
        let (found, wanted) = (Scalar::powf(x, exponent), x.powf(exponent));
        assert!(same(found, wanted) || close(found, wanted), "{x} to {exponent}: {found}, {wanted}");
        let single = f64::from(Scalar::powf(x as f32, exponent as f32));
        assert!(same(single, wanted) || (single - wanted).abs() <= 1e-7 * wanted.abs(), "{x} to {exponent}: {single}");
    }
}
