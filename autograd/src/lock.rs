//! The lock type of the engine, which is held only for a very short time.
//!
//! In rayon a waiting thread may run another task. If a thread waited while it held a lock, that task could request the
//! same lock on the same stack: a deadlock. So no lock is held while code runs that can start parallel tasks, wait, or
//! call a user's code. [`ShortLock`] gives access to its value only inside a closure, and debug builds check the rule:
//! every function that starts tasks, waits or calls a user's code asserts [`none_is_held`].

use std::cell::Cell;
use std::sync::Mutex;

thread_local! {
    /// The number of locks that this thread holds; counted only in debug builds.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// A mutex for very short operations: a clone, a swap or a push.
pub(crate) struct ShortLock<T: ?Sized>(Mutex<T>);

impl<T> ShortLock<T> {
    pub(crate) const fn new(value: T) -> Self {
        ShortLock(Mutex::new(value))
    }
}

impl<T: ?Sized> ShortLock<T> {
    /// Calls `body` with the value. It must be short, and must not start parallel tasks, wait, drop a tensor or call a
    /// user's code.
    #[inline]
    pub(crate) fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        // (Left out, and not `None`, in release builds: there each kind of value would drop it on each way out.)
        #[cfg(debug_assertions)]
        let _held = Held::new();
        // A poisoned mutex can be used: each body makes a single change, so a panic leaves a valid value.
        // (A match, as what calls a closure is compiled for each kind of value.)
        let mut value = match self.0.lock() {
            Ok(value) => value,
            Err(poisoned) => poisoned.into_inner(),
        };
        body(&mut value)
    }

    /// The value, without locking: `&mut self` guarantees exclusive access.
    #[inline]
    pub(crate) fn get_mut(&mut self) -> &mut T {
        match self.0.get_mut() {
            Ok(value) => value,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

/// The guard that counts a lock while it is held.
#[cfg(debug_assertions)]
struct Held;

#[cfg(debug_assertions)]
impl Held {
    fn new() -> Self {
        HELD.set(HELD.get() + 1);
        Held
    }
}

#[cfg(debug_assertions)]
impl Drop for Held {
    fn drop(&mut self) {
        HELD.set(HELD.get() - 1);
    }
}

/// Whether this thread holds no lock of the engine. Always true in release builds, which do not count locks.
#[inline]
pub(crate) fn none_is_held() -> bool {
    !cfg!(debug_assertions) || HELD.get() == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_lock_counts_as_held_inside_of_its_body_only() {
        let lock = ShortLock::new(1);
        lock.with(|value| {
            *value += 1;
            assert_eq!(none_is_held(), !cfg!(debug_assertions));
        });
        assert!(none_is_held());
        assert_eq!(lock.with(|value| *value), 2);
    }

    #[test]
    fn a_lock_whose_body_panicked_can_be_used_again() {
        let lock = ShortLock::new(1);
        assert!(catch_unwind(AssertUnwindSafe(|| lock.with(|_| panic!("inside")))).is_err());
        assert!(none_is_held());
        assert_eq!(lock.with(|value| *value), 1);
    }

    #[cfg(debug_assertions)]
    #[test]
    #[should_panic(expected = "a lock is held")]
    fn a_fork_under_a_lock_is_refused_in_debug_builds() {
        let lock = ShortLock::new(());
        crate::with_threads(2, || lock.with(|()| crate::kernels::parallel::for_each_task(2, |_| {})));
    }
}
