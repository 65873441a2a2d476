//! Powers whose exponents are elements, and their relatives.

use crate::float::Float;
use crate::ops::binary::Operand;
use crate::ops::pointwise::{Derivative, Keep};
use crate::tensor::Tensor;

const BOTH: [Keep; 2] = [Keep::Input, Keep::SecondInput];

/// # Arithmetic of two tensors: powers and angles
impl<T: Float> Tensor<T> {
    /// Each element to the power of another one.
    /// y = aᵇ        dy/da = b aᵇ⁻¹ (0 where b = 0), dy/db = y ln a (0 where a = 0 and b ≥ 0)
    ///
    /// As [`torch.pow`](https://docs.pytorch.org/docs/stable/generated/torch.pow.html): a⁰ and 1ᵇ are 1 also for NaN.
    /// The shapes are broadcast. With one number for an exponent, [`powf`](Tensor::powf) is faster; for a power of one
    /// number, make that a tensor:
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![0.0, 1.0, 2.0], [3]);
    /// assert_eq!(x.pow(&x).to_vec(), [1.0, 1.0, 4.0]);
    /// assert_eq!(Tensor::scalar(3.0).pow(&x).to_vec(), [1.0, 3.0, 9.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[inline(never)]
    #[track_caller]
    pub fn pow(&self, exponent: &Tensor<T>) -> Tensor<T> {
        let to_a = Derivative::new(
            BOTH,
            |g: T, [a, b]: [T; 2]| {
                let slope = g * (b * a.powf(b - T::ONE));
                if b == T::ZERO { T::ZERO } else { slope }
            },
            |g: &Tensor<T>, [a, b]: [&Tensor<T>; 2]| {
                (g * (b * a.pow(&(b - T::ONE)))).masked_fill(&b.eq(T::ZERO), T::ZERO)
            },
        );
        let to_b = Derivative::new(
            BOTH,
            |g: T, [a, b]: [T; 2]| {
                let slope = g * (a.powf(b) * a.ln());
                if a == T::ZERO && b >= T::ZERO { T::ZERO } else { slope }
            },
            |g: &Tensor<T>, [a, b]: [&Tensor<T>; 2]| {
                let flat = a.eq(T::ZERO) & b.ge(T::ZERO);
                (g * (a.pow(b) * a.ln())).masked_fill(&flat, T::ZERO)
            },
        );
        self.binary("pow", exponent, |a, b| a.powf(b), to_a, to_b)
    }

    /// a ln b, and 0 where a = 0 unless b is NaN.        dy/da = ln b (0 where a = 0 and b ≤ 0), dy/db = a / b
    ///
    /// As [`torch.special.xlogy`](https://docs.pytorch.org/docs/stable/special.html#torch.special.xlogy). `other` is a
    /// tensor, whose shape is broadcast, or a number.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let p = Tensor::from_vec(vec![0.0_f32, 1.0], [2]);
    /// assert_eq!((-p.xlogy(&p)).sum().item(), 0.0); // The entropy of what is certain.
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn xlogy(&self, other: impl Operand<T>) -> Tensor<T> {
        self.xlogy_of(&other.into_tensor())
    }

    #[track_caller]
    fn xlogy_of(&self, other: &Tensor<T>) -> Tensor<T> {
        let formula = |a: T, b: T| {
            let product = a * b.ln();
            if a == T::ZERO && !b.is_nan() { T::ZERO } else { product }
        };
        let to_a = Derivative::new(
            BOTH,
            |g: T, [a, b]: [T; 2]| {
                let slope = g * b.ln();
                if a == T::ZERO && b <= T::ZERO { T::ZERO } else { slope }
            },
            |g: &Tensor<T>, [a, b]: [&Tensor<T>; 2]| {
                (g * b.ln()).masked_fill(&(a.eq(T::ZERO) & b.le(T::ZERO)), T::ZERO)
            },
        );
        let to_b = derivative!(|g, a, b| g * a / b);
        self.binary("xlogy", other, formula, to_a, to_b)
    }
}

instances!(pow xlogy_of);

#[cfg(test)]
mod tests {
    use crate::Tensor;
    use crate::graph::{Order, grad_with};

    gradients!(pow: |a, b| (a * a + 0.5).pow(b), [3, 4], [3, 4]);
    gradients!(pow_broadcast: |a, b| (a * a + 0.5).pow(b), [3, 1], [4]);
    gradients!(pow_of_number: |b| Tensor::scalar(2.5).pow(b), [3, 4]);
    gradients!(xlogy: |a, b| a.xlogy(&(b * b + 0.5)), [3, 4], [4]);
    gradients!(xlogy_number: |a| a.xlogy(2.0), [3, 4]);

    const NAN: f64 = f64::NAN;
    const INF: f64 = f64::INFINITY;

    /// Gradients of an operation on two tensors from ones, in both orders of differentiation.
    fn slopes(f: fn(&Tensor<f64>, &Tensor<f64>) -> Tensor<f64>, a: &[f64], b: &[f64], expected: [&[f64]; 2]) {
        let (a, b) =
            (Tensor::from_slice(a, [a.len()]).requires_grad(), Tensor::from_slice(b, [b.len()]).requires_grad());
        for order in [Order::First, Order::Higher] {
            let gradients = grad_with(&f(&a, &b), &[&a, &b], &Tensor::ones(a.shape()), order);
            for (gradient, expected) in gradients.iter().zip(expected) {
                let same = |(x, y): (&f64, &f64)| x == y || (x.is_nan() && y.is_nan());
                assert!(gradient.to_vec().iter().zip(expected).all(same), "{gradient:?}, not {expected:?}");
            }
        }
    }

    #[test]
    fn gradients_of_powers_at_zeros() {
        let (a, b) = ([0.0, 0.0, 0.0, 0.0, 1.0, INF, -2.0], [0.0, 1.0, 2.0, -1.0, NAN, 0.0, 2.0]);
        let to_a = [0.0, 1.0, 0.0, -INF, NAN, 0.0, -4.0];
        slopes(Tensor::pow, &a, &b, [&to_a, &[0.0, 0.0, 0.0, -INF, 0.0, INF, NAN]]);
        let y = Tensor::from_slice(&a, [7]).pow(&Tensor::from_slice(&b, [7])).to_vec();
        assert_eq!(y, [1.0, 0.0, 0.0, INF, 1.0, 1.0, 4.0]);
    }

    #[test]
    fn nothing_times_a_logarithm_is_nothing() {
        let (a, b) = ([0.0, 0.0, 0.0, 2.0, 0.0], [0.0, -1.0, INF, 1.0, NAN]);
        let y = Tensor::from_slice(&a, [5]).xlogy(&Tensor::from_slice(&b, [5])).to_vec();
        assert!(y[..4] == [0.0; 4] && y[4].is_nan());
        slopes(|a, b| a.xlogy(b), &a, &b, [&[0.0, 0.0, INF, 0.0, NAN], &[NAN, 0.0, 0.0, 2.0, NAN]]);
    }
}
