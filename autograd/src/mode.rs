//! What holds for the operations that a thread runs: whether they are recorded, checked for anomalies, or part of a
//! segment that is computed twice.
//!
//! One byte for each thread, so that an operation that needs to know reads it once. rayon steals tasks: so every fork
//! of the engine puts the mode back to its default around the rayon call, and the forks for a caller's own tasks carry
//! it to each task ([`Mode`]).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::Arc;

use crate::lock::ShortLock;

/// Operations enter the graph.
pub(crate) const RECORDING: u8 = 1;
/// The values of operations are checked for anomalies: there is a [`Watch`].
pub(crate) const WATCHED: u8 = 2;
/// Random draws and reads of parameters are logged, or taken from a log: see [`replay`](crate::replay).
pub(crate) const LOGGED: u8 = 4;
/// A task that was forked by something that is logged, where draws have no order.
pub(crate) const FORKED: u8 = 8;
/// A segment is computed for the second time, so changes of parameters have happened already.
pub(crate) const REPLAYED: u8 = 16;

const DEFAULT: u8 = RECORDING;

thread_local! {
    static BITS: Cell<u8> = const { Cell::new(DEFAULT) };
    /// Read only where `WATCHED` is set.
    static WATCH: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

/// Whether at least one of these bits is set on this thread.
#[inline]
pub(crate) fn has(bits: u8) -> bool {
    BITS.get() & bits != 0
}

/// All bits of this thread.
#[inline]
pub(crate) fn bits() -> u8 {
    BITS.get()
}

/// Runs `body` with these bits on this thread, and restores them afterwards, also when `body` panics.
#[inline]
pub(crate) fn with_bits<R>(bits: u8, body: impl FnOnce() -> R) -> R {
    struct Restore(u8);
    impl Drop for Restore {
        fn drop(&mut self) {
            BITS.set(self.0);
        }
    }
    let _restore = Restore(BITS.replace(bits));
    body()
}

/// Whether operations on this thread enter the graph.
#[inline]
pub(crate) fn is_recording() -> bool {
    has(RECORDING)
}

/// Runs `body` with recording on or off.
pub(crate) fn with_recording<R>(recording: bool, body: impl FnOnce() -> R) -> R {
    with_bits(if recording { bits() | RECORDING } else { bits() & !RECORDING }, body)
}

/// Runs `body` in the mode of a thread that does nothing particular: for the time in which this thread may run tasks
/// that are not its own.
pub(crate) fn with_default<R>(body: impl FnOnce() -> R) -> R {
    with_bits(DEFAULT, body)
}

/// How an anomaly is looked for, and where the operations ran that may have one in backward.
#[derive(Clone)]
pub(crate) struct Watch {
    /// Whether an infinity counts, or NaN alone.
    pub(crate) infinities: bool,
    /// Whether a backward rule is running: its results are checked as gradients only.
    pub(crate) is_in_rule: bool,
    /// The line of the operation whose rule is running, if it is known: what the rule records belongs to that line.
    pub(crate) line: Option<&'static Location<'static>>,
    /// The line of each recorded operation, by the number of its node.
    pub(crate) lines: Arc<ShortLock<BTreeMap<u64, &'static Location<'static>>>>,
}

/// The watch of this thread; `None` where nobody looks for anomalies.
pub(crate) fn watch() -> Option<Watch> {
    if has(WATCHED) { WATCH.with_borrow(Clone::clone) } else { None }
}

/// Runs `body` under a watch, or without one.
pub(crate) fn with_watch<R>(watch: Option<Watch>, body: impl FnOnce() -> R) -> R {
    struct Restore(Option<Watch>);
    impl Drop for Restore {
        fn drop(&mut self) {
            WATCH.set(self.0.take());
        }
    }
    let bits = if watch.is_some() { bits() | WATCHED } else { bits() & !WATCHED };
    let _restore = Restore(WATCH.replace(watch));
    with_bits(bits, body)
}

/// What a caller's task takes with it to the thread that runs it.
#[derive(Clone)]
pub(crate) struct Mode {
    bits: u8,
    watch: Option<Watch>,
}

impl Mode {
    /// The mode of this thread, for tasks that it forks.
    pub(crate) fn current() -> Mode {
        let own = bits();
        let bits = if own & LOGGED == 0 { own } else { own & !LOGGED | FORKED };
        Mode { bits, watch: watch() }
    }

    /// Runs a task.
    pub(crate) fn run<R>(&self, body: impl FnOnce() -> R) -> R {
        let run = || with_bits(self.bits, body);
        if self.watch.is_none() { run() } else { with_watch(self.watch.clone(), run) }
    }
}
