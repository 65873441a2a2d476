//! Whether operations are recorded: a property of the thread, for the time of a closure.

use crate::kernels::parallel::with_recording;

/// Runs `body` without recording: its results are constants, and nothing is kept for backward.
///
/// The mode belongs to the thread and is restored when `body` ends, also by a panic.
/// [`with_threads`](crate::with_threads), [`join`](crate::join),
/// [`for_each`](crate::for_each) and [`map_each`](crate::map_each) carry it to the threads that they use.
///
/// **Your own calls of rayon do not carry it**, in two ways. A task of your `rayon::join` or parallel iterator inside
/// `body` that another thread takes is recorded. And while this thread waits for that one, still without recording, it
/// may run somebody else's task, whose gradients are then lost. Use the functions above.
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

/// Runs `body` with recording, also inside of a [`no_grad`]: for the part of an evaluation that needs a gradient. As
/// [`torch.enable_grad`](https://docs.pytorch.org/docs/stable/generated/torch.enable_grad.html).
///
/// ```
/// use autograd::{Tensor, enable_grad, no_grad};
/// let x = Tensor::from_vec(vec![3.0], [1]).requires_grad();
/// let slope = no_grad(|| enable_grad(|| (&x * &x).sum()).backward().get(&x).unwrap().item());
/// assert_eq!(slope, 6.0);
/// ```
pub fn enable_grad<R>(body: impl FnOnce() -> R) -> R {
    with_recording(true, body)
}
