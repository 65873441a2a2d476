//! The logarithm of a sum of exponentials.

use super::along::Along;
use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::parallel::ELEMENTS_PER_TASK;
use crate::kernels::rowwise::{log_sum_exp, scaled_softmax};
use crate::op::{Op, Saved};
use crate::ops::shape::reshaped;
use crate::shape::Dims;
use crate::tensor::Tensor;

/// # Reductions and cumulative sums: the logarithm of a sum of exponentials
impl<T: Float> Tensor<T> {
    /// The logarithm of the sum of eˣ along the given dimensions, which are dropped, or kept with extent 1 if
    /// `keepdim`. Large values do not overflow; without elements the result is -∞.
    ///
    /// Like [`torch.logsumexp`](https://docs.pytorch.org/docs/stable/generated/torch.logsumexp.html). Its gradient is
    /// the [`softmax`](Tensor::softmax).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1000.0_f32, 1000.0], [2]);
    /// assert_eq!(x.logsumexp(0_isize, false).item(), 1000.0 + 2.0_f32.ln());
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, or one is named twice.
    #[track_caller]
    pub fn logsumexp(&self, dims: impl Dims, keepdim: bool) -> Tensor<T> {
        self.log_of_sum(&dims, keepdim)
    }

    #[inline(never)]
    #[track_caller]
    fn log_of_sum(&self, dims: &dyn Dims, keepdim: bool) -> Tensor<T> {
        let along = Along::new("logsumexp", self.shape(), dims);
        if self.numel() == 0 {
            return self.sum_dim(dims, keepdim) + T::NEG_INFINITY;
        }
        let rows = along.rows(self);
        let sums = Tensor::build([along.kept.numel(), 2], |out| {
            log_sums(rows.as_slice().expect("dense"), &along, out.as_chunks_mut().0);
        });
        let pairs = sums.as_slice().expect("just built").as_chunks().0;
        let values = Tensor::of_values(pairs.iter().map(|&[largest, log_sum]| largest + log_sum), &along.kept);
        let dropped = along.dropped.clone();
        let y = values.record(&[self], |y| LogSumExp {
            x: Saved::input(0, self),
            y: Saved::output(y),
            sums: Saved::aside(&sums),
            along,
        });
        if keepdim { y } else { reshaped(&y, &dropped) }
    }
}

/// For each row its largest m and ln Σ eˣ⁻ᵐ, but 0 where m is infinite or NaN, and with that all of the result.
fn log_sums<T: Float>(rows: &[T], along: &Along, out: &mut [[T; 2]]) {
    if !along.has_long_rows() {
        log_sum_exp(rows, along.count, out);
    } else {
        for (out, row) in out.iter_mut().zip(rows.chunks_exact(along.count)) {
            let mut parts = vec![[T::ZERO; 2]; row.len() / ELEMENTS_PER_TASK];
            log_sum_exp(&row[..parts.len() * ELEMENTS_PER_TASK], ELEMENTS_PER_TASK, &mut parts);
            let rest = &row[parts.len() * ELEMENTS_PER_TASK..];
            if !rest.is_empty() {
                parts.push([T::ZERO; 2]);
                log_sum_exp(rest, rest.len(), parts.last_mut().map_or(&mut [], std::slice::from_mut));
            }
            let largest = parts.iter().fold(T::NEG_INFINITY, |largest, part| largest.maximum(part[0]));
            let sum: f64 = parts.iter().map(|&[own, log_sum]| ((own - largest) + log_sum).to_f64().exp()).sum();
            *out = [largest, T::from_f64(sum.ln())];
        }
    }
    out.iter_mut().filter(|[largest, _]| !largest.is_finite()).for_each(|[_, log_sum]| *log_sum = T::ZERO);
}

/// y = ln Σ eˣ along some dimensions, which are kept        dx = dy eˣ⁻ʸ
#[derive(Debug)]
struct LogSumExp<T: Float> {
    x: Saved<T>,
    y: Saved<T>,
    /// What `log_sums` found.
    sums: Saved<T>,
    along: Along,
}

impl<T: Float> Op<T> for LogSumExp<T> {
    fn name(&self) -> &'static str {
        "logsumexp"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, x) = (ctx.grad(), ctx.get(&self.x));
        if ctx.higher_order() || self.along.has_long_rows() {
            let y = ctx.get(&self.y);
            return ctx.propagate(0, || grad * (x - y).exp());
        }
        let sums = ctx.get(&self.sums);
        ctx.propagate(0, || {
            let (scales, sums) = (grad.dense(), sums.as_slice().expect("made dense").as_chunks().0);
            let scales = scales.as_slice().expect("dense");
            self.along.by_rows(&x, |rows, out| scaled_softmax(rows, self.along.count, sums, scales, T::ZERO, out))
        });
    }
}

instances!(|x| x.logsumexp(0, true));

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(logsumexp: |x| (x * x).logsumexp(0, false), [3, 4]);
    gradients!(logsumexp_of_two: |x| (x * x).logsumexp([0, -1], true), [2, 3, 4]);

    #[test]
    fn infinities_are_passed_on() {
        let of = |values: [f32; 2]| Tensor::from_vec(values.to_vec(), [2]).logsumexp(0, false).item();
        assert_eq!(of([f32::NEG_INFINITY; 2]), f32::NEG_INFINITY);
        assert_eq!(of([f32::INFINITY, 0.0]), f32::INFINITY);
        assert_eq!(of([f32::NEG_INFINITY, 3.0]), 3.0);
        assert!(of([f32::NAN, 0.0]).is_nan());
        let x = Tensor::from_vec(vec![f32::INFINITY, 0.0, f32::NEG_INFINITY, 0.0], [2, 2]).requires_grad();
        let gradient = x.logsumexp(1, false).sum().backward().get(&x).unwrap().to_vec();
        assert!(gradient[0].is_nan() && gradient[1..] == [0.0, 0.0, 1.0], "{gradient:?}");
    }

    #[test]
    fn rows_that_threads_share_are_accurate() {
        let count = 300_001;
        let x = Tensor::<f32>::randn([2, count], 0).requires_grad();
        let y = x.logsumexp(1, false);
        for (row, found) in y.to_vec().into_iter().enumerate() {
            let exact = x.select(0, row as isize).to_vec().iter().map(|&x| f64::from(x).exp()).sum::<f64>().ln();
            assert!((f64::from(found) - exact).abs() < 1e-5, "{found}, {exact}");
        }
        let gradient = y.sum().backward().get(&x).unwrap().clone();
        assert!((gradient.sum().item() - 2.0).abs() < 1e-4);
    }
}
