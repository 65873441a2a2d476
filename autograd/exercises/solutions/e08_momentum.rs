//! 8. Gradient descent with momentum.

use autograd::{Gradients, Param};

/// The optimizer and its state.
pub struct Momentum {
    parameters: Vec<Param>,
    velocities: Vec<Vec<f32>>,
    lr: f32,
    momentum: f32,
}

impl Momentum {
    /// An optimizer for these parameters, before its first step.
    pub fn new(parameters: Vec<Param>, lr: f32, momentum: f32) -> Self {
        let velocities = parameters.iter().map(|parameter| vec![0.0; parameter.tensor().numel()]).collect();
        Momentum { parameters, velocities, lr, momentum }
    }

    /// Changes every parameter that has a gradient.
    pub fn step(&mut self, gradients: &Gradients) {
        for (parameter, velocity) in self.parameters.iter().zip(&mut self.velocities) {
            let Some(gradient) = gradients.of(parameter) else { continue };
            let gradient = gradient.to_vec();
            parameter.update(|weights| {
                for ((weight, velocity), gradient) in weights.iter_mut().zip(velocity).zip(gradient) {
                    *velocity = self.momentum * *velocity + gradient;
                    *weight -= self.lr * *velocity;
                }
            });
        }
    }
}
