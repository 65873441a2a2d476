//! Floor 2: where tensors came from, and the walk back.
//!
//! [`node`] is what an operation leaves behind and [`dismantle`] how it goes, [`engine`] walks it newest first,
//! [`gradients`] is what comes out, [`broadcast`] holds the two operations that the engine itself needs: adding
//! gradients and summing a broadcast; [`dot`] and [`svg`] draw the graph.

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
