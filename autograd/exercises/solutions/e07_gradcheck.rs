//! 7. A gradient check by hand.

/// The slope of `f` in each direction at `x`, from two values of `f` each.
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

/// The number of the first element at which the gradient differs from the slope by more than 10⁻⁶, absolutely and
/// relatively to the larger.
pub fn first_wrong(gradient: &[f64], slopes: &[f64]) -> Option<usize> {
    let agree = |a: f64, b: f64| (a - b).abs() <= 1e-6 + 1e-6 * a.abs().max(b.abs());
    // Asked this way round, a NaN is wrong.
    gradient.iter().zip(slopes).position(|(&gradient, &slope)| !agree(gradient, slope))
}
