//! The functions that networks bend their signals with: pointwise operations too.

use super::{Derivative, Keep, ONE, chosen};
use crate::float::Float;
use crate::scalar::Scalar;
use crate::tensor::Tensor;

/// # Pointwise functions: activations
impl<T: Float> Tensor<T> {
    /// Rectifier.    y = max(x, 0), and NaN for NaN        dy/dx = 0 where y ≤ 0, else 1
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-1.0, 0.0, 2.0], [3]).relu().to_vec(), [0.0, 0.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn relu(&self) -> Tensor<T> {
        self.pointwise("relu", |x| x.maximum(T::ZERO), piecewise!(|g, y| g.gate(y)))
    }

    /// 0 where `y` is 0 or less, x elsewhere: the gradient of [`relu`](Tensor::relu) and of whatever ends with it.
    #[track_caller]
    pub(crate) fn gate(&self, y: &Tensor<T>) -> Tensor<T> {
        chosen(self, [y], |x, [y]| x.gate(y))
    }

    /// Logistic function.    y = 1 / (1 + e⁻ˣ)        dy/dx = y (1 - y)
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-1000.0, 0.0, 1000.0], [3]).sigmoid().to_vec(), [0.0, 0.5, 1.0]);
    /// ```
    #[track_caller]
    pub fn sigmoid(&self) -> Tensor<T> {
        self.pointwise("sigmoid", |x| x.sigmoid(), derivative!(|g, y| g * ((ONE - y) * y)))
    }

    /// Sigmoid linear unit, or swish.    y = x σ(x)        dy/dx = σ(x) (1 + x - y), where σ is the
    /// [`sigmoid`](Tensor::sigmoid)
    ///
    /// As [`torch.nn.functional.silu`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.silu.html)
    /// (Elfwing et al.,
    /// [arXiv:1702.03118](https://arxiv.org/abs/1702.03118)).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-1000.0, 0.0, 1000.0], [3]).silu().to_vec(), [0.0, 0.0, 1000.0]);
    /// ```
    #[inline(never)]
    #[track_caller]
    pub fn silu(&self) -> Tensor<T> {
        let derivative = derivative!(|g, x| g * ((ONE + (x - x.silu())) * x.sigmoid()));
        self.pointwise("silu", |x| x.silu(), derivative)
    }

    /// Gaussian error linear unit.    y = x Φ(x)        dy/dx = Φ(x) + x φ(x), where Φ and φ are the standard normal's
    /// distribution and density
    ///
    /// As [`torch.nn.functional.gelu`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.gelu.html)
    /// (Hendrycks and Gimpel,
    /// [arXiv:1606.08415](https://arxiv.org/abs/1606.08415)); the formula with tanh is
    /// [`gelu_tanh`](Tensor::gelu_tanh).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let y = Tensor::from_vec(vec![-1000.0, 1.0, 1000.0], [3]).gelu().to_vec();
    /// assert_eq!((y[0], y[2]), (0.0, 1000.0));
    /// assert!((y[1] - 0.841344746_f64).abs() < 1e-8);
    /// ```
    #[inline(never)]
    #[track_caller]
    pub fn gelu(&self) -> Tensor<T> {
        let half = T::from_f64(0.5);
        let density_at_0 = T::from_f64(std::f64::consts::FRAC_2_SQRT_PI / 8_f64.sqrt());
        let derivative = Derivative::new(
            [Keep::Input],
            // As numbers both terms come from one exponential. 0 x is NaN where x is infinite: there PyTorch's x φ(x)
            // is NaN too.
            |g: T, [x]: [T; 1]| g * (x.gelu_slope() + x * T::ZERO),
            move |g: &Tensor<T>, [x]: [&Tensor<T>; 1]| {
                let distribution = (x * (T::SQRT_2 * half)).erf() * half + half;
                let density = (x * x * -half).exp() * density_at_0;
                g * (distribution + x * density)
            },
        );
        self.pointwise("gelu", |x| x.gelu(), derivative)
    }

    /// [`gelu`](Tensor::gelu) with tanh in place of the normal distribution, as GPT-2 has it.    y = ½ x (1 +
    /// tanh(√(2/π) (x + 0.044715 x³)))
    ///
    /// The same is y = x σ(u) with u = a x + b x³, a = √(8/π) and b = 0.044715 a.        dy/dx = σ(u) + (x - y) σ(u) (a
    /// + 3b x²)
    ///
    /// As [`torch.nn.functional.gelu`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.gelu.html)
    /// with `approximate="tanh"`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![-1000.0, 0.0, 1000.0], [3]).gelu_tanh().to_vec(), [0.0, 0.0, 1000.0]);
    /// ```
    #[inline(never)]
    #[track_caller]
    pub fn gelu_tanh(&self) -> Tensor<T> {
        let [a, b] = gelu_tanh_coefficients();
        let derivative = derivative!(|g, x| {
            let gate = (x * x * b + a) * x;
            let slope = x * x * (b * T::from_f64(3.0)) + a;
            g * ((x - x.gelu_tanh()) * gate.sigmoid() * slope + gate.sigmoid())
        });
        self.pointwise("gelu_tanh", |x| x.gelu_tanh(), derivative)
    }

    /// A smooth [`relu`](Tensor::relu).    y = ln(1 + exp(βx)) / β, and x where βx > `threshold`        dy/dx = σ(βx),
    /// and 1 there
    ///
    /// As
    /// [`torch.nn.functional.softplus`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softplus.html),
    /// whose defaults are 1 and 20.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let y = Tensor::from_vec(vec![-1000.0_f32, 0.0, 1000.0], [3]).softplus(1.0, 20.0);
    /// assert_eq!(y.to_vec(), [0.0, 2_f32.ln(), 1000.0]);
    /// ```
    #[inline(never)]
    #[track_caller]
    pub fn softplus(&self, beta: T, threshold: T) -> Tensor<T> {
        let is_linear = move |x: T| x * beta > threshold;
        // Both are computed, as a choice between numbers is what can be vectorised.
        let formula = move |x: T| {
            let curve = (x * beta).softplus() / beta;
            if is_linear(x) { x } else { curve }
        };
        // The derivative is pointwise itself, with a derivative that is 0 where it is 1.
        let slope = move |x: T| if is_linear(x) { T::ONE } else { (x * beta).sigmoid() };
        let derivative = Derivative::new(
            [Keep::Input],
            move |g: T, [x]: [T; 1]| g * slope(x),
            move |g: &Tensor<T>, [x]: [&Tensor<T>; 1]| {
                g * x.pointwise("softplus_slope", slope, derivative!(|g, y| g * ((ONE - y) * y * beta)))
            },
        );
        self.pointwise("softplus", formula, derivative)
    }
}

/// The a and b of [`Tensor::gelu_tanh`].
#[inline(always)]
fn gelu_tanh_coefficients<T: Scalar>() -> [T; 2] {
    let a = (8.0 / std::f64::consts::PI).sqrt();
    [T::from_f64(a), T::from_f64(0.044715 * a)]
}

/// Scalar counterparts of the operations.
pub(crate) trait Activation: Scalar {
    #[inline(always)]
    fn gate(self, y: Self) -> Self {
        // Asked this way round, a NaN lets the gradient pass, as in PyTorch.
        if y <= Self::ZERO { Self::ZERO } else { self }
    }

    #[inline(always)]
    fn silu(self) -> Self {
        self * self.sigmoid()
    }

    #[inline(always)]
    fn gelu_tanh(self) -> Self {
        let [a, b] = gelu_tanh_coefficients();
        self * ((self * self * b + a) * self).sigmoid()
    }

    /// `above` where this is above 0, else `below` exp(`rate` x).
    #[inline(always)]
    fn exponential_or(self, above: Self, below: Self, rate: Self) -> Self {
        let curve = (self * rate).exp() * below;
        if self > Self::ZERO { above } else { curve }
    }

    #[inline(always)]
    fn hardsigmoid(self) -> Self {
        let six = Self::from_f64(6.0);
        (self + Self::from_f64(3.0)).maximum(Self::ZERO).minimum(six) / six
    }

    #[inline(always)]
    fn softplus(self) -> Self {
        self.maximum(Self::ZERO) + (-self.abs()).exp().ln_1p()
    }
}

impl<S: Scalar> Activation for S {}

instances!(relu sigmoid silu gelu gelu_tanh softplus);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(relu: |x| x.relu(), [3, 4]);
    gradients!(relu_of_a_curve: |x| (x * x * x).relu(), [3, 4]);
    gradients!(sigmoid: |x| x.sigmoid(), [3, 4]);
    gradients!(silu: |x| x.silu(), [3, 4]);
    gradients!(gelu: |x| x.gelu(), [3, 4]);
    gradients!(gelu_tanh: |x| x.gelu_tanh(), [3, 4]);
    gradients!(softplus: |x| x.softplus(2.0, 1.5), [3, 4]);

    #[test]
    fn nan_goes_through_relu_and_so_does_its_gradient() {
        let x = Tensor::from_vec(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0], [4]).requires_grad();
        let y = x.relu();
        assert!(y.to_vec()[0].is_nan());
        assert_eq!(y.to_vec()[1..], [f32::INFINITY, 0.0, 0.0]);
        let gradients = y.backward_with(&Tensor::ones([4]));
        assert_eq!(gradients.get(&x).unwrap().to_vec(), [1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn far_out_they_are_the_line_and_zero_and_so_are_their_gradients() {
        let numbers = vec![-1e15_f32, -1e4, -200.0, 200.0, 1e4, 1e15];
        for activation in [Tensor::silu, Tensor::gelu, Tensor::gelu_tanh, |x: &Tensor| x.softplus(1.0, 20.0)] {
            let x = Tensor::from_vec(numbers.clone(), [6]).requires_grad();
            let y = activation(&x);
            assert_eq!(y.to_vec(), [0.0, 0.0, 0.0, 200.0, 1e4, 1e15]);
            let gradients = y.backward_with(&Tensor::ones([6]));
            assert_eq!(gradients.get(&x).unwrap().to_vec(), [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        }
    }
}
