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
//! In a pool that a caller brought workers sleep as they do; how they wait is the caller's to say.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rayon::Yield;

/// How long a worker looks after the last fork, and after what it last did; and how long who forked waits for the others, awake. It is longer than the
/// serial stretches of a training step, and shorter than anything one would notice.
pub(super) const PATIENCE: Duration = Duration::from_micros(200);
/// Pauses between two looks: about a microsecond, so that looking doesn't take the forker's cache lines away all the time.
const PAUSES: usize = 16;
/// After how many fruitless looks in a row the forks to sit out are no longer doubled.
const MOST_DOUBLINGS: u32 = 10;

/// What the workers of one pool share.
pub(super) struct Lookout {
    start: Instant,
    /// Nanoseconds from the start to the last fork.
    forked: AtomicU64,
    /// How many workers have such a task that has not ended.
    looking: AtomicUsize,
    /// Looks in a row that found nothing.
    fruitless: AtomicU32,
    /// Forks still to sit out.
    to_skip: AtomicU32,
}

thread_local! {
    /// The lookout of the pool of ours that this thread works for.
    static OURS: OnceCell<Arc<Lookout>> = const { OnceCell::new() };
}

impl Lookout {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            forked: AtomicU64::new(0),
            looking: AtomicUsize::new(0),
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

    fn fork(self: &Arc<Self>) {
        self.forked.store(self.now(), Relaxed);
        let others = rayon::current_num_threads() - 1;
        if others == 0 || self.looking.load(Relaxed) > 0 {
            return;
        }
        let to_skip = self.to_skip.load(Relaxed);
        if to_skip > 0 {
            return self.to_skip.store(to_skip - 1, Relaxed);
        }
        if self.looking.compare_exchange(0, others, Relaxed, Relaxed).is_ok() {
            let (lookout, forker) = (Arc::clone(self), rayon::current_thread_index());
            rayon::spawn_broadcast(move |worker| {
                if Some(worker.index()) != forker {
                    lookout.look();
                }
            });
        }
    }

    fn look(&self) {
        let (mut found, mut done) = (false, 0);
        while self.now().saturating_sub(self.forked.load(Relaxed).max(done)) < PATIENCE.as_nanos() as u64 {
            if rayon::yield_now() == Some(Yield::Executed) {
                (found, done) = (true, self.now());
            } else {
                (0..PAUSES).for_each(|_| std::hint::spin_loop());
            }
        }
        let fruitless = if found { 0 } else { (self.fruitless.load(Relaxed) + 1).min(MOST_DOUBLINGS) };
        self.fruitless.store(fruitless, Relaxed);
        self.to_skip.store((1 << fruitless) - 1, Relaxed);
        self.looking.fetch_sub(1, Relaxed);
    }
}

/// To be called on a worker that is about to fork.
pub(super) fn keep_awake() {
    OURS.with(|ours| {
        if let Some(lookout) = ours.get() {
            lookout.fork();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::with_threads;

    fn pool_of_two() -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap()
    }

    #[test]
    fn looks_that_find_nothing_become_rare() {
        let lookout = Lookout::new();
        for to_skip in [1, 3, 7, 15] {
            lookout.looking.store(1, Relaxed);
            lookout.look();
            assert_eq!((lookout.looking.load(Relaxed), lookout.to_skip.load(Relaxed)), (0, to_skip));
        }
        // A pool of its own: in one that is shared a worker might find the work of other tests.
        pool_of_two().install(|| {
            for left in (0..15).rev() {
                lookout.fork();
                assert_eq!((lookout.looking.load(Relaxed), lookout.to_skip.load(Relaxed)), (0, left));
            }
            lookout.fork(); // And now the other worker looks, and finds nothing again.
            while lookout.looking.load(Relaxed) > 0 {
                std::hint::spin_loop();
            }
            assert_eq!(lookout.fruitless.load(Relaxed), 5);
        });
    }

    #[test]
    fn workers_look_out_in_our_pools_alone() {
        let is_ours = || OURS.with(|ours| ours.get().is_some());
        assert!(with_threads(2, is_ours));
        assert!(!pool_of_two().install(is_ours));
    }
}
