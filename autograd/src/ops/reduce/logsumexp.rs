//! The logarithm of a sum of exponentials.

use crate::float::Float;
use crate::ops::pointwise::flat;
use crate::ops::shape::distinct;
use crate::shape::Dims;
use crate::tensor::Tensor;

/// # Reductions and cumulative sums: the logarithm of a sum of exponentials
impl<T: Float> Tensor<T> {
    /// The logarithm of the sum of eˣ along the given dimensions, which are dropped, or kept with extent 1 if
    /// `keepdim`. Large values do not overflow; without elements the result is -∞.
    ///
    /// Like [`torch.logsumexp`](https://docs.pytorch.org/docs/stable/generated/torch.logsumexp.html). Its gradient is
    /// the [`softmax`](Tensor::softmax).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1000.0_f32, 1000.0], [2]);
    /// assert_eq!(x.logsumexp(0_isize, false).item(), 1000.0 + 2.0_f32.ln());
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, or one is named twice.
    #[track_caller]
    pub fn logsumexp(&self, dims: impl Dims, keepdim: bool) -> Tensor<T> {
        self.log_of_sum(&dims, keepdim)
    }

    #[inline(never)]
    #[track_caller]
    fn log_of_sum(&self, dims: &dyn Dims, keepdim: bool) -> Tensor<T> {
        distinct("logsumexp", dims, self.rank());
        if self.numel() == 0 {
            return self.sum_dim(dims, keepdim) + T::NEG_INFINITY;
        }
        // ln Σ eˣ⁻ᵐ + m with the largest element m. The result does not depend on m, so m is a constant without a
        // gradient. If m is infinite, 0 is used instead, because the difference of infinities is NaN.
        let finite = |largest: Tensor<T>| {
            largest.detach().pointwise("finite", |m| if m.abs() < T::INFINITY { m } else { T::ZERO }, flat())
        };
        let (kept, shift) = (finite(self.amax(dims, true)), finite(self.amax(dims, keepdim)));
        (self - kept).exp().sum_dim(dims, keepdim).ln() + shift
    }
}

instances!(|x| x.logsumexp(0, true));

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(logsumexp: |x| (x * x).logsumexp(0, false), [3, 4]);
    gradients!(logsumexp_of_two: |x| (x * x).logsumexp([0, -1], true), [2, 3, 4]);

    #[test]
    fn infinities_are_passed_on() {
        let of = |values: [f32; 2]| Tensor::from_vec(values.to_vec(), [2]).logsumexp(0, false).item();
        assert_eq!(of([f32::NEG_INFINITY; 2]), f32::NEG_INFINITY);
        assert_eq!(of([f32::INFINITY, 0.0]), f32::INFINITY);
        assert_eq!(of([f32::NEG_INFINITY, 3.0]), 3.0);
        assert!(of([f32::NAN, 0.0]).is_nan());
    }
}
