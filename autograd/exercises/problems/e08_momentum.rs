//! 8. Gradient descent with momentum.
//!
//! v ← μ v + g, then w ← w - lr v, for each number of each parameter. At the first step v is g.
//! [`Param::update`](autograd::Param::update) hands you the numbers to change; the gradients are found by parameter.

use autograd::{Gradients, Param};

/// The optimizer and what it remembers.
pub struct Momentum {
    parameters: Vec<Param>,
    lr: f32,
    momentum: f32,
}

impl Momentum {
    /// Of these parameters, at rest.
    pub fn new(parameters: Vec<Param>, lr: f32, momentum: f32) -> Self {
        Momentum { parameters, lr, momentum }
    }

    /// Changes every parameter that has a gradient.
    pub fn step(&mut self, gradients: &Gradients) {
        panic!("exercise 8: write step, and add the velocities to the struct")
    }
}
