//! Numbered tasks, and the threads that work them off.
//!
//! Each thread begins with a part of the tasks that is its own, then helps the others:
//!
//! ```text
//!     tasks      0  1  2  3 | 4  5  6  7
//!     thread 0   →           then →           thread 1 begins at 4
//! ```
//!
//! So the same thread gets the same tasks each time, as long as all are equally fast, and finds in its cache what it wrote there in the last layer or the
//! last step. And no thread waits inside a task for another one, as halves of halves would: whoever finds no task left is free, and looks out for the next fork.
//!
//! Who forked waits a while awake for the last task to end: it takes less time than to fall asleep and be woken.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use smallvec::SmallVec;

use super::lookout::PATIENCE;

/// The tasks of a fork.
pub(super) struct Crew<'a> {
    body: &'a (dyn Fn(usize) + Sync),
    tasks: usize,
    /// For each part, the task to be taken next; it goes beyond the part's end when there is none left.
    next: SmallVec<[AtomicUsize; 8]>,
    /// How many tasks have ended.
    done: AtomicUsize,
}

impl<'a> Crew<'a> {
    /// A crew of the surrounding pool's threads.
    pub(super) fn new(tasks: usize, body: &'a (dyn Fn(usize) + Sync)) -> Self {
        let parts = rayon::current_num_threads().min(tasks).max(1);
        let next = (0..parts).map(|part| AtomicUsize::new(tasks * part / parts)).collect();
        Self { body, tasks, next, done: AtomicUsize::new(0) }
    }

    /// Works all tasks off, and returns when the last one has ended.
    pub(super) fn work(&self) {
        self.share(self.next.len(), true);
    }

    /// Lets so many threads work, this one among them.
    fn share(&self, threads: usize, forked: bool) {
        if threads > 1 {
            rayon::join(|| self.share(threads / 2, forked), || self.share(threads - threads / 2, false));
            return;
        }
        let home = rayon::current_thread_index().unwrap_or(0);
        for part in 0..self.next.len() {
            self.work_off((home + part) % self.next.len());
        }
        if forked {
            self.wait();
        }
    }

    fn work_off(&self, part: usize) {
        let end = self.tasks * (part + 1) / self.next.len();
        loop {
            let task = self.next[part].fetch_add(1, Ordering::Relaxed);
            if task >= end {
                return;
            }
            (self.body)(task);
            self.done.fetch_add(1, Ordering::Release);
        }
    }

    /// Waits for tasks that others have taken, but not for ever: where there are more threads than cores one may take long, and one may have panicked;
    /// rayon, to which this returns, sleeps and tells.
    fn wait(&self) {
        let start = Instant::now();
        while self.done.load(Ordering::Acquire) < self.tasks && start.elapsed() < PATIENCE {
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::with_threads;

    #[test]
    fn every_task_runs_once_on_any_number_of_threads() {
        for threads in [1, 2, 3, 8] {
            for tasks in [1, 2, 3, 7, 8, 100] {
                let runs: Vec<_> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                with_threads(threads, || {
                    let body = |task: usize| {
                        runs[task].fetch_add(1, Ordering::Relaxed);
                    };
                    Crew::new(tasks, &body).work();
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
            Crew::new(8, &body).work();
            assert_eq!(first.get(), Some(&(4 * here.unwrap())));
        });
    }

    #[test]
    fn a_panic_of_another_thread_is_told() {
        for threads in [1, 2, 4] {
            let caught = std::panic::catch_unwind(|| {
                with_threads(threads, || Crew::new(16, &|task| assert!(task != 11, "task 11 fails")).work());
            });
            assert!(caught.unwrap_err().downcast_ref::<&str>().is_some_and(|told| told.contains("task 11 fails")));
        }
    }
}
