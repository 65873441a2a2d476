//! The interface of operations: a value with a name and a backward rule. Only such values become nodes of the graph.

use std::fmt::{self, Debug};
use std::sync::Arc;

use crate::float::Float;
use crate::graph::Backward;
use crate::layout::Layout;
use crate::storage::Storage;
use crate::tensor::Tensor;

/// A differentiable operation as it is stored in the graph: the values saved by forward, and the backward rule.
///
/// Built-in operations and a user's own operations use the same interface. Compute the output, then
/// [`record`](Tensor::record) it with its inputs:
///
/// ```
/// use autograd::{Backward, Op, Saved, Tensor};
///
/// /// y = x³        dy/dx = 3 x²
/// #[derive(Debug)]
/// struct Cube { x: Saved<f32> }
///
/// impl Op<f32> for Cube {
///     fn name(&self) -> &'static str { "cube" }
///     fn backward(&self, ctx: &mut Backward<'_, f32>) {
///         let (grad, x) = (ctx.grad(), ctx.get(&self.x));
///         ctx.propagate(0, || grad * &x * &x * 3.0);
///     }
/// }
///
/// fn cube(x: &Tensor) -> Tensor {
///     let values = x.to_vec().into_iter().map(|x| x * x * x).collect();
///     Tensor::from_vec(values, x.shape()).record(&[x], |_| Cube { x: Saved::input(0, x) })
/// }
///
/// let x = Tensor::from_vec(vec![2.0, -1.0], [2]).requires_grad();
/// let gradients = cube(&x).sum().backward();
/// assert_eq!(gradients.get(&x).unwrap().to_vec(), [12.0, 3.0]);
/// ```
pub trait Op<T: Float>: Debug + Send + Sync + 'static {
    /// The operation's name, for messages and drawings of the graph.
    fn name(&self) -> &'static str;

    /// Passes each input its gradient with [`Backward::propagate`]. The gradient is computed with tensor operations, so
    /// that it can be differentiated again.
    fn backward(&self, ctx: &mut Backward<'_, T>);
}

/// A tensor that forward saves for backward: its elements without its edge.
///
/// It stores whether the tensor was an input or the output, and [`Backward::get`] adds the edge again from the node. So
/// an operation holds no reference to the graph, and no reference cycle can arise.
#[derive(Clone)]
pub struct Saved<T: Float> {
    pub(crate) storage: Storage<T>,
    pub(crate) layout: Arc<Layout>,
    pub(crate) source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Input(u32),
    Output,
    Aside,
}

impl<T: Float> Saved<T> {
    /// Saves input number `index` of the recorded operation.
    pub fn input(index: usize, tensor: &Tensor<T>) -> Self {
        Saved::new(tensor, Source::Input(index as u32))
    }

    /// Saves the output of the recorded operation.
    pub fn output(tensor: &Tensor<T>) -> Self {
        Saved::new(tensor, Source::Output)
    }

    /// Saves another result of forward that is a constant for differentiation, such as a mask.
    pub fn aside(tensor: &Tensor<T>) -> Self {
        Saved::new(tensor, Source::Aside)
    }

    #[inline]
    fn new(tensor: &Tensor<T>, source: Source) -> Self {
        Saved { storage: tensor.storage.clone(), layout: tensor.layout.clone(), source }
    }
}

impl<T: Float> Debug for Saved<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{}", self.source, self.layout.shape)
    }
}
