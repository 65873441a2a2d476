//! Every fork of the engine goes through here.
//!
//! A fork has numbered tasks, in a queue of our own. rayon brings the other threads to it, and takes no part in which
//! thread runs which task: each begins with a part of the tasks that is its own, then helps the others.
//!
//! ```text
//!     tasks      0  1  2  3 | 4  5  6  7
//!     thread 0   →           then →           thread 1 begins at 4
//! ```
//!
//! So the same thread gets the same tasks each time, as long as all are equally fast, and finds in its cache what it
//! wrote there in the last layer or the last step. And no thread waits inside a task for another one, as it would if
//! the tasks were halved again and again by `rayon::join`: a thread that finds no task left is idle, and
//! [spins](super::workers) until the next fork. Who forked spins until the last task has ended: it takes less time than
//! to fall asleep and be woken.
//!
//! **No lock** of the engine is held by a thread that forks: a task that it runs while it waits might ask for the same
//! lock. The grad mode of the thread and what it traces are put aside meanwhile: the tasks that it runs may be others'.
//!
//! **The same bits for any number of threads.** Work is split by its size, never by the number of threads (but for an
//! LSTM's rows and the columns of some products, which take no part in each other's sums), and partial results are
//! combined in order; the number of threads only decides who computes a part.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use smallvec::SmallVec;

pub(super) use super::workers::thread_index;
use super::workers::{SPIN_TIME, pool, with_spinning};
pub use super::workers::{is_in_pool, num_threads, set_num_threads, with_threads};
use crate::lock::{ShortLock, none_is_held};
use crate::mode::{Mode, with_default};
use crate::trace;

pub(crate) use crate::mode::{is_recording, with_recording};

/// Elements below which an elementwise pass stays on one thread. A fork inside a pool costs about 2 µs while the other
/// thread spins and 20 µs when it sleeps; one core streams a few elements a nanosecond from cache, so 32 k elements are
/// about 10 µs.
pub(crate) const ELEMENTS_PER_TASK: usize = 1 << 15;

/// Calls `body(0) ... body(tasks - 1)`, each once, on the threads at hand, and returns when all are done.
///
/// The caller chooses `tasks` from the size of the problem alone. One task, or one thread, forks nothing.
pub(crate) fn for_each_task(tasks: usize, body: impl Fn(usize) + Copy + Sync) {
    if tasks <= 1 || num_threads() <= 1 {
        return (0..tasks).for_each(body);
    }
    fork_tasks(tasks, &body);
}

/// Cuts `out` into chunks of `length` elements and calls `body` with each one and the index of its first element, on
/// the threads at hand.
pub(crate) fn for_each_chunk<T: Send>(out: &mut [T], length: usize, body: impl Fn(usize, &mut [T]) + Copy + Sync) {
    if out.len() <= length {
        return body(0, out);
    }
    for_each_of_several_chunks(out, length, &body);
}

/// Writes a value to all elements, on the threads at hand.
pub(crate) fn fill<T: Copy + Send + Sync>(out: &mut [T], value: T) {
    for_each_chunk(out, 2 * ELEMENTS_PER_TASK, |_, out| out.fill(value));
}

/// Calls `body` with each of the items, on the threads at hand. (They are pushed one by one: to collect an iterator is
/// compiled into a dozen functions for each type of one.)
pub(crate) fn for_each_item<I: Send>(items: impl IntoIterator<Item = I>, body: impl Fn(I) + Sync) {
    let items = items.into_iter();
    if num_threads() <= 1 {
        for item in items {
            body(item);
        }
        return;
    }
    let mut waiting = Vec::with_capacity(items.size_hint().0);
    for item in items {
        waiting.push(ShortLock::new(Some(item)));
    }
    for_each_waiting(&waiting, &body);
}

/// (A body is a `dyn`, so that this is compiled for each type of item only.)
fn for_each_waiting<I: Send>(items: &[ShortLock<Option<I>>], body: &(dyn Fn(I) + Sync)) {
    for_each_task(items.len(), |task| {
        let item = items[task].with(Option::take);
        body(item.expect("a task runs once"));
    });
}

/// Which threads compute what is cut into items: those at hand, or this one alone, as it is one of several tasks
/// itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Threads,
    ThisThread,
}

impl On {
    /// Calls `body` with each of the items.
    pub(crate) fn for_each_item<I: Send>(self, items: impl IntoIterator<Item = I>, body: impl Fn(I) + Sync) {
        if self == On::Threads {
            return for_each_item(items, body);
        }
        for item in items {
            body(item);
        }
    }
}

fn for_each_of_several_chunks<T: Send>(out: &mut [T], length: usize, body: &(dyn Fn(usize, &mut [T]) + Sync)) {
    for_each_item(out.chunks_mut(length).enumerate(), |(index, chunk)| body(index * length, chunk));
}

/// Hands the tasks to a [`TaskQueue`]. (A body is a `dyn`, since a fork would else be compiled once more for each
/// kernel. A call through a pointer is nothing beside a task.)
fn fork_tasks(tasks: usize, body: &(dyn Fn(usize) + Sync)) {
    fork(|| TaskQueue::new(tasks, body).run());
}

/// Runs what forks in the surrounding pool or the default one. Meanwhile this thread's grad mode is the default one and
/// its trace is put aside, since it may run tasks that are not its own.
fn fork(run: impl FnOnce() + Send) {
    debug_assert!(none_is_held(), "a fork: a lock is held");
    let run = || with_spinning(|| trace::aside(|| with_default(run)));
    if rayon::current_thread_index().is_some() {
        run();
    } else {
        pool(num_threads()).install(run);
    }
}

/// The tasks of a fork.
pub(super) struct TaskQueue<'a> {
    body: &'a (dyn Fn(usize) + Sync),
    tasks: usize,
    /// For each part, the task to be taken next; it goes beyond the part's end when there is none left.
    next: SmallVec<[AtomicUsize; 8]>,
    /// How many tasks have ended.
    finished: AtomicUsize,
}

impl<'a> TaskQueue<'a> {
    /// A queue for the surrounding pool's threads.
    pub(super) fn new(tasks: usize, body: &'a (dyn Fn(usize) + Sync)) -> Self {
        let parts = rayon::current_num_threads().min(tasks).max(1);
        let next = (0..parts).map(|part| AtomicUsize::new(tasks * part / parts)).collect();
        Self { body, tasks, next, finished: AtomicUsize::new(0) }
    }

    /// Runs all tasks, and returns when the last one has ended.
    pub(super) fn run(&self) {
        self.run_on(self.next.len(), true);
    }

    /// Brings so many threads to the queue, this one among them.
    fn run_on(&self, threads: usize, forked: bool) {
        if threads > 1 {
            rayon::join(|| self.run_on(threads / 2, forked), || self.run_on(threads - threads / 2, false));
            return;
        }
        let home = rayon::current_thread_index().unwrap_or(0);
        for part in 0..self.next.len() {
            self.run_part((home + part) % self.next.len());
        }
        if forked {
            self.wait();
        }
    }

    fn run_part(&self, part: usize) {
        let end = self.tasks * (part + 1) / self.next.len();
        loop {
            let task = self.next[part].fetch_add(1, Ordering::Relaxed);
            if task >= end {
                return;
            }
            (self.body)(task);
            self.finished.fetch_add(1, Ordering::Release);
        }
    }

    /// Spins until the tasks that others have taken have ended, for a while: where there are more threads than cores
    /// one may take long, and one may have panicked. rayon, to which this returns, then sleeps until it is woken.
    fn wait(&self) {
        let start = Instant::now();
        while self.finished.load(Ordering::Acquire) < self.tasks && start.elapsed() < SPIN_TIME {
            std::hint::spin_loop();
        }
    }
}

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

/// Calls `body` with each item, on the threads at hand and in the caller's grad mode, and returns when all calls have
/// ended.
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
    for_each_item(items, |item| mode.run(|| body(item)));
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
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn every_task_runs_once_inside_and_outside_a_pool() {
        let check = || {
            let seen = AtomicU64::new(0);
            for_each_task(60, |task| {
                let before = seen.fetch_or(1 << task, Ordering::Relaxed);
                assert_eq!(before & (1 << task), 0, "task {task} ran twice");
            });
            assert_eq!(seen.into_inner(), (1 << 60) - 1);
        };
        check();
        with_threads(3, check);
    }

    #[test]
    fn the_flag_is_default_inside_a_fork_and_restored_after_it() {
        with_threads(2, || {
            with_recording(false, || {
                for_each_task(8, |_| assert!(is_recording()));
                assert!(!is_recording());
            });
        });
    }

    #[test]
    fn a_queue_runs_every_task_once_on_any_number_of_threads() {
        for threads in [1, 2, 3, 8] {
            for tasks in [1, 2, 3, 7, 8, 100] {
                let runs: Vec<_> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                with_threads(threads, || {
                    let body = |task: usize| {
                        runs[task].fetch_add(1, Ordering::Relaxed);
                    };
                    TaskQueue::new(tasks, &body).run();
                });
                assert!(
                    runs.iter().all(|runs| runs.load(Ordering::Relaxed) == 1),
                    "{tasks} tasks on {threads} threads"
                );
            }
        }
    }

    #[test]
    fn a_thread_begins_with_its_own_part() {
        let first = std::sync::OnceLock::new();
        with_threads(2, || {
            let here = rayon::current_thread_index();
            let body = |task: usize| {
                if rayon::current_thread_index() == here {
                    first.get_or_init(|| task);
                } else {
                    first.wait(); // Or the other thread might be done with both parts before this one begins.
                }
            };
            TaskQueue::new(8, &body).run();
            assert_eq!(first.get(), Some(&(4 * here.unwrap())));
        });
    }

    #[test]
    fn a_panic_of_another_thread_reaches_the_caller() {
        for threads in [1, 2, 4] {
            let caught = std::panic::catch_unwind(|| {
                with_threads(threads, || TaskQueue::new(16, &|task| assert!(task != 11, "task 11 fails")).run());
            });
            let panic = caught.unwrap_err();
            assert!(panic.downcast_ref::<&str>().is_some_and(|message| message.contains("task 11 fails")));
        }
    }

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
    #[should_panic(
        expected = "with_threads: 18446744073709551615 threads are more than the 65535 that a pool can have"
    )]
    fn a_pool_has_a_limit() {
        with_threads(usize::MAX, || ());
    }

    #[test]
    #[should_panic(expected = "set_num_threads: 65536 threads are more than the 65535 that a pool can have")]
    fn the_default_has_a_limit() {
        set_num_threads(1 << 16);
    }

    #[test]
    fn pools_that_are_asked_for_at_once_are_one() {
        let pools: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| pool(5))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(pools.iter().all(|other| Arc::ptr_eq(other, &pools[0])));
    }

    #[test]
    fn a_surrounding_pool_wins() {
        assert_eq!(with_threads(3, || with_threads(2, num_threads)), 3);
    }

    #[test]
    fn the_flag_goes_with_the_closure_into_the_pool() {
        assert!(with_recording(false, || with_threads(2, || !is_recording())));
        assert!(with_threads(2, is_recording));
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
