//! Gradient checkpointing.

use super::arguments::Arguments;
use crate::float::Float;
use crate::graph::recompute::segment;
use crate::tensor::Tensor;

/// `f(inputs)`, whose values in between are not kept for backward: when backward comes here, it runs `f` again. Less
/// memory for more time, known as gradient checkpointing (Chen and others,
/// [arXiv:1604.06174](https://arxiv.org/abs/1604.06174)).
///
/// As [`torch.utils.checkpoint`](https://docs.pytorch.org/docs/stable/checkpoint.html). Results and gradients have the
/// same bits as without (gradients of gradients may differ in the order of sums):
///
/// - Random numbers are drawn once. The second run draws them from the state that each [`Random`](crate::Random) had
///   in the first one, and leaves the stream alone.
/// - A [`Param`](crate::Param) that `f` changes, such as the running statistics of a batch norm, is changed once: the
///   second run's changes are dropped.
/// - The second run reads the versions of the parameters that the first one read, whatever an optimizer did meanwhile.
///
/// Gradients flow to the inputs, and to all parameters and tracked tensors that `f` uses beside them. They are
/// differentiable in every order; each walk that keeps the graph runs `f` again. Where nothing is recorded, `f` just
/// runs. Segments may lie inside each other.
///
/// `f` must compute the same each time that it is called: other sources of randomness, a clock or a counter of the
/// caller's make wrong gradients.
///
/// ```
/// use autograd::{Param, Tensor, recompute};
/// let weight = Param::new(Tensor::<f32>::randn([8, 8], 0));
/// let mut x = Tensor::randn([4, 8], 1);
/// for _ in 0..10 {
///     let weight = weight.clone();
///     x = recompute(move |x| x.linear_relu(&weight.tensor(), None).tanh(), &x); // keeps x, and no more
/// }
/// assert!(x.sum().backward().of(&weight).is_some());
/// ```
///
/// # Panics
/// In backward, if the second run draws other numbers, reads other parameters, or has a result of another shape. If a
/// task that `f` forks draws from a [`Random`](crate::Random), as such draws have no order: give it a number as seed.
pub fn recompute<T: Float, A: Arguments<T>>(
    f: impl Fn(A::Each<Tensor<T>>) -> Tensor<T> + Send + Sync + 'static,
    inputs: A,
) -> Tensor<T> {
    let arguments = inputs.tensors();
    segment(Box::new(move |arguments| f(A::each(arguments))), arguments)
}
