//! Remainders of divisions, angles and lengths.

use crate::float::Float;
use crate::ops::binary::{Operand, Slope, TensorSlope};
use crate::ops::pointwise::{Derivative, Keep, ThroughF64};
use crate::scalar::Scalar;
use crate::tensor::Tensor;

/// # Arithmetic of two tensors: remainders
impl<T: Float> Tensor<T> {
    /// What a division leaves, with the sign of the dividend.
    /// y = a - b trunc(a / b)        dy/da = 1, dy/db = -trunc(a / b)
    ///
    /// As [`torch.fmod`](https://docs.pytorch.org/docs/stable/generated/torch.fmod.html) and Rust's `%`: exact, and NaN
    /// where b is 0 or a infinite. `divisor` is a tensor, whose shape is broadcast, or a number.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-3.0, 5.5], [2]).fmod(2.0).to_vec(), [-1.0, 1.5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn fmod(&self, divisor: impl Operand<T>) -> Tensor<T> {
        self.fmod_of(&divisor.into_tensor())
    }

    #[track_caller]
    fn fmod_of(&self, divisor: &Tensor<T>) -> Tensor<T> {
        let to_a = constant(T::ONE);
        let to_b = piecewise!(|g, a, b| -(g * (a / b).through_f64(f64::trunc)));
        self.binary("fmod", divisor, |a, b| a.fmod(b), to_a, to_b)
    }

    /// What a division leaves, with the sign of the divisor.
    /// y = a - b floor(a / b)        dy/da = 1, dy/db = -floor(a / b)
    ///
    /// As [`torch.remainder`](https://docs.pytorch.org/docs/stable/generated/torch.remainder.html)
    /// and Python's `%`: NaN
    /// where b is 0 or a infinite. `divisor` is a tensor, whose shape is broadcast, or a number.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-3.0, 5.5], [2]).remainder(2.0).to_vec(), [1.0, 1.5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn remainder(&self, divisor: impl Operand<T>) -> Tensor<T> {
        self.remainder_of(&divisor.into_tensor())
    }

    #[track_caller]
    fn remainder_of(&self, divisor: &Tensor<T>) -> Tensor<T> {
        let to_a = constant(T::ONE);
        let to_b = piecewise!(|g, a, b| -(g * a.floor_division(b)));
        self.binary("remainder", divisor, |a, b| a.remainder(b), to_a, to_b)
    }

    /// The angle of the point (x, y), in radians from -π to π, where this tensor is y and `x` the other coordinate.
    /// dz/dy = x / (x² + y²), dz/dx = -y / (x² + y²)
    ///
    /// As [`torch.atan2`](https://docs.pytorch.org/docs/stable/generated/torch.atan2.html):
    /// the gradient at the origin is
    /// NaN. `x` is a tensor, whose shape is broadcast, or a number.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let y = Tensor::from_vec(vec![0.0_f32, 1.0], [2]);
    /// assert_eq!(y.atan2(-1.0).to_vec(), [std::f32::consts::PI, 0.75 * std::f32::consts::PI]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn atan2(&self, x: impl Operand<T>) -> Tensor<T> {
        self.atan2_of(&x.into_tensor())
    }

    #[track_caller]
    fn atan2_of(&self, x: &Tensor<T>) -> Tensor<T> {
        let formula = |a: T, b: T| T::from_f64(a.to_f64().atan2(b.to_f64()));
        let to_a = derivative!(|g, a, b| g * (b / (a * a + b * b)));
        let to_b = derivative!(|g, a, b| -(g * (a / (a * a + b * b))));
        self.binary("atan2", x, formula, to_a, to_b)
    }

    /// The length of the hypotenuse, without overflow of the squares.
    /// y = √(a² + b²)        dy/da = a / y, dy/db = b / y
    ///
    /// As [`torch.hypot`](https://docs.pytorch.org/docs/stable/generated/torch.hypot.html):
    /// the gradient at the origin is
    /// NaN. The shapes are broadcast.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (a, b) = (Tensor::from_vec(vec![3e30_f32], [1]), Tensor::from_vec(vec![4e30_f32], [1]));
    /// assert_eq!(a.hypot(&b).item(), 5e30);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[inline(never)]
    #[track_caller]
    pub fn hypot(&self, other: &Tensor<T>) -> Tensor<T> {
        let to_a = derivative!(|g, a, b| g * (a / a.hypot(b)));
        let to_b = derivative!(|g, a, b| g * (b / a.hypot(b)));
        self.binary("hypot", other, |a, b| a.hypot(b), to_a, to_b)
    }

    /// The point between two: a for a `weight` of 0, b for 1.
    /// y = a + `weight` (b - a)        dy/da = 1 - `weight`, dy/db = `weight`
    ///
    /// As [`torch.lerp`](https://docs.pytorch.org/docs/stable/generated/torch.lerp.html)
    /// with a number for a weight; both
    /// ends are exact. The shapes are broadcast.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[inline(never)]
    #[track_caller]
    pub fn lerp(&self, end: &Tensor<T>, weight: T) -> Tensor<T> {
        let (half, rest) = (T::from_f64(0.5), T::ONE - weight);
        let formula = move |a: T, b: T| if weight.abs() < half { a + (b - a) * weight } else { b - (b - a) * rest };
        self.binary("lerp", end, formula, constant(rest), constant(weight))
    }
}

/// A derivative that does not depend on the operands.
fn constant<T: Float>(slope: T) -> Derivative<impl Slope<T>, impl TensorSlope<T>, 2> {
    let tensor = move |g: &Tensor<T>, _: [&Tensor<T>; 2]| g * slope;
    Derivative::new([Keep::Input, Keep::SecondInput], move |g: T, _: [T; 2]| g * slope, tensor)
}

/// Scalar counterparts of the operations.
trait Division: Scalar {
    #[inline(always)]
    fn fmod(self, divisor: Self) -> Self {
        // Exact in either type: the result is a multiple of the last place of one operand, and not larger than it.
        Self::from_f64(self.to_f64() % divisor.to_f64())
    }

    #[inline(always)]
    fn remainder(self, divisor: Self) -> Self {
        let rest = self.fmod(divisor);
        if rest.is_opposite(divisor) { rest + divisor } else { rest }
    }

    /// Whether this remainder is not 0 and has another sign than the divisor.
    #[inline(always)]
    fn is_opposite(self, divisor: Self) -> bool {
        self != Self::ZERO && (divisor < Self::ZERO) != (self < Self::ZERO)
    }

    /// floor(self / divisor), found from the remainder, as the quotient may be rounded up to the next whole number.
    #[inline(always)]
    fn floor_division(self, divisor: Self) -> Self {
        let rest = self.fmod(divisor);
        let truncated = ((self - rest) / divisor).through_f64(f64::round_ties_even);
        let floor = if rest.is_opposite(divisor) { truncated - Self::ONE } else { truncated };
        if divisor == Self::ZERO { self / divisor } else { floor }
    }

    #[inline(always)]
    fn hypot(self, other: Self) -> Self {
        Self::from_f64(self.to_f64().hypot(other.to_f64()))
    }
}

impl<S: Scalar> Division for S {}

instances!(fmod_of remainder_of atan2_of hypot lerp);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(fmod: |a, b| (a * 5.0).fmod(&(b * b + 0.5)), [3, 4], [4]);
    gradients!(fmod_number: |a| (a * 5.0).fmod(0.7) * a, [3, 4]);
    gradients!(remainder: |a, b| (a * 5.0).remainder(&(b * b + 0.5)), [3, 4], [4]);
    gradients!(remainder_number: |a| (a * 5.0).remainder(-0.7) * a, [3, 4]);
    gradients!(atan2: |a, b| a.atan2(&(b * b + 0.5)), [3, 4], [3, 4]);
    gradients!(atan2_broadcast: |a, b| (a * a + 0.5).atan2(b), [3, 1], [4]);
    gradients!(hypot: |a, b| (a * a + 0.5).hypot(b), [3, 4], [3, 4]);
    gradients!(lerp: |a, b| a.lerp(b, 0.3) * b, [3, 4], [4]);
    gradients!(lerp_near_the_end: |a, b| a.lerp(b, 0.8) * b, [3, 4], [4]);

    const INF: f64 = f64::INFINITY;

    #[test]
    fn remainders_have_the_sign_of_an_operand() {
        let a = Tensor::from_vec(vec![5.0, -5.0, 5.0, -5.0, -6.0, 5.0, -5.0, 1.0, INF], [9]);
        let b = Tensor::from_vec(vec![3.0, 3.0, -3.0, -3.0, 3.0, INF, INF, 0.0, 1.0], [9]);
        let (fmod, remainder) = (a.fmod(&b).to_vec(), a.remainder(&b).to_vec());
        assert_eq!(fmod[..7], [2.0, -2.0, 2.0, -2.0, 0.0, 5.0, -5.0]);
        assert_eq!(remainder[..7], [2.0, 1.0, -1.0, -2.0, 0.0, 5.0, INF]);
        assert!([fmod, remainder].iter().all(|y| y[7].is_nan() && y[8].is_nan()));
    }

    #[test]
    fn the_gradient_of_a_divisor_is_the_whole_quotient() {
        let a = Tensor::from_vec(vec![5.0, -5.0, 5.0, -6.0, -5.0], [5]);
        let b = Tensor::from_vec(vec![3.0, 3.0, -3.0, 3.0, INF], [5]).requires_grad();
        assert_eq!(a.fmod(&b).sum().backward().get(&b).unwrap().to_vec(), [-1.0, 1.0, 1.0, 2.0, 0.0]);
        assert_eq!(a.remainder(&b).sum().backward().get(&b).unwrap().to_vec(), [-1.0, 2.0, 2.0, 2.0, 1.0]);
    }

    #[test]
    fn both_ends_of_a_line_are_exact() {
        let (a, b) = (Tensor::from_vec(vec![1e8_f32, 0.1], [2]), Tensor::from_vec(vec![0.3_f32, 1e8], [2]));
        assert!(a.lerp(&b, 0.0).equal(&a) && a.lerp(&b, 1.0).equal(&b));
    }

    #[test]
    fn angles_in_all_quadrants() {
        let pi = std::f64::consts::PI;
        let y = Tensor::from_vec(vec![0.0, -0.0, 0.0, 1.0, -1.0, INF], [6]);
        let x = Tensor::from_vec(vec![-1.0, -1.0, 1.0, 0.0, 0.0, -INF], [6]);
        assert_eq!(y.atan2(&x).to_vec(), [pi, -pi, 0.0, pi / 2.0, -pi / 2.0, 0.75 * pi]);
    }
}
