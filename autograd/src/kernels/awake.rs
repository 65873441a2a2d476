//! Workers that stay awake between two forks.
//!
//! A worker of rayon goes to sleep some 20 µs after it last found work, and waking it takes as long again, or longer. A training step forks every
//! few µs, but has serial stretches too (a loss, a small layer), and at each of them the other threads would fall asleep and come late to
//! the next fork. So a fork inside of [`with_threads`](super::parallel::with_threads) leaves each other worker a task that looks for work a
//! little longer. It runs whatever the pool has to run, and yields to other threads and programs meanwhile.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a worker looks for work after the last fork: longer than the serial stretches of a step, too short to matter where nothing follows.
const AFTER_A_FORK: Duration = Duration::from_micros(100);
/// How long it may do so in all. (Somebody's `rayon::join` may be waiting below it on the stack.)
const IN_ALL: Duration = Duration::from_millis(1);

/// A yield that took longer gave the processor away for a whole turn: perhaps to the very thread that forks, while another one is idle. A thread
/// that never sleeps is not moved there for a second or so; one that sleeps is, when it wakes.
const A_TURN: Duration = Duration::from_millis(1);
/// For how many forks a worker that shared its processor is left to fall asleep as rayon has it. So it is at first, too, until the threads have found
/// a processor each.
const REST: u64 = 4096;

/// What the thread that forks shares with the workers that look for its work.
struct Watch {
    forks: AtomicU64,
    rests_until: AtomicU64,
    looking: AtomicUsize,
}

thread_local! {
    static WATCH: RefCell<Option<Arc<Watch>>> = const { RefCell::new(None) };
}

/// Runs `body`, the forks of which keep this pool's other workers awake.
pub(super) fn while_forking<R>(body: impl FnOnce() -> R) -> R {
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            WATCH.take();
        }
    }
    let watch = Watch { forks: AtomicU64::new(0), rests_until: AtomicU64::new(REST), looking: AtomicUsize::new(0) };
    WATCH.set(Some(Arc::new(watch)));
    let _end = End;
    body()
}

/// Says that this thread is about to fork.
pub(super) fn forking() {
    WATCH.with_borrow(|watch| {
        let Some(watch) = watch else { return };
        let forks = watch.forks.fetch_add(1, Ordering::Relaxed);
        if watch.looking.load(Ordering::Relaxed) == 0 && forks >= watch.rests_until.load(Ordering::Relaxed) {
            watch.looking.store(rayon::current_num_threads() - 1, Ordering::Relaxed);
            let (watch, own) = (Arc::clone(watch), rayon::current_thread_index());
            rayon::spawn_broadcast(move |context| {
                if Some(context.index()) != own {
                    look(&watch);
                    watch.looking.fetch_sub(1, Ordering::Relaxed);
                }
            });
        }
    });
}

fn look(watch: &Watch) {
    let begin = Instant::now();
    let (mut seen, mut last) = (watch.forks.load(Ordering::Relaxed), begin);
    loop {
        if rayon::yield_now() != Some(rayon::Yield::Executed) {
            let asked = Instant::now();
            std::thread::yield_now();
            if asked.elapsed() > A_TURN {
                watch.rests_until.store(watch.forks.load(Ordering::Relaxed) + REST, Ordering::Relaxed);
                return;
            }
        }
        let (forks, now) = (watch.forks.load(Ordering::Relaxed), Instant::now());
        if forks != seen {
            (seen, last) = (forks, now);
        }
        if now - last > AFTER_A_FORK || now - begin > IN_ALL {
            return;
        }
    }
}
