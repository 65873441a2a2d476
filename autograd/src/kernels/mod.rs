//! Floor 1: kernels. They see slices and `ndarray` views, never a tensor.

pub(crate) mod argmax;
pub mod bytes;
pub(crate) mod convolve;
pub(crate) mod gather;
pub mod gemm;
pub(crate) mod map;
pub(crate) mod map_and_sum;
pub(crate) mod moments;
pub(crate) mod normalize;
pub(crate) mod order;
pub(crate) mod overlap_add;
pub(crate) mod parallel;
pub(crate) mod planes;
pub(crate) mod reduce;
mod row_body;
pub(crate) mod row_norm;
pub(crate) mod rowwise;
pub(crate) mod scan;
pub(crate) mod scatter_add;
pub(crate) mod select;
pub mod simd;
pub(crate) mod skip_zeros;
pub(crate) mod transpose_band;
pub mod update;
pub(crate) mod vectorize;
pub(crate) mod windows;
mod workers;
