//! Logarithms of cumulative sums of exponentials.

use super::recurrence::recurrence_from_end;
use crate::error::dimension;
use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::rowwise::around;
use crate::kernels::scan::{From, scan};
use crate::op::{Op, Saved};
use crate::ops::shape::padded_along;
use crate::tensor::Tensor;

/// y_j = ln Σ_{i≤j} exp x_i along a dimension
/// dx_i = Σ_{j≥i} dy_j exp(x_i - y_j) = exp(x_i - y_i) t_i with t_i = dy_i + exp(y_i - y_{i+1}) t_{i+1}, whose factors
/// are at most 1
#[derive(Debug)]
struct LogCumSumExp<T: Float> {
    x: Saved<T>,
    y: Saved<T>,
    dim: usize,
}

impl<T: Float> Op<T> for LogCumSumExp<T> {
    fn name(&self) -> &'static str {
        "logcumsumexp"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, x, y) = (ctx.grad(), ctx.get(&self.x), ctx.get(&self.y));
        ctx.propagate(0, || {
            let without = |amounts| padded_along(&y, self.dim, amounts, T::ZERO);
            let rates = padded_along(&(without([0, -1]) - without([-1, 0])), self.dim, [1, 0], T::ZERO).exp();
            (&x - &y).exp() * recurrence_from_end(&rates, &grad, self.dim)
        });
    }
}

/// # Reductions and cumulative sums: logarithms of running sums of exponentials
impl<T: Float> Tensor<T> {
    /// The logarithms of the sums of eˣ up to each element along `dim`. Large values do not overflow.
    ///    dx_i = Σ dy_j exp(x_i - y_j) over j ≥ i
    ///
    /// Like [`torch.logcumsumexp`](https://docs.pytorch.org/docs/stable/generated/torch.logcumsumexp.html): computed in
    /// `f64`, then rounded.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let y = Tensor::from_vec(vec![1000.0_f32, 1000.0], [2]).logcumsumexp(0);
    /// assert_eq!(y.to_vec(), [1000.0, 1000.0 + 2.0_f32.ln()]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension.
    #[inline(never)]
    #[track_caller]
    pub fn logcumsumexp(&self, dim: isize) -> Tensor<T> {
        let dim = dimension("logcumsumexp", dim, self.rank());
        if self.rank() == 0 || self.numel() == 0 {
            return self.clone();
        }
        let dense = self.dense();
        let values = dense.as_slice().expect("dense");
        let add = |sum: &mut f64, at: usize| {
            *sum = log_of_sum(*sum, values[at].to_f64());
            T::from_f64(*sum)
        };
        let extents = around(self.shape(), dim);
        Tensor::build(self.shape(), |out| scan(extents, From::Start, f64::NEG_INFINITY, add, out))
            .record(&[self], |y| LogCumSumExp { x: Saved::input(0, self), y: Saved::output(y), dim })
    }
}

/// ln(eᵃ + eᵇ). For equal infinities the result is that infinity; their difference would be NaN.
fn log_of_sum(a: f64, b: f64) -> f64 {
    if a == b && a.is_infinite() {
        return a;
    }
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    a.max(b) + (-(a - b).abs()).exp().ln_1p()
}

instances!(logcumsumexp);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(logcumsumexp: |x| x.logcumsumexp(0), [3, 4]);
    gradients!(logcumsumexp_of_the_last: |x| x.logcumsumexp(-1), [2, 4]);

    #[test]
    fn infinities_are_passed_on() {
        let inf = f32::INFINITY;
        let x = Tensor::from_vec(vec![-inf, -inf, 2.0, inf, inf, 1.0], [6]);
        assert_eq!(x.logcumsumexp(0).to_vec(), [-inf, -inf, 2.0, inf, inf, inf]);
    }
}
