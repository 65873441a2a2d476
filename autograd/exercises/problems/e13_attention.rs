//! 13. The mask of attention.
//!
//! Attention computes for each query a weighted mean of the values: Y = softmax(Q Kᵀ / √E) V, with queries Q of shape
//! `[L, E]`, keys K `[S, E]` and values V `[S, W]`. The softmax is along the keys, so the weights of a query sum up to
//! 1.
//!
//! A model that predicts the next word must not see it. The mask `hidden`, of shape `[L, S]`, is true where a query
//! must not see a key: that weight must be exactly 0, in the forward and for the gradients. A query that sees no key at
//! all gets 0, not NaN.
//!
//! `masked_fill` replaces elements and cuts their gradients. Where is it needed, before the softmax or after it, and
//! with which value? Why is a product with zeros not enough?

use autograd::{Mask, Tensor};

/// The mask of a model that reads from left to right: query i sees the keys 0 to i. Shape `[length, length]`.
pub fn causal(length: usize) -> Mask {
    panic!("exercise 13: write causal")
}

/// The attention of queries `[L, E]` to keys `[S, E]` with values `[S, W]`: `[L, W]`.
pub fn attention(q: &Tensor<f64>, k: &Tensor<f64>, v: &Tensor<f64>, hidden: &Mask) -> Tensor<f64> {
    panic!("exercise 13: write attention")
}
