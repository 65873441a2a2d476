//! The threads: how many there are, what they wait for, and in which mode they run somebody's task.
//!
//! **What rayon does:** it starts the threads of a pool, hands closures from one to another (a thread that has nothing
//! to do steals one), and lets a thread that found nothing for some microseconds sleep.
//!
//! **What we do:** in a pool of ours a worker *spins* for [`SPIN_TIME`] after a fork before it goes back to rayon,
//! which lets it sleep. To wake a sleeping worker takes tens of microseconds: in a virtual machine, whose other core
//! sleeps too, longer than most products of a training step. The serial parts of a step (a loss, a small layer) are
//! shorter than that. So whoever forks gives each worker that does not spin one task, which asks rayon for work until
//! there has been none for the spin time.
//!
//! - The worker does not yield to the system while it spins: if both threads were on one core, a yield would let the
//!   other one fork in time, neither would ever sleep, and the system would have no occasion to move one of them.
//! - Spinning must pay: after a spin that found nothing, some forks wake nobody, twice as many each time.
//! - A spinning worker may be given the whole body of a `with_threads` that another thread calls. When that forks, its
//!   thread no longer spins, and the others are woken instead. A thread that waits for its own fork does not spin.
//! - In a pool that a caller brought, workers sleep as rayon has it.
//!
//! **The grad mode** is a flag of the thread. A thread that waits in rayon runs tasks of others, and would run them in
//! the mode that it happens to be in. So the flag is put back to its default around each call of rayon, and restored
//! after it. That is why it is in [`mode`](crate::mode), below the graph that reads it.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder, Yield};

use crate::error::argument_error;
use crate::lock::{ShortLock, none_is_held};
use crate::mode::{Mode, with_default};
use crate::trace;

static DEFAULT_THREADS: AtomicUsize = AtomicUsize::new(0);

/// Sets how many threads calls from outside a rayon pool use. 0 means the default: what the environment variable
/// `RAYON_NUM_THREADS` says, else as many as the machine has.
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
    DEFAULT_THREADS.store(threads, Relaxed);
}

/// How many threads a kernel that is called here would use: those of the surrounding pool, else the default of
/// [`set_num_threads`].
pub fn num_threads() -> usize {
    if rayon::current_thread_index().is_some() {
        return rayon::current_num_threads();
    }
    match DEFAULT_THREADS.load(Relaxed) {
        0 => default_threads(),
        threads => threads,
    }
}

/// Whether this thread belongs to a pool, such as that of [`with_threads`]. All callers in a process share the pools: a
/// thread of a pool that waits for another caller may be the one that this caller needs.
pub fn is_in_pool() -> bool {
    rayon::current_thread_index().is_some()
}

/// The index of this thread among those of its pool, below [`num_threads`]; 0 outside of a pool.
pub(crate) fn thread_index() -> usize {
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
        argument_error(operation, format_args!("{threads} threads are more than the {most} that a pool can have"));
    }
}

/// Runs `body` inside a pool of `threads` threads and returns what it returns. 0 means the default: what the
/// environment variable `RAYON_NUM_THREADS` says, else as many as the machine has.
///
/// The grad mode of the caller goes with it. Inside a rayon pool already, that pool wins and `body` simply runs: the
/// engine never oversubscribes a caller who brought a pool. Pools are kept and used again. After a fork their threads
/// spin for 200 µs before they sleep. Each has as much stack as the main thread, 8 MiB at least.
///
/// **Your own calls of rayon inside `body`** run tasks on threads that may just be in the middle of something else: a
/// thread that waits in your `rayon::join` or parallel iterator runs any task of the pool, and in the grad mode that it
/// happens to be in. A task that was stolen under somebody's [`no_grad`](crate::no_grad) records nothing, and its
/// gradients are lost. Fork with [`join`](crate::join), [`for_each`](crate::for_each) or
/// [`map_each`](crate::map_each) instead, which carry the mode with each task. And hold no lock over a fork: a task
/// that the waiting thread runs may ask for it.
///
/// ```
/// let inside = autograd::with_threads(2, autograd::num_threads);
/// assert_eq!(inside, 2);
/// ```
///
/// # Panics
/// If these are more threads than a pool can have, or the system refuses to start them; and whatever `body` panics
/// with.
#[track_caller]
pub fn with_threads<R: Send>(threads: usize, body: impl FnOnce() -> R + Send) -> R {
    debug_assert!(none_is_held(), "with_threads: a lock is held");
    check_threads("with_threads", threads);
    if rayon::current_thread_index().is_some() {
        return body();
    }
    let threads = if threads == 0 { default_threads() } else { threads };
    let mode = Mode::current();
    pool(threads).install(|| {
        let result = mode.run(body);
        trace::flush();
        result
    })
}

/// The pool of so many threads, started when it is asked for first.
#[track_caller]
pub(super) fn pool(threads: usize) -> Arc<ThreadPool> {
    static POOLS: ShortLock<BTreeMap<usize, Arc<ThreadPool>>> = ShortLock::new(BTreeMap::new());
    if let Some(pool) = POOLS.with(|pools| pools.get(&threads).map(Arc::clone)) {
        return pool;
    }
    // Started without the lock, as the system may take its time or refuse. Of two threads that come here at once, the
    // second finds the first one's pool in the map.
    let workers = Workers::new(threads);
    let started = ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(stack_bytes())
        .thread_name(|index| format!("autograd-{index}"))
        .start_handler(move |_| workers.join_pool())
        .build();
    match started {
        Ok(pool) => {
            let pool = Arc::new(pool);
            POOLS.with(|pools| Arc::clone(pools.entry(threads).or_insert_with(|| Arc::clone(&pool))))
        }
        Err(error) => panic!("with_threads: the system did not start {threads} threads: {error}"),
    }
}

/// Bytes of a worker's stack: as many as the main thread's may grow to, since what runs on the main thread may be run
/// by a worker. The system provides memory for the part that is used.
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

/// How long a worker spins after the last fork, and after what it last did; and how long who forked spins until the
/// others have ended. It is longer than the serial parts of a training step, and shorter than anything one would
/// notice.
pub(super) const SPIN_TIME: Duration = Duration::from_micros(200);
/// How long a spinning worker waits between two questions for work: long enough that the forking thread keeps its cache
/// lines, and short beside a fork. A time and not a number of pauses, since a pause takes 40 to 140 cycles, as the
/// processor has it.
const QUESTION_INTERVAL: Duration = Duration::from_nanos(250);
/// After how many spins in a row that found nothing the number of forks that wake nobody is no longer doubled.
const MAX_DOUBLINGS: u32 = 10;

/// The state of a worker: it sleeps, or does what rayon gave it; it was woken to spin; it spins.
const SLEEPING: u8 = 0;
const WOKEN: u8 = 1;
const SPINNING: u8 = 2;

/// What the workers of one pool share.
pub(super) struct Workers {
    start: Instant,
    /// Nanoseconds from the start to the last fork.
    forked: AtomicU64,
    /// The state of each worker.
    states: Box<[AtomicU8]>,
    /// Spins in a row that found nothing.
    idle_spins: AtomicU32,
    /// Forks that wake nobody, still to come.
    forks_to_skip: AtomicU32,
}

thread_local! {
    /// The workers of the pool of ours that this thread is one of.
    static WORKERS: OnceCell<Arc<Workers>> = const { OnceCell::new() };
    /// Whether this thread is inside a fork of its own.
    static IS_FORKING: Cell<bool> = const { Cell::new(false) };
}

impl Workers {
    pub(super) fn new(threads: usize) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            forked: AtomicU64::new(0),
            states: (0..threads).map(|_| AtomicU8::new(SLEEPING)).collect(),
            idle_spins: AtomicU32::new(0),
            forks_to_skip: AtomicU32::new(0),
        })
    }

    /// Makes this thread a worker of the pool.
    pub(super) fn join_pool(self: &Arc<Self>) {
        WORKERS.with(|ours| ours.set(Arc::clone(self)).ok());
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// Wakes the workers that do not spin.
    fn wake(self: &Arc<Self>) {
        self.forked.store(self.now(), Relaxed);
        let here = rayon::current_thread_index();
        let others = self.states.iter().enumerate().filter(|&(worker, _)| Some(worker) != here);
        if let Some(here) = here {
            // If this worker was spinning and was given what forks now, it spins no longer.
            self.states[here].store(SLEEPING, Relaxed);
        }
        if others.clone().all(|(_, state)| state.load(Relaxed) != SLEEPING) {
            return;
        }
        let forks_to_skip = self.forks_to_skip.load(Relaxed);
        if forks_to_skip > 0 {
            return self.forks_to_skip.store(forks_to_skip - 1, Relaxed);
        }
        let wake = |state: &AtomicU8| state.compare_exchange(SLEEPING, WOKEN, Relaxed, Relaxed).is_ok();
        if others.fold(false, |woken, (_, state)| wake(state) || woken) {
            let workers = Arc::clone(self);
            rayon::spawn_broadcast(move |worker| workers.spin_if_woken(worker.index()));
        }
    }

    /// Spins, if this worker was woken.
    fn spin_if_woken(&self, worker: usize) {
        if self.states[worker].compare_exchange(WOKEN, SPINNING, Relaxed, Relaxed).is_err() {
            return;
        }
        // Whatever this thread waits for, and in which grad mode: what it finds is not that.
        let found = !IS_FORKING.get() && with_default(|| self.spin(worker));
        let idle_spins = if found { 0 } else { (self.idle_spins.load(Relaxed) + 1).min(MAX_DOUBLINGS) };
        self.idle_spins.store(idle_spins, Relaxed);
        self.forks_to_skip.store((1 << idle_spins) - 1, Relaxed);
        self.states[worker].store(SLEEPING, Relaxed);
    }

    /// Asks rayon for work until there has been none for the spin time, or until what was found forked by itself.
    /// Returns whether there was any.
    fn spin(&self, worker: usize) -> bool {
        let (mut found, mut done) = (false, 0);
        while self.now().saturating_sub(self.forked.load(Relaxed).max(done)) < SPIN_TIME.as_nanos() as u64 {
            if rayon::yield_now() == Some(Yield::Executed) {
                (found, done) = (true, self.now());
                if self.states[worker].load(Relaxed) != SPINNING {
                    break;
                }
            } else {
                let asked = self.now();
                while self.now() - asked < QUESTION_INTERVAL.as_nanos() as u64 {
                    std::hint::spin_loop();
                }
            }
        }
        found
    }
}

/// Runs what forks, while the other workers of this thread's pool spin.
pub(super) fn with_spinning(run: impl FnOnce()) {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            IS_FORKING.set(self.0);
        }
    }
    WORKERS.with(|ours| {
        if let Some(workers) = ours.get() {
            workers.wake();
        }
    });
    let _restore = Restore(IS_FORKING.replace(true));
    run();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool_of_two() -> ThreadPool {
        ThreadPoolBuilder::new().num_threads(2).build().unwrap()
    }

    fn all_sleep(workers: &Workers) -> bool {
        workers.states.iter().all(|state| state.load(Relaxed) == SLEEPING)
    }

    #[test]
    fn spins_that_find_nothing_become_rare() {
        let workers = Workers::new(2);
        for forks_to_skip in [1, 3, 7, 15] {
            workers.states[0].store(WOKEN, Relaxed);
            workers.spin_if_woken(0);
            assert_eq!(
                (workers.states[0].load(Relaxed), workers.forks_to_skip.load(Relaxed)),
                (SLEEPING, forks_to_skip)
            );
        }
        // A pool of its own: in one that is shared a worker might find the work of other tests.
        pool_of_two().install(|| {
            for left in (0..15).rev() {
                workers.wake();
                assert_eq!((all_sleep(&workers), workers.forks_to_skip.load(Relaxed)), (true, left));
            }
            workers.wake(); // And now the other worker spins, and finds nothing again.
            while !all_sleep(&workers) {
                std::hint::spin_loop();
            }
            assert_eq!(workers.idle_spins.load(Relaxed), 5);
        });
    }

    #[test]
    fn a_body_that_was_found_while_spinning_wakes_the_other_worker() {
        let (workers, pool) = (Workers::new(2), pool_of_two());
        // Each body comes while a worker still spins after the fork of the one before, and is mostly given to that one.
        // (On a busy machine it may have stopped before it is asked here, so one such body is enough.)
        let body = || {
            let here = rayon::current_thread_index().unwrap();
            let is_found = workers.states[here].load(Relaxed) == SPINNING;
            workers.forks_to_skip.store(0, Relaxed);
            workers.wake();
            assert_eq!(workers.states[here].load(Relaxed), SLEEPING);
            is_found && workers.states[1 - here].load(Relaxed) != SLEEPING
        };
        assert!((0..10_000).any(|_| pool.install(body)));
    }

    #[test]
    fn a_thread_that_waits_for_its_own_fork_does_not_spin() {
        let workers = Workers::new(1);
        with_spinning(|| {
            workers.states[0].store(WOKEN, Relaxed);
            workers.spin_if_woken(0);
            assert_eq!((all_sleep(&workers), workers.idle_spins.load(Relaxed)), (true, 1));
        });
        assert!(!IS_FORKING.get());
    }

    #[test]
    fn workers_spin_in_our_pools_alone() {
        let is_ours = || WORKERS.with(|ours| ours.get().is_some());
        assert!(with_threads(2, is_ours));
        assert!(!pool_of_two().install(is_ours));
    }
}
