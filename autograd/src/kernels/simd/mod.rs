//! Vectors: which instruction set ([`isa`]) and, for kernels written over it, the vocabulary of a vector.

pub mod isa;
