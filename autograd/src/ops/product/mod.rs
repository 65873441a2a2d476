//! Products of matrices.

mod einsum;
mod linear;
mod matmul;
mod outer;
mod tensordot;
