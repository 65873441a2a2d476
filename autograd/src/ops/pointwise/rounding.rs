//! Whole numbers near the elements. They are constant around almost every point: their derivatives are 0.

use super::flat;
use crate::float::Float;
use crate::scalar::Scalar;
use crate::tensor::Tensor;

/// # Pointwise functions: rounding
impl<T: Float> Tensor<T> {
    /// The largest whole number that is not above x.        dy/dx = 0
    ///
    /// As [`torch.floor`](https://docs.pytorch.org/docs/stable/generated/torch.floor.html).
    #[track_caller]
    pub fn floor(&self) -> Tensor<T> {
        self.pointwise("floor", |x| x.through_f64(f64::floor), flat())
    }

    /// The smallest whole number that is not below x.        dy/dx = 0
    ///
    /// As [`torch.ceil`](https://docs.pytorch.org/docs/stable/generated/torch.ceil.html).
    #[track_caller]
    pub fn ceil(&self) -> Tensor<T> {
        self.pointwise("ceil", |x| x.through_f64(f64::ceil), flat())
    }

    /// The nearest whole number, of two that are equally near the even one.        dy/dx = 0
    ///
    /// As [`torch.round`](https://docs.pytorch.org/docs/stable/generated/torch.round.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![-1.6, 0.5, 1.5, 2.5], [4]);
    /// assert_eq!(x.round().to_vec(), [-2.0, 0.0, 2.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn round(&self) -> Tensor<T> {
        self.pointwise("round", |x| x.through_f64(f64::round_ties_even), flat())
    }

    /// [`round`](Tensor::round) to a number of decimals; negative ones round to tens, hundreds, and so on.
    /// dy/dx = 0
    ///
    /// As [`torch.round`](https://docs.pytorch.org/docs/stable/generated/torch.round.html) with `decimals`: x is
    /// multiplied by a power of ten, rounded, and divided by it.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1234.5678_f64], [1]);
    /// assert_eq!(x.round_decimals(2).item(), 1234.57);
    /// assert_eq!(x.round_decimals(-2).item(), 1200.0);
    /// ```
    #[inline(never)]
    #[track_caller]
    pub fn round_decimals(&self, decimals: i32) -> Tensor<T> {
        let power = T::from_f64(10_f64.powi(decimals.abs()));
        if decimals < 0 { (self / power).round() * power } else { (self * power).round() / power }
    }

    /// The whole number between x and 0 that is nearest to x.        dy/dx = 0
    ///
    /// As [`torch.trunc`](https://docs.pytorch.org/docs/stable/generated/torch.trunc.html).
    #[track_caller]
    pub fn trunc(&self) -> Tensor<T> {
        self.pointwise("trunc", |x| x.through_f64(f64::trunc), flat())
    }

    /// What [`trunc`](Tensor::trunc) leaves, with the sign of x.    y = x - trunc x        dy/dx = 1
    ///
    /// As [`torch.frac`](https://docs.pytorch.org/docs/stable/generated/torch.frac.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-1.25, 2.5], [2]).frac().to_vec(), [-0.25, 0.5]);
    /// ```
    #[inline(never)]
    #[track_caller]
    pub fn frac(&self) -> Tensor<T> {
        self - self.detach().trunc()
    }
}

/// Functions of the standard library.
pub(crate) trait ThroughF64: Scalar {
    /// `f` of the element as an `f64`, rounded to this type: in `f32`, to within one rounding of the exact result.
    #[inline(always)]
    fn through_f64(self, f: impl Fn(f64) -> f64) -> Self {
        Self::from_f64(f(self.to_f64()))
    }
}

impl<S: Scalar> ThroughF64 for S {}

instances!(floor ceil round round_decimals trunc frac);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(floor: |x| x.floor() * x, [3, 4]);
    gradients!(ceil: |x| x.ceil() * x, [3, 4]);
    gradients!(round: |x| x.round() * x, [3, 4]);
    gradients!(round_decimals: |x| x.round_decimals(1) * x, [3, 4]);
    gradients!(trunc: |x| x.trunc() * x, [3, 4]);
    gradients!(frac: |x| x.frac() * x, [3, 4]);

    #[test]
    fn halves_zeros_and_infinities() {
        let bits = |y: Tensor| y.to_vec().iter().map(|y| y.to_bits()).collect::<Vec<_>>();
        let expect = |y: Tensor, expected: [f32; 7]| assert_eq!(bits(y), expected.map(f32::to_bits));
        const INF: f32 = f32::INFINITY;
        let x = Tensor::from_vec(vec![-2.5, -0.5, -0.0, 0.5, 3.5, 16777217.0, -INF], [7]);
        expect(x.floor(), [-3.0, -1.0, -0.0, 0.0, 3.0, 16777216.0, -INF]);
        expect(x.ceil(), [-2.0, -0.0, -0.0, 1.0, 4.0, 16777216.0, -INF]);
        expect(x.round(), [-2.0, -0.0, -0.0, 0.0, 4.0, 16777216.0, -INF]);
        expect(x.trunc(), [-2.0, -0.0, -0.0, 0.0, 3.0, 16777216.0, -INF]);
        assert!(Tensor::scalar(f32::NAN).round().item().is_nan() && x.frac().to_vec()[6].is_nan());
    }
}
