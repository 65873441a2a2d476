//! 13. The mask of attention.

use autograd::{Mask, Tensor};

/// The mask of a model that reads from left to right: query i sees the keys 0 to i. Shape `[length, length]`.
pub fn causal(length: usize) -> Mask {
    let elements: Vec<bool> = (0..length * length).map(|index| index % length > index / length).collect();
    Mask::new(elements, [length, length])
}

/// The attention of queries `[L, E]` to keys `[S, E]` with values `[S, W]`: `[L, W]`.
pub fn attention(q: &Tensor<f64>, k: &Tensor<f64>, v: &Tensor<f64>, hidden: &Mask) -> Tensor<f64> {
    let scores = q.matmul(&k.t()) / (q.size(1) as f64).sqrt();
    // e^-∞ = 0, so what is hidden has no part in the sum. A row that is hidden completely becomes NaN here; the second
    // `masked_fill` replaces it, and stops its gradient. A product with 0 would leave it: NaN · 0 is NaN.
    let weights = scores.masked_fill(hidden, f64::NEG_INFINITY).softmax(1).masked_fill(hidden, 0.0);
    weights.matmul(v)
}
