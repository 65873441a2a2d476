//! What a recorded operation leaves behind: its inputs' edges and the operation, in one allocation.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use smallvec::SmallVec;

use super::engine::Backward;
use crate::float::Float;
use crate::layout::Layout;
use crate::op::Op;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The name of a leaf or node. Names are given in order of creation, and a node is created after its inputs: so the name of every
/// consumer is larger than the name of what it consumes, and newest-first is an order to walk back in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u64);

impl Id {
    #[inline]
    pub(crate) fn next() -> Id {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Id(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Where a tensor came from.
pub(crate) enum Edge<T: Float> {
    /// Nowhere: no gradient flows through it.
    Constant,
    /// A leaf: gradients end here.
    Leaf(Id),
    /// The output of a recorded operation.
    Node(Arc<Node<T>>),
}

impl<T: Float> Clone for Edge<T> {
    #[inline]
    fn clone(&self) -> Self {
        match self {
            Edge::Constant => Edge::Constant,
            Edge::Leaf(id) => Edge::Leaf(*id),
            Edge::Node(node) => Edge::Node(Arc::clone(node)),
        }
    }
}

impl<T: Float> Edge<T> {
    pub(crate) fn id(&self) -> Option<Id> {
        match self {
            Edge::Constant => None,
            Edge::Leaf(id) => Some(*id),
            Edge::Node(node) => Some(node.id),
        }
    }
}

/// An input of a recorded operation: where it came from, and the shape that its gradient must have.
pub(crate) struct Input<T: Float> {
    pub(crate) edge: Edge<T>,
    layout: Arc<Layout>,
}

impl<T: Float> Input<T> {
    #[inline]
    fn of(tensor: &Tensor<T>) -> Self {
        Input { edge: tensor.edge.clone(), layout: Arc::clone(&tensor.layout) }
    }

    #[inline]
    pub(crate) fn shape(&self) -> &Shape {
        &self.layout.shape
    }
}

/// Most operations have one input or two.
type Inputs<T> = SmallVec<[Input<T>; 2]>;

/// A recorded operation. `S` is a slot that holds the operation itself.
pub(crate) struct Node<T: Float, S: ?Sized = dyn Slot<T>> {
    pub(crate) id: Id,
    pub(crate) name: &'static str,
    pub(crate) inputs: Inputs<T>,
    pub(crate) slot: S,
}

impl<T: Float> Node<T> {
    #[inline]
    pub(crate) fn new<O: Op<T>>(tensors: &[&Tensor<T>], op: O) -> Arc<Node<T>> {
        let name = op.name();
        // Pushed: to collect one or two takes longer than they do.
        let mut inputs = Inputs::new();
        tensors.iter().for_each(|tensor| inputs.push(Input::of(tensor)));
        Arc::new(Node { id: Id::next(), name, inputs, slot: RwLock::new(Some(op)) })
    }
}

/// Why a node's operation could not be run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// An earlier backward took it.
    Released,
    /// Another backward is taking it at this moment.
    Busy,
}

/// A recorded operation that can be given up. Going back once takes the operation out, so that its saved values are free even while somebody
/// still holds the node (a `logits` in scope); going back for higher order leaves it.
pub(crate) trait Slot<T: Float>: Send + Sync {
    fn backward_once(&self, ctx: &mut Backward<'_, T>) -> Result<(), Unavailable>;
    fn backward_and_keep(&self, ctx: &mut Backward<'_, T>) -> Result<(), Unavailable>;
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl<T: Float, O: Op<T>> Slot<T> for RwLock<Option<O>> {
    fn backward_once(&self, ctx: &mut Backward<'_, T>) -> Result<(), Unavailable> {
        // No lock is held while the rule runs: a kernel that waits for other threads may meanwhile run anybody's task.
        let op = match self.try_write() {
            Ok(mut slot) => slot.take().ok_or(Unavailable::Released)?,
            Err(_) => return Err(Unavailable::Busy),
        };
        op.backward(ctx);
        Ok(())
    }

    fn backward_and_keep(&self, ctx: &mut Backward<'_, T>) -> Result<(), Unavailable> {
        // Readers do not exclude each other, and a writer does not wait, so holding the lock cannot block anyone.
        let slot = self.try_read().map_err(|_| Unavailable::Busy)?;
        slot.as_ref().ok_or(Unavailable::Released)?.backward(ctx);
        Ok(())
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_read() {
            Ok(slot) => match &*slot {
                Some(op) => write!(f, "{op:?}"),
                None => f.write_str("released"),
            },
            Err(_) => f.write_str("busy"),
        }
    }
}

impl<T: Float> fmt::Debug for Node<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {}: ", self.id.0, self.name)?;
        self.slot.describe(f)
    }
}

/// Drops the graph behind a node with a loop: a chain of a million nodes must not recurse a million times.
impl<T: Float, S: ?Sized> Drop for Node<T, S> {
    fn drop(&mut self) {
        let mut waiting: SmallVec<[Arc<Node<T>>; 8]> = SmallVec::new();
        // Only the last holder takes a node apart. (Should two threads let go of it at the same moment and both see the other's hold, the later
        // one drops it whole, and this loop starts again inside: one level for each such meeting, not for each node.)
        let take = |inputs: &mut Inputs<T>, waiting: &mut SmallVec<_>| {
            for input in inputs {
                if matches!(&input.edge, Edge::Node(node) if Arc::strong_count(node) == 1)
                    && let Edge::Node(node) = std::mem::replace(&mut input.edge, Edge::Constant)
                {
                    waiting.push(node);
                }
            }
        };
        take(&mut self.inputs, &mut waiting);
        while let Some(mut node) = waiting.pop() {
            if let Some(node) = Arc::get_mut(&mut node) {
                take(&mut node.inputs, &mut waiting);
            }
        }
    }
}
