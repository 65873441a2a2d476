//! Inverse trigonometric functions, the remaining hyperbolic ones, and powers and logarithms of other bases.

use super::rounding::ThroughF64;
use super::{Derivative, Keep, ONE};
use crate::float::Float;
use crate::tensor::Tensor;

/// # Pointwise functions: inverse and hyperbolic functions
impl<T: Float> Tensor<T> {
    /// Arc sine, in radians; NaN where |x| > 1.        dy/dx = 1 / √(1 - x²)
    ///
    /// As [`torch.asin`](https://docs.pytorch.org/docs/stable/generated/torch.asin.html).
    #[track_caller]
    pub fn asin(&self) -> Tensor<T> {
        self.pointwise("asin", |x| x.through_f64(f64::asin), derivative!(|g, x| g / (ONE - x * x).sqrt()))
    }

    /// Arc cosine, in radians; NaN where |x| > 1.        dy/dx = -1 / √(1 - x²)
    ///
    /// As [`torch.acos`](https://docs.pytorch.org/docs/stable/generated/torch.acos.html).
    #[track_caller]
    pub fn acos(&self) -> Tensor<T> {
        self.pointwise("acos", |x| x.through_f64(f64::acos), derivative!(|g, x| -(g / (ONE - x * x).sqrt())))
    }

    /// Arc tangent, in radians.        dy/dx = 1 / (1 + x²)
    ///
    /// As [`torch.atan`](https://docs.pytorch.org/docs/stable/generated/torch.atan.html); of two coordinates,
    /// [`atan2`](Tensor::atan2).
    #[track_caller]
    pub fn atan(&self) -> Tensor<T> {
        self.pointwise("atan", |x| x.through_f64(f64::atan), derivative!(|g, x| g / (ONE + x * x)))
    }

    /// Hyperbolic sine.    y = (eˣ - e⁻ˣ) / 2        dy/dx = cosh x
    ///
    /// As [`torch.sinh`](https://docs.pytorch.org/docs/stable/generated/torch.sinh.html).
    #[inline(never)]
    #[track_caller]
    pub fn sinh(&self) -> Tensor<T> {
        let derivative = Derivative::new(
            [Keep::Input],
            |g: T, [x]: [T; 1]| g * x.through_f64(f64::cosh),
            |g: &Tensor<T>, [x]: [&Tensor<T>; 1]| g * x.cosh(),
        );
        self.pointwise("sinh", |x| x.through_f64(f64::sinh), derivative)
    }

    /// Hyperbolic cosine.    y = (eˣ + e⁻ˣ) / 2        dy/dx = sinh x
    ///
    /// As [`torch.cosh`](https://docs.pytorch.org/docs/stable/generated/torch.cosh.html).
    #[inline(never)]
    #[track_caller]
    pub fn cosh(&self) -> Tensor<T> {
        let derivative = Derivative::new(
            [Keep::Input],
            |g: T, [x]: [T; 1]| g * x.through_f64(f64::sinh),
            |g: &Tensor<T>, [x]: [&Tensor<T>; 1]| g * x.sinh(),
        );
        self.pointwise("cosh", |x| x.through_f64(f64::cosh), derivative)
    }

    /// The inverse of [`sinh`](Tensor::sinh).    y = ln(x + √(x² + 1))        dy/dx = 1 / √(x² + 1)
    ///
    /// As [`torch.asinh`](https://docs.pytorch.org/docs/stable/generated/torch.asinh.html).
    #[track_caller]
    pub fn asinh(&self) -> Tensor<T> {
        self.pointwise("asinh", |x| x.through_f64(f64::asinh), derivative!(|g, x| g / (ONE + x * x).sqrt()))
    }

    /// The inverse of [`cosh`](Tensor::cosh); NaN where x < 1.    y = ln(x + √(x² - 1))        dy/dx = 1 / √(x² - 1)
    ///
    /// As [`torch.acosh`](https://docs.pytorch.org/docs/stable/generated/torch.acosh.html).
    #[inline(never)]
    #[track_caller]
    pub fn acosh(&self) -> Tensor<T> {
        let derivative = derivative!(|g, x| g / (-(ONE - x * x)).sqrt());
        self.pointwise("acosh", |x| x.through_f64(f64::acosh), derivative)
    }

    /// The inverse of [`tanh`](Tensor::tanh); NaN where |x| > 1.
    /// y = ½ ln((1 + x) / (1 - x))        dy/dx = 1 / (1 - x²)
    ///
    /// As [`torch.atanh`](https://docs.pytorch.org/docs/stable/generated/torch.atanh.html).
    #[track_caller]
    pub fn atanh(&self) -> Tensor<T> {
        self.pointwise("atanh", |x| x.through_f64(f64::atanh), derivative!(|g, x| g / (ONE - x * x)))
    }

    /// Logarithm to base 2.        dy/dx = 1 / (x ln 2)
    ///
    /// As [`torch.log2`](https://docs.pytorch.org/docs/stable/generated/torch.log2.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![0.0, 0.25, 8.0], [3]).log2().to_vec(), [f32::NEG_INFINITY, -2.0, 3.0]);
    /// ```
    #[inline(never)]
    #[track_caller]
    pub fn log2(&self) -> Tensor<T> {
        let ln_2 = T::from_f64(std::f64::consts::LN_2);
        self.pointwise("log2", |x| x.through_f64(f64::log2), derivative!(|g, x| g / (x * ln_2)))
    }

    /// Logarithm to base 10.        dy/dx = 1 / (x ln 10)
    ///
    /// As [`torch.log10`](https://docs.pytorch.org/docs/stable/generated/torch.log10.html).
    #[inline(never)]
    #[track_caller]
    pub fn log10(&self) -> Tensor<T> {
        let ln_10 = T::from_f64(std::f64::consts::LN_10);
        self.pointwise("log10", |x| x.through_f64(f64::log10), derivative!(|g, x| g / (x * ln_10)))
    }

    /// Power of 2.    y = 2ˣ        dy/dx = y ln 2
    ///
    /// As [`torch.exp2`](https://docs.pytorch.org/docs/stable/generated/torch.exp2.html).
    #[inline(never)]
    #[track_caller]
    pub fn exp2(&self) -> Tensor<T> {
        let ln_2 = T::from_f64(std::f64::consts::LN_2);
        self.pointwise("exp2", |x| x.through_f64(f64::exp2), derivative!(|g, y| g * y * ln_2))
    }
}

instances!(asin acos atan sinh cosh asinh acosh atanh log2 log10 exp2);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(asin: |x| (x.tanh() * 0.9).asin(), [3, 4]);
    gradients!(acos: |x| (x.tanh() * 0.9).acos(), [3, 4]);
    gradients!(atan: |x| x.atan(), [3, 4]);
    gradients!(sinh: |x| x.sinh(), [3, 4]);
    gradients!(cosh: |x| x.cosh(), [3, 4]);
    gradients!(asinh: |x| x.asinh(), [3, 4]);
    gradients!(acosh: |x| (x * x + 1.5).acosh(), [3, 4]);
    gradients!(atanh: |x| (x.tanh() * 0.9).atanh(), [3, 4]);
    gradients!(log2: |x| (x * x + 0.5).log2(), [3, 4]);
    gradients!(log10: |x| (x * x + 0.5).log10(), [3, 4]);
    gradients!(exp2: |x| x.exp2(), [3, 4]);

    #[test]
    fn at_the_ends_of_their_domains() {
        let of = |f: fn(&Tensor) -> Tensor, x: f32| f(&Tensor::scalar(x)).item();
        const INF: f32 = f32::INFINITY;
        let pi = std::f32::consts::PI;
        assert_eq!([of(Tensor::atan, INF), of(Tensor::atan, -INF)], [pi / 2.0, -pi / 2.0]);
        assert_eq!([of(Tensor::asin, 1.0), of(Tensor::acos, -1.0)], [pi / 2.0, pi]);
        assert_eq!([of(Tensor::sinh, 100.0), of(Tensor::cosh, -100.0), of(Tensor::sinh, -INF)], [INF, INF, -INF]);
        assert_eq!([of(Tensor::asinh, -INF), of(Tensor::atanh, 1.0), of(Tensor::acosh, 1.0)], [-INF, INF, 0.0]);
        assert_eq!([of(Tensor::log10, 0.0), of(Tensor::exp2, 128.0), of(Tensor::exp2, -INF)], [-INF, INF, 0.0]);
        assert_eq!(of(Tensor::exp2, 3.0), 8.0);
        for (f, x) in [(Tensor::asin as fn(&Tensor) -> Tensor, 1.5), (Tensor::acosh, 0.5), (Tensor::log2, -1.0)] {
            assert!(of(f, x).is_nan());
        }
        for f in [Tensor::asin, Tensor::atan, Tensor::sinh, Tensor::asinh, Tensor::atanh] {
            assert!(of(f, -0.0).to_bits() == (-0.0_f32).to_bits());
        }
    }
}
