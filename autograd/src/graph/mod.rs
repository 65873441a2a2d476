//! Floor 2: the recorded graph and the backward pass.
//!
//! [`node`] is the record of an operation and [`dismantle`] drops it, [`engine`] visits the nodes from the newest to
//! the oldest, [`gradients`] is the result, [`broadcast`] has the two operations that the engine itself needs: adding
//! gradients and summing a broadcast gradient. [`dot`] and [`svg`] draw the graph.

pub(crate) mod broadcast;
mod dismantle;
mod dot;
pub(crate) mod engine;
pub(crate) mod gradients;
mod layered;
pub(crate) mod mode;
pub(crate) mod node;
mod svg;
mod targets;

pub use dot::{Graph, draw};
pub use engine::{Backward, Order, grad, grad_with};
pub use gradients::Gradients;
pub use mode::{enable_grad, no_grad};
pub(crate) use node::{Edge, Id, Node};
