//! Whether operations are recorded: a property of the thread, for the time of a closure.

use crate::kernels::parallel::with_recording;

/// Runs `body` without recording: its results are constants, and nothing is kept for backward.
///
/// The mode belongs to the thread and is restored when `body` ends, also by a panic. [`with_threads`](crate::with_threads)
/// carries it into its pool; a parallel iterator of your own inside `body` does not.
///
/// ```
/// use autograd::{Tensor, no_grad};
/// let x = Tensor::ones([2]).requires_grad();
/// assert!((&x * 2.0).is_tracked());
/// assert!(!no_grad(|| &x * 2.0).is_tracked());
/// ```
pub fn no_grad<R>(body: impl FnOnce() -> R) -> R {
    with_recording(false, body)
}
