//! 7. A gradient check by hand.

/// The partial derivatives of `f` at `x`, each from two values of `f`.
pub fn slopes(f: impl Fn(&[f64]) -> f64, x: &[f64]) -> Vec<f64> {
    const STEP: f64 = 1e-6;
    let mut moved = x.to_vec();
    let mut at = |element: usize, number: f64| {
        moved[element] = number;
        let value = f(&moved);
        moved[element] = x[element];
        value
    };
    (0..x.len()).map(|i| (at(i, x[i] + STEP) - at(i, x[i] - STEP)) / (2.0 * STEP)).collect()
}

/// The index of the first element at which the gradient differs from the slope by more than 10⁻⁶, absolutely and
/// relative to the larger one.
pub fn first_wrong(gradient: &[f64], slopes: &[f64]) -> Option<usize> {
    let agree = |a: f64, b: f64| (a - b).abs() <= 1e-6 + 1e-6 * a.abs().max(b.abs());
    // With this form of the comparison a NaN counts as different.
    gradient.iter().zip(slopes).position(|(&gradient, &slope)| !agree(gradient, slope))
}
