//! Softmax and its logarithm.

use std::ops::Add;

use crate::error::dimension;
use crate::float::Float;
use crate::graph::Backward;
use crate::graph::broadcast::{reduce_to, sum_to};
use crate::kernels::map::map;
use crate::kernels::rowwise::{self, Terms};
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
            ctx.propagate(0, || (&grad - sum_to(&(&grad * &y), &without(&y, self.axis))) * &y);
        } else {
            ctx.propagate(0, || fused([&grad, &y], self.axis, Terms::Products, |g, y, sum| y * (g - sum)));
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
            ctx.propagate(0, || {
                fused([&grad, &y], self.axis, Terms::Gradients, |g, y, sum| g - y.exp_of_negative() * sum)
            });
        }
    }
}

/// The tensor's shape with extent 1 along the axis.
fn without<T: Float>(tensor: &Tensor<T>, axis: usize) -> Shape {
    let mut shape = tensor.shape().clone();
    if axis < shape.rank() {
        shape.set(axis, 1);
    }
    shape
}

/// Whether the axis is the last one, along which the elements are contiguous. A scalar counts as a row of one element.
fn is_last<T: Float>(tensor: &Tensor<T>, axis: usize) -> bool {
    axis + 1 >= tensor.rank()
}

/// The gradient without a graph of its own: `slope` of the output's gradient, the output, and the sum of
/// `terms` along the axis.
#[track_caller]
fn fused<T: Float>(
    [grad, y]: [&Tensor<T>; 2],
    axis: usize,
    terms: Terms,
    slope: impl Fn(T, T, T) -> T + Copy + Sync,
) -> Tensor<T> {
    let shape = y.shape();
    if is_last(y, axis) {
        let (grad, y) = (grad.dense(), y.dense());
        let rows = Tensor::dense_slices([&grad, &y]);
        let count = shape.last().copied().unwrap_or(1);
        return Tensor::build(shape, |out| rowwise::with_sums(rows, count, out, terms, slope));
    }
    let products;
    let terms = match terms {
        Terms::Gradients => grad,
        Terms::Products => {
            products = Tensor::build(shape, |out| map([grad.as_view(), y.as_view()], shape, out, |[g, y]| g * y));
            &products
        }
    };
    let sums = reduce_to(terms, &without(y, axis), T::ZERO, Add::add);
    let operands = [grad.as_view(), y.as_view(), sums.as_view()];
    Tensor::build(shape, |out| map(operands, shape, out, |[g, y, sum]| slope(g, y, sum)))
}

/// # Softmax and normalization: softmax and its logarithm
impl<T: Float> Tensor<T> {
    /// eˣ divided by its sum along `dim`: positive numbers that add up to 1.        dx = y (dy - Σ y dy)
    ///
    /// Like [`torch.softmax`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html). Large
    /// values do not overflow; a row that is all -∞, or has a +∞, is NaN.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1000.0, 1000.0], [2]).softmax(0).to_vec(), [0.5, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension.
    #[inline(never)]
    #[track_caller]
    pub fn softmax(&self, dim: isize) -> Tensor<T> {
        let axis = dimension("softmax", dim, self.rank());
        self.normalised(axis, false).record(&[self], |y| Softmax { y: Saved::output(y), axis })
    }

    /// The logarithm of [`softmax`](Tensor::softmax) along `dim`, without its loss of digits.
    ///    dx = dy - softmax(x) Σ dy
    ///
    /// # Panics
    /// If there is no such dimension.
    #[inline(never)]
    #[track_caller]
    pub fn log_softmax(&self, dim: isize) -> Tensor<T> {
        let axis = dimension("log_softmax", dim, self.rank());
        self.normalised(axis, true).record(&[self], |y| LogSoftmax { y: Saved::output(y), axis })
    }

    #[track_caller]
    fn normalised(&self, axis: usize, logarithm: bool) -> Tensor<T> {
        let shape = self.shape();
        if is_last(self, axis) {
            let dense = self.dense();
            let elements = dense.as_slice().expect("dense");
            let count = shape.last().copied().unwrap_or(1);
            return Tensor::build(shape, |out| rowwise::softmax(elements, count, out, logarithm));
        }
        let kept = without(self, axis);
        let largest = reduce_to(self, &kept, T::NEG_INFINITY, T::maximum);
        let exps = Tensor::build(shape, |out| {
            map([self.as_view(), largest.as_view()], shape, out, |[x, m]| (x - m).exp_of_negative())
        });
        let sums = reduce_to(&exps, &kept, T::ZERO, Add::add);
        if !logarithm {
            return exps / sums;
        }
        let logarithms = sums.ln();
        let operands = [self.as_view(), largest.as_view(), logarithms.as_view()];
        Tensor::build(shape, |out| map(operands, shape, out, |[x, m, logarithm]| (x - m) - logarithm))
    }
}

instances!(softmax log_softmax);

#[cfg(test)]
mod tests {
    gradients!(softmax: |x| x.softmax(1), [3, 4]);
    gradients!(softmax_of_another_dimension: |x| x.softmax(0), [3, 4, 2]);
    gradients!(log_softmax: |x| x.log_softmax(-1), [3, 4]);
    gradients!(log_softmax_of_another_dimension: |x| x.log_softmax(1), [2, 3, 2]);

    use crate::Tensor;
    use crate::graph::{Order, grad_with};

    #[test]
    fn a_number_alone_has_probability_one() {
        assert_eq!(Tensor::scalar(3.0_f32).softmax(0).item(), 1.0);
        assert_eq!(Tensor::scalar(3.0_f32).log_softmax(-1).item(), 0.0);
    }

    /// The gradients of PyTorch for infinite scores and gradients.
    #[test]
    fn infinities_are_those_of_pytorch_in_both_orders_along_any_dimension() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let half = std::f32::consts::LN_2;
        type Case = (fn(&Tensor, isize) -> Tensor, [f32; 3], [f32; 3], [f32; 3], [f32; 3]);
        let cases: &[Case] = &[
            (Tensor::softmax, [-inf, 0.0, 0.0], [0.0, 0.5, 0.5], [1.0, 2.0, 0.0], [0.0, 0.5, -0.5]),
            (Tensor::softmax, [-inf, 0.0, 0.0], [0.0, 0.5, 0.5], [inf, 1.0, 1.0], [nan; 3]),
            (Tensor::softmax, [-inf, 0.0, 0.0], [0.0, 0.5, 0.5], [1.0, inf, 1.0], [nan, nan, -inf]),
            (Tensor::softmax, [0.0, 0.0, -200.0], [0.5, 0.5, 0.0], [inf, 1.0, 1.0], [nan, -inf, nan]),
            (Tensor::softmax, [-inf; 3], [nan; 3], [1.0; 3], [nan; 3]),
            (Tensor::softmax, [inf, 0.0, 0.0], [nan; 3], [1.0; 3], [nan; 3]),
            (Tensor::log_softmax, [-inf, 0.0, 0.0], [-inf, -half, -half], [1.0, 2.0, 0.0], [1.0, 0.5, -1.5]),
            (Tensor::log_softmax, [-inf, 0.0, 0.0], [-inf, -half, -half], [inf, 1.0, 1.0], [nan, -inf, -inf]),
            (Tensor::log_softmax, [-inf, 0.0, 0.0], [-inf, -half, -half], [1.0, inf, 1.0], [nan, nan, -inf]),
            (Tensor::log_softmax, [-inf; 3], [nan; 3], [1.0; 3], [nan; 3]),
        ];
        let same = |found: &[f32], expected: &[f32; 3]| {
            found.iter().zip(expected).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-6)
        };
        for (index, (operation, scores, values, seed, expected)) in cases.iter().enumerate() {
            for (shape, dim) in [([1, 3], 1), ([3, 1], 0)] {
                for order in [Order::First, Order::Higher] {
                    let x = Tensor::from_vec(scores.to_vec(), shape).requires_grad();
                    let y = operation(&x, dim);
                    assert!(same(&y.to_vec(), values), "{index}: {:?}", y.to_vec());
                    let gradient = grad_with(&y, &[&x], &Tensor::from_vec(seed.to_vec(), shape), order)[0].to_vec();
                    assert!(same(&gradient, expected), "{index}, {order:?}: {gradient:?}");
                }
            }
        }
    }

    #[test]
    fn small_gradients_keep_their_digits_in_both_orders() {
        for order in [Order::First, Order::Higher] {
            for scale in [1e-30_f32, 1e-36] {
                for operation in [Tensor::softmax, Tensor::log_softmax] {
                    let x = Tensor::from_vec(vec![0.0, 0.0], [2]).requires_grad();
                    let seed = Tensor::from_vec(vec![scale, -scale], [2]);
                    let y: Tensor = operation(&x, 0);
                    // Softmax, with probabilities ½, has half the scale; its logarithm has the whole scale.
                    let expected = if y.to_vec()[0] > 0.0 { scale / 2.0 } else { scale };
                    let found = grad_with(&y, &[&x], &seed, order)[0].to_vec();
                    assert!((found[0] / expected - 1.0).abs() < 1e-3 && found[1] == -found[0], "{found:?}");
                }
            }
        }
    }
}
