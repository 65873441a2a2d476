//! Products of matrices.

mod einsum;
mod linear;
pub(super) mod matmul;
mod outer;
mod tensordot;
