//! Concatenation of tensors along a dimension.

use std::borrow::Borrow;

use crate::dimensions::pushed;
use crate::error::{argument_error, dimension, shape_error};
use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::map::copy_into;
use crate::layout::Layout;
use crate::op::Op;
use crate::tensor::Tensor;

/// y = the inputs one after another along `dim`        dx = the part of dy at the position of x
#[derive(Debug)]
struct Cat {
    dim: usize,
    extents: Vec<usize>,
}

impl<T: Float> Op<T> for Cat {
    fn name(&self) -> &'static str {
        "cat"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        let mut start = 0;
        for (input, &extent) in self.extents.iter().enumerate() {
            ctx.propagate(input, || grad.narrow(self.dim as isize, start, extent));
            start += extent;
        }
    }
}

/// # Shape: tensors joined along a dimension
impl<T: Float> Tensor<T> {
    /// Joins tensors along an existing dimension; in the others their extents are equal. Tensors of shape `[0]` are
    /// left out, as in PyTorch.        dx_i = the part i of dy
    ///
    /// Like [`torch.cat`](https://docs.pytorch.org/docs/stable/generated/torch.cat.html). Each input's gradient is its
    /// part of the output's.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (a, b) = (Tensor::<f32>::zeros([2, 3]), Tensor::ones([4, 3]));
    /// assert_eq!(*Tensor::cat(&[&a, &b], 0).shape(), [6, 3]);
    /// ```
    ///
    /// # Panics
    /// If there are no tensors, one is a scalar, there is no such dimension, or another extent differs.
    #[track_caller]
    pub fn cat(tensors: &[impl Borrow<Tensor<T>>], dim: isize) -> Tensor<T> {
        joined(tensors.iter().map(Borrow::borrow).collect(), dim)
    }

    /// Joins tensors of one shape along a new dimension `dim` of the result; -1 adds it at the end.
    ///    dx_i = the part i of dy
    ///
    /// Like [`torch.stack`](https://docs.pytorch.org/docs/stable/generated/torch.stack.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let rows = [Tensor::from_vec(vec![1.0, 2.0], [2]), Tensor::from_vec(vec![3.0, 4.0], [2])];
    /// assert_eq!(Tensor::stack(&rows, 1).to_vec(), [1.0, 3.0, 2.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If there are no tensors, their shapes differ, or `dim` is outside of the result's dimensions.
    #[track_caller]
    pub fn stack(tensors: &[impl Borrow<Tensor<T>>], dim: isize) -> Tensor<T> {
        let Some(first) = tensors.first() else {
            argument_error("stack", "there are no tensors to join");
        };
        let shape = first.borrow().shape();
        let dim = dimension("stack", dim, shape.rank() + 1) as isize;
        let mut rows = Vec::with_capacity(tensors.len());
        // A loop, because in a closure `#[track_caller]` would report the line of the closure.
        for tensor in tensors {
            let other = tensor.borrow();
            if other.shape() != shape {
                shape_error("stack", format_args!("shapes {shape} and {} differ", other.shape()));
            }
            rows.push(other.unsqueeze(dim));
        }
        Tensor::cat(&rows, dim)
    }
}

#[inline(never)]
#[track_caller]
fn joined<T: Float>(all: Vec<&Tensor<T>>, dim: isize) -> Tensor<T> {
    let mut parts = all;
    if parts.iter().any(|tensor| *tensor.shape() != [0]) {
        parts.retain(|tensor| *tensor.shape() != [0]);
    }
    let Some(first) = parts.first() else {
        argument_error("cat", "there are no tensors to join");
    };
    if let Some(number) = parts.iter().position(|part| part.rank() == 0) {
        shape_error("cat", format_args!("tensor {number} is a scalar, which has no dimension: use stack"));
    }
    let dim = dimension("cat", dim, first.rank());
    let mut shape = first.shape().clone();
    let mut extent = 0_usize;
    for part in &parts {
        let own = part.shape();
        if own.rank() != shape.rank() || (0..own.rank()).any(|other| other != dim && own[other] != shape[other]) {
            let message = format_args!("shapes {} and {own} differ in more than dimension {dim}", first.shape());
            shape_error("cat", message);
        }
        extent = extent.saturating_add(own[dim]);
    }
    shape.set(dim, extent);
    let whole = shape.clone();
    let values = Tensor::build_for("cat", shape, |out| {
        let whole = Layout::contiguous(whole);
        let mut start = 0;
        for part in &parts {
            let length = part.shape()[dim];
            copy_into(part.as_view(), out, &whole.slice(dim, start, length, 1));
            start += length;
        }
    });
    values.record(&parts, |_| Cat { dim, extents: pushed(parts.iter().map(|part| part.shape()[dim])) })
}

instances!(|x| Tensor::cat(&[x], 0), Tensor::stack(&[x], 0));

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(cat: |a, b| Tensor::cat(&[a, b], 0).powf(2.0), [2, 3], [4, 3]);
    gradients!(cat_in_the_middle: |a, b| Tensor::cat(&[a, b, a], 1).powf(2.0), [2, 3, 2], [2, 1, 2]);
    gradients!(stack: |a, b| Tensor::stack(&[a, b], -1).powf(2.0), [3, 4], [3, 4]);

    #[test]
    fn what_has_shape_0_is_left_out() {
        let (a, b) = (Tensor::<f32>::zeros([0]), Tensor::ones([2, 3]));
        assert_eq!(*Tensor::cat(&[&a, &b], 1).shape(), [2, 3]);
        assert_eq!(*Tensor::cat(&[&a, &a], 0).shape(), [0]);
    }

    #[test]
    #[should_panic(expected = "cat: shapes [2, 3] and [2, 4] differ in more than dimension 0")]
    fn other_extents_are_equal() {
        Tensor::cat(&[Tensor::<f32>::zeros([2, 3]), Tensor::zeros([2, 4])], 0);
    }

    #[test]
    #[should_panic(expected = "stack: there are no tensors to join")]
    fn nothing_has_no_shape() {
        Tensor::stack(&[] as &[Tensor], 0);
    }
}
