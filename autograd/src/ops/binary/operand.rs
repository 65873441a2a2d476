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
        /// Calls `f` with the operand as a tensor: a number is one of rank 0.
        fn with_tensor<R>(self, f: impl FnOnce(&Tensor<T>) -> R) -> R;
    }

    impl<T: Float> Operand<T> for &Tensor<T> {
        #[track_caller]
        fn with_tensor<R>(self, f: impl FnOnce(&Tensor<T>) -> R) -> R {
            f(self)
        }
    }

    impl<T: Float> Operand<T> for T {
        #[track_caller]
        fn with_tensor<R>(self, f: impl FnOnce(&Tensor<T>) -> R) -> R {
            f(&Tensor::scalar(self))
        }
    }
}
