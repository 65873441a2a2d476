//! Softmax and its logarithm.

use crate::error::dimension;
use crate::float::Float;
use crate::graph::Backward;
use crate::graph::broadcast::{reduce_to, sum_to};
use crate::kernels::map::map;
use crate::kernels::rowwise;
use crate::op::{Op, Saved};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// y = eˣ / Σ eˣ along a dimension        dx = y (g - Σ g y)
#[derive(Debug)]
struct Softmax<T: Float> {
    y: Saved<T>,
    axis: usize,
}

impl<T: Float> Op<T> for Softmax<T> {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, y) = (ctx.grad(), ctx.get(&self.y));
        if ctx.higher_order() {
            ctx.propagate(0, || {
                let weighted = &grad * &y;
                &weighted - &y * sum_to(&weighted, &without(&y, self.axis))
            });
        } else {
            ctx.propagate(0, || fused([&grad, &y], self.axis, |g, y| g * y, |g, y, sum| y * (g - sum)));
        }
    }
}

/// y = x - ln Σ eˣ along a dimension        dx = g - eʸ Σ g
#[derive(Debug)]
struct LogSoftmax<T: Float> {
    y: Saved<T>,
    axis: usize,
}

impl<T: Float> Op<T> for LogSoftmax<T> {
    fn name(&self) -> &'static str {
        "log_softmax"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, y) = (ctx.grad(), ctx.get(&self.y));
        if ctx.higher_order() {
            ctx.propagate(0, || &grad - y.exp() * sum_to(&grad, &without(&y, self.axis)));
        } else {
            ctx.propagate(0, || fused([&grad, &y], self.axis, |g, _| g, |g, y, sum| g - y.exp_of_negative() * sum));
        }
    }
}

/// The tensor's shape with 1 in place of an extent.
fn without<T: Float>(tensor: &Tensor<T>, axis: usize) -> Shape {
    let mut shape = tensor.shape().clone();
    if axis < shape.rank() {
        shape.set(axis, 1);
    }
    shape
}

/// Whether the axis is the last one, along which the elements lie side by side. A number alone has none, and is a row of one.
fn is_last<T: Float>(tensor: &Tensor<T>, axis: usize) -> bool {
    axis + 1 >= tensor.rank()
}

/// The gradient without a graph of its own: `slope` of the output's gradient, the output, and the sum of `term` of those along the axis.
fn fused<T: Float>(
    [grad, y]: [&Tensor<T>; 2],
    axis: usize,
    term: impl Fn(T, T) -> T + Copy + Sync,
    slope: impl Fn(T, T, T) -> T + Copy + Sync,
) -> Tensor<T> {
    let shape = y.shape();
    if is_last(y, axis) {
        let (grad, y) = (grad.dense(), y.dense());
        let numbers = [&grad, &y].map(|tensor| tensor.as_slice().expect("dense"));
        let count = shape.last().copied().unwrap_or(1);
        return Tensor::build(shape, |out| rowwise::with_sums(numbers, count, out, term, slope));
    }
    let terms = Tensor::build(shape, |out| map([grad.view(), y.view()], shape, out, |[g, y]| term(g, y)));
    let sums = reduce_to(&terms, &without(y, axis), T::ZERO, |a, b| a + b);
    let operands = [grad.view(), y.view(), sums.view()];
    Tensor::build(shape, |out| map(operands, shape, out, |[g, y, sum]| slope(g, y, sum)))
}

impl<T: Float> Tensor<T> {
    /// eˣ divided by its sum along `dim`: positive numbers that add up to 1.
    ///
    /// As [`torch.softmax`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html). Large numbers do not overflow; a row that is
    /// all -∞, or has a +∞, is NaN.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1000.0, 1000.0], [2]).softmax(0).to_vec(), [0.5, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension.
    #[track_caller]
    pub fn softmax(&self, dim: isize) -> Tensor<T> {
        let axis = dimension("softmax", dim, self.rank());
        self.normalised(axis, false).record(&[self], |y| Softmax { y: Saved::output(y), axis })
    }

    /// The logarithm of [`softmax`](Tensor::softmax) along `dim`, without its loss of digits.
    ///
    /// # Panics
    /// If there is no such dimension.
    #[track_caller]
    pub fn log_softmax(&self, dim: isize) -> Tensor<T> {
        let axis = dimension("log_softmax", dim, self.rank());
        self.normalised(axis, true).record(&[self], |y| LogSoftmax { y: Saved::output(y), axis })
    }

    fn normalised(&self, axis: usize, logarithm: bool) -> Tensor<T> {
        let shape = self.shape();
        if is_last(self, axis) {
            let dense = self.dense();
            let numbers = dense.as_slice().expect("dense");
            let count = shape.last().copied().unwrap_or(1);
            return Tensor::build(shape, |out| rowwise::softmax(numbers, count, out, logarithm));
        }
        let kept = without(self, axis);
        let largest = reduce_to(self, &kept, T::NEG_INFINITY, T::maximum);
        let exps = Tensor::build(shape, |out| {
            map([self.view(), largest.view()], shape, out, |[x, m]| (x - m).exp_of_negative())
        });
        let sums = reduce_to(&exps, &kept, T::ZERO, |a, b| a + b);
        if !logarithm {
            return exps / sums;
        }
        let logarithms = sums.ln();
        let operands = [self.view(), largest.view(), logarithms.view()];
        Tensor::build(shape, |out| map(operands, shape, out, |[x, m, logarithm]| (x - m) - logarithm))
    }
}

#[cfg(test)]
mod tests {
    gradients!(softmax: |x| x.softmax(1), [3, 4]);
    gradients!(softmax_of_another_dimension: |x| x.softmax(0), [3, 4, 2]);
    gradients!(log_softmax: |x| x.log_softmax(-1), [3, 4]);
    gradients!(log_softmax_of_another_dimension: |x| x.log_softmax(1), [2, 3, 2]);

    use crate::Tensor;

    #[test]
    fn a_number_alone_has_probability_one() {
        assert_eq!(Tensor::scalar(3.0_f32).softmax(0).item(), 1.0);
        assert_eq!(Tensor::scalar(3.0_f32).log_softmax(-1).item(), 0.0);
    }
}
