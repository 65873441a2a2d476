//! Floor 2: the recorded graph and the backward pass.
//!
//! [`node`] is what an operation leaves behind and [`dismantle`] how it goes, [`engine`] walks it newest first,
//! [`checks`] looks at its arguments before, [`grad`] asks for chosen gradients, [`gradients`] is what comes out,
//! [`recompute`] is an operation that makes its graph anew for the walk, [`anomaly`] looks for the first NaN or
//! infinity,
//! [`broadcast`] holds the two operations that the engine itself needs: adding gradients and summing a broadcast;
//! [`dot`] and [`svg`] draw the graph.

pub(crate) mod anomaly;
pub(crate) mod broadcast;
mod checks;
mod dismantle;
mod dot;
pub(crate) mod engine;
mod grad;
pub(crate) mod gradients;
mod layered;
pub(crate) mod mode;
pub(crate) mod node;
pub(crate) mod recompute;
mod svg;
mod targets;

pub use anomaly::{detect_anomaly, detect_nan};
pub use dot::{Graph, draw};
pub use engine::{Backward, Order};
pub use grad::{grad, grad_with};
pub use gradients::Gradients;
pub use mode::{enable_grad, no_grad};
pub(crate) use node::{Edge, Id, Node};
