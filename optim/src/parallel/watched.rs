//! A bound for the time that a rank waits for the others.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use autograd::Float;

use super::group::Group;

/// A group whose waiting is watched by a thread: where a call has not returned within the patience, the thread calls a
/// function, which ends the process.
///
/// A machine that is switched off, a cable that is pulled or a process that is stopped sends no error: without this,
/// the others would wait for ever.
///
/// ```
/// use std::time::Duration;
/// use optim::parallel::{Alone, Group, Watched};
/// let mut group = Watched::new(Alone, Duration::from_secs(30), || std::process::exit(75));
/// group.broadcast(&mut [1.0_f32]);
/// ```
#[derive(Debug)]
pub struct Watched<G> {
    group: G,
    calls: Arc<Calls>,
}

/// The calls of a group, as the watching thread sees them.
#[derive(Debug, Default)]
struct Calls {
    /// How many have begun and how many have ended, together: an odd number while one runs.
    changes: AtomicU64,
    has_ended: AtomicBool,
}

impl<G> Watched<G> {
    /// Watches the calls of `group`. `expired` is called once, on the watching thread, if one has not returned after
    /// `patience`: from then on nothing can be expected of the group.
    pub fn new(group: G, patience: Duration, expired: impl FnOnce() + Send + 'static) -> Self {
        let calls = Arc::new(Calls::default());
        let watched = Arc::downgrade(&calls);
        thread::spawn(move || watch(&watched, patience, expired));
        Watched { group, calls }
    }

    fn call<R>(&mut self, call: impl FnOnce(&mut G) -> R) -> R {
        self.calls.changes.fetch_add(1, Ordering::Relaxed);
        let result = call(&mut self.group);
        self.calls.changes.fetch_add(1, Ordering::Relaxed);
        result
    }
}

impl<G> Drop for Watched<G> {
    fn drop(&mut self) {
        self.calls.has_ended.store(true, Ordering::Relaxed);
    }
}

/// Looks at the calls until the group is gone or a call has taken too long.
fn watch(calls: &Weak<Calls>, patience: Duration, expired: impl FnOnce()) {
    let pause = (patience / 20).clamp(Duration::from_millis(1), Duration::from_millis(200));
    let (mut seen, mut waited) = (0, Duration::ZERO);
    loop {
        let start = Instant::now();
        thread::sleep(pause);
        let Some(calls) = calls.upgrade().filter(|calls| !calls.has_ended.load(Ordering::Relaxed)) else { return };
        let changes = calls.changes.load(Ordering::Relaxed);
        let is_same_call = changes == seen && changes % 2 == 1;
        // If this process was stopped, the others were not silent meanwhile: a pause that took far too long is not
        // theirs.
        waited = if is_same_call { waited + start.elapsed().min(4 * pause) } else { Duration::ZERO };
        seen = changes;
        if waited > patience {
            return expired();
        }
    }
}

impl<T: Float, G: Group<T>> Group<T> for Watched<G> {
    fn rank(&self) -> usize {
        self.group.rank()
    }

    fn ranks(&self) -> usize {
        self.group.ranks()
    }

    fn broadcast(&mut self, values: &mut [T]) {
        self.call(|group| group.broadcast(values));
    }

    fn exchange(&mut self, send: &[T], send_lengths: &[usize], receive: &mut [T], receive_lengths: &[usize]) {
        self.call(|group| group.exchange(send, send_lengths, receive, receive_lengths));
    }

    fn gather(&mut self, own: &[T], all: &mut [T], lengths: &[usize]) {
        self.call(|group| group.gather(own, all, lengths));
    }

    fn gather_bytes(&mut self, own: &[u8], lengths: &[usize]) -> Vec<u8> {
        self.call(|group| group.gather_bytes(own, lengths))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel::{Alone, Threads};
    use std::sync::mpsc::channel;

    #[test]
    fn a_rank_that_never_answers_is_found_out() {
        let [first, silent] = Threads::group(2).try_into().unwrap();
        let (sender, expired) = channel();
        // The waiting thread ends when the silent rank is dropped.
        thread::spawn(move || {
            let mut group = Watched::new(first, Duration::from_millis(50), move || sender.send(()).unwrap());
            group.gather(&[1.0_f32], &mut [0.0; 2], &[1; 2]);
        });
        expired.recv_timeout(Duration::from_secs(20)).unwrap();
        drop(silent);
    }

    #[test]
    fn time_between_calls_is_not_watched() {
        let (sender, expired) = channel::<()>();
        let mut group = Watched::new(Alone, Duration::from_millis(5), move || sender.send(()).unwrap());
        group.broadcast(&mut [0.0_f32]);
        thread::sleep(Duration::from_millis(100));
        assert!(expired.try_recv().is_err());
        drop(group);
        assert!(expired.recv_timeout(Duration::from_secs(20)).is_err(), "the watching thread ends with the group");
    }
}
