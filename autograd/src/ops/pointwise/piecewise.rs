//! Activations that are made of straight pieces, and those with a curve on one side of a point.

use super::{Activation, Derivative, Keep};
use crate::error::argument_error;
use crate::float::Float;
use crate::tensor::Tensor;

/// # Pointwise functions: piecewise activations
impl<T: Float> Tensor<T> {
    /// x between `min` and `max`, and these outside.        dy/dx = 1 between them, 0 outside and at both
    ///
    /// As
    /// [`torch.nn.functional.hardtanh`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardtanh.html),
    /// whose defaults are -1 and 1. NaN stays NaN, and its gradient passes.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-3.0, 0.5, 3.0], [3]).hardtanh(-1.0, 1.0).to_vec(), [-1.0, 0.5, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If `min` is larger than `max`.
    #[inline(never)]
    #[track_caller]
    pub fn hardtanh(&self, min: T, max: T) -> Tensor<T> {
        if min > max {
            argument_error("hardtanh", format_args!("the lower bound {min} is above the upper bound {max}"));
        }
        let derivative = piecewise!(|g, x| if x <= min || x >= max { T::ZERO } else { g });
        self.pointwise("hardtanh", move |x| x.maximum(min).minimum(max), derivative)
    }

    /// Rectifier with an upper bound.    y = min(max(x, 0), 6)        dy/dx = 1 between 0 and 6, 0 outside and at both
    ///
    /// As [`torch.nn.functional.relu6`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.relu6.html).
    #[inline(never)]
    #[track_caller]
    pub fn relu6(&self) -> Tensor<T> {
        self.hardtanh(T::ZERO, T::from_f64(6.0))
    }

    /// Rectifier that lets a part of negative elements pass.
    /// y = x where x > 0, else `negative_slope` x        dy/dx = 1 there, else `negative_slope`
    ///
    /// As
    /// [`torch.nn.functional.leaky_relu`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.leaky_relu.html),
    /// whose default is 0.01.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-2.0, 0.0, 2.0], [3]).leaky_relu(0.5).to_vec(), [-1.0, 0.0, 2.0]);
    /// ```
    #[inline(never)]
    #[track_caller]
    pub fn leaky_relu(&self, negative_slope: T) -> Tensor<T> {
        let formula = move |x: T| if x > T::ZERO { x } else { x * negative_slope };
        let derivative = piecewise!(|g, x| if x > T::ZERO { g } else { g * negative_slope });
        self.pointwise("leaky_relu", formula, derivative)
    }

    /// A [`sigmoid`](Tensor::sigmoid) of straight pieces.
    /// y = min(max(x + 3, 0), 6) / 6        dy/dx = 1/6 between -3 and 3, 0 outside and at both
    ///
    /// As
    /// [`torch.nn.functional.hardsigmoid`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardsigmoid.html),
    /// whose slope is 1/6 rounded to `f32`, also in `f64`.
    #[inline(never)]
    #[track_caller]
    pub fn hardsigmoid(&self) -> Tensor<T> {
        let three = T::from_f64(3.0);
        // PyTorch has the constant as an f32, for both types.
        let sixth = T::from_f64(f64::from(1.0_f32 / 6.0));
        let derivative = piecewise!(|g, x| if x > -three && x < three { g * sixth } else { T::ZERO });
        self.pointwise("hardsigmoid", |x| x.hardsigmoid(), derivative)
    }

    /// [`silu`](Tensor::silu) with the [`hardsigmoid`](Tensor::hardsigmoid).
    /// y = x min(max(x + 3, 0), 6) / 6        dy/dx = x / 3 + ½ between -3 and 3, 0 up to -3, 1 from 3 on
    ///
    /// As
    /// [`torch.nn.functional.hardswish`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardswish.html)
    /// (Howard et al., [arXiv:1905.02244](https://arxiv.org/abs/1905.02244)).
    #[inline(never)]
    #[track_caller]
    pub fn hardswish(&self) -> Tensor<T> {
        let (three, half) = (T::from_f64(3.0), T::from_f64(0.5));
        let slope = move |x: T| {
            let inside = if x < three { x / three + half } else { T::ONE };
            if x <= -three { T::ZERO } else { inside }
        };
        let derivative = Derivative::new(
            [Keep::Input],
            move |g: T, [x]: [T; 1]| g * slope(x),
            move |g: &Tensor<T>, [x]: [&Tensor<T>; 1]| {
                let curvature = piecewise!(|g, x| if x > -three && x < three { g / three } else { T::ZERO });
                g * x.pointwise("hardswish_slope", slope, curvature)
            },
        );
        self.pointwise("hardswish", |x| x * x.hardsigmoid(), derivative)
    }

    /// Exponential linear unit.    y = x where x > 0, else `alpha` (eˣ - 1)        dy/dx = 1 there, else `alpha` eˣ
    ///
    /// As [`torch.nn.functional.elu`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.elu.html),
    /// whose
    /// default is 1 (Clevert et al., [arXiv:1511.07289](https://arxiv.org/abs/1511.07289)).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let y = Tensor::from_vec(vec![f32::NEG_INFINITY, 0.0, 2.0], [3]).elu(0.5);
    /// assert_eq!(y.to_vec(), [-0.5, 0.0, 2.0]);
    /// ```
    #[inline(never)]
    #[track_caller]
    pub fn elu(&self, alpha: T) -> Tensor<T> {
        self.exponential_below_zero("elu", T::ONE, alpha, T::ONE)
    }

    /// [`elu`](Tensor::elu) with a slope of 1 at 0 on both sides.
    /// y = x where x > 0, else `alpha` (exp(x / `alpha`) - 1)        dy/dx = 1 there, else exp(x / `alpha`)
    ///
    /// As [`torch.nn.functional.celu`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.celu.html),
    /// whose
    /// default is 1 (Barron, [arXiv:1704.07483](https://arxiv.org/abs/1704.07483)).
    ///
    /// # Panics
    /// If `alpha` is 0.
    #[inline(never)]
    #[track_caller]
    pub fn celu(&self, alpha: T) -> Tensor<T> {
        if alpha == T::ZERO {
            argument_error("celu", "alpha is 0, by which x would be divided");
        }
        self.exponential_below_zero("celu", T::ONE, alpha, alpha.recip())
    }

    /// [`elu`](Tensor::elu) with factors that keep mean and variance near 0 and 1 from layer to layer.
    /// y = s x where x > 0, else s a (eˣ - 1)        dy/dx = s there, else s a eˣ
    ///
    /// Here a = 1.6732632423543772 and s = 1.0507009873554805, as in
    /// [`torch.nn.functional.selu`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.selu.html)
    /// (Klambauer
    /// et al., [arXiv:1706.02515](https://arxiv.org/abs/1706.02515)).
    #[inline(never)]
    #[track_caller]
    pub fn selu(&self) -> Tensor<T> {
        let (alpha, scale) = (1.6732632423543772, 1.0507009873554805);
        self.exponential_below_zero("selu", T::from_f64(scale), T::from_f64(alpha * scale), T::ONE)
    }

    /// y = `above` x where x > 0, else `below` (exp(`rate` x) - 1)
    #[track_caller]
    fn exponential_below_zero(&self, name: &'static str, above: T, below: T, rate: T) -> Tensor<T> {
        // Both are computed, as a choice between two values can be vectorised.
        let formula = move |x: T| {
            let curve = (x * rate).exp_m1() * below;
            if x > T::ZERO { x * above } else { curve }
        };
        let derivative = Derivative::new(
            [Keep::Input],
            move |g: T, [x]: [T; 1]| g * x.exponential_or(above, below * rate, rate),
            move |g: &Tensor<T>, [x]: [&Tensor<T>; 1]| g * x.exponential_or(above, below * rate, rate),
        );
        self.pointwise(name, formula, derivative)
    }

    /// y = `above` where x > 0, else `below` exp(`rate` x); the derivative is of the same form, with 0 above.
    #[track_caller]
    fn exponential_or(&self, above: T, below: T, rate: T) -> Tensor<T> {
        let derivative = Derivative::new(
            [Keep::Input],
            move |g: T, [x]: [T; 1]| g * x.exponential_or(T::ZERO, below * rate, rate),
            move |g: &Tensor<T>, [x]: [&Tensor<T>; 1]| g * x.exponential_or(T::ZERO, below * rate, rate),
        );
        self.pointwise("exponential_slope", move |x| x.exponential_or(above, below, rate), derivative)
    }

    /// x where |x| > `lambda`, else 0.        dy/dx = 1 there, else 0
    ///
    /// As
    /// [`torch.nn.functional.hardshrink`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardshrink.html),
    /// whose default is ½. NaN stays NaN, and its gradient passes.
    #[inline(never)]
    #[track_caller]
    pub fn hardshrink(&self, lambda: T) -> Tensor<T> {
        let formula = move |x: T| if x.abs() <= lambda { T::ZERO } else { x };
        self.pointwise("hardshrink", formula, piecewise!(|g, x| if x.abs() <= lambda { T::ZERO } else { g }))
    }

    /// x, nearer to 0 by `lambda`.
    /// y = x - `lambda` where x > `lambda`, x + `lambda` where x < -`lambda`, else 0
    /// dy/dx = 1 where |x| > `lambda`, else 0
    ///
    /// As
    /// [`torch.nn.functional.softshrink`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softshrink.html),
    /// whose default is ½. NaN stays NaN, and its gradient passes.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-2.0, 0.25, 2.0], [3]).softshrink(0.5).to_vec(), [-1.5, 0.0, 1.5]);
    /// ```
    ///
    /// # Panics
    /// If `lambda` is negative.
    #[inline(never)]
    #[track_caller]
    pub fn softshrink(&self, lambda: T) -> Tensor<T> {
        if lambda < T::ZERO {
            argument_error("softshrink", format_args!("lambda is {lambda}: wanted 0 or more"));
        }
        let formula = move |x: T| {
            let nearer = if x > lambda { x - lambda } else { x + lambda };
            if x.abs() <= lambda { T::ZERO } else { nearer }
        };
        self.pointwise("softshrink", formula, piecewise!(|g, x| if x.abs() <= lambda { T::ZERO } else { g }))
    }

    /// x where x > `threshold`, else `value`.        dy/dx = 1 there, else 0
    ///
    /// As
    /// [`torch.nn.functional.threshold`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.threshold.html).
    /// NaN stays NaN, and its gradient passes.
    #[inline(never)]
    #[track_caller]
    pub fn threshold(&self, threshold: T, value: T) -> Tensor<T> {
        let formula = move |x: T| if x <= threshold { value } else { x };
        self.pointwise("threshold", formula, piecewise!(|g, x| if x <= threshold { T::ZERO } else { g }))
    }

    /// Logarithm of the [`sigmoid`](Tensor::sigmoid), accurate also where that is 0.
    /// y = -ln(1 + e⁻ˣ)        dy/dx = σ(-x)
    ///
    /// As
    /// [`torch.nn.functional.logsigmoid`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.logsigmoid.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-1000.0, 1000.0], [2]).log_sigmoid().to_vec(), [-1000.0, 0.0]);
    /// ```
    #[inline(never)]
    #[track_caller]
    pub fn log_sigmoid(&self) -> Tensor<T> {
        // Not the negated softplus of -x, which is -0 for ∞.
        let formula = |x: T| x.minimum(T::ZERO) - (-x.abs()).exp().ln_1p();
        self.pointwise("log_sigmoid", formula, derivative!(|g, x| g * (-x).sigmoid()))
    }

    /// y = x tanh(ln(1 + eˣ))        dy/dx = tanh(s) + x (1 - tanh²(s)) σ(x), with s = ln(1 + eˣ)
    ///
    /// As [`torch.nn.functional.mish`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.mish.html)
    /// (Misra,
    /// [arXiv:1908.08681](https://arxiv.org/abs/1908.08681)).
    #[inline(never)]
    #[track_caller]
    pub fn mish(&self) -> Tensor<T> {
        self * self.softplus(T::ONE, T::INFINITY).tanh()
    }

    /// y = x / (1 + |x|)        dy/dx = 1 / (1 + |x|)²
    ///
    /// As
    /// [`torch.nn.functional.softsign`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softsign.html):
    /// NaN for infinities.
    #[inline(never)]
    #[track_caller]
    pub fn softsign(&self) -> Tensor<T> {
        self / (self.abs() + T::ONE)
    }

    /// y = x - tanh x        dy/dx = tanh² x
    ///
    /// As
    /// [`torch.nn.functional.tanhshrink`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.tanhshrink.html).
    #[inline(never)]
    #[track_caller]
    pub fn tanhshrink(&self) -> Tensor<T> {
        self - self.tanh()
    }
}

instances!(
    hardtanh relu6 leaky_relu hardsigmoid hardswish elu celu selu hardshrink softshrink threshold log_sigmoid mish
    softsign tanhshrink
);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(hardtanh: |x| (x * x).hardtanh(0.1, 1.0), [3, 4]);
    gradients!(relu6: |x| (x * x * 4.0).relu6(), [3, 4]);
    gradients!(leaky_relu: |x| (x * x * x).leaky_relu(0.1), [3, 4]);
    gradients!(hardsigmoid: |x| (x * x * 3.0).hardsigmoid(), [3, 4]);
    gradients!(hardswish: |x| (x * 4.0).hardswish(), [3, 4]);
    gradients!(elu: |x| x.elu(0.7), [3, 4]);
    gradients!(celu: |x| x.celu(0.7), [3, 4]);
    gradients!(selu: |x| x.selu(), [3, 4]);
    gradients!(elu_slope: |x| x.exponential_or(2.0, 0.5, 3.0), [3, 4]);
    gradients!(hardshrink: |x| (x * x * x).hardshrink(0.5), [3, 4]);
    gradients!(softshrink: |x| (x * x * x).softshrink(0.5), [3, 4]);
    gradients!(threshold: |x| (x * x * x).threshold(0.1, 2.0), [3, 4]);
    gradients!(log_sigmoid: |x| x.log_sigmoid(), [3, 4]);
    gradients!(mish: |x| x.mish(), [3, 4]);
    gradients!(softsign: |x| x.softsign(), [3, 4]);
    gradients!(tanhshrink: |x| x.tanhshrink(), [3, 4]);

    const NAN: f64 = f64::NAN;
    const INF: f64 = f64::INFINITY;
    const SIXTH: f64 = (1.0_f32 / 6.0) as f64;

    /// An operation, its values, and its gradients from ones.
    type Case = (fn(&Tensor<f64>) -> Tensor<f64>, &'static [f64], &'static [f64]);

    fn check(x: &[f64], cases: &[Case]) {
        let same = |got: &[f64], want: &[f64]| {
            got.iter().zip(want).all(|(a, b)| (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() < 1e-14)
        };
        for (index, (f, values, slopes)) in cases.iter().enumerate() {
            let x = Tensor::from_slice(x, [x.len()]).requires_grad();
            let y = f(&x);
            assert!(same(&y.to_vec(), values), "case {index}: {:?}", y.to_vec());
            let gradient = y.backward_with(&Tensor::ones(x.shape())).get(&x).unwrap().to_vec();
            assert!(same(&gradient, slopes), "case {index}: gradient {gradient:?}");
        }
    }

    #[test]
    fn where_the_pieces_meet() {
        check(
            &[-3.0, -1.0, 0.0, 1.0, 3.0, 6.0],
            &[
                (|x| x.hardtanh(-1.0, 1.0), &[-1.0, -1.0, 0.0, 1.0, 1.0, 1.0], &[0.0, 0.0, 1.0, 0.0, 0.0, 0.0]),
                (Tensor::relu6, &[0.0, 0.0, 0.0, 1.0, 3.0, 6.0], &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0]),
                (|x| x.leaky_relu(0.5), &[-1.5, -0.5, 0.0, 1.0, 3.0, 6.0], &[0.5, 0.5, 0.5, 1.0, 1.0, 1.0]),
                (
                    Tensor::hardsigmoid,
                    &[0.0, 1.0 / 3.0, 0.5, 2.0 / 3.0, 1.0, 1.0],
                    &[0.0, SIXTH, SIXTH, SIXTH, 0.0, 0.0],
                ),
                (
                    Tensor::hardswish,
                    &[0.0, -1.0 / 3.0, 0.0, 2.0 / 3.0, 3.0, 6.0],
                    &[0.0, 1.0 / 6.0, 0.5, 5.0 / 6.0, 1.0, 1.0],
                ),
                (|x| x.hardshrink(1.0), &[-3.0, 0.0, 0.0, 0.0, 3.0, 6.0], &[1.0, 0.0, 0.0, 0.0, 1.0, 1.0]),
                (|x| x.softshrink(1.0), &[-2.0, 0.0, 0.0, 0.0, 2.0, 5.0], &[1.0, 0.0, 0.0, 0.0, 1.0, 1.0]),
                (|x| x.threshold(0.0, 9.0), &[9.0, 9.0, 9.0, 1.0, 3.0, 6.0], &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
            ],
        );
        check(&[0.0], &[(|x| x.elu(0.5), &[0.0], &[0.5]), (|x| x.celu(0.5), &[0.0], &[1.0])]);
    }

    #[test]
    fn at_infinities_and_nan() {
        check(
            &[-INF, INF, NAN],
            &[
                (|x| x.hardtanh(-1.0, 1.0), &[-1.0, 1.0, NAN], &[0.0, 0.0, 1.0]),
                (|x| x.leaky_relu(0.5), &[-INF, INF, NAN], &[0.5, 1.0, 0.5]),
                (Tensor::hardsigmoid, &[0.0, 1.0, NAN], &[0.0, 0.0, 0.0]),
                (Tensor::hardswish, &[NAN, INF, NAN], &[0.0, 1.0, 1.0]),
                (|x| x.elu(0.5), &[-0.5, INF, NAN], &[0.0, 1.0, NAN]),
                (|x| x.celu(0.5), &[-0.5, INF, NAN], &[0.0, 1.0, NAN]),
                (|x| x.softshrink(0.5), &[-INF, INF, NAN], &[1.0, 1.0, 1.0]),
                (Tensor::log_sigmoid, &[-INF, 0.0, NAN], &[1.0, 0.0, NAN]),
                (Tensor::mish, &[NAN, INF, NAN], &[NAN, NAN, NAN]),
                (Tensor::softsign, &[NAN, NAN, NAN], &[NAN, NAN, NAN]),
            ],
        );
    }
}
