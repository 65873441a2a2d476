//! 10. A tiny linear layer, and a line fitted with it.
//!
//! y = x Wᵀ + b, with W of shape `[out, in]`. The engine has `x.linear(...)`, but write the layer with `matmul`, `t`
//! and `+` here, and let the engine compute the gradients. Then fit: 200 steps of plain gradient descent on the mean
//! squared error.

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
        panic!("exercise 10: write new")
    }

    /// y = x Wᵀ + b for rows `[n, in]`: rows `[n, out]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        panic!("exercise 10: write forward")
    }

    /// 200 steps of gradient descent on the mean squared error between `forward(x)` and `y`.
    pub fn fit(&self, x: &Tensor, y: &Tensor, lr: f32) {
        panic!("exercise 10: write fit")
    }
}
