//! In which order the tiles of a product are computed.

use super::blocking::{Blocking, Order};
use super::kernel_set::TileKernels;
use super::path::Path;
use super::product::Product;
use super::{dots_of_copy, few_rows, loops, passing};
use crate::scalar::Scalar;

/// Runs a product in the order of its blocking.
///
/// # Safety
/// That of [`loops::run`].
#[inline]
pub(super) unsafe fn run<T: Scalar>(kernels: &TileKernels<T>, blocking: &Blocking, product: &Product<T>) {
    // SAFETY: passed on.
    unsafe {
        match blocking.order {
            // What is copied there is cut on its own.
            _ if blocking.path == Path::DotsOfCopy => dots_of_copy::run(kernels, product),
            Order::FiveLoops => loops::run(kernels, blocking, product),
            Order::PassedBlocks => passing::run(kernels, blocking, product),
            Order::FewRows => few_rows::run(kernels, blocking, product),
        }
    }
}
