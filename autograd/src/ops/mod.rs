//! Floor 3: the operations. Each is one place: formula, forward, backward, test.

#[macro_use]
pub(crate) mod pointwise;
pub(crate) mod activation;
pub(crate) mod arithmetic;
pub(crate) mod cross_entropy;
pub(crate) mod gather;
pub(crate) mod linear;
pub(crate) mod matmul;
pub(crate) mod reduce;
pub(crate) mod softmax;
pub(crate) mod views;
