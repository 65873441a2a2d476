//! 8. Gradient descent with momentum.
//!
//! v ← μ v + g, then w ← w - lr v, for each element of each parameter. In the first step v = g.
//! [`Param::update`](autograd::Param::update) gives you the elements to change; `Gradients::of` finds the gradient of a
//! parameter.

use autograd::{Gradients, Param};

/// The optimizer and its state.
pub struct Momentum {
    parameters: Vec<Param>,
    lr: f32,
    momentum: f32,
}

impl Momentum {
    /// An optimizer for these parameters, before its first step.
    pub fn new(parameters: Vec<Param>, lr: f32, momentum: f32) -> Self {
        Momentum { parameters, lr, momentum }
    }

    /// Changes every parameter that has a gradient.
    pub fn step(&mut self, gradients: &Gradients) {
        panic!("exercise 8: write step, and add the velocities to the struct")
    }
}
