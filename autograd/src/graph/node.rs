//! What a recorded operation leaves behind: its inputs' edges and the operation, in one allocation.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

use super::engine::Backward;
use crate::float::Float;
use crate::layout::Layout;
use crate::lock::{ShortLock, none_is_held};
use crate::op::Op;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The name of a leaf or node. Names are given in order of creation, and a node is created after its inputs: so the
/// name of every consumer is larger than the name of what it consumes, and newest-first is an order to walk back in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u64);

impl Id {
    /// The name of a node that the loop that drops a graph took apart: nothing is left to drop.
    pub(super) const DISMANTLED: Id = Id(u64::MAX);

    #[inline]
    pub(crate) fn next() -> Id {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Id(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The name as a number.
    #[inline]
    pub(crate) fn number(self) -> u64 {
        self.0
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

impl<T: Float> Clone for Input<T> {
    fn clone(&self) -> Self {
        Input { edge: self.edge.clone(), layout: Arc::clone(&self.layout) }
    }
}

impl<T: Float> Input<T> {
    #[inline]
    pub(super) fn of(tensor: &Tensor<T>) -> Self {
        Input { edge: tensor.edge.clone(), layout: Arc::clone(&tensor.layout) }
    }

    #[inline]
    pub(crate) fn shape(&self) -> &Shape {
        &self.layout.shape
    }
}

/// Most operations have one input or two.
pub(crate) type Inputs<T> = SmallVec<[Input<T>; 2]>;

/// A recorded operation. `S` is a slot that holds the operation itself.
pub(crate) struct Node<T: Float, S: Slot<T> + ?Sized = dyn Slot<T>> {
    pub(crate) id: Id,
    pub(crate) name: &'static str,
    pub(crate) inputs: Inputs<T>,
    pub(crate) slot: S,
}

impl<T: Float> Node<T> {
    #[inline]
    pub(crate) fn new<O: Op<T>>(tensors: &[&Tensor<T>], op: O) -> Arc<Node<T>> {
        Node::with_inputs(inputs_of(tensors), op)
    }

    #[inline]
    pub(super) fn with_inputs<O: Op<T>>(inputs: Inputs<T>, op: O) -> Arc<Node<T>> {
        let name = op.name();
        Arc::new(Node { id: Id::next(), name, inputs, slot: ShortLock::new(Kept::Own(op)) })
    }
}

#[inline(always)]
fn inputs_of<T: Float>(tensors: &[&Tensor<T>]) -> Inputs<T> {
    let mut inputs = Inputs::new();
    // One or two without a loop: then the compiler sees that there is room for them. (To collect them takes longer than
    // they do.)
    match tensors {
        [only] => inputs.push(Input::of(only)),
        [first, second] => {
            inputs.push(Input::of(first));
            inputs.push(Input::of(second));
        }
        several => push_all(&mut inputs, several),
    }
    inputs
}

#[inline(never)]
fn push_all<T: Float>(inputs: &mut Inputs<T>, tensors: &[&Tensor<T>]) {
    tensors.iter().for_each(|tensor| inputs.push(Input::of(tensor)));
}

/// An earlier backward took the operation of a node.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Released;

/// What a slot holds.
pub(crate) enum Kept<T: Float, O> {
    /// The operation, which no walk has shared yet.
    Own(O),
    /// The operation, which a walk may be running at this moment.
    Shared(Arc<dyn Op<T>>),
    /// Nothing more: a walk took the operation.
    Released,
}

/// A recorded operation that can be given up. A walk that frees the graph takes the operation out, so that its saved
/// values are free even while somebody still holds the node (a `logits` in scope); a walk that keeps the graph leaves
/// it.
///
/// The lock is held to take the operation or to share it, and not while the rule runs, which forks.
///
/// It is all that is compiled for each kind of operation, with [`Keeps`]; what can be done with these few methods is
/// done outside.
pub(crate) trait Slot<T: Float>: Send + Sync {
    fn backward_once(&self, ctx: &mut Backward<'_, T>) -> Result<(), Released>;
    /// The lock, for what is compiled once.
    fn lock(&self) -> &ShortLock<dyn Keeps<T>>;
    /// Drops the operation of a node that nobody else holds.
    fn release(&mut self);
    /// Itself, for what is compiled once.
    fn as_dyn(&mut self) -> &mut dyn Slot<T>;
}

/// What a slot holds, for what is compiled once.
pub(crate) trait Keeps<T: Float>: Send {
    /// Whether there is no operation any more.
    fn is_released(&self) -> bool;
    /// Takes the operation out.
    fn take(&mut self) -> Option<Arc<dyn Op<T>>>;
    /// Drops the operation.
    fn release(&mut self);
    /// Puts it back, to be shared.
    fn put(&mut self, op: Arc<dyn Op<T>>);
}

impl<T: Float> dyn Slot<T> + '_ {
    pub(super) fn backward_and_keep(&self, ctx: &mut Backward<'_, T>) -> Result<(), Released> {
        debug_assert!(none_is_held(), "a backward rule: a lock is held");
        self.share().ok_or(Released)?.backward(ctx);
        Ok(())
    }

    pub(super) fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.share() {
            Some(op) => write!(f, "{op:?}"),
            None => f.write_str("released"),
        }
    }

    pub(super) fn is_released(&self) -> bool {
        self.lock().with(|kept| kept.is_released())
    }

    /// The operation, which stays here.
    fn share(&self) -> Option<Arc<dyn Op<T>>> {
        self.lock().with(|kept| {
            let op = kept.take()?;
            kept.put(Arc::clone(&op));
            Some(op)
        })
    }

    /// Takes the operation out.
    pub(super) fn take(&self) -> Option<Arc<dyn Op<T>>> {
        self.lock().with(|kept| kept.take())
    }
}

impl<T: Float, O: Op<T>> Slot<T> for ShortLock<Kept<T, O>> {
    fn backward_once(&self, ctx: &mut Backward<'_, T>) -> Result<(), Released> {
        debug_assert!(none_is_held(), "a backward rule: a lock is held");
        // By reference, as what is moved out of it on one way only has a flag for the other ones.
        match &self.with(|kept| std::mem::replace(kept, Kept::Released)) {
            Kept::Own(op) => op.backward(ctx),
            Kept::Shared(op) => op.backward(ctx),
            Kept::Released => return Err(Released),
        }
        Ok(())
    }

    fn lock(&self) -> &ShortLock<dyn Keeps<T>> {
        self
    }

    fn release(&mut self) {
        let lock: &mut ShortLock<dyn Keeps<T>> = self;
        lock.get_mut().release();
    }

    fn as_dyn(&mut self) -> &mut dyn Slot<T> {
        self
    }
}

impl<T: Float, O: Op<T>> Keeps<T> for Kept<T, O> {
    fn is_released(&self) -> bool {
        matches!(self, Kept::Released)
    }

    fn take(&mut self) -> Option<Arc<dyn Op<T>>> {
        match std::mem::replace(self, Kept::Released) {
            Kept::Own(op) => Some(Arc::new(op)),
            Kept::Shared(op) => Some(op),
            Kept::Released => None,
        }
    }

    fn release(&mut self) {
        *self = Kept::Released;
    }

    fn put(&mut self, op: Arc<dyn Op<T>>) {
        *self = Kept::Shared(op);
    }
}

impl<T: Float> fmt::Debug for Node<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {}: ", self.id.0, self.name)?;
        self.slot.describe(f)
    }
}
