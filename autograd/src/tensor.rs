//! A tensor is three things: where the numbers are, how to walk them, and where they came from.

mod create;
mod display;
pub(crate) mod interchange;
mod mapped;

use std::sync::Arc;
use std::time::Instant;

use crate::error::mistake;
use crate::float::Float;
use crate::graph::{Edge, Id, Node};
use crate::kernels::map::View;
use crate::kernels::parallel::is_recording;
use crate::layout::Layout;
use crate::op::Op;
use crate::shape::Shape;
use crate::storage::{Storage, no_memory_for};
use crate::trace;

pub(crate) use mapped::{map_inlined, mapped_rows};

/// A multi-dimensional array of numbers that knows how it was computed.
///
/// Tensors are immutable values: cloning one copies no number, operations make new ones, and views (transposes, slices, expansions) share
/// the storage. They may be sent to and shared between threads.
///
/// ```
/// use autograd::Tensor;
/// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]).requires_grad();
/// let loss = (&x * &x).sum();
/// assert_eq!(loss.item(), 14.0);
/// let gradients = loss.backward();
/// assert_eq!(gradients.get(&x).unwrap().to_vec(), [2.0, 4.0, 6.0]);
/// ```
#[derive(Clone)]
pub struct Tensor<T: Float = f32> {
    pub(crate) storage: Storage<T>,
    /// Shared by all that lie alike: a tensor is copied a dozen times on its way through an operation and back.
    pub(crate) layout: Arc<Layout>,
    pub(crate) edge: Edge<T>,
}

impl<T: Float> Tensor<T> {
    /// A constant of the given shape whose numbers, in row-major order, `fill` writes: every one, since it finds stale ones of a recycled buffer.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let squares = Tensor::build([4], |out| out.iter_mut().zip(0_u8..).for_each(|(number, i)| *number = f32::from(i * i)));
    /// assert_eq!(squares.to_vec(), [0.0, 1.0, 4.0, 9.0]);
    /// ```
    ///
    /// # Panics
    /// If the system has no memory for so many elements.
    #[inline]
    #[track_caller]
    pub fn build(shape: impl Into<Shape>, fill: impl FnOnce(&mut [T])) -> Self {
        Tensor::build_for("tensor", shape.into(), fill)
    }

    /// As [`build`](Tensor::build), for an operation that a refusal is to name.
    #[inline]
    #[track_caller]
    pub(crate) fn build_for(op: &str, shape: Shape, fill: impl FnOnce(&mut [T])) -> Self {
        // Before strides are made of the extents.
        shape.numel_for(op);
        Tensor::fill_layout(op, Arc::new(Layout::contiguous(shape)), fill)
    }

    /// As [`build_for`](Tensor::build_for), for an intermediate result that no operation records: it is traced under its own name.
    #[inline]
    #[track_caller]
    pub(crate) fn build_named(name: &'static str, shape: Shape, fill: impl FnOnce(&mut [T])) -> Self {
        trace::label(name);
        Tensor::build_for(name, shape, fill)
    }

    /// As [`build`](Tensor::build), in a row-major layout, which may be another tensor's.
    #[inline]
    #[track_caller]
    pub(crate) fn build_in(layout: impl Into<Arc<Layout>>, fill: impl FnOnce(&mut [T])) -> Self {
        Tensor::fill_layout("tensor", layout.into(), fill)
    }

    /// The closure is all that differs from one operation to the next: what is before it and behind it is compiled
    /// once.
    #[inline]
    #[track_caller]
    fn fill_layout(op: &str, layout: Arc<Layout>, fill: impl FnOnce(&mut [T])) -> Self {
        let (start, mut storage) = Tensor::begin(op, &layout);
        fill(storage.get_mut().expect("just made, so not shared"));
        Tensor::finish(start, layout, storage)
    }

    /// A buffer for the elements, which are stale ones of a recycled buffer.
    #[inline]
    #[track_caller]
    fn begin(op: &str, layout: &Layout) -> (Option<Instant>, Storage<T>) {
        let start = trace::start();
        let Some(storage) = Storage::try_take(layout.numel()) else {
            mistake(op, format_args!("shape {}: {}", layout.shape, no_memory_for::<T>(layout.numel())));
        };
        (start, storage)
    }

    #[inline]
    fn finish(start: Option<Instant>, layout: Arc<Layout>, storage: Storage<T>) -> Self {
        if let Some(start) = start {
            trace::built(start, &layout.shape, storage.as_slice().as_ptr().cast());
        }
        Tensor { storage, layout, edge: Edge::Constant }
    }

    /// The same numbers walked in another way, without an edge.
    #[inline]
    pub(crate) fn with_layout(&self, layout: impl Into<Arc<Layout>>) -> Self {
        Tensor { storage: self.storage.clone(), layout: layout.into(), edge: Edge::Constant }
    }

    /// The row-major layout of this tensor's shape: its own, if it is that.
    #[inline]
    pub(crate) fn row_major(&self) -> Arc<Layout> {
        if self.layout.is_row_major() {
            return Arc::clone(&self.layout);
        }
        Arc::new(Layout::contiguous(self.shape().clone()))
    }

    /// The extents, outermost first.
    #[inline]
    pub fn shape(&self) -> &Shape {
        &self.layout.shape
    }

    /// The extent of one dimension; negative ones count from the end.
    ///
    /// # Panics
    /// If there is no such dimension.
    #[track_caller]
    pub fn size(&self, dim: isize) -> usize {
        let rank = self.rank();
        if rank == 0 {
            mistake("size", format_args!("a single number has no dimension {dim}"));
        }
        self.shape()[crate::error::dimension("size", dim, rank)]
    }

    /// The number of dimensions.
    #[inline]
    pub fn rank(&self) -> usize {
        self.layout.shape.rank()
    }

    /// The number of elements.
    #[inline]
    pub fn numel(&self) -> usize {
        self.layout.numel()
    }

    /// Whether the numbers lie dense and in row-major order.
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.layout.is_contiguous()
    }

    /// The steps, in elements, from one index of each dimension to the next.
    pub fn strides(&self) -> &[isize] {
        &self.layout.strides
    }

    /// The one number of a tensor with one element.
    ///
    /// # Panics
    /// If there are more elements, or none.
    #[track_caller]
    pub fn item(&self) -> T {
        if self.numel() != 1 {
            mistake("item", format_args!("shape {} has {} elements, not one", self.shape(), self.numel()));
        }
        self.storage.as_slice()[self.layout.offset]
    }

    /// The numbers, if they lie dense and in row-major order.
    #[inline]
    pub(crate) fn as_slice(&self) -> Option<&[T]> {
        self.is_contiguous().then(|| match self.numel() {
            0 => &[],
            count => &self.storage.as_slice()[self.layout.offset..][..count],
        })
    }

    /// The numbers for writing, if they lie dense and nobody else holds them.
    pub(crate) fn as_mut_slice(&mut self) -> Option<&mut [T]> {
        let (offset, count) = (self.layout.offset, self.numel());
        if !self.is_contiguous() {
            return None;
        }
        self.storage.get_mut().map(|numbers| if count == 0 { &mut [] } else { &mut numbers[offset..][..count] })
    }

    #[inline]
    pub(crate) fn view(&self) -> View<'_, T> {
        View { numbers: self.storage.as_slice(), layout: &self.layout }
    }

    /// The same numbers, dense and in row-major order, without an edge; copied only if they are not.
    #[track_caller]
    pub(crate) fn dense(&self) -> Tensor<T> {
        if self.is_contiguous() {
            return self.with_layout(self.layout.clone());
        }
        self.mapped(|x| x)
    }

    /// Makes a leaf: a tensor that gradients are asked for. A tensor that is tracked already is returned as it is.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![3.0], [1]).requires_grad();
    /// assert!(x.is_tracked());
    /// ```
    pub fn requires_grad(mut self) -> Tensor<T> {
        if let Edge::Constant = self.edge {
            self.edge = Edge::Leaf(Id::next());
        }
        self
    }

    /// Whether a gradient can flow through this tensor: it is a leaf, or was computed from one while recording.
    #[inline]
    pub fn is_tracked(&self) -> bool {
        !matches!(self.edge, Edge::Constant)
    }

    /// The same numbers as a constant: no gradient flows back through the result.
    pub fn detach(&self) -> Tensor<T> {
        self.with_layout(self.layout.clone())
    }

    /// Makes `self` the output of an operation on `inputs`: the one door into the graph.
    ///
    /// `op` is called with the output, to save what backward needs, only if recording is on and an input is tracked; else the tensor is returned as it is.
    /// (It is called, for the operation's name, while somebody [traces](crate::trace), too.)
    /// The gradient that backward propagates for input `i` must have its shape or broadcast from it; see [`Op`] for an example.
    #[inline]
    pub fn record<O: Op<T>>(self, inputs: &[&Tensor<T>], op: impl FnOnce(&Tensor<T>) -> O) -> Tensor<T> {
        if !self.is_recorded_with(inputs) {
            return self;
        }
        // A view shares the values of another tensor: the time that they took is not its own. (Asked before the
        // operation saves its output.)
        let is_new = trace::is_on() && !self.storage.is_shared();
        let op = op(&self);
        if trace::is_on() {
            self.trace_operation(inputs, op.name(), is_new);
        }
        if enters_graph(inputs) {
            return Tensor { edge: Edge::Node(Node::new(inputs, op)), ..self };
        }
        self
    }

    /// Whether [`record`](Tensor::record) needs the operation: for the graph, or for its name in a trace.
    #[inline]
    pub(crate) fn is_recorded_with(&self, inputs: &[&Tensor<T>]) -> bool {
        enters_graph(inputs) || trace::is_on()
    }

    #[cold]
    #[inline(never)]
    fn trace_operation(&self, inputs: &[&Tensor<T>], name: &'static str, is_new: bool) {
        let shapes = inputs.iter().map(|input| input.shape().clone()).collect();
        let address = is_new.then(|| self.storage.as_slice().as_ptr().cast());
        trace::operation(name, shapes, self.shape(), address);
    }
}

#[inline]
fn enters_graph<T: Float>(inputs: &[&Tensor<T>]) -> bool {
    is_recording() && inputs.iter().any(|input| input.is_tracked())
}
