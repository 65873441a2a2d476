//! 6. The logarithm of a sum of exponentials, for values of any size.

/// ln Σ eˣ; -∞ if there are no values.
pub fn log_sum_exp(values: &[f32]) -> f32 {
    // `f32::max` ignores NaN, so a NaN in the values still reaches the sum.
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if largest.is_infinite() {
        // All are -∞, or one is +∞: a subtraction would give ∞ - ∞, but the plain sum is correct.
        return values.iter().map(|x| x.exp()).sum::<f32>().ln();
    }
    largest + values.iter().map(|x| (x - largest).exp()).sum::<f32>().ln()
}
