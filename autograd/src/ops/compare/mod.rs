//! Comparisons, whose results are masks, and operations that choose elements by a mask.
//!
//! The result of a comparison is constant around almost every point, so it has no gradient. Tracked tensors are
//! accepted. A selection by a mask is differentiable in the selected elements. The others get a gradient of 0, whatever
//! their values are, because elements are selected and not multiplied by the mask.

mod comparison;
mod masked;
