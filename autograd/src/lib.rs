//! Gradus.
#![deny(missing_docs)]
pub mod kernels;
pub mod scalar;
pub use kernels::parallel::{num_threads, set_num_threads, with_threads};
pub use scalar::Scalar;
