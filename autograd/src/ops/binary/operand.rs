//! What the second operand of a binary operation may be.

use crate::float::Float;
use crate::tensor::Tensor;

/// The second operand of a comparison or of a binary operation: a tensor, or a number, which is a constant.
///
/// The trait is sealed: there is nothing else that it could be.
pub trait Operand<T: Float>: sealed::Operand<T> {}
impl<T: Float, O: sealed::Operand<T>> Operand<T> for O {}

mod sealed {
    use super::{Float, Tensor};

    pub trait Operand<T: Float> {
        /// The operand as a tensor: a number is one of rank 0.
        fn into_tensor(self) -> Tensor<T>;
    }

    impl<T: Float> Operand<T> for &Tensor<T> {
        fn into_tensor(self) -> Tensor<T> {
            self.clone()
        }
    }

    impl<T: Float> Operand<T> for T {
        fn into_tensor(self) -> Tensor<T> {
            Tensor::scalar(self)
        }
    }
}
