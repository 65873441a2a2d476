//! When two results agree.

use autograd::{Float, Indices, Tensor};
use serde_json::Value;

/// `|got - want| ≤ atol + rtol · |want|`; the tolerance of `key` for a type.
pub struct Tolerance {
    relative: f64,
    absolute: f64,
}

impl Tolerance {
    /// Reads `{"rtol": .., "atol": ..}`, where atol is a number or one for each key.
    pub fn of(json: &Value, key: &str) -> Self {
        let absolute = json["atol"].as_f64().or_else(|| json["atol"][key].as_f64());
        Tolerance { relative: json["rtol"].as_f64().unwrap_or(0.0), absolute: absolute.unwrap_or(0.0) }
    }

    fn accepts(&self, got: f64, want: f64) -> bool {
        (got.is_nan() && want.is_nan())
            || got == want
            || (got.is_finite() && want.is_finite() && (got - want).abs() <= self.absolute + self.relative * want.abs())
    }
}

/// Nothing, or a sentence that names the worst element.
pub fn tensors<T: Float>(key: &str, got: &Tensor<T>, want: &Tensor<T>, tolerance: &Tolerance) -> Result<(), String> {
    if got.shape() != want.shape() {
        return Err(format!("{key} ({}): got shape {}, want {}", T::NAME, got.shape(), want.shape()));
    }
    let pairs = got.to_vec().into_iter().zip(want.to_vec()).map(|(got, want)| (got.to_f64(), want.to_f64()));
    let wrong = pairs.enumerate().filter(|&(_, (got, want))| !tolerance.accepts(got, want));
    let badness = |got: f64, want: f64| if (got - want).is_nan() { f64::INFINITY } else { (got - want).abs() };
    match wrong.max_by(|(_, a), (_, b)| badness(a.0, a.1).total_cmp(&badness(b.0, b.1))) {
        None => Ok(()),
        Some((element, (got, want))) => Err(format!("{key} ({}), element {element}: got {got}, want {want}", T::NAME)),
    }
}

/// Nothing, or a sentence that names the first element that differs.
pub fn indices(key: &str, got: &Indices, want: &Indices) -> Result<(), String> {
    if got.shape() != want.shape() {
        return Err(format!("{key}: got shape {}, want {}", got.shape(), want.shape()));
    }
    match got.as_slice().iter().zip(want.as_slice()).position(|(got, want)| got != want) {
        None => Ok(()),
        Some(element) => {
            Err(format!("{key}, element {element}: got {}, want {}", got.as_slice()[element], want.as_slice()[element]))
        }
    }
}
