//! Gradients cut to a size, with PyTorch's formulas
//! ([`torch.nn.utils`](https://docs.pytorch.org/docs/stable/nn.html#utilities)).

use std::fmt;

use autograd::kernels::update::norms;
use autograd::{Float, Gradients, Param, Tensor};

use crate::parameter::IntoParameter;
use crate::settings::not_negative;

/// What PyTorch adds to a norm before it divides by it.
const EPS: f64 = 1e-6;

/// Scales the gradients of these parameters, all by one factor, so that the norm of all of them together is at most
/// `max_norm`, and returns the norm that they had. See [`ClipGradNorm`] for other norms than ‖g‖₂.
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::{Sgd, clip_grad_norm};
/// let weight: Param = Param::new(Tensor::zeros([2]));
/// let mut gradients = (weight.tensor() * Tensor::from_vec(vec![3.0, 4.0], [2])).sum().backward();
/// let norm = clip_grad_norm(&mut gradients, [&weight], 1.0);
/// assert_eq!(norm, 5.0);
/// Sgd::new([&weight], 1.0).step(&gradients);
/// assert!((weight.tensor().to_vec()[0] + 0.6).abs() < 1e-6);
/// ```
///
/// # Panics
/// If `max_norm` is negative or NaN.
#[track_caller]
pub fn clip_grad_norm<T: Float, P: IntoParameter<T>>(
    gradients: &mut Gradients<T>,
    parameters: impl IntoIterator<Item = P>,
    max_norm: f64,
) -> f64 {
    let clip = ClipGradNorm::new(max_norm);
    clip.scale(gradients, parameters.into_iter().map(|parameter| parameter.into_parameter().1))
}

/// Replaces each element of the gradients of these parameters that is larger than `clip_value` by that, and each that
/// is smaller than -`clip_value` by that
/// ([`clip_grad_value_`](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_value_.html)). NaN
/// stays.
///
/// ```
/// use autograd::{Param, Tensor};
/// let weight: Param = Param::new(Tensor::zeros([2]));
/// let mut gradients = (weight.tensor() * Tensor::from_vec(vec![0.25, -4.0], [2])).sum().backward();
/// optim::clip_grad_value(&mut gradients, [&weight], 0.5);
/// assert_eq!(gradients.of(&weight).unwrap().to_vec(), [0.25, -0.5]);
/// ```
///
/// # Panics
/// If `clip_value` is negative or not finite.
#[track_caller]
pub fn clip_grad_value<T: Float, P: IntoParameter<T>>(
    gradients: &mut Gradients<T>,
    parameters: impl IntoIterator<Item = P>,
    clip_value: f64,
) {
    let most = T::from_f64(not_negative("clip value", clip_value));
    for (_, param) in parameters.into_iter().map(IntoParameter::into_parameter) {
        if let Some(gradient) = gradients.of(&param) {
            let clipped = gradient.clamp(-most, most);
            gradients.set(&param, clipped);
        }
    }
}

/// [`clip_grad_norm`] with its options
/// ([`clip_grad_norm_`](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html)).
///
/// Of the gradients of each parameter the p-norm is taken, and the p-norm of those is the total. If it is above
/// `max_norm`, all are multiplied by max_norm / (total + 10⁻⁶). A total that is infinite or NaN makes all of them 0 or
/// NaN, as in PyTorch: [`clip`](ClipGradNorm::clip) refuses it.
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::ClipGradNorm;
/// let weight: Param = Param::new(Tensor::zeros([2]));
/// let mut gradients = (weight.tensor() * Tensor::from_vec(vec![3.0, -4.0], [2])).sum().backward();
/// let norm = ClipGradNorm::new(2.0).norm_type(f64::INFINITY).clip(&mut gradients, [("w", weight.clone())]).unwrap();
/// assert_eq!(norm, 4.0);
/// assert!((gradients.of(&weight).unwrap().to_vec()[1] + 2.0).abs() < 1e-5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipGradNorm {
    max_norm: f64,
    norm_type: f64,
}

impl ClipGradNorm {
    /// At most this norm, the usual one: p = 2.
    ///
    /// # Panics
    /// If it is negative or NaN.
    #[track_caller]
    pub fn new(max_norm: f64) -> Self {
        assert!(max_norm >= 0.0, "clip_grad_norm: a norm of {max_norm} is not a number from 0 on");
        ClipGradNorm { max_norm, norm_type: 2.0 }
    }

    /// The p of the norm: any number, also infinity, for the largest magnitude.
    ///
    /// # Panics
    /// If it is NaN.
    #[track_caller]
    pub fn norm_type(mut self, p: f64) -> Self {
        assert!(!p.is_nan(), "clip_grad_norm: NaN is not the type of a norm");
        self.norm_type = p;
        self
    }

    /// Clips the gradients of these parameters and returns the norm that they had; those that have none do not count. A
    /// parameter that comes twice counts once.
    ///
    /// # Errors
    /// If the norm is infinite or NaN: PyTorch's `error_if_nonfinite`. Nothing is changed then.
    pub fn clip<T: Float, P: IntoParameter<T>>(
        self,
        gradients: &mut Gradients<T>,
        parameters: impl IntoIterator<Item = P>,
    ) -> Result<f64, NonFiniteNorm> {
        let named: Vec<_> = parameters.into_iter().map(IntoParameter::into_parameter).collect();
        let norm_of = |(_, param): &(Option<String>, Param<T>)| {
            gradients.of(param).is_some_and(|gradient| !norm(gradient, self.norm_type).is_finite())
        };
        let first = named.iter().position(norm_of);
        let parameter = first.map(|index| named[index].0.clone().unwrap_or_else(|| index.to_string()));
        let parameters = || named.iter().map(|(_, param)| param.clone());
        let total = self.total(gradients, &distinct(parameters()));
        if total.is_finite() {
            return Ok(self.scale(gradients, parameters()));
        }
        Err(NonFiniteNorm { norm: total, parameter })
    }

    fn scale<T: Float>(self, gradients: &mut Gradients<T>, parameters: impl Iterator<Item = Param<T>>) -> f64 {
        let parameters = distinct(parameters);
        let total = self.total(gradients, &parameters);
        let factor = self.max_norm / (total + EPS);
        // Also if it is NaN.
        if factor.is_nan() || factor < 1.0 {
            let factor = T::from_f64(factor);
            for param in parameters {
                if let Some(gradient) = gradients.take(&param) {
                    gradients.set(&param, gradient * factor);
                }
            }
        }
        total
    }

    fn total<T: Float>(self, gradients: &Gradients<T>, parameters: &[Param<T>]) -> f64 {
        let norms: Vec<f64> = parameters
            .iter()
            .filter_map(|param| gradients.of(param).map(|gradient| norm(gradient, self.norm_type)))
            .collect();
        if norms.is_empty() { 0.0 } else { norm(&Tensor::from_vec(norms.clone(), [norms.len()]), self.norm_type) }
    }
}

/// Each parameter once.
fn distinct<T: Float>(parameters: impl Iterator<Item = Param<T>>) -> Vec<Param<T>> {
    let mut distinct: Vec<Param<T>> = Vec::new();
    for param in parameters {
        if !distinct.iter().any(|known| known.is(&param)) {
            distinct.push(param);
        }
    }
    distinct
}

/// The p-norm of all elements. The usual one is computed in `f64`, where squares of `f32` neither overflow nor vanish.
fn norm<T: Float>(values: &Tensor<T>, p: f64) -> f64 {
    let values = values.contiguous();
    if values.numel() == 0 {
        return 0.0;
    }
    if p == 2.0 {
        let view = values.as_array();
        let values = view.as_slice().expect("a contiguous tensor is a slice");
        let [norm] = norms(values, values, [], |value, _, []| [value]);
        return norm;
    }
    values.norm(p, [], false).item().to_f64()
}

/// A norm that is infinite or NaN, by which nothing can be scaled.
#[derive(Clone, PartialEq)]
pub struct NonFiniteNorm {
    /// The norm of all gradients together.
    pub norm: f64,
    /// The first parameter whose own gradient has no finite norm: its name, or its position from 0. `None` if each has
    /// one, and only their sum is too large.
    pub parameter: Option<String>,
}

/// The sentence of its `Display`: `unwrap()` prints what `Debug` writes.
impl fmt::Debug for NonFiniteNorm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for NonFiniteNorm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "clip_grad_norm: found gradients with a norm of {}", self.norm)?;
        if let Some(parameter) = &self.parameter {
            write!(f, " (the first is that of the parameter {parameter})")?;
        }
        f.write_str(", expected a finite one")
    }
}

impl std::error::Error for NonFiniteNorm {}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradients(values: &[&[f32]]) -> (Vec<Param>, Gradients) {
        let params: Vec<Param> = values.iter().map(|values| Param::new(Tensor::zeros([values.len()]))).collect();
        let mut gradients = Gradients::default();
        for (param, values) in params.iter().zip(values) {
            gradients.set(param, Tensor::from_vec(values.to_vec(), [values.len()]));
        }
        (params, gradients)
    }

    #[test]
    fn all_are_scaled_together_by_any_norm() {
        let cases = [(1.0, 10.0), (2.0, 30_f64.sqrt()), (3.0, 100_f64.cbrt()), (f64::INFINITY, 4.0), (0.0, 2.0)];
        for (p, expected) in cases {
            let (params, mut all) = gradients(&[&[1.0, -2.0], &[3.0, 4.0], &[9.0]]);
            let clip = ClipGradNorm::new(0.5).norm_type(p);
            let norm = clip.clip(&mut all, params[..2].iter().chain(&params[..1])).unwrap();
            assert!((norm - expected).abs() < 1e-6, "p {p}: {norm}");
            let factor = 0.5 / (expected + 1e-6);
            for (param, values) in params.iter().zip([vec![1.0, -2.0], vec![3.0, 4.0], vec![9.0 / factor]]) {
                let found = all.of(param).unwrap().to_vec();
                assert!(found.iter().zip(values).all(|(found, x)| (f64::from(*found) - x * factor).abs() < 1e-5));
            }
        }
    }

    #[test]
    fn what_is_small_enough_keeps_its_bits_and_what_is_not_there_does_not_count() {
        let (params, mut all) = gradients(&[&[0.1, 0.2], &[1e-30]]);
        let other: Param = Param::new(Tensor::zeros([1]));
        assert!(clip_grad_norm(&mut all, params.iter().chain([&other]), 0.3) < 0.3);
        assert_eq!(all.of(&params[0]).unwrap().to_vec(), [0.1, 0.2]);
        assert_eq!(clip_grad_norm(&mut all, [&other], 0.0), 0.0);
        assert_eq!(clip_grad_norm(&mut all, [&params[1]], f64::INFINITY), f64::from(1e-30_f32));
    }

    #[test]
    fn norms_of_large_and_small_gradients_are_finite() {
        let (params, mut all) = gradients(&[&[3e30, 4e30], &[3e-30]]);
        let norm = clip_grad_norm(&mut all, &params, 1.0);
        assert!((norm / 5e30 - 1.0).abs() < 1e-6);
        assert!((all.of(&params[0]).unwrap().to_vec()[0] - 0.6).abs() < 1e-6);
    }

    #[test]
    fn a_norm_that_is_not_finite_is_refused_by_name_or_shows() {
        for (value, words) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
            let (params, mut all) = gradients(&[&[1.0], &[value]]);
            let named = || ["a", "b"].into_iter().zip(params.iter().cloned());
            let error = ClipGradNorm::new(1.0).clip(&mut all, named()).unwrap_err().to_string();
            let expected = format!(
                "clip_grad_norm: found gradients with a norm of {words} (the first is that of the parameter b), \
                 expected a finite one"
            );
            assert_eq!(error, expected);
            assert_eq!(all.of(&params[0]).unwrap().to_vec(), [1.0], "nothing is changed");
            let norm = clip_grad_norm(&mut all, &params, 1.0);
            assert!(!norm.is_finite() && all.of(&params[1]).unwrap().to_vec()[0].is_nan());
        }
    }
}
