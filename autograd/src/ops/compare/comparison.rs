//! Comparisons: which elements are equal, less, greater, NaN, infinite or close.

use crate::float::Float;
use crate::graph::broadcast::combine;
use crate::mask::Mask;
use crate::ops::binary::Operand;
use crate::scalar::Scalar;
use crate::tensor::Tensor;

/// The comparison of each two elements. A mask is made of the ones.
#[inline(never)]
#[track_caller]
fn compare<T: Float>(name: &str, a: &Tensor<T>, b: &Tensor<T>, is: impl Fn(T, T) -> bool + Copy + Sync) -> Mask {
    mask_of(&combine(name, a, b, |a, b| if is(a, b) { T::ONE } else { T::ZERO }))
}

/// Where there are ones, and not zeros. It does not know the comparison.
#[inline(never)]
fn mask_of<T: Float>(ones: &Tensor<T>) -> Mask {
    let elements: Vec<bool> = ones.as_slice().expect("just built").iter().map(|&one| one == T::ONE).collect();
    Mask::new(elements, ones.shape())
}

/// Whether two numbers are close.
fn is_close<T: Float>(rtol: T, atol: T, equal_nan: bool) -> impl Fn(T, T) -> bool + Copy + Sync {
    move |a, b| {
        // The difference of two infinities is NaN, that of an infinity and a number less than no finite bound.
        let is_within = (a - b).is_finite() && (a - b).abs() <= atol + rtol * b.abs();
        a == b || is_within || (equal_nan && a.is_nan() && b.is_nan())
    }
}

/// # Comparisons and masks: which elements are equal, less, greater, NaN, infinite or close
impl<T: Float> Tensor<T> {
    /// Where a = b: false beside NaN. `other` is a tensor, whose shape is broadcast, or a number.
    ///
    /// Like [`torch.eq`](https://docs.pytorch.org/docs/stable/generated/torch.eq.html).
    /// No gradient flows through the mask.
    ///
    /// ```
    /// use autograd::{Mask, Tensor};
    /// let x = Tensor::from_vec(vec![1.0, 2.0, f32::NAN], [3]);
    /// assert_eq!(x.eq(2.0), Mask::from([false, true, false]));
    /// assert_eq!(x.eq(&x), Mask::from([true, true, false]));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn eq(&self, other: impl Operand<T>) -> Mask {
        compare("eq", self, &other.into_tensor(), <T as Relation>::eq)
    }

    /// Where a ≠ b: true beside NaN. `other` is a tensor, whose shape is broadcast, or a number.
    ///
    /// Like [`torch.ne`](https://docs.pytorch.org/docs/stable/generated/torch.ne.html).
    /// No gradient flows through the mask.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn ne(&self, other: impl Operand<T>) -> Mask {
        compare("ne", self, &other.into_tensor(), <T as Relation>::ne)
    }

    /// Where a < b: false beside NaN. `other` is a tensor, whose shape is broadcast, or a number.
    ///
    /// Like [`torch.lt`](https://docs.pytorch.org/docs/stable/generated/torch.lt.html).
    /// No gradient flows through the mask.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn lt(&self, other: impl Operand<T>) -> Mask {
        compare("lt", self, &other.into_tensor(), <T as Relation>::lt)
    }

    /// Where a ≤ b: false beside NaN. `other` is a tensor, whose shape is broadcast, or a number.
    ///
    /// Like [`torch.le`](https://docs.pytorch.org/docs/stable/generated/torch.le.html).
    /// No gradient flows through the mask.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn le(&self, other: impl Operand<T>) -> Mask {
        compare("le", self, &other.into_tensor(), <T as Relation>::le)
    }

    /// Where a > b: false beside NaN. `other` is a tensor, whose shape is broadcast, or a number.
    ///
    /// Like [`torch.gt`](https://docs.pytorch.org/docs/stable/generated/torch.gt.html).
    /// No gradient flows through the mask.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn gt(&self, other: impl Operand<T>) -> Mask {
        compare("gt", self, &other.into_tensor(), <T as Relation>::gt)
    }

    /// Where a ≥ b: false beside NaN. `other` is a tensor, whose shape is broadcast, or a number.
    ///
    /// Like [`torch.ge`](https://docs.pytorch.org/docs/stable/generated/torch.ge.html).
    /// No gradient flows through the mask.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn ge(&self, other: impl Operand<T>) -> Mask {
        compare("ge", self, &other.into_tensor(), <T as Relation>::ge)
    }

    /// Which elements are NaN.
    ///
    /// Like [`torch.isnan`](https://docs.pytorch.org/docs/stable/generated/torch.isnan.html).
    /// No gradient flows through the mask.
    #[track_caller]
    pub fn isnan(&self) -> Mask {
        compare("isnan", self, &Tensor::scalar(T::ZERO), |x, _| x.is_nan())
    }

    /// Which elements are infinite, of either sign.
    ///
    /// Like [`torch.isinf`](https://docs.pytorch.org/docs/stable/generated/torch.isinf.html).
    /// No gradient flows through the mask.
    #[track_caller]
    pub fn isinf(&self) -> Mask {
        compare("isinf", self, &Tensor::scalar(T::INFINITY), |x, infinity| x.abs() == infinity)
    }

    /// Which elements are neither infinite nor NaN.
    ///
    /// Like [`torch.isfinite`](https://docs.pytorch.org/docs/stable/generated/torch.isfinite.html).
    /// No gradient flows through the mask.
    #[track_caller]
    pub fn isfinite(&self) -> Mask {
        compare("isfinite", self, &Tensor::scalar(T::ZERO), |x, _| x.is_finite())
    }

    /// Where |a - b| ≤ `atol` + `rtol` |b|. An infinity is close only to itself; NaN is close to NaN if `equal_nan`.
    ///
    /// Like [`torch.isclose`](https://docs.pytorch.org/docs/stable/generated/torch.isclose.html), whose defaults are
    /// 10⁻⁵ for `rtol`, 10⁻⁸ for `atol` and false. The shapes are broadcast. No gradient flows through the mask.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn isclose(&self, other: impl Operand<T>, rtol: T, atol: T, equal_nan: bool) -> Mask {
        self.is_close_to(&other.into_tensor(), rtol, atol, equal_nan)
    }

    #[track_caller]
    fn is_close_to(&self, other: &Tensor<T>, rtol: T, atol: T, equal_nan: bool) -> Mask {
        compare("isclose", self, other, is_close(rtol, atol, equal_nan))
    }

    /// Whether all elements are close: see [`isclose`](Tensor::isclose).
    ///
    /// Like [`torch.allclose`](https://docs.pytorch.org/docs/stable/generated/torch.allclose.html), whose defaults are
    /// 10⁻⁵ for `rtol`, 10⁻⁸ for `atol` and false.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::<f32>::linspace(0.0, 1.0, 5);
    /// assert!(x.sqrt().powf(2.0).allclose(&x, 1e-5, 1e-8, false));
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn allclose(&self, other: impl Operand<T>, rtol: T, atol: T, equal_nan: bool) -> bool {
        compare("allclose", self, &other.into_tensor(), is_close(rtol, atol, equal_nan)).all()
    }

    /// Whether two tensors have the same shape and equal elements: false where an element is NaN.
    ///
    /// Like [`torch.equal`](https://docs.pytorch.org/docs/stable/generated/torch.equal.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0], [2]);
    /// assert!(x.equal(&(&x * 1.0)) && !x.equal(&x.unsqueeze(0)));
    /// ```
    #[inline(never)]
    #[track_caller]
    pub fn equal(&self, other: &Tensor<T>) -> bool {
        self.shape() == other.shape() && self.eq(other).all()
    }
}

/// The comparisons of two elements, which do not depend on what the second operand of an operation was.
trait Relation: Scalar {
    #[inline(always)]
    fn eq(self, other: Self) -> bool {
        self == other
    }

    #[inline(always)]
    fn ne(self, other: Self) -> bool {
        self != other
    }

    #[inline(always)]
    fn lt(self, other: Self) -> bool {
        self < other
    }

    #[inline(always)]
    fn le(self, other: Self) -> bool {
        self <= other
    }

    #[inline(always)]
    fn gt(self, other: Self) -> bool {
        self > other
    }

    #[inline(always)]
    fn ge(self, other: Self) -> bool {
        self >= other
    }
}

impl<S: Scalar> Relation for S {}

instances!(isnan isinf isfinite is_close_to equal);
instances!(|x| x.eq(x), x.ne(x), x.lt(x), x.le(x), x.gt(x), x.ge(x), x.allclose(x, T::ZERO, T::ZERO, true));

#[cfg(test)]
mod tests {
    use crate::{Mask, Tensor};

    const NAN: f64 = f64::NAN;
    const INF: f64 = f64::INFINITY;

    #[test]
    fn nan_is_unequal_to_all_and_in_no_order() {
        let a = Tensor::from_vec(vec![0.0, 1.0, NAN, NAN, INF], [5]).requires_grad();
        let b = Tensor::from_vec(vec![-0.0, 2.0, NAN, 1.0, INF], [5]);
        let expect = |mask: Mask, expected: &str| {
            let found: String = mask.as_slice().iter().map(|&x| if x { '1' } else { '0' }).collect();
            assert_eq!(found, expected);
        };
        expect(a.eq(&b), "10001");
        expect(a.ne(&b), "01110");
        expect(a.lt(&b), "01000");
        expect(a.le(&b), "11001");
        expect(b.gt(&a), "01000");
        expect(b.ge(&a), "11001");
        expect(a.isnan(), "00110");
        expect((-&a).isinf(), "00001");
        expect(a.isfinite(), "11000");
        expect(a.gt(0.5), "01001");
    }

    #[test]
    fn comparisons_broadcast_views() {
        let x = Tensor::<f32>::arange(0.0, 6.0, 1.0).reshape([2, 3]);
        let mask = x.t().lt(&Tensor::from_vec(vec![2.0, 4.0], [2]));
        assert_eq!(mask, Mask::new(vec![true, true, true, false, false, false], [3, 2]));
        assert_eq!(Tensor::<f32>::zeros([0, 3]).eq(&x.select(0, 0)).shape(), &[0, 3]);
        assert!(Tensor::<f32>::scalar(2.0).ge(2.0).all());
    }

    #[test]
    fn close_are_equal_infinities_and_small_differences() {
        let a = Tensor::from_vec(vec![1.0, 1.0, INF, INF, NAN, 0.0], [6]);
        let b = Tensor::from_vec(vec![1.0 + 1e-6, 1.1, INF, -INF, NAN, 1e-9], [6]);
        let close = |equal_nan| a.isclose(&b, 1e-5, 1e-8, equal_nan).as_slice().to_vec();
        assert_eq!(close(false), [true, false, true, false, false, true]);
        assert_eq!(close(true), [true, false, true, false, true, true]);
        assert!(!a.allclose(&b, 1e-5, 1e-8, true) && a.allclose(&a, 0.0, 0.0, true));
        // Also with an infinite tolerance.
        assert!(!Tensor::scalar(1.0).allclose(&Tensor::scalar(INF), 1e-5, 1e-8, false));
        assert!(!a.equal(&a) && b.narrow(0, 0, 4).equal(&b.narrow(0, 0, 4)));
    }

    #[test]
    #[should_panic(expected = "lt: shapes [3] and [2] do not broadcast: dimension -1 is 3 and 2")]
    fn shapes_that_do_not_broadcast_are_named() {
        Tensor::<f32>::zeros([3]).lt(&Tensor::zeros([2]));
    }
}
