//! Gradus.

#[macro_use]
pub mod check;
mod error;
mod float;
mod graph;
mod indices;
pub mod kernels;
mod layout;
mod op;
mod ops;
mod param;
mod pool;
mod random;
mod scalar;
mod shape;
mod storage;
mod tensor;
pub mod trace;

pub use float::Float;
pub use graph::{Backward, Gradients, Graph, Order, draw, grad, grad_with, no_grad};
pub use indices::Indices;
pub use kernels::gemm::{Epilogue, gemm};
pub use kernels::parallel::{num_threads, set_num_threads, with_threads};
pub use ndarray;
pub use op::{Op, Saved};
pub use ops::cross_entropy::{CrossEntropy, Reduction, accuracy};
pub use param::{Param, ParamKind};
pub use pool::{MemoryStatistics, memory_statistics, release_memory};
pub use random::{Random, Seed};
pub use scalar::Scalar;
pub use shape::{Dims, Extents, Integer, Shape};
pub use tensor::Tensor;
