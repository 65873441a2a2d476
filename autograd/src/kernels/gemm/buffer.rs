//! Memory for packed blocks, from the engine's pool: a product in a training loop allocates nothing.

use super::pack::SLACK;
use crate::pool::Block;
use crate::scalar::Scalar;

/// Memory for a packed block, which goes back to the pool when it is dropped; or none, for an operand that is read in place.
pub(in crate::kernels) struct Buffer(Option<Block>);

impl Buffer {
    /// Memory for `count` elements and [`SLACK`].
    ///
    /// # Panics
    /// If the system has not so much memory.
    pub(in crate::kernels) fn take<T: Scalar>(count: usize) -> Self {
        Self::of_bytes((count + SLACK) * size_of::<T>())
    }

    /// Memory of a size in bytes.
    ///
    /// # Panics
    /// If the system has not so much memory.
    pub(in crate::kernels) fn of_bytes(bytes: usize) -> Self {
        let Some(block) = Block::take(bytes) else {
            panic!("gemm: the system has no memory for the {bytes} bytes of a packed block");
        };
        Self(Some(block))
    }

    /// No memory.
    pub(in crate::kernels) fn none() -> Self {
        Self(None)
    }

    /// The address of the first element, at the start of a cache line.
    pub(in crate::kernels) fn start<T>(&self) -> *mut T {
        self.0.as_ref().map_or(std::ptr::null_mut(), |block| block.start().as_ptr().cast())
    }
}
