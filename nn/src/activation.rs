//! Layers without parameters.

use autograd::{Float, Tensor};

use crate::module::{Mode, Module};

/// max(x, 0). See [`Tensor::relu`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ReLU;

impl<T: Float> Module<T> for ReLU {
    fn forward(&self, x: &Tensor<T>, _mode: Mode) -> Tensor<T> {
        x.relu()
    }

    fn is_relu(&self) -> bool {
        true
    }
}

/// Hyperbolic tangent. See [`Tensor::tanh`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Tanh;

impl<T: Float> Module<T> for Tanh {
    fn forward(&self, x: &Tensor<T>, _mode: Mode) -> Tensor<T> {
        x.tanh()
    }
}

/// Logistic function. See [`Tensor::sigmoid`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Sigmoid;

impl<T: Float> Module<T> for Sigmoid {
    fn forward(&self, x: &Tensor<T>, _mode: Mode) -> Tensor<T> {
        x.sigmoid()
    }
}

/// All dimensions but the first merged into one: pictures to rows.
///
/// ```
/// use autograd::Tensor;
/// use nn::{Flatten, Mode, Module};
/// let rows = Flatten.forward(&Tensor::<f32>::zeros([16, 1, 28, 28]), Mode::Eval);
/// assert_eq!(*rows.shape(), [16, 784]);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Flatten;

impl<T: Float> Module<T> for Flatten {
    /// # Panics
    /// If there is but one dimension, or none.
    #[track_caller]
    fn forward(&self, x: &Tensor<T>, _mode: Mode) -> Tensor<T> {
        x.flatten(1, -1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_its_operation() {
        let x: Tensor = Tensor::linspace(-2.0, 2.0, 5);
        let layers: [(&dyn Module, Tensor); 3] = [(&ReLU, x.relu()), (&Tanh, x.tanh()), (&Sigmoid, x.sigmoid())];
        for (layer, wanted) in layers {
            assert_eq!(layer.forward(&x, Mode::Train).to_vec(), wanted.to_vec());
            assert!(layer.parameters().is_empty());
        }
    }
}
