//! What a segment of a computation that is run twice finds the same both times: random draws and the versions of
//! parameters.
//!
//! The first run keeps a log, and the second one takes from it. So a segment draws the same numbers twice, from the
//! state that its stream had, and leaves the stream alone the second time; and it reads the versions of the parameters
//! that it read the first time, whatever an optimizer did meanwhile. Segments may lie inside each other: a first run
//! inside of a second one takes from the outer log and keeps its own.

use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;

use crate::error::argument_error;
use crate::mode::{self, FORKED, LOGGED, REPLAYED};

/// Something that a run found.
#[derive(Clone)]
enum Entry {
    /// The state of a random stream before a draw: key and position.
    Draw([u64; 2]),
    /// The value of a parameter.
    Read { parameter: u64, value: Arc<dyn Any + Send + Sync> },
}

/// What a first run found, in its order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Vec<Entry>>);

enum Run {
    First(Vec<Entry>),
    Second { log: Log, next: usize },
}

/// A run on this thread, and the one that it lies in.
struct Frame {
    run: Run,
    outer: Option<Box<Frame>>,
}

thread_local! {
    /// Read only where `LOGGED` is set.
    static FRAME: RefCell<Option<Box<Frame>>> = const { RefCell::new(None) };
}

impl Frame {
    /// What is found here: `found`, unless a second run says otherwise. `None` if a second run finds something else
    /// than the first.
    fn observe(&mut self, found: Entry) -> Option<Entry> {
        match &mut self.run {
            Run::Second { log, next } => {
                let entry = log.0.get(*next)?.clone();
                *next += 1;
                let is_same = match (&entry, &found) {
                    (Entry::Draw(_), Entry::Draw(_)) => true,
                    (Entry::Read { parameter, .. }, Entry::Read { parameter: other, .. }) => parameter == other,
                    _ => false,
                };
                is_same.then_some(entry)
            }
            Run::First(entries) => {
                let entry = match &mut self.outer {
                    Some(outer) => outer.observe(found)?,
                    None => found,
                };
                entries.push(entry.clone());
                Some(entry)
            }
        }
    }
}

fn observe(found: Entry) -> Entry {
    let entry = FRAME.with_borrow_mut(|frame| frame.as_mut().expect("a log").observe(found));
    entry.unwrap_or_else(|| differs())
}

#[cold]
fn differs() -> ! {
    argument_error(
        "recompute",
        "the closure read other parameters or drew other random numbers when it was run again: \
         it must do the same each time",
    )
}

/// The state to draw from, for a stream in the given one.
pub(crate) fn draw(state: [u64; 2]) -> [u64; 2] {
    if mode::has(FORKED) {
        argument_error(
            "recompute",
            "a task that was forked inside of the closure drew from a random stream: such draws have no order \
             that could be repeated. \
             Give each task a number as its seed, or draw before the fork",
        );
    }
    match observe(Entry::Draw(state)) {
        Entry::Draw(state) => state,
        Entry::Read { .. } => unreachable!("entries are compared"),
    }
}

/// The value of a parameter for this run, where `current` is the value that it has now.
pub(crate) fn read<V: Any + Clone + Send + Sync>(parameter: u64, current: V) -> V {
    match observe(Entry::Read { parameter, value: Arc::new(current) }) {
        Entry::Read { value, .. } => value.downcast_ref::<V>().expect("a parameter keeps its type").clone(),
        Entry::Draw(_) => unreachable!("entries are compared"),
    }
}

/// Runs `body` for the first time.
pub(crate) fn first<R>(body: impl FnOnce() -> R) -> (R, Log) {
    let (result, run) = framed(Run::First(Vec::new()), 0, body);
    match run {
        Run::First(entries) => (result, Log(Arc::new(entries))),
        Run::Second { .. } => unreachable!("a first run stays one"),
    }
}

/// Runs `body` for the second time.
pub(crate) fn second<R>(log: &Log, body: impl FnOnce() -> R) -> R {
    let (result, run) = framed(Run::Second { log: log.clone(), next: 0 }, REPLAYED, body);
    match run {
        Run::Second { log, next } if next == log.0.len() => result,
        _ => differs(),
    }
}

/// Runs `body` inside of a new frame, and returns what became of the run.
fn framed<R>(run: Run, more: u8, body: impl FnOnce() -> R) -> (R, Run) {
    struct Restore {
        /// What belongs to other tasks of this thread.
        foreign: Option<Box<Frame>>,
        is_inside: bool,
    }
    impl Drop for Restore {
        fn drop(&mut self) {
            let outer = FRAME.take().and_then(|frame| frame.outer);
            FRAME.set(if self.is_inside { outer } else { self.foreign.take() });
        }
    }
    let is_inside = mode::has(LOGGED);
    let before = FRAME.take();
    let (outer, foreign) = if is_inside { (before, None) } else { (None, before) };
    FRAME.set(Some(Box::new(Frame { run, outer })));
    let _restore = Restore { foreign, is_inside };
    // A task that was forked stays one: what it draws is not in the log of what forked it.
    let result = mode::with_bits(mode::bits() | LOGGED | more, body);
    let run = FRAME.with_borrow_mut(|frame| {
        let own = &mut frame.as_mut().expect("the frame of this run").run;
        std::mem::replace(own, Run::First(Vec::new()))
    });
    (result, run)
}
