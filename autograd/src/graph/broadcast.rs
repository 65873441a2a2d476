//! The operations that the engine itself needs: adding two gradients, summing what was broadcast, and its mirror image,
//! stretching.
//!
//! They are operations like any other, so that gradients of gradients flow through them; they live below the rest
//! because the engine calls them.

use crate::error::shape_error;
use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::map::{RowBody, each, map_in_place, map_rows};
use crate::kernels::parallel::is_recording;
use crate::kernels::reduce::reduce;
use crate::op::Op;
use crate::shape::{Extents, Shape};
use crate::tensor::{Tensor, are_dense, map_dense, mapped_rows};

/// y = a + b        dy/da = 1, dy/db = 1 (the engine sums where an operand was broadcast)
#[derive(Debug)]
struct Add;

impl<T: Float> Op<T> for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || grad.clone());
        ctx.propagate(1, || grad);
    }
}

/// The elementwise combination of two tensors, stretched to a common shape. Without an edge: the caller records it.
#[inline]
#[track_caller]
pub(crate) fn combine<T: Float>(
    name: &str,
    left: &Tensor<T>,
    right: &Tensor<T>,
    formula: impl Fn(T, T) -> T + Copy + Sync,
) -> Tensor<T> {
    combine_rows(name, [left, right], &each(|[a, b]| formula(a, b)))
}

#[inline(never)]
#[track_caller]
fn combine_rows<T: Float>(name: &str, operands: [&Tensor<T>; 2], body: &dyn RowBody<T, 2>) -> Tensor<T> {
    let [left, right] = operands;
    if are_dense(operands) {
        return map_dense(operands, body);
    }
    if left.shape() == right.shape() {
        return mapped_rows(operands, body);
    }
    let Some(shape) = left.shape().broadcast(right.shape()) else {
        no_common_shape(name, left.shape(), right.shape());
    };
    Tensor::build_for(name, shape.clone(), |out| {
        map_rows([operands[0].as_view(), operands[1].as_view()], &shape, out, body)
    })
}

#[cold]
#[track_caller]
fn no_common_shape(name: &str, a: &Shape, b: &Shape) -> ! {
    let rank = a.rank().max(b.rank());
    let extent = |shape: &Shape, dim: usize| (dim + shape.rank()).checked_sub(rank).map_or(1, |own| shape[own]);
    let clash = (0..rank)
        .rev()
        .find(|&dim| extent(a, dim) != extent(b, dim) && extent(a, dim) != 1 && extent(b, dim) != 1)
        .expect("shapes that do not broadcast differ somewhere");
    let (from_end, left, right) = (rank - clash, extent(a, clash), extent(b, clash));
    shape_error(name, format_args!("shapes {a} and {b} do not broadcast: dimension -{from_end} is {left} and {right}"))
}

#[inline(never)]
#[track_caller]
pub(crate) fn add<T: Float>(left: &Tensor<T>, right: &Tensor<T>) -> Tensor<T> {
    combine("add", left, right, |a, b| a + b).record(&[left, right], |_| Add)
}

/// Adds a gradient to another one of its shape: in place if nobody else holds the sum's buffer and the sum is not
/// itself differentiated.
pub(crate) fn accumulate<T: Float>(sum: &mut Tensor<T>, gradient: Tensor<T>) {
    if !is_recording()
        && let Some(other) = gradient.as_slice()
        && let Some(values) = sum.as_mut_slice()
    {
        return map_in_place(values, other, |a, b| a + b);
    }
    *sum = add(sum, &gradient);
}

/// y = the sum of x over the dimensions that `shape` has not, or has with extent 1.        dy/dx = 1, stretched
#[derive(Debug)]
struct SumTo {
    from: Shape,
}

impl<T: Float> Op<T> for SumTo {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || expand(&grad, &self.from).expect("what was summed can be stretched back"));
    }
}

/// Sums what was broadcast from `shape`.
#[track_caller]
pub(crate) fn sum_to<T: Float>(x: &Tensor<T>, shape: &Shape) -> Tensor<T> {
    reduce_to(x, shape, T::ZERO, std::ops::Add::add).record(&[x], |_| SumTo { from: x.shape().clone() })
}

/// Combines the elements of `x` along the dimensions that `shape` has not, or has with extent 1. A constant.
///
/// Neighbouring dimensions are reduced in one go, the innermost ones first.
#[track_caller]
pub(crate) fn reduce_to<T: Float>(
    x: &Tensor<T>,
    shape: &Shape,
    identity: T,
    combine: impl Fn(T, T) -> T + Copy + Sync,
) -> Tensor<T> {
    reduce_with(x, shape, &|values, middle, out| reduce(values, middle, out, identity, combine))
}

/// Reduces elements, seen as `[outer, count, inner]`, over their middle: reads the first slice and writes the second.
type Reduce<'a, T> = dyn Fn(&[T], [usize; 3], &mut [T]) + 'a;

/// As [`reduce_to`]. It does not know how elements are combined, or it would be compiled for each reduction.
#[track_caller]
fn reduce_with<T: Float>(x: &Tensor<T>, shape: &Shape, reduce: &Reduce<'_, T>) -> Tensor<T> {
    let missing = x.rank() - shape.rank();
    let is_reduced = |dim: usize| dim < missing || (shape[dim - missing] == 1 && x.shape()[dim] != 1);
    let mut current = x.dense();
    let mut end = x.rank();
    while end > 0 {
        if !is_reduced(end - 1) {
            end -= 1;
            continue;
        }
        let mut start = end;
        while start > 0 && (is_reduced(start - 1) || x.shape()[start - 1] == 1) {
            start -= 1;
        }
        let extents = current.shape().clone();
        let middle =
            [extents[..start].iter().product(), extents[start..end].iter().product(), extents[end..].iter().product()];
        let mut reduced = extents.clone();
        (start..end).for_each(|dim| reduced.set(dim, 1));
        let values = current.as_slice().expect("dense");
        current = Tensor::build(reduced, |out| reduce(values, middle, out));
        end = start;
    }
    let layout = current.layout.reshape(shape).expect("only extents of 1 are dropped");
    current.with_layout(layout)
}

/// y = x, repeated without a copy.        dy/dx: the sum over the repetitions (taken by the engine)
#[derive(Debug)]
struct Expand;

impl<T: Float> Op<T> for Expand {
    fn name(&self) -> &'static str {
        "expand"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || grad);
    }
}

#[track_caller]
pub(crate) fn expand<T: Float>(x: &Tensor<T>, shape: &Shape) -> Option<Tensor<T>> {
    Some(x.with_layout(x.layout.expand(shape)?).record(&[x], |_| Expand))
}

/// # Shape: stretched dimensions
impl<T: Float> Tensor<T> {
    /// Stretches dimensions of extent 1, and new leading ones, to `shape` without copying a number; -1 leaves a
    /// dimension as it is.
    ///
    /// As [`torch.Tensor.expand`](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.expand.html). The
    /// gradient is summed over the repetitions.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let row = Tensor::from_vec(vec![1.0, 2.0], [2]);
    /// assert_eq!(row.expand([3, -1]).to_vec(), [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If an extent is neither 1 nor the wanted one, -1 stands for a new dimension, or there would be more elements
    /// than `isize::MAX`.
    #[track_caller]
    pub fn expand(&self, shape: impl Extents) -> Tensor<T> {
        self.expand_to(&shape.extents())
    }

    #[inline(never)]
    #[track_caller]
    fn expand_to(&self, wanted: &[isize]) -> Tensor<T> {
        if let Some(shape) = stretched(self.shape(), wanted)
            && let Some(expanded) = expand(self, &shape)
        {
            shape.numel_for("expand");
            return expanded;
        }
        shape_error("expand", format_args!("shape {} does not stretch to {wanted:?}", self.shape()))
    }
}

/// The shape that is written with -1 for a shape's own extents.
fn stretched(own: &Shape, wanted: &[isize]) -> Option<Shape> {
    let missing = wanted.len().checked_sub(own.rank())?;
    let extent = |(dim, &extent): (usize, &isize)| match (extent, dim.checked_sub(missing)) {
        (-1, Some(dim)) => Some(own[dim]),
        (extent, _) => usize::try_from(extent).ok(),
    };
    wanted.iter().enumerate().map(extent).collect()
}

#[cfg(test)]
mod tests {
    use crate::Tensor;

    #[test]
    #[should_panic(expected = "expand: shape [8589934592, 8589934592] has more elements than any memory holds")]
    fn a_view_is_no_larger_than_can_be_counted() {
        Tensor::<f32>::ones([1]).expand([1_usize << 33, 1 << 33]);
    }

    #[test]
    #[should_panic(expected = "mul: shape [8589934592, 8589934592] has more elements than any memory holds")]
    fn what_two_shapes_stretch_to_is_counted() {
        let row = Tensor::<f32>::ones([1]).expand([1_usize << 33]);
        let _ = row.unsqueeze(1) * row;
    }

    #[test]
    #[should_panic(
        expected = "add: shape [1048576, 1048576, 1048576]: the system has no memory for 1152921504606846976"
    )]
    fn what_two_shapes_stretch_to_must_fit_the_memory() {
        let row = Tensor::<f32>::ones([1]).expand([1_usize << 20, 1 << 20]);
        let _ = row.unsqueeze(1) + row;
    }
}
