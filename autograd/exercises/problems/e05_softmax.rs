//! 5. Find the bugs in a softmax.
//!
//! y = eˣ / Σ eˣ along the rows of a matrix, and dx = y (g - Σ g y), where the sum is again along the row. The code
//! works for the author's test, one row of small values. There are two bugs, one in forward and one in backward. The
//! tests show them; correct the code.

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
        ctx.propagate(0, || &y * (&grad - (&grad * &y).sum()));
    }
}

/// The softmax of each row of a matrix.
pub fn softmax(x: &Tensor<f64>) -> Tensor<f64> {
    let columns = x.size(1);
    let mut values = x.to_vec();
    for row in values.chunks_mut(columns) {
        row.iter_mut().for_each(|x| *x = x.exp());
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|x| *x /= sum);
    }
    Tensor::from_vec(values, x.shape()).record(&[x], |y| Softmax { y: Saved::output(y) })
}
