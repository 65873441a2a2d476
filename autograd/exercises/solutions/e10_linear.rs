//! 10. A tiny linear layer, and a line fitted with it.

use autograd::{Param, Tensor};

/// A linear layer.
pub struct Linear {
    /// The weight, `[out, in]`.
    pub weight: Param,
    /// The bias, `[out]`.
    pub bias: Param,
}

impl Linear {
    /// A layer whose weight and bias are zero.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Linear { weight: Param::new(Tensor::zeros([outputs, inputs])), bias: Param::new(Tensor::zeros([outputs])) }
    }

    /// y = x Wᵀ + b for rows `[n, in]`: rows `[n, out]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.matmul(&self.weight.tensor().t()) + self.bias.tensor()
    }

    /// 200 steps of gradient descent on the mean squared error between `forward(x)` and `y`.
    pub fn fit(&self, x: &Tensor, y: &Tensor, lr: f32) {
        for _ in 0..200 {
            let gradients = (self.forward(x) - y).powf(2.0).mean().backward();
            for parameter in [&self.weight, &self.bias] {
                let gradient = gradients.of(parameter).expect("the error depends on it").to_vec();
                parameter.update(|values| values.iter_mut().zip(gradient).for_each(|(w, g)| *w -= lr * g));
            }
        }
    }
}
