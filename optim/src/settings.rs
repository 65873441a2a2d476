//! Checks of settings, and what several rules compute alike.

use autograd::Float;

/// A setting that must be finite and not negative.
#[track_caller]
pub(crate) fn not_negative(name: &str, value: f64) -> f64 {
    assert!(value >= 0.0 && value.is_finite(), "optimizer: a {name} of {value} is not a number from 0 on");
    value
}

/// A setting that must lie in [0, 1).
#[track_caller]
pub(crate) fn fraction(name: &str, value: f64) -> f64 {
    assert!((0.0..1.0).contains(&value), "optimizer: a {name} of {value} is not in [0, 1)");
    value
}

/// A gradient, or a step's direction, plus `weight_decay` times the weight. Without a decay it stays as it is, as in
/// PyTorch: 0 times an infinite weight would be NaN. (The decay is the same for all weights of a step, so that the
/// compiler makes two loops of one.)
#[inline(always)]
pub(crate) fn decayed<T: Float>(gradient: T, weight: T, weight_decay: T) -> T {
    if weight_decay == T::ZERO { gradient } else { gradient + weight_decay * weight }
}
