//! Linear recurrences along a dimension. Cumulative products and their gradients are such recurrences, also if there
//! are zeros among the factors.

use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::rowwise::around;
use crate::kernels::scan::{From, scan};
use crate::op::{Op, Saved};
use crate::ops::shape::padded_along;
use crate::tensor::Tensor;

/// y_j = b_j + a_j y_{j-1} along a dimension, with y_{-1} = 0
/// db_j = t_j = dy_j + a_{j+1} t_{j+1}, da_j = t_j y_{j-1}
#[derive(Debug)]
struct Recurrence<T: Float> {
    a: Saved<T>,
    y: Saved<T>,
    dim: usize,
}

impl<T: Float> Op<T> for Recurrence<T> {
    fn name(&self) -> &'static str {
        "recurrence"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, a, y) = (ctx.grad(), ctx.get(&self.a), ctx.get(&self.y));
        let from_end = recurrence_from_end(&a, &grad, self.dim);
        ctx.propagate(0, || &from_end * padded_along(&y, self.dim, [1, -1], T::ZERO));
        ctx.propagate(1, || from_end);
    }
}

/// y_j = b_j + a_j y_{j-1} along `dim`, with y_{-1} = 0. Both have one shape, with at least one element along `dim`.
/// The values are computed in `f64`, as in PyTorch, and rounded.
#[track_caller]
pub(super) fn recurrence<T: Float>(a: &Tensor<T>, b: &Tensor<T>, dim: usize) -> Tensor<T> {
    let (dense_a, dense_b) = (a.dense(), b.dense());
    let (factors, summands) = (dense_a.as_slice().expect("dense"), dense_b.as_slice().expect("dense"));
    // The first factor meets nothing: it may be anything.
    let next = |before: &mut Option<f64>, at: usize| {
        let product = before.map_or(0.0, |before| factors[at].to_f64() * before);
        let value = summands[at].to_f64() + product;
        *before = Some(value);
        T::from_f64(value)
    };
    let extents = around(a.shape(), dim);
    Tensor::build(a.shape(), |out| scan(extents, From::Start, None, next, out)).record(&[a, b], |y| Recurrence {
        a: Saved::input(0, a),
        y: Saved::output(y),
        dim,
    })
}

/// y_j = b_j + a_{j+1} y_{j+1} along `dim`, with nothing after the end.
#[track_caller]
pub(super) fn recurrence_from_end<T: Float>(a: &Tensor<T>, b: &Tensor<T>, dim: usize) -> Tensor<T> {
    let flipped = |x: &Tensor<T>| x.flip(dim as isize);
    flipped(&recurrence(&flipped(&padded_along(a, dim, [-1, 1], T::ZERO)), &flipped(b), dim))
}
