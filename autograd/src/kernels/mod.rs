//! Floor 1: kernels. They see slices and `ndarray` views, never a tensor.

// Loops over arrays of a constant length have an index: an iterator over one is a function of its own for each length,
// which takes time to compile, and which the compiler does not always inline into a kernel.
#![allow(clippy::needless_range_loop)]

mod aligned;
pub(crate) mod argmax;
pub(crate) mod attention;
pub mod bytes;
pub(crate) mod convolve;
pub(crate) mod dropout;
pub(crate) mod gather;
pub mod gemm;
pub(crate) mod lstm;
pub(crate) mod map;
pub(crate) mod map_and_sum;
mod means;
pub(crate) mod moments;
pub(crate) mod normalize;
mod norms;
pub(crate) mod order;
pub(crate) mod overlap_add;
pub(crate) mod parallel;
pub(crate) mod planes;
pub(crate) mod reduce;
mod row_body;
pub(crate) mod row_norm;
pub(crate) mod rowwise;
pub(crate) mod running_sum;
pub(crate) mod scan;
pub(crate) mod scatter_add;
pub(crate) mod select;
pub mod simd;
pub(crate) mod skip_zeros;
pub(crate) mod transpose_band;
pub(crate) mod tree;
pub mod update;
pub(crate) mod vectorize;
pub(crate) mod windows;
mod workers;
