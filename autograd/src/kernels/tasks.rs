//! Forks for a caller's own tasks: each task runs in the grad mode of whoever forked, on whatever thread.
//!
//! rayon alone does not do that. The grad mode ([`no_grad`](crate::no_grad)) belongs to the thread, and a thread that waits runs tasks of others: with
//! `rayon::join` a task may inherit the mode of a thread that happens to wait for something else.

use super::parallel::{for_each_item, fork, num_threads};
use crate::mode::Mode;

/// Runs both closures, at the same time if there are two threads, and returns what they return. As
/// [`rayon::join`](https://docs.rs/rayon/latest/rayon/fn.join.html), but both run in the caller's grad mode.
///
/// ```
/// use autograd::{Tensor, join, no_grad};
/// let x = Tensor::from_vec(vec![1.0, 2.0], [2]).requires_grad();
/// let (a, b) = join(|| x.exp(), || &x * 2.0);
/// assert!(a.is_tracked() && b.is_tracked());
/// let (a, b) = no_grad(|| join(|| x.exp(), || &x * 2.0));
/// assert!(!a.is_tracked() && !b.is_tracked());
/// ```
///
/// # Panics
/// If one of the closures panics, with its message.
pub fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    let mode = Mode::current();
    let (a, b) = (|| mode.run(a), || mode.run(b));
    if num_threads() <= 1 {
        return (a(), b());
    }
    let mut both = None;
    fork(|| both = Some(rayon::join(a, b)));
    both.expect("what forks returns when both have ended")
}

/// Calls `body` with each item, on the threads at hand and in the caller's grad mode, and returns when all calls have ended.
///
/// In which order, and on which thread, is not specified.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
/// let sum = AtomicUsize::new(0);
/// autograd::for_each(0..100, |number| drop(sum.fetch_add(number, Relaxed)));
/// assert_eq!(sum.into_inner(), 4950);
/// ```
///
/// # Panics
/// If one of the calls panics, with its message.
pub fn for_each<I: Send>(items: impl IntoIterator<Item = I>, body: impl Fn(I) + Sync) {
    let mode = Mode::current();
    for_each_item(items.into_iter().collect(), |item| mode.run(|| body(item)));
}

/// As [`for_each`], and returns what the calls return, in the order of the items.
///
/// ```
/// use autograd::{Tensor, map_each};
/// let x = Tensor::from_vec(vec![3.0], [1]).requires_grad();
/// let losses: Vec<Tensor> = map_each(1..=4, |scale| (&x * scale as f32).sum());
/// let total = losses.into_iter().reduce(|a, b| a + b).unwrap();
/// assert_eq!(total.backward().get(&x).unwrap().to_vec(), [10.0]);
/// ```
///
/// # Panics
/// If one of the calls panics, with its message.
pub fn map_each<I: Send, R: Send>(items: impl IntoIterator<Item = I>, body: impl Fn(I) -> R + Sync) -> Vec<R> {
    let items: Vec<I> = items.into_iter().collect();
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    for_each(items.into_iter().zip(&mut results), |(item, result)| *result = Some(body(item)));
    results.into_iter().map(|result| result.expect("each call has ended")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::{is_recording, with_recording, with_threads};

    #[test]
    fn tasks_run_in_the_mode_of_whoever_forked() {
        for threads in [1, 3] {
            for recording in [true, false] {
                with_threads(threads, || {
                    with_recording(recording, || {
                        assert_eq!(join(is_recording, is_recording), (recording, recording));
                        assert_eq!(map_each(0..50, |_| is_recording()), [recording; 50]);
                        for_each(0..50, |_| assert_eq!(is_recording(), recording));
                        assert_eq!(is_recording(), recording);
                    });
                });
            }
        }
    }

    #[test]
    fn results_are_in_the_order_of_the_items() {
        for threads in [1, 2, 8] {
            let squares = with_threads(threads, || map_each(0..1000, |i| i * i));
            assert!(squares.iter().enumerate().all(|(i, &square)| square == i * i));
        }
        assert!(map_each(0..0, |i| i).is_empty());
    }

    #[test]
    fn a_panic_of_a_task_reaches_whoever_forked() {
        let caught = std::panic::catch_unwind(|| {
            with_threads(2, || for_each(0..8, |task| assert!(task != 5, "task 5 fails")));
        });
        assert!(caught.unwrap_err().downcast_ref::<&str>().is_some_and(|message| message.contains("task 5 fails")));
    }
}
