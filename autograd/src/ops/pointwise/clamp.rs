//! Elements kept between bounds, and values for those that are not finite.

use crate::error::argument_error;
use crate::float::Float;
use crate::tensor::Tensor;

/// # Pointwise functions: bounds
impl<T: Float> Tensor<T> {
    /// x, but at least `min` and at most `max`, each of which may be `None`.
    /// y = min(max(x, `min`), `max`)        dy/dx = 1 between them, else 0
    ///
    /// As [`torch.clamp`](https://docs.pytorch.org/docs/stable/generated/torch.clamp.html): NaN stays NaN; at a bound
    /// the derivative is 0, as that of [`relu`](Tensor::relu) (since PyTorch 2.15; before, it was 1); where `min` is
    /// above `max`, each element becomes `max`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![-3.0, 0.5, 3.0], [3]);
    /// assert_eq!(x.clamp(-1.0, 1.0).to_vec(), [-1.0, 0.5, 1.0]);
    /// assert_eq!(x.clamp(None, 1.0).to_vec(), [-3.0, 0.5, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If both bounds are `None`.
    #[track_caller]
    pub fn clamp(&self, min: impl Into<Option<T>>, max: impl Into<Option<T>>) -> Tensor<T> {
        match (min.into(), max.into()) {
            (None, None) => argument_error("clamp", "neither min nor max is given"),
            (Some(min), None) => self.clamp_min(min),
            (None, Some(max)) => self.clamp_max(max),
            (Some(min), Some(max)) => self.clamp_between(min, max),
        }
    }

    #[track_caller]
    fn clamp_between(&self, min: T, max: T) -> Tensor<T> {
        let derivative = piecewise!(|g, x| if x > min && x < max { g } else { T::ZERO });
        self.pointwise("clamp", move |x| x.maximum(min).minimum(max), derivative)
    }

    /// x, but at least `min`.    y = max(x, `min`)        dy/dx = 1 above `min`, else 0
    ///
    /// As [`torch.clamp`](https://docs.pytorch.org/docs/stable/generated/torch.clamp.html) with `min` alone; see
    /// [`clamp`](Tensor::clamp).
    #[inline(never)]
    #[track_caller]
    pub fn clamp_min(&self, min: T) -> Tensor<T> {
        let derivative = piecewise!(|g, x| if x > min { g } else { T::ZERO });
        self.pointwise("clamp_min", move |x| x.maximum(min), derivative)
    }

    /// x, but at most `max`.    y = min(x, `max`)        dy/dx = 1 below `max`, else 0
    ///
    /// As [`torch.clamp`](https://docs.pytorch.org/docs/stable/generated/torch.clamp.html) with `max` alone; see
    /// [`clamp`](Tensor::clamp).
    #[inline(never)]
    #[track_caller]
    pub fn clamp_max(&self, max: T) -> Tensor<T> {
        let derivative = piecewise!(|g, x| if x < max { g } else { T::ZERO });
        self.pointwise("clamp_max", move |x| x.minimum(max), derivative)
    }

    /// x where it is finite; `nan` for NaN, and `positive` and `negative` for ∞ and -∞: where they are `None`, the
    /// type's largest and smallest finite values.        dy/dx = 1 where x is finite, else 0
    ///
    /// As [`torch.nan_to_num`](https://docs.pytorch.org/docs/stable/generated/torch.nan_to_num.html), whose defaults
    /// are 0 and `None`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.0], [4]);
    /// assert_eq!(x.nan_to_num(0.0, None, -2.0).to_vec(), [0.0, f32::MAX, -2.0, 1.0]);
    /// ```
    #[track_caller]
    pub fn nan_to_num(&self, nan: T, positive: impl Into<Option<T>>, negative: impl Into<Option<T>>) -> Tensor<T> {
        self.replace_not_finite(nan, positive.into(), negative.into())
    }

    #[inline(never)]
    #[track_caller]
    fn replace_not_finite(&self, nan: T, positive: Option<T>, negative: Option<T>) -> Tensor<T> {
        let two = T::ONE + T::ONE;
        // Both factors are exact: a power of two, and the largest value below 4.
        let largest = T::MIN_POSITIVE.recip() * (two * (two - T::EPSILON));
        let (positive, negative) = (positive.unwrap_or(largest), negative.unwrap_or(-largest));
        let formula = move |x: T| {
            let infinite = if x > T::ZERO { positive } else { negative };
            let not_finite = if x.is_nan() { nan } else { infinite };
            if x.is_finite() { x } else { not_finite }
        };
        self.pointwise("nan_to_num", formula, piecewise!(|g, x| if x.is_finite() { g } else { T::ZERO }))
    }
}

instances!(clamp_between clamp_min clamp_max replace_not_finite);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(clamp: |x| (x * x).clamp(0.1, 1.0), [3, 4]);
    gradients!(clamp_min: |x| (x * x).clamp_min(0.5), [3, 4]);
    gradients!(clamp_max: |x| (x * x).clamp_max(0.5), [3, 4]);
    gradients!(nan_to_num: |x| (x * x).nan_to_num(0.0, None, None), [3, 4]);

    #[test]
    fn at_a_bound_the_gradient_is_zero_and_nan_stays() {
        let x = Tensor::from_vec(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, 0.0, 1.0], [6]).requires_grad();
        type Case = (fn(&Tensor) -> Tensor, [f32; 5], [f32; 6]);
        let cases: [Case; 3] = [
            (|x| x.clamp(-1.0, 1.0), [1.0, -1.0, -1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
            (|x| x.clamp(-1.0, None), [f32::INFINITY, -1.0, -1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0, 1.0, 1.0]),
            (|x| x.clamp_max(1.0), [1.0, f32::NEG_INFINITY, -1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0, 1.0, 0.0]),
        ];
        for (clamp, values, slopes) in cases {
            let y = clamp(&x);
            assert!(y.to_vec()[0].is_nan());
            assert_eq!(y.to_vec()[1..], values);
            assert_eq!(y.backward_with(&Tensor::ones([6])).get(&x).unwrap().to_vec(), slopes);
        }
        assert_eq!(x.narrow(0, 1, 5).clamp(1.0, -1.0).to_vec(), [-1.0; 5]);
    }

    #[test]
    fn the_largest_finite_values_replace_infinities() {
        let ends = [f64::INFINITY, f64::NEG_INFINITY];
        assert_eq!(Tensor::from_vec(ends.to_vec(), [2]).nan_to_num(0.0, None, None).to_vec(), [f64::MAX, f64::MIN]);
    }

    #[test]
    #[should_panic(expected = "clamp: neither min nor max is given")]
    fn a_clamp_has_a_bound() {
        Tensor::<f32>::zeros([2]).clamp(None, None);
    }
}
