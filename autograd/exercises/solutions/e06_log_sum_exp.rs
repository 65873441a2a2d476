//! 6. The logarithm of a sum of exponentials, for numbers of any size.

/// ln Σ eˣ. Of nothing it is -∞.
pub fn log_sum_exp(numbers: &[f32]) -> f32 {
    // `f32::max` passes over NaN, so one in the numbers is still there in the sum.
    let largest = numbers.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if largest.is_infinite() {
        // All are -∞, or one is +∞: subtracting would make ∞ - ∞, and the plain sum is right.
        return numbers.iter().map(|x| x.exp()).sum::<f32>().ln();
    }
    largest + numbers.iter().map(|x| (x - largest).exp()).sum::<f32>().ln()
}
