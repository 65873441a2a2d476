//! How weights start: [`torch.nn.init`](https://docs.pytorch.org/docs/stable/nn.init.html)'s distributions.
//!
//! Plain values are made by [`Tensor::zeros`], [`Tensor::ones`], [`Tensor::full`], [`Tensor::uniform`] and
//! [`Tensor::randn`]. A layer's weight is replaced with `layer.weight.set(&...)`.
//!
//! For a weight `[out, in, ...]` the fan-in is `in` times the extents behind it, the fan-out `out` times them.

use autograd::{Float, Seed, Shape, Tensor};

/// Uniform in ±1/√`fan_in`: how PyTorch starts biases, and the weights of some layers.
#[track_caller]
pub(crate) fn uniform_for_fan_in<T: Float>(shape: impl Into<Shape>, fan_in: usize, seed: impl Seed) -> Tensor<T> {
    uniform(shape.into(), reciprocal_root(fan_in), seed)
}

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

/// Which values keep their variance from layer to layer: PyTorch's `mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fan {
    /// The outputs of the forward pass: `fan_in`.
    In,
    /// The gradients of the backward pass: `fan_out`.
    Out,
}

impl Fan {
    #[track_caller]
    fn of(self, shape: &Shape) -> usize {
        let (fan_in, fan_out) = fans(shape);
        match self {
            Fan::In => fan_in,
            Fan::Out => fan_out,
        }
    }
}

/// What follows a layer: PyTorch's `nonlinearity`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Nonlinearity {
    /// Nothing, or a convolution.
    Linear,
    /// The logistic function.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// max(x, 0)
    ReLU,
    /// A rectifier with this slope of negative elements.
    LeakyReLU(f64),
    /// The scaled exponential linear unit.
    SELU,
}

impl Nonlinearity {
    /// What weights are multiplied by so that the values behind the function keep their variance: 1 for a linear map
    /// and the logistic function, 5/3 for tanh, √2 for a rectifier and √(2 / (1 + slope²)) for a leaky one, 3/4 for
    /// SELU. As
    /// [`torch.nn.init.calculate_gain`](https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.calculate_gain).
    ///
    /// ```
    /// use nn::init::{Nonlinearity, xavier_uniform};
    /// let weight = xavier_uniform::<f32>([64, 32], Nonlinearity::Tanh.gain(), 0);
    /// assert!(weight.abs().max().item() <= 5.0 / 3.0 * 0.25);
    /// ```
    pub fn gain(self) -> f64 {
        match self {
            Nonlinearity::Linear | Nonlinearity::Sigmoid => 1.0,
            Nonlinearity::Tanh => 5.0 / 3.0,
            Nonlinearity::ReLU => 2.0_f64.sqrt(),
            Nonlinearity::LeakyReLU(slope) => (2.0 / (1.0 + slope * slope)).sqrt(),
            Nonlinearity::SELU => 0.75,
        }
    }
}

/// Uniform in ±√3 · gain / √fan_in, with the gain √(2 / (1 + slope²)) of a leaky rectifier; slope 0 is the plain one.
/// (He et al., *Delving deep into rectifiers*, 2015.) For the fan-out or another gain there is
/// [`kaiming_uniform_with`].
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
    kaiming_uniform_with(shape, Fan::In, Nonlinearity::LeakyReLU(slope), seed)
}

/// Uniform in ±√3 · gain / √fan, with the fan and the gain of one's choice. As
/// [`torch.nn.init.kaiming_uniform_`](https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_uniform_)
/// with its `mode` and `nonlinearity`.
///
/// ```
/// use nn::init::{Fan, Nonlinearity, kaiming_uniform_with};
/// let weight = kaiming_uniform_with::<f32>([256, 784], Fan::Out, Nonlinearity::Linear, 0);
/// assert!(weight.abs().max().item() <= (3.0_f32 / 256.0).sqrt());
/// ```
///
/// # Panics
/// If the shape has fewer than two dimensions, or more elements than any memory holds.
#[track_caller]
pub fn kaiming_uniform_with<T: Float>(
    shape: impl Into<Shape>,
    fan: Fan,
    nonlinearity: Nonlinearity,
    seed: impl Seed,
) -> Tensor<T> {
    let shape = shape.into();
    let fan = fan.of(&shape);
    uniform(shape, 3.0_f64.sqrt() * nonlinearity.gain() * reciprocal_root(fan), seed)
}

/// Normal with deviation gain / √fan_in; the gain as for [`kaiming_uniform`].
///
/// # Panics
/// If the shape has fewer than two dimensions, or more elements than any memory holds.
#[track_caller]
pub fn kaiming_normal<T: Float>(shape: impl Into<Shape>, slope: f64, seed: impl Seed) -> Tensor<T> {
    kaiming_normal_with(shape, Fan::In, Nonlinearity::LeakyReLU(slope), seed)
}

/// Normal with deviation gain / √fan, with the fan and the gain of one's choice. As
/// [`torch.nn.init.kaiming_normal_`](https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_normal_)
/// with its `mode` and `nonlinearity`.
///
/// # Panics
/// If the shape has fewer than two dimensions, or more elements than any memory holds.
#[track_caller]
pub fn kaiming_normal_with<T: Float>(
    shape: impl Into<Shape>,
    fan: Fan,
    nonlinearity: Nonlinearity,
    seed: impl Seed,
) -> Tensor<T> {
    let shape = shape.into();
    let fan = fan.of(&shape);
    normal(shape, nonlinearity.gain() * reciprocal_root(fan), seed)
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

/// Normal with this mean and deviation, but only between `low` and `high`: what a normal variable is, given that it
/// lies there. As
/// [`torch.nn.init.trunc_normal_`](https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.trunc_normal_).
///
/// ```
/// let weight = nn::init::trunc_normal::<f32>([64, 64], 0.0, 0.02, [-0.04, 0.04], 0);
/// assert!(weight.abs().max().item() <= 0.04);
/// ```
///
/// # Panics
/// If the deviation is not positive, or the bounds are not in order.
#[track_caller]
pub fn trunc_normal<T: Float>(
    shape: impl Into<Shape>,
    mean: f64,
    deviation: f64,
    [low, high]: [f64; 2],
    seed: impl Seed,
) -> Tensor<T> {
    assert!(
        deviation > 0.0 && low < high,
        "trunc_normal: a deviation of {deviation}, bounds from {low} to {high}: wanted a positive one, and an interval"
    );
    // The distribution function is inverted by bisection: P(z) = (1 + erf z) / 2 with z = (x - mean) / (√2 deviation).
    // Beyond ±6 it is 0 or 1 to the last bit of an f64.
    let to_z = |x: f64| ((x - mean) / (deviation * 2.0_f64.sqrt())).clamp(-6.0, 6.0);
    let shape = shape.into();
    let (mut lower, mut upper) = (Tensor::full(&shape, to_z(low)), Tensor::full(&shape, to_z(high)));
    let share: Tensor<f64> = Tensor::rand(&shape, seed);
    let target = (&share * (upper.erf() - lower.erf()) + lower.erf()).detach();
    for _ in 0..60 {
        let middle = (&lower + &upper) * 0.5;
        let is_below = middle.erf().lt(&target);
        (lower, upper) = (middle.where_(&is_below, &lower), upper.where_(&is_below, &middle));
    }
    let value = |z: f64| T::from_f64((mean + z * deviation * 2.0_f64.sqrt()).clamp(low, high));
    Tensor::from_vec(lower.to_vec().into_iter().map(value).collect(), shape)
}

/// A random matrix whose rows are orthogonal to each other, or its columns if there are more rows, with norms of
/// `gain`; every such matrix is as likely. Dimensions behind the second are part of the columns. As
/// [`torch.nn.init.orthogonal_`](https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.orthogonal_)
/// (Saxe et al., *Exact solutions to the nonlinear dynamics of learning in deep linear neural networks*, 2013).
///
/// ```
/// let weight = nn::init::orthogonal::<f64>([2, 5], 1.0, 0);
/// assert!((weight.matmul(&weight.t()) - autograd::Tensor::eye(2)).abs().max().item() < 1e-12);
/// ```
///
/// # Panics
/// If the shape has fewer than two dimensions, or more elements than any memory holds.
#[track_caller]
pub fn orthogonal<T: Float>(shape: impl Into<Shape>, gain: f64, seed: impl Seed) -> Tensor<T> {
    let shape = shape.into();
    assert!(shape.rank() >= 2, "orthogonal: a weight of shape {shape} is no matrix: wanted [out, in, ...]");
    shape.numel();
    let (rows, columns) = (shape[0], shape[1..].iter().product::<usize>());
    let (count, length) = (rows.min(columns), rows.max(columns));
    let drawn: Tensor<f64> = Tensor::randn([count, length], seed);
    let mut vectors: Vec<Vec<f64>> = drawn.to_vec().chunks(length.max(1)).map(<[f64]>::to_vec).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for index in 0..vectors.len() {
        let (before, rest) = vectors.split_at_mut(index);
        let vector = &mut rest[0];
        // Gram and Schmidt's process, twice: once leaves what rounding adds.
        for earlier in before.iter().chain(&*before) {
            let part = dot(earlier, vector);
            vector.iter_mut().zip(earlier).for_each(|(value, earlier)| *value -= part * earlier);
        }
        let norm = dot(vector, vector).sqrt();
        vector.iter_mut().for_each(|value| *value /= norm);
    }
    let element = |row: usize, column: usize| if rows <= columns { vectors[row][column] } else { vectors[column][row] };
    let elements = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let elements = elements.map(|(row, column)| T::from_f64(gain * element(row, column)));
    Tensor::from_vec(elements.collect(), shape)
}

/// 1 where row and column are the same, 0 elsewhere, of any matrix's shape. As
/// [`torch.nn.init.eye_`](https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.eye_).
///
/// ```
/// assert_eq!(nn::init::eye::<f32>([2, 3]).to_vec(), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
/// ```
pub fn eye<T: Float>([rows, columns]: [usize; 2]) -> Tensor<T> {
    let element = |index: usize| if index / columns == index % columns { T::ONE } else { T::ZERO };
    Tensor::from_vec((0..rows * columns).map(element).collect(), [rows, columns])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_normal_has_its_moments() {
        // Between -1 and 1 the variance is 1 - 2 φ(1) / (Φ(1) - Φ(-1)).
        let x = trunc_normal::<f64>([40_000], 3.0, 2.0, [1.0, 5.0], 0);
        let density = (-0.5_f64).exp() / (std::f64::consts::TAU).sqrt();
        let wanted = 2.0 * (1.0 - 2.0 * density / 0.682_689_492_137_086).sqrt();
        assert!((deviation(&x) / wanted - 1.0).abs() < 0.02, "{}", deviation(&x));
        assert!((x.mean().item() - 3.0).abs() < 0.03 && x.min().item() >= 1.0 && x.max().item() <= 5.0);
        let tail = trunc_normal::<f32>([100], 0.0, 1.0, [3.0, 3.5], 0);
        assert!(tail.min().item() >= 3.0 && tail.max().item() <= 3.5);
    }

    #[test]
    fn rows_or_columns_are_orthogonal() {
        let wide = orthogonal::<f64>([4, 3, 2], 2.0, 0).reshape([4, 6]);
        assert!((wide.matmul(&wide.t()) - Tensor::eye(4) * 4.0).abs().max().item() < 1e-12);
        let tall = orthogonal::<f64>([7, 3], 1.0, 1);
        assert!((tall.t().matmul(&tall) - Tensor::eye(3)).abs().max().item() < 1e-12);
        assert_eq!(*orthogonal::<f32>([0, 3], 1.0, 0).shape(), [0, 3]);
    }

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
        close(kaiming_uniform_with(shape, Fan::Out, Nonlinearity::Tanh, 4), 5.0 / 3.0 / 540.0_f64.sqrt());
        close(kaiming_normal_with(shape, Fan::Out, Nonlinearity::ReLU, 5), (2.0_f64 / 540.0).sqrt());
        close(kaiming_normal_with(shape, Fan::In, Nonlinearity::SELU, 6), 0.75 / 180.0_f64.sqrt());
        close(xavier_uniform(shape, 1.0, 2), (2.0_f64 / 720.0).sqrt());
        close(xavier_normal(shape, 1.5, 3), 1.5 * (2.0_f64 / 720.0).sqrt());
    }

    /// `torch.nn.init.calculate_gain` of the same.
    #[test]
    fn gains_are_those_of_pytorch() {
        let all = [
            (Nonlinearity::Linear, 1.0),
            (Nonlinearity::Sigmoid, 1.0),
            (Nonlinearity::Tanh, 1.6666666666666667),
            (Nonlinearity::ReLU, std::f64::consts::SQRT_2),
            (Nonlinearity::LeakyReLU(0.2), 1.3867504905630728),
            (Nonlinearity::LeakyReLU(0.01), 1.4141428569978354),
            (Nonlinearity::SELU, 0.75),
        ];
        for (nonlinearity, wanted) in all {
            assert!((nonlinearity.gain() - wanted).abs() < 1e-15, "{nonlinearity:?}");
        }
    }

    #[test]
    #[should_panic(expected = "a weight of shape [5] has no fan-in and fan-out")]
    fn a_vector_has_no_fans() {
        xavier_normal::<f32>([5], 1.0, 0);
    }
}
