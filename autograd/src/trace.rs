//! Traces which operations ran, with which shapes, and for how long.
//!
//! `AUTOGRAD_TRACE=1` prints a line for each operation to the standard error stream; [`record`] collects the same data
//! as values. The operations contain no code for it: the elements of an output are computed in
//! [`Tensor::build`](crate::Tensor::build), every operation calls [`Tensor::record`](crate::Tensor::record), and
//! backward rules run in the engine's loop. While tracing is off, each of these places only reads one static variable.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::lock::ShortLock;
use crate::shape::Shape;

/// The phase of training that an operation belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// The computation of a result.
    Forward,
    /// The computation of a gradient: the rule of an operation, and the operations that the rule uses.
    Backward,
    /// The update of one parameter by an optimizer.
    Update,
}

/// An operation that ran.
///
/// Its `Display` is the line that `AUTOGRAD_TRACE=1` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The operation's name; `"build"` for elements that were written without an operation, such as those of a
    /// constant, and `"gather_rows"` for a batch of bytes.
    pub name: &'static str,
    /// Its phase.
    pub phase: Phase,
    /// The shapes of the operation's inputs.
    pub inputs: Vec<Shape>,
    /// The shape of its output; in backward, the shape of the gradient that the rule starts from.
    pub output: Shape,
    /// Its start, relative to the first event.
    pub start: Duration,
    /// Its duration. A view, which copies no element, has duration zero.
    pub duration: Duration,
    /// The number of the thread that it ran on. (The worker threads inside of a kernel are not shown.)
    pub thread: usize,
    /// The number of other events that contain it. Events of depth 0 on one thread do not overlap, so their durations
    /// can be added.
    pub depth: usize,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match self.phase {
            Phase::Forward => "forward",
            Phase::Backward => "backward",
            Phase::Update => "update",
        };
        let (name, indent) = (self.name, 2 * self.depth);
        write!(f, "{phase:<8} {:indent$}{name:<16} {:>9.1} µs ", "", self.duration.as_nanos() as f64 / 1e3)?;
        for input in &self.inputs {
            write!(f, " {input}")?;
        }
        write!(f, " -> {}", self.output)
    }
}

/// Runs `body` and returns its result with the events of all threads meanwhile, in the order in which they ended.
///
/// Recordings can be nested and can run at the same time. During a recording each event costs about a microsecond.
///
/// ```
/// use autograd::{Tensor, trace};
/// let x: Tensor = Tensor::ones([2, 3]).requires_grad();
/// let (_, events) = trace::record(|| x.tanh().sum().backward());
/// let ran: Vec<_> = events.iter().filter(|event| event.depth == 0).map(|event| (event.phase, event.name)).collect();
/// use trace::Phase::{Backward, Forward};
/// assert_eq!(ran[..2], [(Forward, "tanh"), (Forward, "sum")]);
/// assert_eq!(ran[ran.len() - 2..], [(Backward, "sum"), (Backward, "tanh")]);
/// assert_eq!(events[0].output, [2, 3]);
/// ```
pub fn record<R>(body: impl FnOnce() -> R) -> (R, Vec<Event>) {
    flush();
    let recording = Recording::start();
    let result = body();
    flush();
    (result, recording.finish())
}

/// The consumers of events: the printing that the environment variable enables, and the current recordings.
struct Consumers {
    prints: bool,
    recordings: Vec<(u64, Vec<Event>)>,
}

const UNKNOWN: u8 = 0;
const OFF: u8 = 1;
const ON: u8 = 2;
/// Whether tracing is on, that is whether there is a consumer of events.
static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);

static CONSUMERS: ShortLock<Consumers> = ShortLock::new(Consumers { prints: false, recordings: Vec::new() });

impl Consumers {
    fn update_state(&self) -> bool {
        let on = self.prints || !self.recordings.is_empty();
        STATE.store(if on { ON } else { OFF }, Ordering::Relaxed);
        on
    }
}

#[inline]
pub(crate) fn is_on() -> bool {
    match STATE.load(Ordering::Relaxed) {
        OFF => false,
        ON => true,
        _ => read_environment(),
    }
}

#[cold]
fn read_environment() -> bool {
    let prints = std::env::var_os("AUTOGRAD_TRACE").is_some_and(|value| !value.is_empty() && value != "0");
    CONSUMERS.with(|consumers| {
        consumers.prints = prints;
        consumers.update_state()
    })
}

/// A running [`record`]. It is removed from the consumers when it is dropped, also by a panic.
struct Recording(u64);

impl Recording {
    fn start() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let own = NEXT.fetch_add(1, Ordering::Relaxed);
        is_on(); // Reads the environment variable, if that has not been done yet.
        CONSUMERS.with(|consumers| {
            consumers.recordings.push((own, Vec::new()));
            consumers.update_state()
        });
        Recording(own)
    }

    fn finish(self) -> Vec<Event> {
        CONSUMERS.with(|consumers| {
            let own = consumers.recordings.iter_mut().find(|(id, _)| *id == self.0);
            own.map(|(_, events)| std::mem::take(events)).unwrap_or_default()
        })
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        CONSUMERS.with(|consumers| {
            consumers.recordings.retain(|(id, _)| *id != self.0);
            consumers.update_state()
        });
    }
}

fn emit(event: Event) {
    let prints = CONSUMERS.with(|consumers| {
        for (_, events) in &mut consumers.recordings {
            events.push(event.clone());
        }
        consumers.prints
    });
    // After the lock is released, because the reader of the error stream may be slow.
    if prints {
        eprintln!("{event}");
    }
}

/// Elements that were just computed. If an operation records them as its output, they belong to its event; otherwise
/// they become an event of their own.
struct Built {
    address: usize,
    name: &'static str,
    shape: Shape,
    start: Instant,
    duration: Duration,
}

thread_local! {
    static BUILT: RefCell<Option<Built>> = const { RefCell::new(None) };
    static LABEL: Cell<&'static str> = const { Cell::new("build") };
    static PHASE: Cell<Phase> = const { Cell::new(Phase::Forward) };
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// The current time, if tracing is on.
#[inline]
pub(crate) fn start() -> Option<Instant> {
    is_on().then(Instant::now)
}

/// Notes that the elements at `address` were computed since `start`.
#[cold]
pub(crate) fn built(start: Instant, shape: &Shape, address: *const u8) {
    let duration = start.elapsed();
    flush();
    let name = LABEL.replace("build");
    BUILT.set(Some(Built { address: address as usize, name, shape: shape.clone(), start, duration }));
}

/// Sets the name of the next elements, for the case that no operation records them.
#[inline]
pub(crate) fn label(name: &'static str) {
    if is_on() {
        LABEL.set(name);
    }
}

/// Notes that an operation has computed its output, whose elements are at `address`; `None` for a view.
#[cold]
pub(crate) fn operation(name: &'static str, inputs: Vec<Shape>, output: &Shape, address: Option<*const u8>) {
    let (start, duration) = match BUILT.take() {
        Some(built) if address.is_some_and(|address| built.address == address as usize) => {
            (built.start, built.duration)
        }
        other => {
            BUILT.set(other);
            flush();
            (Instant::now(), Duration::ZERO)
        }
    };
    emit(event(name, PHASE.get(), inputs, output.clone(), start, duration));
}

/// Emits the event of the last computed elements on this thread: no operation will record them any more.
pub(crate) fn flush() {
    if let Some(built) = BUILT.take() {
        emit(event(built.name, PHASE.get(), Vec::new(), built.shape, built.start, built.duration));
    }
}

fn event(
    name: &'static str,
    phase: Phase,
    inputs: Vec<Shape>,
    output: Shape,
    start: Instant,
    duration: Duration,
) -> Event {
    static ZERO: OnceLock<Instant> = OnceLock::new();
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed);
    }
    let start = start.saturating_duration_since(*ZERO.get_or_init(|| start));
    Event { name, phase, inputs, output, start, duration, thread: THREAD.with(|&thread| thread), depth: DEPTH.get() }
}

/// The tracing state of this thread.
type Traced = (Option<Built>, &'static str, Phase, usize);

fn exchange((made, label, phase, depth): Traced) -> Traced {
    (BUILT.replace(made), LABEL.replace(label), PHASE.replace(phase), DEPTH.replace(depth))
}

/// Runs `body`, in which this thread may also run tasks of other threads. Their events must not use the phase and depth
/// of this thread, so the tracing state is reset meanwhile.
#[inline]
pub(crate) fn aside<R>(body: impl FnOnce() -> R) -> R {
    struct Restore(Option<Traced>);
    impl Drop for Restore {
        fn drop(&mut self) {
            flush();
            self.0.take().map(exchange);
        }
    }
    let _restore = is_on().then(|| Restore(Some(exchange((None, "build", Phase::Forward, 0)))));
    body()
}

/// An event that can contain other events. It ends when it is dropped.
pub(crate) struct Span {
    name: &'static str,
    phase: Phase,
    outer: Phase,
    inputs: Vec<Shape>,
    output: Shape,
    start: Instant,
}

/// Begins a span, if tracing is on. `shapes` returns the shapes of the inputs and of the output.
#[inline]
pub(crate) fn span(phase: Phase, name: &'static str, shapes: impl FnOnce() -> (Vec<Shape>, Shape)) -> Option<Span> {
    is_on().then(|| Span::begin(phase, name, shapes()))
}

impl Span {
    #[cold]
    fn begin(phase: Phase, name: &'static str, (inputs, output): (Vec<Shape>, Shape)) -> Self {
        flush();
        DEPTH.set(DEPTH.get() + 1);
        Span { name, phase, outer: PHASE.replace(phase), inputs, output, start: Instant::now() }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let duration = self.start.elapsed();
        flush();
        PHASE.set(self.outer);
        DEPTH.set(DEPTH.get() - 1);
        let (inputs, output) = (std::mem::take(&mut self.inputs), std::mem::take(&mut self.output));
        emit(event(self.name, self.phase, inputs, output, self.start, duration));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::bytes::gather_rows;
    use crate::kernels::update::update;
    use crate::{Tensor, no_grad, with_threads};

    /// Other tests run at the same time, so only events with an extent that this test alone uses are counted.
    fn of_size(events: Vec<Event>, extent: usize) -> Vec<Event> {
        let mentions = |event: &Event| event.inputs.iter().chain([&event.output]).any(|shape| shape.contains(&extent));
        events.into_iter().filter(mentions).collect()
    }

    fn names(events: &[Event]) -> Vec<(Phase, &'static str, usize)> {
        events.iter().map(|event| (event.phase, event.name, event.depth)).collect()
    }

    #[test]
    fn a_step_is_traced_in_order_with_shapes_and_times() {
        use Phase::{Backward, Forward, Update};
        let weight = Tensor::ones([5, 977]).requires_grad();
        let (_, events) = record(|| {
            with_threads(2, || {
                let x = Tensor::build([3, 977], |out| gather_rows(&[255; 977], 977, &[0, 0, 0], 255.0, out));
                let gradients = x.linear_relu(&weight, None).sum().backward();
                let gradient = gradients.get(&weight).unwrap().to_vec();
                update(&mut [0.0_f32; 977], &gradient[..977], [], |weight, gradient, []| weight - gradient);
            });
        });
        let events = of_size(events, 977);
        let outer: Vec<_> = names(&events).into_iter().filter(|&(_, _, depth)| depth == 0).collect();
        let forward = [(Forward, "gather_rows", 0), (Forward, "linear_relu", 0)];
        assert_eq!(outer, [&forward[..], &[(Backward, "linear_relu", 0), (Update, "update", 0)]].concat());
        let product = events.iter().find(|event| event.phase == Forward && event.name == "linear_relu").unwrap();
        assert_eq!(
            (product.inputs.as_slice(), &product.output),
            (&[[3, 977].into(), [5, 977].into()][..], &[3, 5].into())
        );
        assert!(product.duration > Duration::ZERO);
        let rule = events.iter().find(|event| event.phase == Backward && event.depth == 0).unwrap();
        for inner in events.iter().filter(|event| event.depth == 1) {
            assert_eq!(inner.phase, Backward);
            assert!(rule.start <= inner.start && inner.start + inner.duration <= rule.start + rule.duration);
        }
    }

    #[test]
    fn the_time_of_a_view_does_not_include_the_time_of_its_elements() {
        let (_, events) = record(|| {
            let x = Tensor::<f32>::build_named("something", [3, 971].into(), |out| out.fill(1.0));
            x.t().exp()
        });
        let events = of_size(events, 971);
        let expected = [(Phase::Forward, "something", 0), (Phase::Forward, "permute", 0), (Phase::Forward, "exp", 0)];
        assert_eq!(names(&events), expected);
        assert!(events[0].duration > Duration::ZERO && events[1].duration == Duration::ZERO);
    }

    #[test]
    fn what_is_not_recorded_in_the_graph_is_traced_too() {
        let x = Tensor::<f32>::ones([1, 983]);
        let (_, events) = record(|| no_grad(|| x.t().exp()));
        assert_eq!(names(&of_size(events, 983)), [(Phase::Forward, "permute", 0), (Phase::Forward, "exp", 0)]);
    }

    #[test]
    fn recordings_can_be_nested_and_end_by_a_panic() {
        let x = Tensor::<f32>::ones([991]);
        let ((_, inner), outer) = record(|| {
            drop(x.exp());
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| record(|| panic!("inside"))));
            assert!(caught.is_err());
            record(|| x.tanh())
        });
        assert_eq!(names(&of_size(inner, 991)), [(Phase::Forward, "tanh", 0)]);
        assert_eq!(names(&of_size(outer, 991)), [(Phase::Forward, "exp", 0), (Phase::Forward, "tanh", 0)]);
    }

    #[test]
    fn a_line_has_all_values() {
        let (start, duration) = (Duration::ZERO, Duration::from_nanos(12_340));
        let (inputs, output) = (vec![Shape::from([2, 3])], Shape::from([2]));
        let event = Event { name: "sum", phase: Phase::Forward, inputs, output, start, duration, thread: 0, depth: 0 };
        assert_eq!(event.to_string(), "forward  sum                   12.3 µs  [2, 3] -> [2]");
    }
}
