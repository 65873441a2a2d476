//! Floor 1: kernels. They see slices and `ndarray` views, never a tensor.

pub mod gemm;
pub mod parallel;
pub mod simd;
