//! Reversal of the elements along dimensions.

use smallvec::SmallVec;

use super::distinct;
use crate::float::Float;
use crate::layout::Layout;
use crate::ops::linear_map::LinearMap;
use crate::shape::Dims;
use crate::tensor::Tensor;

/// y = x reversed along some dimensions        its own adjoint
#[derive(Clone, Debug)]
struct Flip {
    dims: SmallVec<[usize; 4]>,
}

impl<T: Float> LinearMap<T> for Flip {
    const NAME: &'static str = "flip";
    const ADJOINT: &'static str = "flip";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        x.with_layout(self.dims.iter().fold(Layout::clone(&x.layout), |layout, &dim| layout.flip(dim)))
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        self.map(y)
    }
}

/// # Shape: the elements backwards along some dimensions
impl<T: Float> Tensor<T> {
    /// Reverses the order of the elements along the given dimensions. No number moves.        dx = dy backwards too
    ///
    /// # Panics
    /// If there is no such dimension, or one is named twice.
    #[track_caller]
    pub fn flip(&self, dims: impl Dims) -> Tensor<T> {
        Flip { dims: distinct("flip", &dims, self.rank()) }.of(self)
    }
}

instances!(|x| x.flip(0));

#[cfg(test)]
mod tests {
    gradients!(flip: |x| x.flip([0, 1]) * x, [3, 4]);
}
