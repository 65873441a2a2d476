//! Activations as layers.

use autograd::{Float, Param, Tensor};

use crate::layer::Layer;
use crate::mode::Mode;
use crate::stateless::stateless;
use crate::tree::python_float;

/// Layers that are one pointwise operation: their settings with PyTorch's defaults, and the operation.
macro_rules! activations {
    ($(
        $name:ident { $($setting:ident: $default:literal),* }, |$x:ident| $forward:expr, $formula:literal;
    )+) => {$(
        #[doc = concat!($formula, ". As")]
        #[doc = concat!(
            "[`torch.nn.", stringify!($name), "`](https://docs.pytorch.org/docs/stable/generated/torch.nn.",
            stringify!($name), ".html)."
        )]
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name {
            $(
                #[doc = concat!("The setting of this name in the formula; ", stringify!($default), " by default.")]
                pub $setting: f64,
            )*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $($setting: $default),* }
            }
        }

        stateless!(
            $name,
            |layer| {
                let $name { $($setting),* } = *layer;
                let settings: &[String] = &[$(format!("{}={}", stringify!($setting), python_float($setting))),*];
                settings.join(", ")
            },
            |layer, $x, _| {
                let $name { $($setting),* } = *layer;
                $(let $setting = T::from_f64($setting);)*
                $forward
            }
        );
    )+};
}

/// Activations without settings.
macro_rules! plain_activations {
    ($($name:ident, $operation:ident, $formula:literal;)+) => {$(
        #[doc = concat!($formula, ". See [`Tensor::", stringify!($operation), "`] and")]
        #[doc = concat!(
            "[`torch.nn.", stringify!($name), "`](https://docs.pytorch.org/docs/stable/generated/torch.nn.",
            stringify!($name), ".html)."
        )]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name;

        stateless!($name, |_layer| String::new(), |_layer, x, _| x.$operation());
    )+};
}

plain_activations! {
    ReLU, relu, "max(x, 0)";
    ReLU6, relu6, "min(max(x, 0), 6)";
    Tanh, tanh, "Hyperbolic tangent";
    Sigmoid, sigmoid, "Logistic function 1 / (1 + e⁻ˣ)";
    LogSigmoid, log_sigmoid, "ln(1 / (1 + e⁻ˣ))";
    SiLU, silu, "x / (1 + e⁻ˣ)";
    Mish, mish, "x tanh(ln(1 + eˣ))";
    SELU, selu, "λ x where x > 0, λ α (eˣ - 1) elsewhere";
    Hardsigmoid, hardsigmoid, "min(max(x / 6 + 1/2, 0), 1)";
    Hardswish, hardswish, "x min(max(x + 3, 0), 6) / 6";
    Softsign, softsign, "x / (1 + |x|)";
    Tanhshrink, tanhshrink, "x - tanh x";
}

activations! {
    LeakyReLU { negative_slope: 0.01 }, |x| x.leaky_relu(negative_slope),
        "x where x > 0, `negative_slope` · x elsewhere";
    ELU { alpha: 1.0 }, |x| x.elu(alpha), "x where x > 0, α (eˣ - 1) elsewhere";
    CELU { alpha: 1.0 }, |x| x.celu(alpha), "max(x, 0) + min(α (eˣᐟᵅ - 1), 0)";
    Hardtanh { min_val: -1.0, max_val: 1.0 }, |x| x.hardtanh(min_val, max_val), "x within `min_val` and `max_val`";
    Hardshrink { lambd: 0.5 }, |x| x.hardshrink(lambd), "x where |x| > λ, 0 elsewhere";
    Softshrink { lambd: 0.5 }, |x| x.softshrink(lambd), "x moved towards 0 by λ, at most to 0";
    Softplus { beta: 1.0, threshold: 20.0 }, |x| x.softplus(beta, threshold),
        "ln(1 + e^βx) / β, and x where β x is above `threshold`";
    Threshold { threshold: 0.0, value: 0.0 }, |x| x.threshold(threshold, value),
        "x where x > `threshold`, `value` elsewhere";
}

/// x Φ(x), where Φ is the normal distribution. As
/// [`torch.nn.GELU`](https://docs.pytorch.org/docs/stable/generated/torch.nn.GELU.html).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GELU {
    /// Whether Φ is approximated with tanh, as PyTorch's `approximate='tanh'` does; not by default.
    pub is_approximate: bool,
}

stateless!(
    GELU,
    |layer| format!("approximate='{}'", if layer.is_approximate { "tanh" } else { "none" }),
    |layer, x, _| if layer.is_approximate { x.gelu_tanh() } else { x.gelu() }
);

/// Exponentials along a dimension, divided by their sum. See [`Tensor::softmax`] and
/// [`torch.nn.Softmax`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Softmax.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Softmax {
    /// The dimension; negative ones count from the end.
    pub dim: isize,
}

stateless!(Softmax, |layer| format!("dim={}", layer.dim), |layer, x, _| x.softmax(layer.dim));

/// The logarithm of [`Softmax`]. See [`Tensor::log_softmax`] and
/// [`torch.nn.LogSoftmax`](https://docs.pytorch.org/docs/stable/generated/torch.nn.LogSoftmax.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSoftmax {
    /// The dimension; negative ones count from the end.
    pub dim: isize,
}

stateless!(LogSoftmax, |layer| format!("dim={}", layer.dim), |layer, x, _| x.log_softmax(layer.dim));

/// a σ(b), where a and b are the halves of x along a dimension (a gated linear unit). As
/// [`torch.nn.GLU`](https://docs.pytorch.org/docs/stable/generated/torch.nn.GLU.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GLU {
    /// The dimension, whose extent is even; negative ones count from the end.
    pub dim: isize,
}

impl Default for GLU {
    /// The last dimension.
    fn default() -> Self {
        GLU { dim: -1 }
    }
}

stateless!(GLU, |layer| format!("dim={}", layer.dim), |layer, x, _| {
    let extent = x.size(layer.dim);
    assert!(extent.is_multiple_of(2), "GLU: dimension {} of shape {} has no halves", layer.dim, x.shape());
    x.narrow(layer.dim, 0, extent / 2) * x.narrow(layer.dim, extent / 2, extent / 2).sigmoid()
});

/// x where x > 0, a x elsewhere. In training each element has a slope a of its own, uniform between `lower` and
/// `upper`; outside of it a is the mean of both. As
/// [`torch.nn.RReLU`](https://docs.pytorch.org/docs/stable/generated/torch.nn.RReLU.html) (Xu et al., *Empirical
/// evaluation of rectified activations in convolutional network*, 2015).
///
/// ```
/// use autograd::Tensor;
/// use nn::{Layer, Mode, RReLU};
/// let layer = RReLU { lower: 0.25, upper: 0.75 };
/// assert_eq!(layer.forward(&Tensor::from_vec(vec![-2.0, 2.0], [2]), Mode::Eval).to_vec(), [-1.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RReLU {
    /// The smallest slope.
    pub lower: f64,
    /// The largest slope.
    pub upper: f64,
}

impl Default for RReLU {
    /// Slopes from 1/8 to 1/3.
    fn default() -> Self {
        RReLU { lower: 1.0 / 8.0, upper: 1.0 / 3.0 }
    }
}

stateless!(
    RReLU,
    |layer| format!("lower={}, upper={}", python_float(layer.lower), python_float(layer.upper)),
    |layer, x, mode| {
        let RReLU { lower, upper } = *layer;
        assert!(lower <= upper, "RReLU: slopes from {lower} to {upper}: wanted the smaller one first");
        match mode.stream() {
            None => x.leaky_relu(T::from_f64((lower + upper) / 2.0)),
            Some(stream) => {
                let slopes = Tensor::uniform(x.shape().clone(), T::from_f64(lower), T::from_f64(upper), stream);
                x.where_(&x.gt(T::ZERO), &(x * slopes))
            }
        }
    }
);

/// x where x > 0, w x elsewhere, with a slope w that is learnt: one for all, or one for each channel (dimension 1).
/// As [`torch.nn.PReLU`](https://docs.pytorch.org/docs/stable/generated/torch.nn.PReLU.html).
///
/// ```
/// use autograd::Tensor;
/// use nn::{Layer, Mode, PReLU};
/// let layer = PReLU::new(1);
/// assert_eq!(layer.forward(&Tensor::from_vec(vec![-2.0, 2.0], [2]), Mode::Eval).to_vec(), [-0.5, 2.0]);
/// ```
#[derive(Clone)]
pub struct PReLU<T: Float = f32> {
    /// The slopes, `[1]` or `[channels]`.
    pub weight: Param<T>,
}

impl<T: Float> PReLU<T> {
    /// So many slopes, which start as ¼.
    pub fn new(num_parameters: usize) -> Self {
        PReLU { weight: Param::new(Tensor::full([num_parameters], T::from_f64(0.25))) }
    }
}

crate::module!(PReLU<T> { weight }, |layer| format!("num_parameters={}", layer.weight.tensor().numel()));

impl<T: Float> Layer<T> for PReLU<T> {
    /// # Panics
    /// If there are several slopes, and not as many as channels.
    #[track_caller]
    fn forward(&self, x: &Tensor<T>, _: Mode<'_>) -> Tensor<T> {
        let weight = self.weight.tensor();
        let weight = match weight.numel() {
            1 => weight,
            channels => {
                let mut along = vec![1; x.rank().saturating_sub(1)];
                along.first_mut().expect("PReLU: an input with channels has two dimensions").clone_from(&channels);
                weight.reshape(along)
            }
        };
        x.where_(&x.gt(T::ZERO), &(x * weight))
    }
}

#[cfg(test)]
mod tests {
    use autograd::Stream;
    use autograd::check::gradcheck;

    use super::*;

    #[test]
    fn each_is_its_operation_with_pytorchs_defaults() {
        let x: Tensor<f64> = Tensor::linspace(-4.0, 4.0, 18).reshape([3, 6]);
        let layers: Vec<(Box<dyn Layer<f64>>, Tensor<f64>)> = vec![
            (Box::new(ReLU), x.relu()),
            (Box::new(ReLU6), x.clamp(0.0, 6.0)),
            (Box::new(Tanh), x.tanh()),
            (Box::new(SiLU), &x * x.sigmoid()),
            (Box::new(LeakyReLU::default()), x.leaky_relu(0.01)),
            (Box::new(ELU { alpha: 0.5 }), x.elu(0.5)),
            (Box::new(CELU::default()), x.celu(1.0)),
            (Box::new(Hardtanh::default()), x.clamp(-1.0, 1.0)),
            (Box::new(Hardshrink::default()), x.hardshrink(0.5)),
            (Box::new(Softshrink::default()), x.softshrink(0.5)),
            (Box::new(Softplus::default()), x.softplus(1.0, 20.0)),
            (Box::new(Threshold { threshold: 0.5, value: -1.0 }), x.threshold(0.5, -1.0)),
            (Box::new(GELU::default()), x.gelu()),
            (Box::new(GELU { is_approximate: true }), x.gelu_tanh()),
            (Box::new(Softmax { dim: 0 }), x.softmax(0)),
            (Box::new(LogSoftmax { dim: -1 }), x.log_softmax(1)),
            (Box::new(GLU::default()), x.narrow(1, 0, 3) * x.narrow(1, 3, 3).sigmoid()),
        ];
        for (layer, wanted) in layers {
            assert_eq!(layer.forward(&x, Mode::Eval).to_vec(), wanted.to_vec(), "{layer}");
            assert!(layer.parameters().is_empty());
        }
        let shown = [LeakyReLU::default().to_string(), Softplus::default().to_string(), GELU::default().to_string()];
        let wanted =
            ["LeakyReLU(negative_slope=0.01)", "Softplus(beta=1.0, threshold=20.0)", "GELU(approximate='none')"];
        assert_eq!(shown, wanted);
    }

    /// With the slopes that were drawn, PyTorch's formula: y = a x and dy/dx = a up to 0, 1 above.
    #[test]
    fn a_random_slope_is_drawn_for_each_element_in_training_only() {
        let (layer, stream) = (RReLU { lower: 0.2, upper: 0.6 }, Stream::new(0));
        let x: Tensor<f64> = Tensor::linspace(-3.0, 3.0, 301).requires_grad();
        let y = layer.forward(&x, Mode::Train(&stream));
        let slopes = (&y * 1.0).sum().backward().get(&x).unwrap().to_vec();
        let (inputs, outputs) = (x.to_vec(), y.to_vec());
        for ((x, y), slope) in inputs.iter().zip(&outputs).zip(&slopes) {
            assert!((y - slope * x).abs() < 1e-15);
            assert!(if *x > 0.0 { *slope == 1.0 } else { (0.2..0.6).contains(slope) }, "{slope} at {x}");
        }
        let mean = slopes[..150].iter().sum::<f64>() / 150.0;
        assert!((mean - 0.4).abs() < 0.04 && slopes[0] != slopes[1], "{mean}");
        assert_ne!(layer.forward(&x, Mode::Train(&stream)).to_vec(), outputs, "each forward draws anew");
        // PyTorch's values in eval mode, with its defaults.
        let x = Tensor::from_vec(vec![-3.0, 0.0, 0.5, f64::NAN], [4]).requires_grad();
        let y = RReLU::default().forward(&x, Mode::Eval);
        assert_eq!(y.to_vec()[..3], [-0.6875, 0.0, 0.5]);
        assert!(y.to_vec()[3].is_nan());
        assert_eq!(y.sum().backward().get(&x).unwrap().to_vec()[..3], [0.22916666666666666, 0.22916666666666666, 1.0]);
        assert_eq!(RReLU::default().to_string(), "RReLU(lower=0.125, upper=0.3333333333333333)");
        // The slopes are constants of a forward: the same ones give the gradient that differences show.
        let x = Tensor::<f64>::randn([20], 3);
        gradcheck(|x| layer.forward(&x[0], Mode::Train(&Stream::new(5))), &[x]).unwrap();
    }

    #[test]
    #[should_panic(expected = "RReLU: slopes from 0.5 to 0.25: wanted the smaller one first")]
    fn slopes_are_in_order() {
        RReLU { lower: 0.5, upper: 0.25 }.forward(&Tensor::<f32>::zeros([1]), Mode::Eval);
    }

    #[test]
    fn a_learnt_slope_has_a_gradient_also_at_0() {
        let (layer, x) = (PReLU::<f64>::new(2), Tensor::from_vec(vec![-2.0, 0.0, 3.0, -1.0], [2, 2]).requires_grad());
        let y = layer.forward(&x, Mode::Eval);
        assert_eq!(y.to_vec(), [-0.5, 0.0, 3.0, -0.25]);
        let gradients = y.sum().backward();
        assert_eq!(gradients.get(&x).unwrap().to_vec(), [0.25, 0.25, 1.0, 0.25]);
        assert_eq!(gradients.of(&layer.weight).unwrap().to_vec(), [-2.0, -1.0]);
    }
}
