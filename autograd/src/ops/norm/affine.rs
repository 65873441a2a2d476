//! Standardization of rows with a weight and a bias for each column, as one operation.

use super::standardize::standardized;
use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::layer_norm::{Affine, Known, backward, forward};
use crate::op::{Op, Saved};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// For each row x of a matrix, with s = 1 / √(v + ε), μ = E[x], v = E[(x - μ)²] and ŷ = (x - μ) s:
///
///   y = ŷ · w + b
///
///   dx = s (h - E[h] - ŷ E[h ŷ]) with h = g · w,   dw = Σ g ŷ,   db = Σ g
#[derive(Debug)]
struct LayerNorm<T: Float> {
    x: Saved<T>,
    weight: Saved<T>,
    /// μ and s of each row.
    shifts: Saved<T>,
    epsilon: f64,
}

impl<T: Float> Op<T> for LayerNorm<T> {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, x, weight) = (ctx.grad(), ctx.get(&self.x), ctx.get(&self.weight));
        if ctx.higher_order() {
            return self.propagate_compositions(ctx, &grad, &x, &weight);
        }
        let shifts = ctx.get(&self.shifts);
        let count = weight.numel();
        let [grad, x, weight] = [&grad, &x, &weight].map(|tensor| tensor.dense());
        let known = Known {
            grads: grad.as_slice().expect("dense"),
            values: x.as_slice().expect("dense"),
            shifts: shifts.as_slice().expect("made dense").as_chunks().0,
        };
        let mut sums = Tensor::build([2, count], |_| {});
        let to_x = Tensor::build_named("layer_norm_backward", x.shape().clone(), |out| {
            let sums = sums.as_mut_slice().expect("just built");
            backward(known, weight.as_slice().expect("dense"), out, sums);
        });
        ctx.propagate(0, || to_x);
        ctx.propagate(1, || sums.select(0, 0));
        ctx.propagate(2, || sums.select(0, 1));
    }
}

impl<T: Float> LayerNorm<T> {
    /// The gradients as tensor operations, which can be differentiated again.
    #[track_caller]
    fn propagate_compositions(&self, ctx: &mut Backward<'_, T>, grad: &Tensor<T>, x: &Tensor<T>, weight: &Tensor<T>) {
        let y = || standardized(x, true, self.epsilon).0;
        ctx.propagate(0, || {
            let (y, slope) = (y(), grad * weight);
            let distance = x - x.mean_dim(1, true);
            let variance = (&distance * &distance).mean_dim(1, true);
            let scale = (variance + T::from_f64(self.epsilon)).powf(T::from_f64(-0.5));
            (&slope - slope.mean_dim(1, true) - &y * (&slope * &y).mean_dim(1, true)) * scale
        });
        ctx.propagate(1, || (grad * y()).sum_dim(0, false));
        ctx.propagate(2, || grad.sum_dim(0, false));
    }
}

/// The rows of a matrix, standardized, times a weight and plus a bias.
#[track_caller]
pub(super) fn layer_norm_of_rows<T: Float>(
    x: &Tensor<T>,
    weight: &Tensor<T>,
    bias: &Tensor<T>,
    epsilon: f64,
) -> Tensor<T> {
    let dense = [x, weight, bias].map(Tensor::dense);
    let [values, of_weight, of_bias] = dense.each_ref().map(|tensor| tensor.as_slice().expect("dense"));
    let mut shifts = Tensor::build([x.shape()[0], 2], |_| {});
    let y = Tensor::build_for("layer_norm", Shape::clone(x.shape()), |out| {
        let shifts = shifts.as_mut_slice().expect("just built").as_chunks_mut().0;
        forward(values, Affine { weight: of_weight, bias: of_bias }, T::from_f64(epsilon), shifts, out);
    });
    y.record(&[x, weight, bias], |_| LayerNorm {
        x: Saved::input(0, x),
        weight: Saved::input(1, weight),
        shifts: Saved::aside(&shifts),
        epsilon,
    })
}

#[cfg(test)]
mod tests {
    use super::layer_norm_of_rows;
    use crate::Tensor;

    gradients!(layer_norm_of_rows_: |x, w, b| layer_norm_of_rows(x, w, b, 0.1), [3, 5], [5], [5]; fixed);

    #[test]
    fn in_one_pass_it_is_the_composition() {
        let tensor = |shape: &[usize], seed: u64| Tensor::<f64>::randn(shape, seed).requires_grad();
        let (x, weight, bias) = (tensor(&[150, 33], 1), tensor(&[33], 2), tensor(&[33], 3));
        let fused = x.layer_norm([33], Some(&weight), Some(&bias), 1e-5);
        let composed = x.layer_norm([33], None, None, 1e-5) * &weight + &bias;
        assert!(fused.allclose(&composed, 1e-12, 1e-12, false));
        let seed = Tensor::randn([150, 33], 4);
        let [found, expected] = [fused, composed].map(|y| y.backward_with(&seed));
        for leaf in [&x, &weight, &bias] {
            assert!(found.get(leaf).unwrap().allclose(expected.get(leaf).unwrap(), 1e-10, 1e-10, false));
        }
    }
}
