//! Comparisons, whose results are masks, and operations that choose elements by a mask.
//!
//! A comparison is constant around almost every point: its result has no gradient. It takes tracked tensors as they
//! are. What chooses by a mask is differentiable in the elements that it chooses; the others get a gradient of 0,
//! whatever their values are, as nothing is multiplied by the mask.

mod comparison;
mod masked;
