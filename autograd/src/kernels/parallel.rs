//! Every fork of the engine goes through here: how many threads there are, when a second one pays, and what a
//! task that rayon steals must not inherit.
//!
//! **The grad mode.** `no_grad` is a flag of the thread. rayon steals: a kernel that forks under `no_grad` may, while it
//! waits, run somebody's training task on this very thread, and that task would record nothing. So the flag is put back to
//! its default around each rayon call and restored after it. That is why the flag lives here, below the graph that reads it.
//! What the thread traces is put aside in the same way. A caller's own calls of rayon do not pass here: [`tasks`](super::tasks) has
//! the forks for them.
//!
//! **No lock** of the engine is held by a thread that forks: a task that it runs while it waits might ask for the same lock.
//!
//! **The same bits for any number of threads.** Work is split by its size, never by the number of threads, and partial results are
//! combined in order; the number of threads only decides who computes a part.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::crew::Crew;
use super::lookout::{self, Lookout};
use crate::error::mistake;
use crate::lock::{ShortLock, none_is_held};
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

/// Sets how many threads calls from outside a rayon pool use. 0 means the default: what the environment variable `RAYON_NUM_THREADS` says, else as many as the
/// machine has.
///
/// Prefer [`with_threads`] around a training loop: a fork from inside a pool costs about 2 µs, from outside about 25.
///
/// ```
/// autograd::set_num_threads(1);
/// assert_eq!(autograd::num_threads(), 1);
/// # autograd::set_num_threads(0);
/// ```
///
/// # Panics
/// If these are more threads than a pool can have.
#[track_caller]
pub fn set_num_threads(threads: usize) {
    check_threads("set_num_threads", threads);
    DEFAULT_THREADS.store(threads, Ordering::Relaxed);
}

/// How many threads a kernel that is called here would use: those of the surrounding pool, else the default of [`set_num_threads`].
pub fn num_threads() -> usize {
    if rayon::current_thread_index().is_some() {
        return rayon::current_num_threads();
    }
    match DEFAULT_THREADS.load(Ordering::Relaxed) {
        0 => default_threads(),
        threads => threads,
    }
}

/// Whether this thread belongs to a pool, such as that of [`with_threads`]. All callers in a process share the pools, so a thread that waits there for another caller may
/// occupy the very thread that this one needs.
pub fn is_in_pool() -> bool {
    rayon::current_thread_index().is_some()
}

/// The index of this thread among those of its pool, below [`num_threads`]; 0 outside of a pool.
pub(super) fn thread_index() -> usize {
    rayon::current_thread_index().unwrap_or(0)
}

/// The threads of a machine on which nobody chose a number.
fn default_threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| {
        let chosen = std::env::var("RAYON_NUM_THREADS").ok().and_then(|value| value.parse().ok());
        let threads = chosen.filter(|&threads| threads > 0);
        threads
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
            .min(rayon::max_num_threads())
    })
}

#[track_caller]
fn check_threads(operation: &str, threads: usize) {
    let most = rayon::max_num_threads();
    if threads > most {
        mistake(operation, format_args!("{threads} threads are more than the {most} that a pool can have"));
    }
}

/// Runs `body` inside a pool of `threads` threads and returns what it returns. 0 means the default: what the environment variable `RAYON_NUM_THREADS` says, else
/// as many as the machine has.
///
/// The grad mode of the caller goes with it. Inside a rayon pool already, that pool wins and `body` simply runs: the engine never
/// oversubscribes a caller who brought a pool. Pools are kept and used again. After a fork their threads look out for the next one, awake, for 200 µs
/// before they sleep. Each has as much stack as the main thread, 8 MiB at least.
///
/// **Your own calls of rayon inside `body`** run tasks on threads that may just be in the middle of something else: a thread that waits in your `rayon::join` or
/// parallel iterator runs any task of the pool, and in the grad mode that it happens to be in. A task that was stolen under somebody's [`no_grad`](crate::no_grad)
/// records nothing, and its gradients are lost. Fork with [`join`](crate::join), [`for_each`](crate::for_each) or [`map_each`](crate::map_each) instead, which carry
/// the mode with each task. And hold no lock over a fork: a task that the waiting thread runs may ask for it.
///
/// ```
/// let inside = autograd::with_threads(2, autograd::num_threads);
/// assert_eq!(inside, 2);
/// ```
///
/// # Panics
/// If these are more threads than a pool can have, or the system refuses to start them; and whatever `body` panics with.
#[track_caller]
pub fn with_threads<R: Send>(threads: usize, body: impl FnOnce() -> R + Send) -> R {
    debug_assert!(none_is_held(), "with_threads: a lock is held");
    check_threads("with_threads", threads);
    if rayon::current_thread_index().is_some() {
        return body();
    }
    let threads = if threads == 0 { default_threads() } else { threads };
    let recording = is_recording();
    pool(threads).install(|| {
        let result = with_recording(recording, body);
        trace::flush();
        result
    })
}

/// The pool of so many threads, started when it is asked for first.
#[track_caller]
fn pool(threads: usize) -> Arc<ThreadPool> {
    static POOLS: ShortLock<BTreeMap<usize, Arc<ThreadPool>>> = ShortLock::new(BTreeMap::new());
    if let Some(pool) = POOLS.with(|pools| pools.get(&threads).map(Arc::clone)) {
        return pool;
    }
    // Started without the lock, as the system may take its time or refuse. Of two threads that come here at once, one finds the other's pool in its place.
    let lookout = Lookout::new(threads);
    let started = ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(stack_bytes())
        .thread_name(|index| format!("autograd-{index}"))
        .start_handler(move |_| lookout.enter())
        .build();
    match started {
        Ok(pool) => {
            let pool = Arc::new(pool);
            POOLS.with(|pools| Arc::clone(pools.entry(threads).or_insert_with(|| Arc::clone(&pool))))
        }
        Err(error) => panic!("with_threads: the system did not start {threads} threads: {error}"),
    }
}

/// Bytes of a worker's stack: as many as the main thread's may grow to, since what runs on the main thread may be run by a worker. The system provides
/// memory for the part that is used.
fn stack_bytes() -> usize {
    const USUAL: usize = 8 << 20;
    const MAX: usize = 1 << 30;
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` is valid for writing, and the call does nothing else.
        if unsafe { libc::getrlimit(libc::RLIMIT_STACK, &mut limit) } == 0 && limit.rlim_cur != libc::RLIM_INFINITY {
            return usize::try_from(limit.rlim_cur).unwrap_or(MAX).clamp(USUAL, MAX);
        }
    }
    USUAL
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
    let items: Vec<_> = items.into_iter().map(|item| ShortLock::new(Some(item))).collect();
    fork_tasks(items.len(), &|task| {
        let item = items[task].with(Option::take);
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

/// Runs what forks in the surrounding pool or the default one. Meanwhile this thread's grad mode is the default one and its trace is put aside, since
/// it may run tasks that are not its own.
pub(super) fn fork(run: impl FnOnce() + Send) {
    debug_assert!(none_is_held(), "a fork: a lock is held");
    let run = || lookout::forking(|| trace::aside(|| with_recording(true, run)));
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
}
