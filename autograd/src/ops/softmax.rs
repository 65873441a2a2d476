//! Softmax and its logarithm.

use crate::error::dimension;
use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::rowwise;
use crate::op::{Op, Saved};
use crate::tensor::Tensor;

/// y = eˣ / Σ eˣ along the last dimension        dx = y (g - Σ g y)
#[derive(Debug)]
struct Softmax<T: Float> {
    y: Saved<T>,
}

impl<T: Float> Op<T> for Softmax<T> {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, y) = (ctx.grad(), ctx.get(&self.y));
        ctx.propagate(0, || {
            let weighted = &grad * &y;
            &weighted - &y * weighted.sum_dim(-1, true)
        });
    }
}

/// y = x - ln Σ eˣ along the last dimension        dx = g - eʸ Σ g
#[derive(Debug)]
struct LogSoftmax<T: Float> {
    y: Saved<T>,
}

impl<T: Float> Op<T> for LogSoftmax<T> {
    fn name(&self) -> &'static str {
        "log_softmax"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, y) = (ctx.grad(), ctx.get(&self.y));
        ctx.propagate(0, || &grad - y.exp() * grad.sum_dim(-1, true));
    }
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
        self.along_the_last("softmax", dim, |x| x.normalised(false).record(&[x], |y| Softmax { y: Saved::output(y) }))
    }

    /// The logarithm of [`softmax`](Tensor::softmax) along `dim`, without its loss of digits.
    ///
    /// # Panics
    /// If there is no such dimension.
    #[track_caller]
    pub fn log_softmax(&self, dim: isize) -> Tensor<T> {
        self.along_the_last("log_softmax", dim, |x| {
            x.normalised(true).record(&[x], |y| LogSoftmax { y: Saved::output(y) })
        })
    }

    fn normalised(&self, logarithm: bool) -> Tensor<T> {
        let dense = self.dense();
        let numbers = dense.as_slice().expect("dense");
        let count = self.shape().last().copied().unwrap_or(1);
        Tensor::build(self.shape().clone(), |out| rowwise::softmax(numbers, count, out, logarithm))
    }

    /// Applies what works on the last dimension to another one.
    #[track_caller]
    fn along_the_last(&self, op: &str, dim: isize, apply: impl FnOnce(&Tensor<T>) -> Tensor<T>) -> Tensor<T> {
        let axis = dimension(op, dim, self.rank());
        if axis + 1 >= self.rank() {
            return apply(self);
        }
        apply(&self.transpose(dim, -1)).transpose(dim, -1)
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
