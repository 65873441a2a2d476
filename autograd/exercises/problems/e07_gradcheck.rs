//! 7. A gradient check by hand.
//!
//! Backward rules are tested against a method that does not use them: the difference quotient (f(x + h) - f(x - h)) /
//! 2h for each element. Its error decreases with h², but for small h it increases again, because the rounding errors of
//! f are divided by h. For `f64`, h = 10⁻⁶ is a good choice.

/// The partial derivatives of `f` at `x`, each from two values of `f`. Only one element may be changed at a time.
pub fn slopes(f: impl Fn(&[f64]) -> f64, x: &[f64]) -> Vec<f64> {
    panic!("exercise 7: write slopes")
}

/// The index of the first element at which the gradient differs from the slope by more than 10⁻⁶, absolutely and
/// relative to the larger one; `None` if all agree. A NaN never agrees.
pub fn first_wrong(gradient: &[f64], slopes: &[f64]) -> Option<usize> {
    panic!("exercise 7: write first_wrong")
}
