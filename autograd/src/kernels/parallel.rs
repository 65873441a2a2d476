//! Every fork of the engine goes through here: how many threads there are, when a second one pays, and what a
//! task that rayon steals must not inherit.
//!
//! **The grad mode.** `no_grad` is a flag of the thread. rayon steals: a kernel that forks under `no_grad` may, while it
//! waits, run somebody's training task on this very thread, and that task would record nothing. So the flag is put back to
//! its default around each rayon call and restored after it. That is why the flag lives here, below the graph that reads it.
//!
//! **The same bits for any number of threads.** Work is split by its size, never by the number of threads, and partial results are
//! combined in order; the number of threads only decides who computes a part.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::crew::Crew;
use super::lookout::{self, Lookout};
use crate::trace;

thread_local! {
    static RECORDING: Cell<bool> = const { Cell::new(true) };
}

/// Whether ops on this thread enter the graph.
#[inline]
pub(crate) fn is_recording() -> bool {
    RECORDING.get()
}

/// Runs `body` with the flag set to `recording` on this thread, and restores it afterwards, also when `body` panics.
pub(crate) fn with_recording<R>(recording: bool, body: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            RECORDING.set(self.0);
        }
    }
    let _restore = Restore(RECORDING.replace(recording));
    body()
}

/// Elements below which an elementwise pass stays on one thread. A fork inside a pool costs about 2 µs when the other thread is awake
/// and 20 µs when it sleeps; one core streams a few elements a nanosecond from cache, so 32 k elements are about 10 µs.
pub(crate) const ELEMENTS_PER_TASK: usize = 1 << 15;

static DEFAULT_THREADS: AtomicUsize = AtomicUsize::new(0);

/// Sets how many threads calls from outside a rayon pool use; 0 means as many as the machine has.
///
/// Prefer [`with_threads`] around a training loop: a fork from inside a pool costs about 2 µs, from outside about 25.
///
/// ```
/// autograd::set_num_threads(1);
/// assert_eq!(autograd::num_threads(), 1);
/// # autograd::set_num_threads(0);
/// ```
pub fn set_num_threads(threads: usize) {
    DEFAULT_THREADS.store(threads, Ordering::Relaxed);
}

/// How many threads a kernel that is called here would use: those of the surrounding pool, else the default of [`set_num_threads`].
pub fn num_threads() -> usize {
    if rayon::current_thread_index().is_some() {
        return rayon::current_num_threads();
    }
    match DEFAULT_THREADS.load(Ordering::Relaxed) {
        0 => machine_threads(),
        threads => threads,
    }
}

fn machine_threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Runs `body` inside a pool of `threads` threads (0: as many as the machine has) and returns what it returns.
///
/// The grad mode of the caller goes with it. Inside a rayon pool already, that pool wins and `body` simply runs: the engine never
/// oversubscribes a caller who brought a pool. Pools are kept and used again. After a fork their threads look out for the next one, awake, for 200 µs
/// before they sleep.
///
/// ```
/// let inside = autograd::with_threads(2, autograd::num_threads);
/// assert_eq!(inside, 2);
/// ```
///
/// # Panics
/// If the system refuses to start the threads; and whatever `body` panics with.
pub fn with_threads<R: Send>(threads: usize, body: impl FnOnce() -> R + Send) -> R {
    if rayon::current_thread_index().is_some() {
        return body();
    }
    let threads = if threads == 0 { machine_threads() } else { threads };
    let recording = is_recording();
    pool(threads).install(|| {
        let result = with_recording(recording, body);
        trace::flush();
        result
    })
}

fn pool(threads: usize) -> Arc<ThreadPool> {
    static POOLS: Mutex<Option<HashMap<usize, Arc<ThreadPool>>>> = Mutex::new(None);
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let pools = pools.get_or_insert_default();
    let pool = pools.entry(threads).or_insert_with(|| {
        let lookout = Lookout::new(threads);
        let built = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("autograd-{index}"))
            .start_handler(move |_| lookout.enter())
            .build();
        match built {
            Ok(pool) => Arc::new(pool),
            Err(error) => panic!("with_threads: the system did not start {threads} threads: {error}"),
        }
    });
    Arc::clone(pool)
}

/// Calls `body(0) ... body(tasks - 1)`, each once, on the threads at hand, and returns when all are done.
///
/// The caller chooses `tasks` from the size of the problem alone. One task, or one thread, forks nothing.
pub(crate) fn for_each_task(tasks: usize, body: impl Fn(usize) + Sync) {
    if tasks <= 1 || num_threads() <= 1 {
        return (0..tasks).for_each(body);
    }
    fork_tasks(tasks, &body);
}

/// Cuts `out` into chunks of `length` elements and calls `body` with each one and the index of its first element, on the threads at hand.
pub(crate) fn for_each_chunk<T: Send>(out: &mut [T], length: usize, body: impl Fn(usize, &mut [T]) + Sync) {
    if out.len() <= length {
        return body(0, out);
    }
    for_each_of_several_chunks(out, length, &body);
}

/// Calls `body` with each of the items, on the threads at hand.
pub(crate) fn for_each_item<I: Send>(items: Vec<I>, body: impl Fn(I) + Sync) {
    if items.len() <= 1 || num_threads() <= 1 {
        return items.into_iter().for_each(body);
    }
    let items: Vec<_> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
    fork_tasks(items.len(), &|task| {
        let item = items[task].lock().unwrap_or_else(PoisonError::into_inner).take();
        body(item.expect("a task runs once"));
    });
}

fn for_each_of_several_chunks<T: Send>(out: &mut [T], length: usize, body: &(dyn Fn(usize, &mut [T]) + Sync)) {
    let chunks = out.chunks_mut(length).enumerate().map(|(index, chunk)| (index * length, chunk));
    if num_threads() <= 1 {
        return chunks.for_each(|(first, chunk)| body(first, chunk));
    }
    for_each_item(chunks.collect(), |(first, chunk)| body(first, chunk));
}

/// Hands the tasks out to a [`Crew`]. (A body is a `dyn`, since a fork would else be compiled once more for each kernel. A call through a pointer is nothing
/// beside a task.)
fn fork_tasks(tasks: usize, body: &(dyn Fn(usize) + Sync)) {
    fork(|| Crew::new(tasks, body).work());
}

/// Runs what forks in the surrounding pool or the default one, with the grad mode at its default meanwhile.
fn fork(run: impl FnOnce() + Send) {
    let run = || lookout::forking(|| with_recording(true, run));
    if rayon::current_thread_index().is_some() {
        run();
    } else {
        pool(num_threads()).install(run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
    fn the_flag_goes_with_the_closure_into_the_pool() {
        assert!(with_recording(false, || with_threads(2, || !is_recording())));
        assert!(with_threads(2, is_recording));
    }

    #[test]
    fn a_surrounding_pool_wins() {
        assert_eq!(with_threads(3, || with_threads(2, num_threads)), 3);
    }
}
