//! Normalizations that see one example at a time.

use autograd::{Float, Param, Shape, Tensor};

use crate::layer::Layer;
use crate::mode::Mode;
use crate::tree::{python_bool, python_float, python_tuple};

pub(crate) fn tensor<T: Float>(param: &Option<Param<T>>) -> Option<Tensor<T>> {
    param.as_ref().map(Param::tensor)
}

/// The last dimensions of each example with mean 0 and variance 1, scaled and shifted. Settings, names and start are
/// those of [`torch.nn.LayerNorm`](https://docs.pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html): `weight`
/// and `bias` have the normalized shape. The operation is [`Tensor::layer_norm`].
///
/// ```
/// use autograd::Tensor;
/// use nn::{Layer, LayerNorm, Mode};
/// let y = LayerNorm::<f64>::new([2]).eps(0.0).forward(&Tensor::from_vec(vec![1.0, 3.0], [1, 2]), Mode::Eval);
/// assert_eq!(y.to_vec(), [-1.0, 1.0]);
/// ```
#[derive(Clone, Debug)]
pub struct LayerNorm<T: Float = f32> {
    /// The scale, of the normalized shape.
    pub weight: Option<Param<T>>,
    /// The shift, of the normalized shape.
    pub bias: Option<Param<T>>,
    normalized_shape: Shape,
    eps: f64,
}

impl<T: Float> LayerNorm<T> {
    /// Over the last dimensions, which have this shape; ε = 10⁻⁵.
    pub fn new(normalized_shape: impl Into<Shape>) -> Self {
        let shape = normalized_shape.into();
        let (weight, bias) = (Param::new(Tensor::ones(&shape)), Param::new(Tensor::zeros(&shape)));
        LayerNorm { weight: Some(weight), bias: Some(bias), normalized_shape: shape, eps: 1e-5 }
    }

    /// What is added to the variance.
    pub fn eps(self, eps: f64) -> Self {
        LayerNorm { eps, ..self }
    }

    /// Without scale and shift.
    pub fn without_affine(self) -> Self {
        LayerNorm { weight: None, bias: None, ..self }
    }

    /// Without the shift.
    pub fn without_bias(self) -> Self {
        LayerNorm { bias: None, ..self }
    }
}

crate::module!(LayerNorm<T> { weight, bias }, |layer| {
    let affine = python_bool(layer.weight.is_some());
    let (shape, bias) = (python_tuple(&layer.normalized_shape), python_bool(layer.bias.is_some()));
    format!("{shape}, eps={}, elementwise_affine={affine}, bias={bias}", python_float(layer.eps))
});

impl<T: Float> Layer<T> for LayerNorm<T> {
    /// # Panics
    /// If the input's last extents are not the normalized shape.
    #[track_caller]
    fn forward(&self, x: &Tensor<T>, _: Mode<'_>) -> Tensor<T> {
        let (weight, bias) = (tensor(&self.weight), tensor(&self.bias));
        x.layer_norm(&self.normalized_shape, weight.as_ref(), bias.as_ref(), self.eps)
    }
}

/// The last dimensions of each example divided by the root of their mean square, scaled. Settings, names and start are
/// those of [`torch.nn.RMSNorm`](https://docs.pytorch.org/docs/stable/generated/torch.nn.RMSNorm.html): `weight` has
/// the normalized shape. The operation is [`Tensor::rms_norm`].
#[derive(Clone, Debug)]
pub struct RmsNorm<T: Float = f32> {
    /// The scale, of the normalized shape.
    pub weight: Option<Param<T>>,
    normalized_shape: Shape,
    eps: Option<f64>,
}

impl<T: Float> RmsNorm<T> {
    /// Over the last dimensions, which have this shape; ε is the type's own.
    pub fn new(normalized_shape: impl Into<Shape>) -> Self {
        let shape = normalized_shape.into();
        RmsNorm { weight: Some(Param::new(Tensor::ones(&shape))), normalized_shape: shape, eps: None }
    }

    /// What is added to the mean square.
    pub fn eps(self, eps: f64) -> Self {
        RmsNorm { eps: Some(eps), ..self }
    }

    /// Without the scale.
    pub fn without_affine(self) -> Self {
        RmsNorm { weight: None, ..self }
    }
}

crate::module!(RmsNorm<T> as "RMSNorm" { weight }, |layer| {
    let (shape, affine) = (python_tuple(&layer.normalized_shape), python_bool(layer.weight.is_some()));
    format!("{shape}, eps={}, elementwise_affine={affine}", layer.eps.map_or("None".to_owned(), python_float))
});

impl<T: Float> Layer<T> for RmsNorm<T> {
    /// # Panics
    /// If the input's last extents are not the normalized shape.
    #[track_caller]
    fn forward(&self, x: &Tensor<T>, _: Mode<'_>) -> Tensor<T> {
        x.rms_norm(&self.normalized_shape, tensor(&self.weight).as_ref(), self.eps)
    }
}

/// Each group of channels of each example `[N, C, ...]` with mean 0 and variance 1; each channel scaled and shifted.
/// Settings, names and start are those of
/// [`torch.nn.GroupNorm`](https://docs.pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html): `weight` and `bias`
/// are `[C]`. The operation is [`Tensor::group_norm`].
#[derive(Clone, Debug)]
pub struct GroupNorm<T: Float = f32> {
    /// The scale of each channel, `[C]`.
    pub weight: Option<Param<T>>,
    /// The shift of each channel, `[C]`.
    pub bias: Option<Param<T>>,
    groups: usize,
    channels: usize,
    eps: f64,
}

impl<T: Float> GroupNorm<T> {
    /// So many groups of so many channels; ε = 10⁻⁵.
    ///
    /// # Panics
    /// If the channels are not a multiple of the groups.
    #[track_caller]
    pub fn new(num_groups: usize, num_channels: usize) -> Self {
        assert!(
            num_groups > 0 && num_channels.is_multiple_of(num_groups),
            "GroupNorm: {num_channels} channels do not make {num_groups} groups"
        );
        let (weight, bias) = (Param::new(Tensor::ones([num_channels])), Param::new(Tensor::zeros([num_channels])));
        GroupNorm { weight: Some(weight), bias: Some(bias), groups: num_groups, channels: num_channels, eps: 1e-5 }
    }

    /// What is added to the variance.
    pub fn eps(self, eps: f64) -> Self {
        GroupNorm { eps, ..self }
    }

    /// Without scale and shift.
    pub fn without_affine(self) -> Self {
        GroupNorm { weight: None, bias: None, ..self }
    }
}

crate::module!(GroupNorm<T> { weight, bias }, |layer| {
    let (eps, affine) = (python_float(layer.eps), python_bool(layer.weight.is_some()));
    format!("{}, {}, eps={eps}, affine={affine}, bias={affine}", layer.groups, layer.channels)
});

impl<T: Float> Layer<T> for GroupNorm<T> {
    /// # Panics
    /// If the input does not have the layer's channels.
    #[track_caller]
    fn forward(&self, x: &Tensor<T>, _: Mode<'_>) -> Tensor<T> {
        let (shape, channels) = (x.shape(), self.channels);
        assert!(shape.get(1) == Some(&channels), "GroupNorm: the input has shape {shape}: wanted [N, {channels}, ...]");
        let (weight, bias) = (tensor(&self.weight), tensor(&self.bias));
        x.group_norm(self.groups, weight.as_ref(), bias.as_ref(), self.eps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_printed_as_pytorch_prints_them() {
        let shown = [
            LayerNorm::<f32>::new([4, 2]).without_affine().to_string(),
            RmsNorm::<f32>::new([4]).to_string(),
            GroupNorm::<f32>::new(2, 4).eps(1e-3).to_string(),
        ];
        let wanted = [
            "LayerNorm((4, 2), eps=1e-05, elementwise_affine=False, bias=False)",
            "RMSNorm((4,), eps=None, elementwise_affine=True)",
            "GroupNorm(2, 4, eps=0.001, affine=True, bias=True)",
        ];
        assert_eq!(shown, wanted);
    }
}
