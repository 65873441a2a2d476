//! How a graph is dropped: with a loop, since a graph of a million levels must not recurse a million times.
//!
//! A node holds its inputs' nodes, and dropping the last holder of a node drops those. So the first node that is
//! dropped on a thread becomes the *outermost* one: it takes its inputs out, and works off a list of nodes that grows
//! by the inputs of each node that was held by nobody else. Whatever node ends inside of that loop, for whatever reason
//! (two threads that let go of it at the same moment, or a user's operation that holds a tensor with its graph), does
//! not begin a loop of its own: it leaves what it held in this thread's list of remains, which the outermost loop works
//! off too. So there are never more than two levels.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

use smallvec::SmallVec;

use super::node::{Edge, Inputs, Node, Slot};
use crate::float::Float;

thread_local! {
    /// Whether a loop runs on this thread.
    static IS_RUNNING: Cell<bool> = const { Cell::new(false) };
    /// What nodes held that ended inside of the loop.
    static REMAINS: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Nodes that wait to be let go of.
type Waiting<T> = SmallVec<[Arc<Node<T>>; 8]>;

impl<T: Float, S: Slot<T> + ?Sized> Drop for Node<T, S> {
    fn drop(&mut self) {
        if !IS_RUNNING.get() {
            self.drop_all();
        } else if !self.slot.is_released() || self.has_nodes() {
            self.leave_remains();
        }
    }
}

impl<T: Float, S: Slot<T> + ?Sized> Node<T, S> {
    fn has_nodes(&self) -> bool {
        self.inputs.iter().any(|input| matches!(input.edge, Edge::Node(_)))
    }

    /// The loop.
    fn drop_all(&mut self) {
        let _running = Running::begin();
        let mut waiting = Waiting::<T>::new();
        self.dismantle(&mut waiting);
        loop {
            while let Some(mut node) = waiting.pop() {
                if let Some(node) = Arc::get_mut(&mut node) {
                    node.dismantle(&mut waiting);
                }
                // Here the node is let go of. If this was its last holder after all, it leaves its remains.
            }
            let Ok(Some(remains)) = REMAINS.try_with(|remains| remains.borrow_mut().pop()) else { return };
            match remains.downcast::<Inputs<T>>() {
                Ok(mut inputs) => take_nodes(&mut inputs, &mut waiting),
                // An operation, or the inputs of a node of the other element type: what ends with them leaves remains
                // again.
                Err(other) => drop(other),
            }
        }
    }

    /// Drops the operation and takes the inputs' nodes out, so that nothing is left that could recurse.
    fn dismantle(&mut self, waiting: &mut Waiting<T>) {
        self.slot.release();
        take_nodes(&mut self.inputs, waiting);
    }

    /// Moves what this node holds to the thread's list, for the loop that runs further up this thread's stack.
    #[cold]
    fn leave_remains(&mut self) {
        let op = self.slot.take().map(|op| op as Box<dyn Any>);
        let inputs = self.has_nodes().then(|| Box::new(std::mem::take(&mut self.inputs)) as Box<dyn Any>);
        // A thread that is ending has lost its list: then what is held here is dropped here.
        let _ = REMAINS.try_with(|remains| remains.borrow_mut().extend(op.into_iter().chain(inputs)));
    }
}

fn take_nodes<T: Float>(inputs: &mut Inputs<T>, waiting: &mut Waiting<T>) {
    for input in inputs {
        if let Edge::Node(node) = std::mem::replace(&mut input.edge, Edge::Constant) {
            waiting.push(node);
        }
    }
}

/// The sign that a loop runs, taken back when it ends, also by a panic.
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
