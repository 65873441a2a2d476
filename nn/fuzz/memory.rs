//! How much memory the program has in use, and had at most.

use std::alloc::System;
use std::sync::{Mutex, MutexGuard, PoisonError};

use peakmem_alloc::{PeakMemAlloc, PeakMemAllocTrait};

#[global_allocator]
static ALLOCATOR: PeakMemAlloc<System> = PeakMemAlloc::system();

/// Keeps the other tests of the program waiting: their memory would be counted too.
pub fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `f` and returns its result, and how many bytes were in use at most, beyond what was before.
pub fn in_use<R>(f: impl FnOnce() -> R) -> (R, usize) {
    ALLOCATOR.reset_peak_memory();
    let result = f();
    (result, ALLOCATOR.get_peak_memory())
}

/// That no more bytes were in use than there may be.
#[track_caller]
pub fn assert_at_most(most: usize, allowed: usize) {
    assert!(most <= allowed, "{most} bytes were in use, at most {allowed} may be");
}
