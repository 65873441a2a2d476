//! Whole Jacobians and Hessians: one walk back for each row.

use super::arguments::Arguments;
use super::products::{Call, check_single, gradients};
use crate::float::Float;
use crate::graph::Order;
use crate::mode::with_recording;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The derivatives of each element of `of` with respect to each element of the leaves: for each leaf, of the shape of
/// `of` followed by the leaf's.
///
/// One walk for each element of `of`.
#[track_caller]
fn rows<T: Float>(of: &Tensor<T>, leaves: &[Tensor<T>], order: Order) -> Vec<Tensor<T>> {
    let count = of.numel();
    let mut rows: Vec<Vec<Tensor<T>>> = leaves.iter().map(|_| Vec::with_capacity(count)).collect();
    for element in 0..count {
        let seed = Tensor::build(of.shape(), |out| {
            out.fill(T::ZERO);
            out[element] = T::ONE;
        });
        for (row, gradient) in rows.iter_mut().zip(gradients(of, leaves, &seed, order)) {
            row.push(gradient);
        }
    }
    let matrix = |(leaf, rows): (&Tensor<T>, Vec<Tensor<T>>)| {
        let shape: Shape = of.shape().iter().chain(leaf.shape().iter()).copied().collect();
        if rows.is_empty() { Tensor::zeros(shape) } else { Tensor::stack(&rows, 0).reshape(shape) }
    };
    leaves.iter().zip(rows).map(matrix).collect()
}

/// The Jacobian of `f` at `inputs`: for each input, the derivatives of every element of the result with respect to
/// every element of the input, of the shape of the result followed by the input's.
///
/// As
/// [`torch.autograd.functional.jacobian`](https://docs.pytorch.org/docs/stable/generated/torch.autograd.functional.jacobian.html);
/// one walk back for each element of the result. What it is differentiable with respect to is as for
/// [`vjp`](crate::vjp).
///
/// ```
/// use autograd::{Tensor, jacobian};
/// let x = Tensor::from_vec(vec![1.0, 2.0], [2]);
/// assert_eq!(jacobian(|x| &x * &x, &x).to_vec(), [2.0, 0.0, 0.0, 4.0]);
/// ```
#[track_caller]
pub fn jacobian<T: Float, A: Arguments<T>>(
    f: impl FnOnce(A::Each<Tensor<T>>) -> Tensor<T>,
    inputs: A,
) -> A::Each<Tensor<T>> {
    let call = Call::new(f, &inputs);
    A::each(rows(&call.output, &call.leaves, call.last_order(None, true)))
}

/// The Hessian of `f`, a single number, at `inputs`: for each pair of inputs, the second derivatives with respect to
/// every element of the first and of the second, of the shape of the first input followed by the second's.
///
/// As
/// [`torch.autograd.functional.hessian`](https://docs.pytorch.org/docs/stable/generated/torch.autograd.functional.hessian.html);
/// one walk back for each element of the inputs. Of one input it is a tensor, of several `hessian[i][j]`. What it is
/// differentiable with respect to is as for [`vjp`](crate::vjp).
///
/// ```
/// use autograd::{Tensor, hessian};
/// let [a, b] = [Tensor::scalar(2.0), Tensor::scalar(3.0)];
/// let second = hessian(|[a, b]| &a * &a * b, [&a, &b]);
/// assert_eq!(second.map(|row| row.map(|entry| entry.item())), [[6.0, 4.0], [4.0, 0.0]]);
/// ```
///
/// # Panics
/// If the result is not a single number.
#[track_caller]
pub fn hessian<T: Float, A: Arguments<T>>(
    f: impl FnOnce(A::Each<Tensor<T>>) -> Tensor<T>,
    inputs: A,
) -> A::Each<A::Each<Tensor<T>>> {
    let call = Call::new(f, &inputs);
    check_single("hessian", &call.output);
    let order = call.last_order(None, true);
    let seed = call.output.ones_like();
    let first = with_recording(true, || gradients(&call.output, &call.leaves, &seed, Order::Higher));
    A::each(first.iter().map(|gradient| A::each(rows(gradient, &call.leaves, order))).collect())
}
