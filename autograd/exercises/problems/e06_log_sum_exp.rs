//! 6. The logarithm of a sum of exponentials, for values of any size.
//!
//! ln Σ eˣ is the main part of the cross-entropy. The formula below overflows from x = 89 on and is -∞ below about
//! -104, although the result is an ordinary number close to the largest x. Use ln Σ eˣ = m + ln Σ eˣ⁻ᵐ. Which m is
//! suitable? What must you do if m is infinite?

/// ln Σ eˣ; -∞ if there are no values.
pub fn log_sum_exp(values: &[f32]) -> f32 {
    values.iter().map(|x| x.exp()).sum::<f32>().ln()
}
