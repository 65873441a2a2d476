//! How weights start: [`torch.nn.init`](https://docs.pytorch.org/docs/stable/nn.init.html)'s distributions.
//!
//! For a weight `[out, in, ...]` the fan-in is `in` times the extents behind it, the fan-out `out` times them.

use autograd::{Float, Seed, Shape, Tensor};

/// 1 / √n, and 0 for n = 0.
pub(crate) fn reciprocal_root(n: usize) -> f64 {
    if n == 0 { 0.0 } else { (n as f64).sqrt().recip() }
}

/// Fan-in and fan-out.
///
/// # Panics
/// If there are fewer than two dimensions, or more elements than any memory holds.
#[track_caller]
fn fans(shape: &Shape) -> (usize, usize) {
    assert!(shape.rank() >= 2, "init: a weight of shape {shape} has no fan-in and fan-out: wanted [out, in, ...]");
    // Refuses extents whose product overflows: fan-in and fan-out are products of some of them.
    shape.numel();
    let field: usize = shape[2..].iter().product();
    (shape[1] * field, shape[0] * field)
}

#[track_caller]
fn uniform<T: Float>(shape: Shape, bound: f64, seed: impl Seed) -> Tensor<T> {
    Tensor::uniform(shape, T::from_f64(-bound), T::from_f64(bound), seed)
}

#[track_caller]
fn normal<T: Float>(shape: Shape, deviation: f64, seed: impl Seed) -> Tensor<T> {
    Tensor::randn(shape, seed) * T::from_f64(deviation)
}

/// Uniform in ±√3 · gain / √fan_in, with the gain √(2 / (1 + slope²)) of a leaky rectifier; slope 0 is the plain one.
/// (He et al., *Delving deep into rectifiers*, 2015.)
///
/// ```
/// use nn::init::kaiming_uniform;
/// let weight = kaiming_uniform::<f32>([256, 784], 0.0, 0);
/// assert!(weight.abs().max().item() <= (6.0_f32 / 784.0).sqrt());
/// ```
///
/// # Panics
/// If the shape has fewer than two dimensions, or more elements than any memory holds.
#[track_caller]
pub fn kaiming_uniform<T: Float>(shape: impl Into<Shape>, slope: f64, seed: impl Seed) -> Tensor<T> {
    let shape = shape.into();
    let (fan_in, _) = fans(&shape);
    let gain = (2.0 / (1.0 + slope * slope)).sqrt();
    uniform(shape, 3.0_f64.sqrt() * gain * reciprocal_root(fan_in), seed)
}

/// Normal with deviation gain / √fan_in; the gain as for [`kaiming_uniform`].
///
/// # Panics
/// If the shape has fewer than two dimensions, or more elements than any memory holds.
#[track_caller]
pub fn kaiming_normal<T: Float>(shape: impl Into<Shape>, slope: f64, seed: impl Seed) -> Tensor<T> {
    let shape = shape.into();
    let (fan_in, _) = fans(&shape);
    let gain = (2.0 / (1.0 + slope * slope)).sqrt();
    normal(shape, gain * reciprocal_root(fan_in), seed)
}

/// Uniform in ±gain · √(6 / (fan_in + fan_out)).
/// (Glorot and Bengio, *Understanding the difficulty of training deep feedforward neural networks*, 2010.)
///
/// # Panics
/// If the shape has fewer than two dimensions, or more elements than any memory holds.
#[track_caller]
pub fn xavier_uniform<T: Float>(shape: impl Into<Shape>, gain: f64, seed: impl Seed) -> Tensor<T> {
    let shape = shape.into();
    let (fan_in, fan_out) = fans(&shape);
    uniform(shape, gain * 6.0_f64.sqrt() * reciprocal_root(fan_in + fan_out), seed)
}

/// Normal with deviation gain · √(2 / (fan_in + fan_out)).
///
/// # Panics
/// If the shape has fewer than two dimensions, or more elements than any memory holds.
#[track_caller]
pub fn xavier_normal<T: Float>(shape: impl Into<Shape>, gain: f64, seed: impl Seed) -> Tensor<T> {
    let shape = shape.into();
    let (fan_in, fan_out) = fans(&shape);
    normal(shape, gain * 2.0_f64.sqrt() * reciprocal_root(fan_in + fan_out), seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deviation(x: &Tensor<f64>) -> f64 {
        let mean = x.mean();
        (x - mean).powf(2.0).mean().sqrt().item()
    }

    #[test]
    fn deviations_are_those_of_the_papers() {
        let shape = [60, 20, 3, 3]; // fan-in 180, fan-out 540
        let close = |x: Tensor<f64>, wanted: f64| {
            assert!((deviation(&x) / wanted - 1.0).abs() < 0.02, "{} {wanted}", deviation(&x))
        };
        close(kaiming_uniform(shape, 0.0, 0), (2.0_f64 / 180.0).sqrt());
        close(kaiming_normal(shape, 2.0, 1), (0.4_f64 / 180.0).sqrt());
        close(xavier_uniform(shape, 1.0, 2), (2.0_f64 / 720.0).sqrt());
        close(xavier_normal(shape, 1.5, 3), 1.5 * (2.0_f64 / 720.0).sqrt());
    }

    #[test]
    #[should_panic(expected = "a weight of shape [5] has no fan-in and fan-out")]
    fn a_vector_has_no_fans() {
        xavier_normal::<f32>([5], 1.0, 0);
    }
}
