//! A fully connected layer.

use autograd::{Float, Param, Random, Seed, Shape, Tensor};

use crate::init;
use crate::layer::Layer;
use crate::mode::Mode;
use crate::tree::python_bool;

/// y = x Wᵀ + b for inputs `[..., in]`: outputs `[..., out]`.
///
/// The weight is `[out, in]`, the bias `[out]`; both start uniform in ±1/√in. Layout, names and start are those of
/// [`torch.nn.Linear`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html).
///
/// ```
/// use autograd::Tensor;
/// use nn::{Layer, Linear, Mode, Module};
/// let layer: Linear = Linear::new(784, 256, 0);
/// let y = layer.forward(&Tensor::zeros([64, 784]), Mode::Eval);
/// assert_eq!(*y.shape(), [64, 256]);
/// assert_eq!(layer.parameter_count(), 784 * 256 + 256);
/// ```
#[derive(Clone, Debug)]
pub struct Linear<T: Float = f32> {
    /// The weight, `[out, in]`.
    pub weight: Param<T>,
    /// The bias, `[out]`.
    pub bias: Option<Param<T>>,
}

impl<T: Float> Linear<T> {
    /// A layer with a bias, initialised from a seed or a [`Random`].
    ///
    /// # Panics
    /// If the weight has more elements than any memory holds.
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize, seed: impl Seed) -> Self {
        let shape = Linear::<T>::weight_shape(inputs, outputs);
        seed.draw(|random| {
            let weight = Linear::weight(shape, random);
            Linear { weight, bias: Some(Param::new(init::uniform_for_fan_in([outputs], inputs, random))) }
        })
    }

    /// A layer without a bias.
    ///
    /// # Panics
    /// If the weight has more elements than any memory holds.
    #[track_caller]
    pub fn without_bias(inputs: usize, outputs: usize, seed: impl Seed) -> Self {
        let shape = Linear::<T>::weight_shape(inputs, outputs);
        seed.draw(|random| Linear { weight: Linear::weight(shape, random), bias: None })
    }

    /// The output passed through a rectifier, max(x Wᵀ + b, 0), in one pass over memory.
    ///
    /// # Panics
    /// If the input's last extent is not the layer's.
    #[track_caller]
    pub fn forward_relu(&self, x: &Tensor<T>) -> Tensor<T> {
        let bias = self.bias.as_ref().map(Param::tensor);
        x.linear_relu(&self.weight.tensor(), bias.as_ref())
    }

    /// The weight's shape. A product that overflows is refused here, at the line of the layer's caller: a panic inside
    /// of `draw` would show a line of this file.
    #[track_caller]
    fn weight_shape(inputs: usize, outputs: usize) -> Shape {
        let shape = Shape::from([outputs, inputs]);
        shape.numel();
        shape
    }

    fn weight(shape: Shape, random: &mut Random) -> Param<T> {
        // A negative slope of √5 makes the bound 1/√in: PyTorch's default.
        Param::new(init::kaiming_uniform(shape, 5.0_f64.sqrt(), random))
    }
}

crate::module!(Linear<T> { weight, bias }, |linear| {
    let weight = linear.weight.tensor();
    let [inputs, outputs] = [weight.size(1), weight.size(0)];
    let bias = python_bool(linear.bias.is_some());
    format!("in_features={inputs}, out_features={outputs}, bias={bias}")
});

impl<T: Float> Layer<T> for Linear<T> {
    /// # Panics
    /// If the input's last extent is not the layer's.
    #[track_caller]
    fn forward(&self, x: &Tensor<T>, _: Mode<'_>) -> Tensor<T> {
        let bias = self.bias.as_ref().map(Param::tensor);
        x.linear(&self.weight.tensor(), bias.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::Module;

    #[test]
    fn it_starts_as_pytorch_starts_it() {
        let layer: Linear = Linear::new(100, 400, 0);
        for numbers in [layer.weight.tensor(), layer.bias.as_ref().unwrap().tensor()] {
            assert!(numbers.abs().max().item() <= 0.1);
            assert!(numbers.abs().max().item() > 0.099);
            assert!(numbers.mean().item().abs() < 0.01);
        }
        assert_eq!(*layer.weight.tensor().shape(), [400, 100]);
    }

    #[test]
    fn the_same_seed_makes_the_same_layer_and_one_stream_makes_different_ones() {
        let weight = |layer: &Linear| layer.weight.tensor().to_vec();
        assert_eq!(weight(&Linear::new(3, 4, 7)), weight(&Linear::new(3, 4, 7)));
        let mut random = Random::new(7);
        assert_ne!(weight(&Linear::new(3, 4, &mut random)), weight(&Linear::new(3, 4, &mut random)));
    }

    #[test]
    fn without_a_bias_there_is_none() {
        let layer: Linear = Linear::without_bias(3, 2, 0);
        assert_eq!(layer.named_parameters().len(), 1);
        assert_eq!(layer.forward(&Tensor::zeros([3]), Mode::Eval).to_vec(), [0.0; 2]);
    }
}
