//! Products of matrices.

mod einsum;
mod linear;
pub(super) mod matmul;
mod outer;
mod tensordot;

use crate::shape::Shape;

/// The shapes of operands, for a message.
fn named(shapes: &[&Shape]) -> String {
    shapes.iter().map(|shape| shape.to_string()).collect::<Vec<_>>().join(" and ")
}
