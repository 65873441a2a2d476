//! Products of a vector with a Jacobian or a Hessian, which cost about as much as a few calls of the function.

use super::arguments::Arguments;
use crate::error::shape_error;
use crate::float::Float;
use crate::graph::recompute::has_sources;
use crate::graph::{Id, Order, broadcast, grad_with};
use crate::mode::{is_recording, with_recording};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A call of a function, recorded from leaves of its own.
pub(super) struct Call<T: Float> {
    /// The arguments: leaves, or copies behind which the caller's graph goes on.
    pub(super) leaves: Vec<Tensor<T>>,
    pub(super) output: Tensor<T>,
    /// Whether the caller may differentiate what is computed from this: it records, and the output depends on
    /// something tracked of the caller's.
    is_differentiable: bool,
}

impl<T: Float> Call<T> {
    pub(super) fn new<A: Arguments<T>>(f: impl FnOnce(A::Each<Tensor<T>>) -> Tensor<T>, inputs: &A) -> Self {
        let is_recorded = is_recording();
        let start = Id::next();
        with_recording(true, || {
            let leaf = |x: Tensor<T>| match x.is_tracked() && is_recorded {
                // The same values at a node of their own, so that only what flows through this argument counts.
                true => broadcast::expand(&x, x.shape()).expect("a shape stretches to itself"),
                false => x.detach().requires_grad(),
            };
            let leaves: Vec<Tensor<T>> = inputs.tensors().into_iter().map(leaf).collect();
            let output = f(A::each(leaves.clone()));
            let is_differentiable = is_recorded && has_sources(&output.edge, start);
            Call { leaves, output, is_differentiable }
        })
    }

    /// The output, tracked only if the caller may differentiate it.
    pub(super) fn value(&self) -> Tensor<T> {
        if self.is_differentiable { self.output.clone() } else { self.output.detach() }
    }

    /// The order of a last walk, with a seed of the caller's, where the graph is used again or not.
    pub(super) fn last_order(&self, seed: Option<&Tensor<T>>, is_kept: bool) -> Order {
        let is_seed_tracked = is_recording() && seed.is_some_and(Tensor::is_tracked);
        match (self.is_differentiable || is_seed_tracked, is_kept) {
            (true, _) => Order::Higher,
            (false, true) => Order::RetainGraph,
            (false, false) => Order::First,
        }
    }
}

/// The gradients of the sum of `of` times `seed`: zeros where nothing leads.
#[track_caller]
pub(super) fn gradients<T: Float>(
    of: &Tensor<T>,
    with_respect_to: &[Tensor<T>],
    seed: &Tensor<T>,
    order: Order,
) -> Vec<Tensor<T>> {
    if !of.is_tracked() {
        return with_respect_to.iter().map(|tensor| Tensor::zeros(tensor.shape())).collect();
    }
    grad_with(of, &with_respect_to.iter().collect::<Vec<_>>(), seed, order)
}

/// Checks that there is a vector for each argument, of its shape.
#[track_caller]
fn check_vectors<T: Float>(op: &str, arguments: &[Tensor<T>], vectors: &[Tensor<T>]) {
    let shapes = |tensors: &[Tensor<T>]| tensors.iter().map(|tensor| tensor.shape().clone()).collect::<Vec<Shape>>();
    let (own, given) = (shapes(arguments), shapes(vectors));
    if own != given {
        shape_error(op, format_args!("the inputs have shapes {own:?}, the vectors {given:?}: they must be the same"));
    }
}

/// The sum of all products of elements.
fn inner_product<T: Float>(a: &[Tensor<T>], b: &[Tensor<T>]) -> Tensor<T> {
    a.iter().zip(b).map(|(a, b)| (a * b).sum()).reduce(|a, b| a + b).unwrap_or_else(|| Tensor::zeros(()))
}

/// `f(inputs)`, and the product of `vector` with the Jacobian of `f` there: the gradient of the sum of `f`'s elements
/// times the vector's, for each input.
///
/// As
/// [`torch.autograd.functional.vjp`](https://docs.pytorch.org/docs/stable/generated/torch.autograd.functional.vjp.html).
/// The results are differentiable with respect to what is tracked of the inputs, of the vector, and of what `f` uses
/// beside them; where nothing is, they are constants. An input that the result does not depend on gets zeros.
///
/// ```
/// use autograd::{Tensor, vjp};
/// let [a, b] = [Tensor::from_vec(vec![1.0, 2.0], [2]), Tensor::from_vec(vec![3.0, 4.0], [2])];
/// let (product, [to_a, to_b]) = vjp(|[a, b]| a * b, [&a, &b], &Tensor::ones([2]));
/// assert_eq!((product.to_vec(), to_a.to_vec(), to_b.to_vec()), (vec![3.0, 8.0], vec![3.0, 4.0], vec![1.0, 2.0]));
/// ```
///
/// # Panics
/// If the vector does not have the shape of `f`'s result.
#[track_caller]
pub fn vjp<T: Float, A: Arguments<T>>(
    f: impl FnOnce(A::Each<Tensor<T>>) -> Tensor<T>,
    inputs: A,
    vector: &Tensor<T>,
) -> (Tensor<T>, A::Each<Tensor<T>>) {
    let call = Call::new(f, &inputs);
    if call.output.shape() != vector.shape() {
        let (own, given) = (call.output.shape(), vector.shape());
        shape_error("vjp", format_args!("the result has shape {own}, the vector {given}: they must be the same"));
    }
    let products = gradients(&call.output, &call.leaves, vector, call.last_order(Some(vector), false));
    (call.value(), A::each(products))
}

/// `f(inputs)`, and the product of the Jacobian of `f` there with `vectors`, one for each input: how the result
/// changes as the inputs move along the vectors.
///
/// As
/// [`torch.autograd.functional.jvp`](https://docs.pytorch.org/docs/stable/generated/torch.autograd.functional.jvp.html),
/// and computed as there, by two walks back: the product of u with the Jacobian is linear in u, and its own gradient
/// with respect to u is the product with the other side. So each operation of `f` must be differentiable twice. What
/// the results are differentiable with respect to is as for [`vjp`].
///
/// ```
/// use autograd::{Tensor, jvp};
/// let x = Tensor::from_vec(vec![1.0, 2.0], [2]);
/// let (square, change) = jvp(|x| &x * &x, &x, &Tensor::from_vec(vec![0.5, 0.0], [2]));
/// assert_eq!((square.to_vec(), change.to_vec()), (vec![1.0, 4.0], vec![1.0, 0.0]));
/// ```
///
/// # Panics
/// If a vector does not have the shape of its input.
#[track_caller]
pub fn jvp<T: Float, A: Arguments<T>>(
    f: impl FnOnce(A::Each<Tensor<T>>) -> Tensor<T>,
    inputs: A,
    vectors: A,
) -> (Tensor<T>, Tensor<T>) {
    let vectors = vectors.tensors();
    check_vectors("jvp", &inputs.tensors(), &vectors);
    let call = Call::new(f, &inputs);
    let is_any_tracked = is_recording() && vectors.iter().any(Tensor::is_tracked);
    let order = if is_any_tracked { Order::Higher } else { call.last_order(None, false) };
    let product = with_recording(true, || {
        let u = Tensor::zeros(call.output.shape()).requires_grad();
        let products = gradients(&call.output, &call.leaves, &u, Order::Higher);
        let whole = inner_product(&products, &vectors);
        gradients(&whole, &[u], &Tensor::ones(()), order).remove(0)
    });
    (call.value(), product)
}

/// `f(inputs)`, a single number, and the product of its Hessian there with `vectors`, one for each input: how the
/// gradient changes as the inputs move along the vectors.
///
/// As
/// [`torch.autograd.functional.hvp`](https://docs.pytorch.org/docs/stable/generated/torch.autograd.functional.hvp.html).
/// The Hessian itself is never made: this is the gradient of the product of the gradient with the vectors. What the
/// results are differentiable with respect to is as for [`vjp`].
///
/// ```
/// use autograd::{Tensor, hvp};
/// let x = Tensor::from_vec(vec![1.0, 2.0], [2]);
/// let (value, product) = hvp(|x| x.powf(3.0).sum(), &x, &Tensor::ones([2]));
/// assert_eq!((value.item(), product.to_vec()), (9.0, vec![6.0, 12.0]));
/// ```
///
/// # Panics
/// If the result is not a single number, or a vector does not have the shape of its input.
#[track_caller]
pub fn hvp<T: Float, A: Arguments<T>>(
    f: impl FnOnce(A::Each<Tensor<T>>) -> Tensor<T>,
    inputs: A,
    vectors: A,
) -> (Tensor<T>, A::Each<Tensor<T>>) {
    let vectors = vectors.tensors();
    check_vectors("hvp", &inputs.tensors(), &vectors);
    let call = Call::new(f, &inputs);
    check_single("hvp", &call.output);
    let is_any_tracked = is_recording() && vectors.iter().any(Tensor::is_tracked);
    let order = if is_any_tracked { Order::Higher } else { call.last_order(None, false) };
    let products = with_recording(true, || {
        let first = gradients(&call.output, &call.leaves, &call.output.ones_like(), Order::Higher);
        let whole = inner_product(&first, &vectors);
        gradients(&whole, &call.leaves, &Tensor::ones(()), order)
    });
    (call.value(), A::each(products))
}

#[track_caller]
pub(super) fn check_single<T: Float>(op: &str, output: &Tensor<T>) {
    if output.numel() != 1 {
        shape_error(op, format_args!("the function returned shape {}, not a single number", output.shape()));
    }
}
