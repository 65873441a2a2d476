//! 7. A gradient check by hand.
//!
//! Whoever writes backward rules needs a second opinion that is not made of rules: the difference quotient (f(x + h) -
//! f(x - h)) / 2h, for each element. Its error falls with h² and then rises again, since f's rounding errors are
//! divided by h: in `f64`, h = 10⁻⁶ or so is best.

/// The slope of `f` in each direction at `x`, from two values of `f` each. Nothing else may change while one element
/// moves.
pub fn slopes(f: impl Fn(&[f64]) -> f64, x: &[f64]) -> Vec<f64> {
    panic!("exercise 7: write slopes")
}

/// The number of the first element at which the gradient differs from the slope by more than 10⁻⁶, absolutely and
/// relatively to the larger; `None` if they agree everywhere. A NaN agrees with nothing.
pub fn first_wrong(gradient: &[f64], slopes: &[f64]) -> Option<usize> {
    panic!("exercise 7: write first_wrong")
}
