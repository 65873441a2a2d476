//! Drops a graph with a loop: recursive drops of a graph with a million levels would overflow the stack.
//!
//! A node holds references to the nodes of its inputs, and dropping the last reference to a node drops these too. So
//! the first node that is dropped on a thread runs a loop: it moves its inputs into a list of nodes, and for each node
//! of the list that has no other reference, it adds that node's inputs to the list. A node can also be dropped in
//! another way inside of the loop: two threads may drop the last references at the same time, or a user's operation may
//! hold a tensor with its own graph. Such a node does not start a second loop. It moves its contents to this thread's
//! list of remains, which the first loop processes too. So the recursion never has more than two levels.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

use smallvec::SmallVec;

use super::node::{Edge, Id, Inputs, Node, Slot};
use crate::float::Float;

thread_local! {
    /// Whether a loop is running on this thread.
    static IS_RUNNING: Cell<bool> = const { Cell::new(false) };
    /// The contents of nodes that were dropped inside of the loop.
    static REMAINS: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// The nodes that are still to be dropped.
type Waiting<T> = SmallVec<[Arc<Node<T>>; 8]>;

impl<T: Float, S: Slot<T> + ?Sized> Drop for Node<T, S> {
    #[inline]
    fn drop(&mut self) {
        if self.id != Id::DISMANTLED {
            dismantle(self.slot.as_dyn(), &mut self.inputs);
        }
    }
}

/// Compiled once, and not once more for each kind of operation.
#[inline(never)]
fn dismantle<T: Float>(slot: &mut dyn Slot<T>, inputs: &mut Inputs<T>) {
    if IS_RUNNING.get() {
        if !slot.is_released() || has_nodes(inputs) {
            leave_remains(slot, inputs);
        }
        return;
    }
    let _running = Running::begin();
    slot.release();
    drop_nodes(inputs);
}

fn has_nodes<T: Float>(inputs: &Inputs<T>) -> bool {
    inputs.iter().any(|input| matches!(input.edge, Edge::Node(_)))
}

/// The loop.
fn drop_nodes<T: Float>(inputs: &mut Inputs<T>) {
    let mut waiting = Waiting::<T>::new();
    let mut next = take_nodes(inputs, &mut waiting);
    loop {
        while let Some(mut node) = next.take().or_else(|| waiting.pop()) {
            if let Some(node) = Arc::get_mut(&mut node) {
                node.slot.release();
                node.id = Id::DISMANTLED;
                next = take_nodes(&mut node.inputs, &mut waiting);
            }
            // Here the node is let go of. If this was its last holder after all, it leaves its remains.
        }
        let Ok(Some(remains)) = REMAINS.try_with(|remains| remains.borrow_mut().pop()) else { return };
        match remains.downcast::<Inputs<T>>() {
            Ok(mut inputs) => next = take_nodes(&mut inputs, &mut waiting),
            // An operation, or the inputs of a node of the other element type: what ends with them leaves remains
            // again.
            Err(other) => drop(other),
        }
    }
}

/// Moves what a node holds to the thread's list, for the loop that runs further up this thread's stack.
#[cold]
fn leave_remains<T: Float>(slot: &mut dyn Slot<T>, inputs: &mut Inputs<T>) {
    let op = slot.take().map(|op| Box::new(op) as Box<dyn Any>);
    let inputs = has_nodes(inputs).then(|| Box::new(std::mem::take(inputs)) as Box<dyn Any>);
    // A thread that is ending has lost its list: then what is held here is dropped here.
    let _ = REMAINS.try_with(|remains| remains.borrow_mut().extend(op.into_iter().chain(inputs)));
}

/// Takes the inputs' nodes out, so that nothing is left that could recurse. Returns one of them: to read it from the
/// list that it has just been written to would take longer.
#[inline(always)]
fn take_nodes<T: Float>(inputs: &mut Inputs<T>, waiting: &mut Waiting<T>) -> Option<Arc<Node<T>>> {
    let mut next = None;
    for input in inputs {
        if let Edge::Node(node) = std::mem::replace(&mut input.edge, Edge::Constant)
            && let Some(other) = next.replace(node)
        {
            waiting.push(other);
        }
    }
    next
}

/// The guard of a running loop. Dropping it, also by a panic, ends the loop.
struct Running;

impl Running {
    fn begin() -> Self {
        IS_RUNNING.set(true);
        Running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        IS_RUNNING.set(false);
    }
}
