//! A layer whose output is added to its input.

use autograd::{Float, Tensor};

use crate::layer::Layer;
use crate::mode::Mode;

/// y = x + f(x), with a layer f whose output has its input's shape (He et al., *Deep residual learning for image
/// recognition*, 2016).
///
/// ```
/// use autograd::Tensor;
/// use nn::{Layer, Linear, Mode, ReLU, Residual, Sequential};
/// let block: Residual = Residual::new(Sequential::new().add(Linear::new(4, 4, 0)).add(ReLU));
/// assert_eq!(*block.forward(&Tensor::ones([2, 4]), Mode::Eval).shape(), [2, 4]);
/// ```
pub struct Residual<T: Float = f32> {
    inner: Box<dyn Layer<T>>,
}

impl<T: Float> Residual<T> {
    /// Around this layer, whose parameters are named `inner.` and so on.
    pub fn new(inner: impl Layer<T> + 'static) -> Self {
        Residual { inner: Box::new(inner) }
    }
}

crate::module!(Residual<T> { inner });

impl<T: Float> Layer<T> for Residual<T> {
    /// # Panics
    /// If the layer's output does not have its input's shape.
    #[track_caller]
    fn forward(&self, x: &Tensor<T>, mode: Mode<'_>) -> Tensor<T> {
        let y = self.inner.forward(x, mode);
        assert!(
            y.shape() == x.shape(),
            "Residual: the layer's output has shape {}, its input {}: wanted the same",
            y.shape(),
            x.shape()
        );
        x + y
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tanh;

    #[test]
    fn the_input_is_added() {
        let x = Tensor::from_vec(vec![0.5, -2.0], [2]);
        assert_eq!(Residual::<f64>::new(Tanh).forward(&x, Mode::Eval).to_vec(), (&x + x.tanh()).to_vec());
    }

    #[test]
    #[should_panic(expected = "Residual: the layer's output has shape [3], its input [3, 1]: wanted the same")]
    fn an_output_of_another_shape_is_refused() {
        Residual::<f32>::new(crate::layer(|x| x.squeeze(1))).forward(&Tensor::zeros([3, 1]), Mode::Eval);
    }
}
