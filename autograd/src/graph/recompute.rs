//! A segment of a computation whose values are not kept for backward: they are computed again when backward comes to
//! them.
//!
//! The segment is one node. Its inputs are whatever its graph came from: the arguments, parameters, and tracked
//! tensors that the closure holds. Backward runs the closure again, recorded, and lets the walk go on through the
//! graph that this makes. That graph is newer than all that waits, so it is walked next and ends at the node's own
//! inputs: the order of all sums is the one that there would have been without the segment, and higher orders work as
//! anywhere else.

use std::fmt;

use super::engine::Backward;
use super::node::{Edge, Id, Input, Inputs, Node};
use super::targets::nodes_newer_than;
use crate::float::Float;
use crate::lock::none_is_held;
use crate::mode::is_recording;
use crate::op::{Op, Saved};
use crate::replay::{self, Log};
use crate::tensor::Tensor;

/// What computes a segment from its arguments.
pub(crate) type Body<T> = Box<dyn Fn(Vec<Tensor<T>>) -> Tensor<T> + Send + Sync>;

/// y = f(arguments)        backward: f again, and backward through it
struct Segment<T: Float> {
    body: Body<T>,
    /// The arguments, each with the input of the node that its gradient goes to.
    arguments: Vec<(Saved<T>, Option<usize>)>,
    /// The random numbers and parameters that the first run found.
    log: Log,
}

impl<T: Float> fmt::Debug for Segment<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "recompute of {} arguments", self.arguments.len())
    }
}

impl<T: Float> Op<T> for Segment<T> {
    fn name(&self) -> &'static str {
        "recompute"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        debug_assert!(none_is_held(), "recompute: a lock is held");
        ctx.go_on_through(|inputs| {
            let argument = |(saved, input): &(Saved<T>, Option<usize>)| Tensor {
                storage: saved.storage.clone(),
                layout: saved.layout.clone(),
                edge: input.map_or(Edge::Constant, |input| inputs[input].edge.clone()),
            };
            let arguments = self.arguments.iter().map(argument).collect();
            replay::second(&self.log, || (self.body)(arguments))
        });
    }
}

/// `body` of the arguments, without the values in between, if a gradient is to flow through it.
pub(crate) fn segment<T: Float>(body: Body<T>, arguments: Vec<Tensor<T>>) -> Tensor<T> {
    if !is_recording() {
        return body(arguments);
    }
    let start = Id::next();
    let (output, log) = replay::first(|| body(arguments.clone()));
    if output.edge.id().is_none_or(|id| id < start) {
        return output; // Nothing was recorded.
    }
    let inputs = sources(&output.edge, start, &arguments);
    let input_of = |argument: &Tensor<T>| {
        let id = argument.edge.id()?;
        inputs.iter().position(|input| input.edge.id() == Some(id))
    };
    let arguments = arguments.iter().map(|argument| (Saved::aside(argument), input_of(argument))).collect();
    let node = Node::with_inputs(inputs, Segment { body, arguments, log });
    Tensor { edge: Edge::Node(node), ..output }
}

/// Where the graph behind `root` that is newer than `start` came from: the tracked arguments first, each source once.
fn sources<T: Float>(root: &Edge<T>, start: Id, arguments: &[Tensor<T>]) -> Inputs<T> {
    let mut sources = Inputs::new();
    let mut add = |input: Input<T>| {
        let is_source = input.edge.id().is_some_and(|id| id < start);
        if is_source && sources.iter().all(|known: &Input<T>| known.edge.id() != input.edge.id()) {
            sources.push(input);
        }
    };
    arguments.iter().for_each(|argument| add(Input::of(argument)));
    for node in nodes_newer_than(root, start).values() {
        node.inputs.iter().for_each(|input| add(input.clone()));
    }
    sources
}

/// Whether the graph behind `root` that is newer than `start` came from anything but constants and leaves that are
/// newer too.
pub(crate) fn has_sources<T: Float>(root: &Edge<T>, start: Id) -> bool {
    root.id().is_some_and(|id| id < start) || !sources(root, start, &[]).is_empty()
}
