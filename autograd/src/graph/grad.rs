//! Gradients with respect to chosen tensors.

use super::checks::{check_seed, check_tracked};
use super::engine::{Order, walk_back};
use crate::error::{argument_error, shape_error};
use crate::float::Float;
use crate::tensor::Tensor;

/// The gradients of the number `of` with respect to each of the given tensors, leaves or not.
///
/// With [`Order::Higher`] the gradients are themselves differentiable and the graph stays whole, with
/// [`Order::RetainGraph`] only the latter. Only the operations on a path from `of` to one of the tensors are run back,
/// and freed with [`Order::First`]; what lies behind a tensor that was asked for can still be walked. A tensor that is
/// tracked but that `of` does not depend on gets zeros.
///
/// ```
/// use autograd::{Order, Tensor, grad};
/// let x = Tensor::from_vec(vec![3.0], [1]).requires_grad();
/// let y = (&x * &x * &x).sum();
/// let slope = grad(&y, &[&x], Order::Higher).remove(0);
/// assert_eq!(slope.to_vec(), [27.0]);
/// let curvature = grad(&slope.sum(), &[&x], Order::First).remove(0);
/// assert_eq!(curvature.to_vec(), [18.0]);
/// ```
///
/// # Panics
/// If `of` is not a single number or not tracked, if one of the tensors is not tracked, or if the graph was walked
/// before.
#[inline(never)]
#[track_caller]
pub fn grad<T: Float>(of: &Tensor<T>, with_respect_to: &[&Tensor<T>], order: Order) -> Vec<Tensor<T>> {
    if of.numel() != 1 {
        shape_error(
            "grad",
            format_args!("shape {} is not a single number: use grad_with and a seed, or reduce it first", of.shape()),
        );
    }
    grad_of("grad", of, with_respect_to, of.ones_like(), order)
}

/// As [`grad`], of the sum of `of`'s elements times `seed`'s. With [`Order::Higher`] the result can be differentiated
/// with respect to the seed too.
///
/// # Panics
/// As [`grad`], and if `seed` has another shape than `of`.
#[inline(never)]
#[track_caller]
pub fn grad_with<T: Float>(
    of: &Tensor<T>,
    with_respect_to: &[&Tensor<T>],
    seed: &Tensor<T>,
    order: Order,
) -> Vec<Tensor<T>> {
    check_seed("grad_with", of, seed);
    let seed = if order == Order::Higher { seed.clone() } else { seed.detach() };
    grad_of("grad_with", of, with_respect_to, seed, order)
}

#[track_caller]
fn grad_of<T: Float>(
    name: &str,
    of: &Tensor<T>,
    with_respect_to: &[&Tensor<T>],
    seed: Tensor<T>,
    order: Order,
) -> Vec<Tensor<T>> {
    check_tracked(name, of);
    let mut ids = Vec::with_capacity(with_respect_to.len());
    for (index, tensor) in with_respect_to.iter().enumerate() {
        match tensor.edge.id() {
            Some(id) => ids.push(id),
            None => argument_error(
                name,
                format_args!("tensor {index} of those asked for is not tracked, so it has no gradient"),
            ),
        }
    }
    let found = match walk_back(of.edge.clone(), seed, Some(ids.clone()), order) {
        Ok(found) => found,
        Err(sentence) => argument_error(name, sentence),
    };
    let zeros = |tensor: &Tensor<T>| Tensor::zeros(tensor.shape());
    ids.iter()
        .zip(with_respect_to)
        .map(|(&id, tensor)| found.by_id(id).cloned().unwrap_or_else(|| zeros(tensor)))
        .collect()
}

instances!(fn grad grad_with);
