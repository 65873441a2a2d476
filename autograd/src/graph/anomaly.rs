//! The first NaN or infinity of a computation: which operation made it, from which shapes, and at which line of the
//! program.
//!
//! A watch belongs to a thread, as the grad mode does, and goes with tasks to other threads in the same way. While
//! nobody watches, an operation reads one bit of the thread's mode, which it reads for the grad mode anyway.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::node::{Id, Node};
use crate::error::shape_error;
use crate::float::Float;
use crate::lock::ShortLock;
use crate::mode::{self, Watch};
use crate::tensor::Tensor;

/// Runs `body` and panics at the first operation whose result has a NaN or an infinity, forward or backward, with the
/// operation, the shapes, the element, and the line of the program where the operation was called.
///
/// For finding out where a loss became NaN: it reads every result once more. As
/// [`torch.autograd.detect_anomaly`](https://docs.pytorch.org/docs/stable/autograd.html#torch.autograd.detect_anomaly),
/// which looks for NaN in backward alone. Forward must run inside too, for the line to be known in backward. Where
/// infinities are meant, as in the mask of an attention, use [`detect_nan`].
///
/// The watch belongs to the thread and ends with `body`. [`with_threads`](crate::with_threads), [`join`](crate::join),
/// [`for_each`](crate::for_each) and [`map_each`](crate::map_each) carry it to the threads that they use. Of watches
/// inside each other the innermost one decides what counts.
///
/// ```should_panic
/// use autograd::{Tensor, detect_anomaly};
/// let x = Tensor::from_vec(vec![1.0, 0.0], [2]).requires_grad();
/// // "sqrt: backward made an infinity: element [1] of the gradient of input 0, of shape [2] ...,
/// // called forward at src/main.rs:6:45"
/// detect_anomaly(|| x.sqrt().sum().backward());
/// ```
///
/// # Panics
/// At the first NaN or infinity; and whatever `body` panics with.
pub fn detect_anomaly<R>(body: impl FnOnce() -> R) -> R {
    watched(true, body)
}

/// As [`detect_anomaly`], for NaN alone: infinities are let through.
///
/// ```
/// use autograd::{Mask, Tensor, detect_nan};
/// let scores = Tensor::from_vec(vec![1.0, 2.0], [2]);
/// let masked = detect_nan(|| scores.masked_fill(&Mask::from([false, true]), f32::NEG_INFINITY).softmax(0));
/// assert_eq!(masked.to_vec(), [1.0, 0.0]);
/// ```
///
/// # Panics
/// At the first NaN; and whatever `body` panics with.
pub fn detect_nan<R>(body: impl FnOnce() -> R) -> R {
    watched(false, body)
}

fn watched<R>(infinities: bool, body: impl FnOnce() -> R) -> R {
    let lines = mode::watch().map_or_else(|| Arc::new(ShortLock::new(Default::default())), |outer| outer.lines);
    mode::with_watch(Some(Watch { infinities, is_in_rule: false, line: None, lines }), body)
}

/// A value that should not be there: "a NaN: element [0, 2]".
struct Anomaly {
    kind: &'static str,
    position: Vec<usize>,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: element {:?}", self.kind, self.position)
    }
}

/// The first value that counts.
fn find<T: Float>(watch: &Watch, tensor: &Tensor<T>) -> Option<Anomaly> {
    let dense = tensor.dense();
    let values = dense.as_slice().expect("dense");
    let counts = |value: &T| value.is_nan() || (watch.infinities && !value.is_finite());
    let index = values.iter().position(counts)?;
    let kind = if values[index].is_nan() { "a NaN" } else { "an infinity" };
    let (mut rest, mut position) = (index, vec![0; tensor.rank()]);
    for (coordinate, &extent) in position.iter_mut().zip(&**tensor.shape()).rev() {
        (*coordinate, rest) = (rest % extent, rest / extent);
    }
    Some(Anomaly { kind, position })
}

/// Checks what an operation made forward. What a backward rule computes is checked as a gradient instead.
#[cold]
#[track_caller]
pub(crate) fn check_output<T: Float>(name: &str, output: &Tensor<T>, inputs: &[&Tensor<T>]) {
    let Some(watch) = mode::watch().filter(|watch| !watch.is_in_rule) else { return };
    let Some(anomaly) = find(&watch, output) else { return };
    let shapes = Tensor::shapes(inputs);
    let already = inputs.iter().position(|input| find(&watch, input).is_some());
    let already = already.map_or(String::new(), |input| format!("; input {input} had such a value already"));
    let (shape, line) = (output.shape(), Location::caller());
    shape_error(
        name,
        format_args!(
            "forward made {anomaly} of the output, of shape {shape}, from inputs of shapes {shapes:?}{already}; \
             called at {line}"
        ),
    );
}

/// Remembers the line of an operation that has been recorded.
#[cold]
#[track_caller]
pub(crate) fn remember_line(id: Id) {
    if let Some(watch) = mode::watch() {
        let line = if watch.is_in_rule { watch.line } else { Some(Location::caller()) };
        if let Some(line) = line {
            watch.lines.with(|lines| lines.insert(id.number(), line));
        }
    }
}

/// Runs the backward rule of a node: what it computes is no forward of the program's.
#[cold]
pub(super) fn in_rule_of<R>(id: Id, run: impl FnOnce() -> R) -> R {
    let Some(watch) = mode::watch() else { return run() };
    let line = watch.lines.with(|lines| lines.get(&id.number()).copied());
    mode::with_watch(Some(Watch { is_in_rule: true, line, ..watch }), run)
}

/// Runs what is forward again, inside of a rule.
pub(super) fn as_forward<R>(run: impl FnOnce() -> R) -> R {
    match mode::watch() {
        Some(watch) => mode::with_watch(Some(Watch { is_in_rule: false, line: None, ..watch }), run),
        None => run(),
    }
}

/// Checks the gradient that a rule made for an input.
#[cold]
pub(super) fn check_gradient<T: Float>(node: &Node<T>, input: usize, gradient: &Tensor<T>, of_output: &Tensor<T>) {
    let Some(watch) = mode::watch() else { return };
    let Some(anomaly) = find(&watch, gradient) else { return };
    let line = watch.lines.with(|lines| lines.get(&node.id.number()).copied());
    let line = line
        .map_or("a line that is not known, as forward ran outside of the watch".to_owned(), |line| line.to_string());
    let already =
        if find(&watch, of_output).is_some() { "; the output's gradient had such a value already" } else { "" };
    let (shape, output) = (gradient.shape(), of_output.shape());
    shape_error(
        node.name,
        format_args!(
            "backward made {anomaly} of the gradient of input {input}, of shape {shape}, \
             from the output's, of shape {output}{already}; called forward at {line}"
        ),
    );
}
