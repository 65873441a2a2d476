//! 5. Find the bugs in a softmax.
//!
//! In forward, eˣ is infinite for large x, and ∞ / ∞ is NaN. Subtracting the row's largest value first avoids this and
//! does not change the result. In backward, the sum was over the whole matrix, which is correct only for one row.

use autograd::{Backward, Op, Saved, Tensor};

/// y = eˣ / Σ eˣ along each row        dx = y (g - Σ g y)
#[derive(Debug)]
struct Softmax {
    y: Saved<f64>,
}

impl Op<f64> for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn backward(&self, ctx: &mut Backward<'_, f64>) {
        let (grad, y) = (ctx.grad(), ctx.get(&self.y));
        ctx.propagate(0, || &y * (&grad - (&grad * &y).sum_dim(1, true)));
    }
}

/// The softmax of each row of a matrix.
pub fn softmax(x: &Tensor<f64>) -> Tensor<f64> {
    let columns = x.size(1);
    let mut values = x.to_vec();
    for row in values.chunks_mut(columns) {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        row.iter_mut().for_each(|x| *x = (*x - largest).exp());
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|x| *x /= sum);
    }
    Tensor::from_vec(values, x.shape()).record(&[x], |y| Softmax { y: Saved::output(y) })
}
