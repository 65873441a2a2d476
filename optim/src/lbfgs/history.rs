//! The last differences of weights and gradients, which stand for the curvature.

use std::collections::VecDeque;

use autograd::{Float, Tensor};

use super::dot;

/// The smallest y · s for which a pair says something about the curvature.
const LEAST_CURVATURE: f64 = 1e-10;

/// The differences y of the gradients and s of the weights between two iterations.
#[derive(Clone, Debug)]
pub(super) struct Pair<T: Float> {
    pub(super) gradients: Tensor<T>,
    pub(super) weights: Tensor<T>,
    /// 1 / (y · s)
    pub(super) rho: f64,
}

#[derive(Clone, Debug)]
pub(super) struct History<T: Float> {
    /// From the oldest to the newest.
    pub(super) pairs: VecDeque<Pair<T>>,
    /// The inverse Hessian matrix from which the pairs start: this times the identity.
    pub(super) scale: f64,
}

impl<T: Float> History<T> {
    pub(super) fn new() -> Self {
        History { pairs: VecDeque::new(), scale: 1.0 }
    }

    /// The history with one more pair, if the loss is convex between its ends, and at most `size` of them.
    pub(super) fn with(mut self, gradients: Tensor<T>, weights: Tensor<T>, size: usize) -> Self {
        let curvature = dot(&gradients, &weights);
        if curvature > LEAST_CURVATURE && size > 0 {
            while self.pairs.len() >= size {
                self.pairs.pop_front();
            }
            self.scale = curvature / dot(&gradients, &gradients);
            self.pairs.push_back(Pair { gradients, weights, rho: 1.0 / curvature });
        }
        self
    }

    /// -H g: the two loops of algorithm 7.4 in Nocedal and Wright's *Numerical optimization*.
    pub(super) fn direction(&self, gradient: &Tensor<T>) -> Tensor<T> {
        let mut direction = -gradient;
        let mut alphas = Vec::new();
        for Pair { gradients, weights, rho } in self.pairs.iter().rev() {
            let alpha = dot(weights, &direction) * rho;
            direction = direction - gradients * T::from_f64(alpha);
            alphas.push(alpha);
        }
        direction = direction * T::from_f64(self.scale);
        for (Pair { gradients, weights, rho }, alpha) in self.pairs.iter().zip(alphas.into_iter().rev()) {
            let beta = dot(gradients, &direction) * rho;
            direction = direction + weights * T::from_f64(alpha - beta);
        }
        direction
    }
}
