//! Floor 2: where tensors came from, and the walk back.
//!
//! [`node`] is what an operation leaves behind, [`engine`] walks it newest first, [`gradients`] is what comes out,
//! [`broadcast`] holds the two operations that the engine itself needs: adding gradients and summing a broadcast.

pub(crate) mod broadcast;
pub(crate) mod engine;
pub(crate) mod gradients;
pub(crate) mod mode;
pub(crate) mod node;

pub use engine::{Backward, Order, grad, grad_with};
pub use gradients::Gradients;
pub use mode::no_grad;
pub(crate) use node::{Edge, Id, Node};
