//! A product of two inputs.

use autograd::{Float, Param, Seed, Shape, Tensor};

use crate::init::uniform_for_fan_in;
use crate::tree::python_bool;

/// yₖ = x₁ᵀ Wₖ x₂ + bₖ for inputs `[..., in1]` and `[..., in2]`: outputs `[..., out]`.
///
/// The weight is `[out, in1, in2]`, the bias `[out]`; both start uniform in ±1/√in1. Layout, names and start are those
/// of [`torch.nn.Bilinear`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Bilinear.html).
///
/// ```
/// use autograd::Tensor;
/// let layer = nn::Bilinear::<f32>::new(3, 4, 2, 0);
/// assert_eq!(*layer.forward(&Tensor::zeros([5, 3]), &Tensor::zeros([5, 4])).shape(), [5, 2]);
/// ```
#[derive(Clone, Debug)]
pub struct Bilinear<T: Float = f32> {
    /// The weight, `[out, in1, in2]`.
    pub weight: Param<T>,
    /// The bias, `[out]`.
    pub bias: Option<Param<T>>,
}

impl<T: Float> Bilinear<T> {
    /// A layer with a bias.
    ///
    /// # Panics
    /// If the weight has more elements than any memory holds.
    #[track_caller]
    pub fn new(in1_features: usize, in2_features: usize, out_features: usize, seed: impl Seed) -> Self {
        let shape = Shape::from([out_features, in1_features, in2_features]);
        shape.numel();
        seed.draw(|random| Bilinear {
            weight: Param::new(uniform_for_fan_in(shape, in1_features, &mut *random)),
            bias: Some(Param::new(uniform_for_fan_in([out_features], in1_features, random))),
        })
    }

    /// Without the bias.
    pub fn without_bias(self) -> Self {
        Bilinear { bias: None, ..self }
    }

    /// The output for two inputs.
    ///
    /// # Panics
    /// If the inputs' last extents are not the layer's, or the others differ.
    #[track_caller]
    pub fn forward(&self, first: &Tensor<T>, second: &Tensor<T>) -> Tensor<T> {
        let weight = self.weight.tensor();
        let fits = |x: &Tensor<T>, dim| x.shape().last() == Some(&weight.size(dim));
        let is_alike =
            first.rank() == second.rank() && first.shape().iter().rev().skip(1).eq(second.shape().iter().rev().skip(1));
        assert!(
            fits(first, 1) && fits(second, 2) && is_alike,
            "Bilinear: inputs of shapes {} and {}, a weight of shape {}: wanted [..., in1], [..., in2] and \
             [out, in1, in2]",
            first.shape(),
            second.shape(),
            weight.shape()
        );
        let products = (first.unsqueeze(-1) * second.unsqueeze(-2)).flatten(-2, -1);
        products.linear(&weight.flatten(1, 2), self.bias.as_ref().map(Param::tensor).as_ref())
    }
}

crate::module!(Bilinear<T> { weight, bias }, |layer| {
    let (weight, bias) = (layer.weight.tensor(), python_bool(layer.bias.is_some()));
    let [outputs, first, second] = [0, 1, 2].map(|dim| weight.size(dim));
    format!("in1_features={first}, in2_features={second}, out_features={outputs}, bias={bias}")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_output_is_a_quadratic_form() {
        let layer = Bilinear::<f64>::new(2, 3, 2, 0);
        let (x, y) = (Tensor::randn([4, 2], 1), Tensor::randn([4, 3], 2));
        let wanted = Tensor::einsum("ni,kij,nj->nk", &[x.clone(), layer.weight.tensor(), y.clone()]);
        let wanted = wanted + layer.bias.as_ref().unwrap().tensor();
        assert!((layer.forward(&x, &y) - wanted).abs().max().item() < 1e-12);
    }

    #[test]
    #[should_panic(expected = "Bilinear: inputs of shapes [4, 2] and [5, 3]")]
    fn inputs_of_different_batches_are_refused() {
        Bilinear::<f32>::new(2, 3, 2, 0).forward(&Tensor::zeros([4, 2]), &Tensor::zeros([5, 3]));
    }
}
