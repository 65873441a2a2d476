//! Standardization of rows to mean 0 and variance 1, or to a mean square of 1. All normalizations use it.

use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::normalize;
use crate::op::{Op, Saved};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// For each row x of a matrix:
///
///   y = (x - μ) s   with   s = 1 / √(v + ε), μ = E[x] and v = E[(x - μ)²], or μ = 0 where it is not centred
///
///   dx = s (g - E[g] - y E[g y]), without E[g] where it is not centred
#[derive(Debug)]
struct Standardize<T: Float> {
    x: Saved<T>,
    y: Saved<T>,
    /// μ and s of each row.
    shifts: Saved<T>,
    centred: bool,
    epsilon: T,
}

impl<T: Float> Op<T> for Standardize<T> {
    fn name(&self) -> &'static str {
        if self.centred { "standardize" } else { "root_mean_square" }
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, y) = (ctx.grad(), ctx.get(&self.y));
        if ctx.higher_order() {
            let x = ctx.get(&self.x);
            return ctx.propagate(0, || self.gradient(&x, &y, &grad));
        }
        let shifts = ctx.get(&self.shifts);
        ctx.propagate(0, || {
            let (grad, y) = (grad.dense(), y.dense());
            let operands = Tensor::dense_slices([&grad, &y]);
            let shifts = shifts.as_slice().expect("made dense").as_chunks().0;
            let count = y.shape()[1];
            Tensor::build(y.shape(), |out| normalize::gradient(operands, count, shifts, self.centred, out))
        });
    }
}

impl<T: Float> Standardize<T> {
    /// The gradient as tensor operations, in which s is a function of x.
    #[track_caller]
    fn gradient(&self, x: &Tensor<T>, y: &Tensor<T>, grad: &Tensor<T>) -> Tensor<T> {
        let distance = if self.centred { x - x.mean_dim(1, true) } else { x.clone() };
        let scale = ((&distance * &distance).mean_dim(1, true) + self.epsilon).powf(T::from_f64(-0.5));
        let slope = (grad * y).mean_dim(1, true);
        let centred = if self.centred { grad - grad.mean_dim(1, true) } else { grad.clone() };
        (centred - y * slope) * scale
    }
}

/// The standardized rows of a matrix, and as a constant `[rows, 2]` each row's mean (or 0) and biased variance (or mean
/// square).
#[track_caller]
pub(super) fn standardized<T: Float>(x: &Tensor<T>, centred: bool, epsilon: f64) -> (Tensor<T>, Tensor<T>) {
    let [rows, count] = [x.shape()[0], x.shape()[1]];
    let epsilon = T::from_f64(epsilon);
    let dense = x.dense();
    let values = dense.as_slice().expect("dense");
    let pairs = Shape::from([rows, 2]);
    let moments = Tensor::build(&pairs, |out| normalize::moments(values, count, centred, out.as_chunks_mut().0));
    let shifts = Tensor::build(&pairs, |out: &mut [T]| {
        let found = moments.as_slice().expect("just built").as_chunks().0;
        for ([mean, scale], &[found, variance]) in out.as_chunks_mut().0.iter_mut().zip(found) {
            (*mean, *scale) = (found, (variance + epsilon).sqrt().recip());
        }
    });
    let y = Tensor::build(x.shape(), |out| {
        normalize::standardize(values, count, shifts.as_slice().expect("just built").as_chunks().0, out);
    });
    let y = y.record(&[x], |y| Standardize {
        x: Saved::input(0, x),
        y: Saved::output(y),
        shifts: Saved::aside(&shifts),
        centred,
        epsilon,
    });
    (y, moments)
}

#[cfg(test)]
mod tests {
    use super::standardized;
    use crate::Tensor;

    gradients!(standardize: |x| standardized(x, true, 0.1).0, [3, 5]);
    gradients!(root_mean_square: |x| standardized(x, false, 0.1).0, [3, 5]);

    #[test]
    fn the_variance_around_a_large_mean_keeps_its_digits() {
        let x = Tensor::from_vec((0..1 << 16).map(|i| 1e4 + (i % 2) as f32).collect(), [1, 1 << 16]);
        let (y, moments) = standardized(&x, true, 0.0);
        let [mean, variance] = moments.to_vec()[..] else { panic!("two moments") };
        assert!((mean - 10_000.5).abs() < 1e-2 && (variance - 0.25).abs() < 1e-4, "{mean}, {variance}");
        assert!(y.to_vec().iter().all(|y| (y.abs() - 1.0).abs() < 1e-2));
    }
}
