//! Workers that look out for the next fork a while before they fall asleep.
//!
//! A worker of rayon that finds nothing to do sleeps after some microseconds, and waking it takes tens of them: in a virtual machine, whose other core
//! sleeps too, longer than most products of a training step. The serial stretches of a step (a loss, a small layer) are shorter than that. So whoever
//! forks in a pool of ours leaves each other worker one task, which looks for work until there has been none for [`PATIENCE`].
//!
//! The look is a **spin**, without a yield to the system: were both threads on one core, a yield would let the other one fork in time, and neither
//! would ever sleep, so that the system had no occasion to move one of them. And it **must pay**: a look that found nothing is not repeated for some forks,
//! twice as many each time.
//!
//! A look may find more than a task: the whole body of a `with_threads` that another thread calls just then. If that forks, its thread is no longer one that
//! looks, and the others are called in its place; and a thread that waits for its own fork doesn't look out for the forks of others.
//!
//! In a pool that a caller brought workers sleep as they do; how they wait is the caller's to say.

use std::cell::{Cell, OnceCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rayon::Yield;

use super::parallel::with_recording;

/// How long a worker looks after the last fork, and after what it last did; and how long who forked waits for the others, awake. It is longer than the
/// serial stretches of a training step, and shorter than anything one would notice.
pub(super) const PATIENCE: Duration = Duration::from_micros(200);
/// Pauses between two looks: about a microsecond, so that looking doesn't take the forker's cache lines away all the time.
const PAUSES: usize = 16;
/// After how many fruitless looks in a row the forks to sit out are no longer doubled.
const MAX_DOUBLINGS: u32 = 10;

/// What a worker is asked for: nothing, to look, or nothing more because it does.
const NOTHING: u8 = 0;
const CALLED: u8 = 1;
const LOOKING: u8 = 2;

/// What the workers of one pool share.
pub(super) struct Lookout {
    start: Instant,
    /// Nanoseconds from the start to the last fork.
    forked: AtomicU64,
    /// For each worker, one of the three.
    workers: Box<[AtomicU8]>,
    /// Looks in a row that found nothing.
    fruitless: AtomicU32,
    /// Forks still to sit out.
    to_skip: AtomicU32,
}

thread_local! {
    /// The lookout of the pool of ours that this thread works for.
    static OURS: OnceCell<Arc<Lookout>> = const { OnceCell::new() };
    /// Whether this thread is inside a fork of its own.
    static FORKS: Cell<bool> = const { Cell::new(false) };
}

impl Lookout {
    pub(super) fn new(threads: usize) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            forked: AtomicU64::new(0),
            workers: (0..threads).map(|_| AtomicU8::new(NOTHING)).collect(),
            fruitless: AtomicU32::new(0),
            to_skip: AtomicU32::new(0),
        })
    }

    /// Makes this thread a worker of the pool.
    pub(super) fn enter(self: &Arc<Self>) {
        OURS.with(|ours| ours.set(Arc::clone(self)).ok());
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// Calls the workers that don't look.
    fn fork(self: &Arc<Self>) {
        self.forked.store(self.now(), Relaxed);
        let here = rayon::current_thread_index();
        let others = self.workers.iter().enumerate().filter(|&(worker, _)| Some(worker) != here);
        if let Some(here) = here {
            // If this is inside a look of this worker, that is over.
            self.workers[here].store(NOTHING, Relaxed);
        }
        if others.clone().all(|(_, state)| state.load(Relaxed) != NOTHING) {
            return;
        }
        let to_skip = self.to_skip.load(Relaxed);
        if to_skip > 0 {
            return self.to_skip.store(to_skip - 1, Relaxed);
        }
        let call = |state: &AtomicU8| state.compare_exchange(NOTHING, CALLED, Relaxed, Relaxed).is_ok();
        if others.fold(false, |called, (_, state)| call(state) || called) {
            let lookout = Arc::clone(self);
            rayon::spawn_broadcast(move |worker| lookout.answer(worker.index()));
        }
    }

    /// Looks, if this worker was called.
    fn answer(&self, worker: usize) {
        if self.workers[worker].compare_exchange(CALLED, LOOKING, Relaxed, Relaxed).is_err() {
            return;
        }
        // Whatever this thread waits for, and in which grad mode: what it finds is not that.
        let found = !FORKS.get() && with_recording(true, || self.look(worker));
        let fruitless = if found { 0 } else { (self.fruitless.load(Relaxed) + 1).min(MAX_DOUBLINGS) };
        self.fruitless.store(fruitless, Relaxed);
        self.to_skip.store((1 << fruitless) - 1, Relaxed);
        self.workers[worker].store(NOTHING, Relaxed);
    }

    /// Looks for work until there has been none for a while, or until what was found forked by itself; tells whether there was any.
    fn look(&self, worker: usize) -> bool {
        let (mut found, mut done) = (false, 0);
        while self.now().saturating_sub(self.forked.load(Relaxed).max(done)) < PATIENCE.as_nanos() as u64 {
            if rayon::yield_now() == Some(Yield::Executed) {
                (found, done) = (true, self.now());
                if self.workers[worker].load(Relaxed) != LOOKING {
                    break;
                }
            } else {
                (0..PAUSES).for_each(|_| std::hint::spin_loop());
            }
        }
        found
    }
}

/// Runs what forks, while the other workers of this thread's pool look out for it.
pub(super) fn forking(run: impl FnOnce()) {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            FORKS.set(self.0);
        }
    }
    OURS.with(|ours| {
        if let Some(lookout) = ours.get() {
            lookout.fork();
        }
    });
    let _restore = Restore(FORKS.replace(true));
    run();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::with_threads;

    fn pool_of_two() -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap()
    }

    fn is_quiet(lookout: &Lookout) -> bool {
        lookout.workers.iter().all(|state| state.load(Relaxed) == NOTHING)
    }

    #[test]
    fn looks_that_find_nothing_become_rare() {
        let lookout = Lookout::new(2);
        for to_skip in [1, 3, 7, 15] {
            lookout.workers[0].store(CALLED, Relaxed);
            lookout.answer(0);
            assert_eq!((lookout.workers[0].load(Relaxed), lookout.to_skip.load(Relaxed)), (NOTHING, to_skip));
        }
        // A pool of its own: in one that is shared a worker might find the work of other tests.
        pool_of_two().install(|| {
            for left in (0..15).rev() {
                lookout.fork();
                assert_eq!((is_quiet(&lookout), lookout.to_skip.load(Relaxed)), (true, left));
            }
            lookout.fork(); // And now the other worker looks, and finds nothing again.
            while !is_quiet(&lookout) {
                std::hint::spin_loop();
            }
            assert_eq!(lookout.fruitless.load(Relaxed), 5);
        });
    }

    #[test]
    fn a_body_that_was_found_by_a_look_calls_the_other_worker() {
        let (lookout, pool) = (Lookout::new(2), pool_of_two());
        // Each body comes while a worker still looks after the fork of the one before, and mostly falls to that one. (On a busy machine a look may
        // be over before it is asked for here, so that one such body is enough.)
        let body = || {
            let here = rayon::current_thread_index().unwrap();
            let is_found = lookout.workers[here].load(Relaxed) == LOOKING;
            lookout.to_skip.store(0, Relaxed);
            lookout.fork();
            assert_eq!(lookout.workers[here].load(Relaxed), NOTHING);
            is_found && lookout.workers[1 - here].load(Relaxed) != NOTHING
        };
        assert!((0..10_000).any(|_| pool.install(body)));
    }

    #[test]
    fn who_waits_for_a_fork_of_its_own_does_not_look() {
        let lookout = Lookout::new(1);
        forking(|| {
            lookout.workers[0].store(CALLED, Relaxed);
            lookout.answer(0);
            assert_eq!((is_quiet(&lookout), lookout.fruitless.load(Relaxed)), (true, 1));
        });
        assert!(!FORKS.get());
    }

    #[test]
    fn workers_look_out_in_our_pools_alone() {
        let is_ours = || OURS.with(|ours| ours.get().is_some());
        assert!(with_threads(2, is_ours));
        assert!(!pool_of_two().install(is_ours));
    }
}
