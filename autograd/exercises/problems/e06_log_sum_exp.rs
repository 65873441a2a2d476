//! 6. The logarithm of a sum of exponentials, for numbers of any size.
//!
//! ln Σ eˣ is at the heart of the cross-entropy. As it stands it overflows from x = 89 on and is -∞ from about -104
//! down, although the result, near the largest x, is a perfectly ordinary number. Use ln Σ eˣ = m + ln Σ eˣ⁻ᵐ. Which m?
//! And what if it is infinite?

/// ln Σ eˣ. Of nothing it is -∞.
pub fn log_sum_exp(numbers: &[f32]) -> f32 {
    numbers.iter().map(|x| x.exp()).sum::<f32>().ln()
}
