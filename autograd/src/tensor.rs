//! A tensor consists of three parts: the elements (storage), their order in memory (layout), and their origin in the
//! graph (edge).

mod create;
mod display;
pub(crate) mod interchange;
mod mapped;
mod nested;
mod random;
mod unfilled;

use std::sync::Arc;

use crate::dimensions::pushed;
use crate::error::shape_error;
use crate::float::Float;
use crate::graph::{Edge, Id, Node, anomaly};
use crate::kernels::gemm::MatrixStack;
use crate::kernels::map::View;
use crate::layout::Layout;
use crate::mode::{self, RECORDING, WATCHED};
use crate::op::Op;
use crate::shape::Shape;
use crate::storage::Storage;
use crate::trace;

pub(crate) use mapped::{are_dense, map_dense, mapped_rows};
pub use nested::RaggedError;

/// A multi-dimensional array of numbers that knows how it was computed.
///
/// Tensors are immutable values: cloning a tensor copies no element, operations create new tensors, and views
/// (transposes, slices, expansions) share the storage. Tensors can be sent to and shared between threads.
///
/// ```
/// use autograd::Tensor;
/// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]).requires_grad();
/// let loss = (&x * &x).sum();
/// assert_eq!(loss.item(), 14.0);
/// let gradients = loss.backward();
/// assert_eq!(gradients.get(&x).unwrap().to_vec(), [2.0, 4.0, 6.0]);
/// ```
///
/// # Index of methods
///
/// Each of these groups has its heading below.
///
#[doc = include_str!("../docs/methods.md")]
#[derive(Clone)]
pub struct Tensor<T: Float = f32> {
    pub(crate) storage: Storage<T>,
    /// Shared by all tensors with the same layout: an operation and its gradient clone a tensor about a dozen times.
    pub(crate) layout: Arc<Layout>,
    pub(crate) edge: Edge<T>,
}

/// # Values, shape and layout
impl<T: Float> Tensor<T> {
    /// A constant of the given shape. `fill` must write every element, in row-major order: the buffer is recycled and
    /// contains old values.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let squares = Tensor::build([4], |out| out.iter_mut().zip(0_u8..).for_each(|(x, i)| *x = f32::from(i * i)));
    /// assert_eq!(squares.to_vec(), [0.0, 1.0, 4.0, 9.0]);
    /// ```
    ///
    /// # Panics
    /// If the system does not have enough memory.
    #[inline]
    #[track_caller]
    pub fn build(shape: impl Into<Shape>, fill: impl FnOnce(&mut [T])) -> Self {
        let (start, mut tensor) = (trace::start(), Tensor::unfilled("tensor", shape.into()));
        fill(tensor.stale());
        tensor.trace_built(start);
        tensor
    }

    /// As [`build`](Tensor::build); error messages name the operation `op`.
    #[inline]
    #[track_caller]
    pub(crate) fn build_for(op: &str, shape: Shape, fill: impl FnOnce(&mut [T])) -> Self {
        let (start, mut tensor) = (trace::start(), Tensor::unfilled(op, shape));
        fill(tensor.stale());
        tensor.trace_built(start);
        tensor
    }

    /// As [`build_for`](Tensor::build_for), for an intermediate result that no operation records: the trace shows it
    /// under this name.
    #[inline]
    #[track_caller]
    pub(crate) fn build_named(name: &'static str, shape: Shape, fill: impl FnOnce(&mut [T])) -> Self {
        trace::label(name);
        Tensor::build_for(name, shape, fill)
    }

    /// As [`build`](Tensor::build), with a row-major layout, which can be shared with another tensor.
    #[inline]
    #[track_caller]
    pub(crate) fn build_in(layout: impl Into<Arc<Layout>>, fill: impl FnOnce(&mut [T])) -> Self {
        let (start, mut tensor) = (trace::start(), Tensor::unfilled_in("tensor", layout.into()));
        fill(tensor.stale());
        tensor.trace_built(start);
        tensor
    }

    /// As [`build_in`](Tensor::build_in), all of it inlined: for the few functions that most operations pass through.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn build_inlined(layout: Arc<Layout>, fill: impl FnOnce(&mut [T])) -> Self {
        let (start, mut tensor) = (trace::start(), Tensor::unfilled_inlined("tensor", layout));
        fill(tensor.stale());
        tensor.trace_built(start);
        tensor
    }

    /// The same storage with another layout, without an edge.
    #[inline]
    pub(crate) fn with_layout(&self, layout: impl Into<Arc<Layout>>) -> Self {
        Tensor { storage: self.storage.clone(), layout: layout.into(), edge: Edge::Constant }
    }

    /// The row-major layout of this tensor's shape: its own layout, if that is row-major.
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
            shape_error("size", format_args!("a single number has no dimension {dim}"));
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

    /// Whether the elements are contiguous in memory, in row-major order.
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.layout.is_contiguous()
    }

    /// The steps, in elements, from one index of each dimension to the next.
    pub fn strides(&self) -> &[isize] {
        &self.layout.strides
    }

    /// The value of a tensor with exactly one element.
    ///
    /// Of a loss, call it before [`backward`](Tensor::backward), which takes the tensor:
    ///
    /// ```
    /// use autograd::Tensor;
    /// let loss = Tensor::from([1.0_f32, 2.0]).requires_grad().sum();
    /// let value = loss.item();
    /// let _gradients = loss.backward();
    /// assert_eq!(value, 3.0);
    /// ```
    ///
    /// # Panics
    /// If there are more elements, or none.
    #[track_caller]
    pub fn item(&self) -> T {
        if self.numel() != 1 {
            shape_error("item", format_args!("shape {} has {} elements, not one", self.shape(), self.numel()));
        }
        self.storage.as_slice()[self.layout.offset]
    }

    /// The elements, if they are contiguous in memory, in row-major order.
    #[inline]
    pub(crate) fn as_slice(&self) -> Option<&[T]> {
        self.is_contiguous().then(|| match self.numel() {
            0 => &[],
            count => &self.storage.as_slice()[self.layout.offset..][..count],
        })
    }

    /// The elements for writing, if they are contiguous and no other tensor shares the storage.
    pub(crate) fn as_mut_slice(&mut self) -> Option<&mut [T]> {
        let (offset, count) = (self.layout.offset, self.numel());
        if !self.is_contiguous() {
            return None;
        }
        self.storage.get_mut().map(|elements| if count == 0 { &mut [] } else { &mut elements[offset..][..count] })
    }

    #[inline]
    pub(crate) fn as_view(&self) -> View<'_, T> {
        View { values: self.storage.as_slice(), layout: &self.layout }
    }

    /// The matrices of a tensor of at least two dimensions, as the kernels take them.
    pub(crate) fn as_stack(&self) -> MatrixStack<'_, T> {
        MatrixStack::new(self.storage.as_slice(), &self.layout)
    }

    /// The same elements, contiguous in row-major order, without an edge. They are copied only if necessary.
    #[track_caller]
    pub(crate) fn dense(&self) -> Tensor<T> {
        if self.is_contiguous() {
            return self.with_layout(self.layout.clone());
        }
        self.mapped(|x| x)
    }

    pub(crate) fn shapes<'t>(tensors: &[&'t Tensor<T>]) -> Vec<&'t Shape> {
        pushed(tensors.iter().map(|tensor| tensor.shape()))
    }

    /// The elements of tensors that are [dense](Tensor::dense).
    pub(crate) fn dense_slices<const N: usize>(tensors: [&Tensor<T>; N]) -> [&[T]; N] {
        let mut slices = [&[][..]; N];
        for index in 0..N {
            slices[index] = tensors[index].as_slice().expect("dense");
        }
        slices
    }

    /// Makes a leaf: a tensor for which gradients can be requested. A tensor that is already tracked is returned
    /// unchanged.
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

    /// Whether a gradient can flow through this tensor: it is a leaf, or was computed from a leaf while recording was
    /// on.
    #[inline]
    pub fn is_tracked(&self) -> bool {
        !matches!(self.edge, Edge::Constant)
    }

    /// The same elements as a constant: no gradient flows back through the result.
    pub fn detach(&self) -> Tensor<T> {
        self.with_layout(self.layout.clone())
    }

    /// Records `self` as the output of an operation on `inputs`. This is the only way to add a node to the graph.
    ///
    /// `op` is called with the output, and saves what backward needs. It is called only if recording is on and an input
    /// is tracked; otherwise the tensor is returned unchanged. (While [tracing](crate::trace) is on, it is also called
    /// for the operation's name.) The gradient that backward propagates for input `i` must have the shape of that
    /// input, or a shape that the input broadcasts to; see [`Op`] for an example.
    #[inline]
    #[track_caller]
    pub fn record<O: Op<T>>(self, inputs: &[&Tensor<T>], op: impl FnOnce(&Tensor<T>) -> O) -> Tensor<T> {
        match Reasons::of(inputs) {
            Some(reasons) => self.record_for(reasons, inputs, op),
            None => self,
        }
    }

    /// As [`record`](Tensor::record), when it is known what the operation is needed for.
    #[inline]
    #[track_caller]
    pub(crate) fn record_for<O: Op<T>>(
        self,
        reasons: Reasons,
        inputs: &[&Tensor<T>],
        op: impl FnOnce(&Tensor<T>) -> O,
    ) -> Tensor<T> {
        // Asked before the operation saves its output.
        let is_new = self.is_new(reasons);
        // The operation is made where it is stored: a variable for it would be one more copy.
        let node = Node::new(inputs, op(&self));
        self.recorded_as(reasons, inputs, node, is_new)
    }

    /// Whether it is observed and has values of its own. A view shares those of another tensor: the time that they took
    /// is not its own.
    #[inline(always)]
    fn is_new(&self, reasons: Reasons) -> bool {
        reasons.is_observed && !self.storage.is_shared()
    }

    #[inline(always)]
    #[track_caller]
    fn recorded_as(self, reasons: Reasons, inputs: &[&Tensor<T>], node: Arc<Node<T>>, is_new: bool) -> Tensor<T> {
        match reasons.is_observed {
            true => self.observed(reasons, inputs, node, is_new),
            false => self.made_by(node),
        }
    }

    /// The same tensor as the output of a recorded operation.
    #[inline]
    fn made_by(self, node: Arc<Node<T>>) -> Tensor<T> {
        Tensor { edge: Edge::Node(node), ..self }
    }

    /// As [`made_by`](Tensor::made_by), while somebody observes operations. Compiled once, as it does not know the
    /// operation.
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn observed(self, reasons: Reasons, inputs: &[&Tensor<T>], node: Arc<Node<T>>, is_new: bool) -> Tensor<T> {
        self.trace_operation(inputs, node.name, is_new);
        if !reasons.enters_graph {
            return self;
        }
        anomaly::remember_line(node.id);
        self.made_by(node)
    }

    /// Traces the operation, and looks for NaN and infinities if that is asked for.
    #[track_caller]
    fn trace_operation(&self, inputs: &[&Tensor<T>], name: &'static str, is_new: bool) {
        if trace::is_on() {
            let shapes = Tensor::shapes(inputs).into_iter().cloned().collect();
            let address = is_new.then(|| self.storage.as_slice().as_ptr().cast());
            trace::operation(name, shapes, self.shape(), address);
        }
        if mode::has(WATCHED) {
            anomaly::check_output(name, self, inputs);
        }
    }
}

/// What [`record`](Tensor::record) needs an operation for.
#[derive(Clone, Copy)]
pub(crate) struct Reasons {
    enters_graph: bool,
    /// Its name is needed, for a trace or a report.
    is_observed: bool,
}

impl Reasons {
    /// `None` if the operation is not needed. The thread's mode is read once.
    #[inline]
    pub(crate) fn of<T: Float>(inputs: &[&Tensor<T>]) -> Option<Reasons> {
        let bits = mode::bits();
        let enters_graph = bits & RECORDING != 0 && inputs.iter().any(|input| input.is_tracked());
        let is_observed = bits & WATCHED != 0 || trace::is_on();
        (enters_graph || is_observed).then_some(Reasons { enters_graph, is_observed })
    }
}
