//! Linear recurrences along a dimension. Cumulative products and their gradients are such recurrences, also if there
//! are zeros among the factors.

use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::rowwise::around;
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

/// y_j = b_j + a_j y_{j-1} along `dim`, with y_{-1} = 0. Both have the same shape, with at least one element along
/// `dim`. The values are computed in `f64`, as in PyTorch, and rounded.
pub(super) fn recurrence<T: Float>(a: &Tensor<T>, b: &Tensor<T>, dim: usize) -> Tensor<T> {
    let (dense_a, dense_b) = (a.dense(), b.dense());
    let (factors, summands) = (dense_a.as_slice().expect("dense"), dense_b.as_slice().expect("dense"));
    let [outer, count, inner] = around(a.shape(), dim);
    Tensor::build(a.shape(), |out| {
        let mut row = vec![0.0; inner];
        for start in (0..outer * count).map(|position| position * inner) {
            let is_first = start % (count * inner).max(1) == 0;
            for (index, value) in row.iter_mut().enumerate() {
                let before = if is_first { 0.0 } else { factors[start + index].to_f64() * *value };
                *value = summands[start + index].to_f64() + before;
                out[start + index] = T::from_f64(*value);
            }
        }
    })
    .record(&[a, b], |y| Recurrence { a: Saved::input(0, a), y: Saved::output(y), dim })
}

/// y_j = b_j + a_{j+1} y_{j+1} along `dim`, from the end to the start, with y = 0 after the end.
pub(super) fn recurrence_from_end<T: Float>(a: &Tensor<T>, b: &Tensor<T>, dim: usize) -> Tensor<T> {
    let flipped = |x: &Tensor<T>| x.flip(dim as isize);
    flipped(&recurrence(&flipped(&padded_along(a, dim, [-1, 1], T::ZERO)), &flipped(b), dim))
}
