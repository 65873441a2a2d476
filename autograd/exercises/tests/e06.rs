use super::{expect, expect_close};
use crate::e06_log_sum_exp::log_sum_exp;

#[test]
fn values_of_any_size_are_summed() {
    let close = |values: &[f32], expected: f32, think: &str| {
        let (call, tolerance) = (format!("log_sum_exp(&{values:?})"), 1e-6 * f64::from(expected.abs().max(1.0)));
        expect_close(&call, &[log_sum_exp(values).into()], &[expected.into()], tolerance, think);
    };
    close(&[0.0, 0.0], 2.0_f32.ln(), "ln(e⁰ + e⁰)");
    close(&[1.0, 2.0, 3.0], 3.407_606, "ln Σ eˣ = m + ln Σ eˣ⁻ᵐ holds for each m: is m added again at the end?");
    close(&[1000.0, 1000.0], 1000.0 + 2.0_f32.ln(), "which m makes the largest exponential 1?");
    close(&[-1000.0, -1001.0], -999.686_74, "all exponentials are 0 here, unless m is one of the values");
    close(&[-1000.0, 1000.0], 1000.0, "m must be the largest value, not the first");
}

#[test]
fn the_edges_are_what_they_should_be() {
    let (infinite, nan) = (f32::INFINITY, f32::NAN);
    let think = "if m is infinite, x - m is ∞ - ∞, which is NaN; does the plain formula work then?";
    expect("log_sum_exp(&[])", log_sum_exp(&[]), -infinite, "the logarithm of the empty sum");
    expect("log_sum_exp(&[-∞, -∞])", log_sum_exp(&[-infinite, -infinite]), -infinite, think);
    expect("log_sum_exp(&[-∞, 2])", log_sum_exp(&[-infinite, 2.0]), 2.0, think);
    expect("log_sum_exp(&[∞, 1])", log_sum_exp(&[infinite, 1.0]), infinite, think);
    let think = "`f32::max` ignores a NaN: it must still reach the sum";
    expect("log_sum_exp(&[NaN, 1]).is_nan()", log_sum_exp(&[nan, 1.0]).is_nan(), true, think);
}
