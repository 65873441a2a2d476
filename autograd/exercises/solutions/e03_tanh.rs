//! 3. The hyperbolic tangent as an operation.

use autograd::{Backward, Op, Saved, Tensor};

/// y = tanh x        dy/dx = 1 - y²
#[derive(Debug)]
struct Tanh {
    y: Saved<f64>,
}

impl Op<f64> for Tanh {
    fn name(&self) -> &'static str {
        "tanh"
    }

    fn backward(&self, ctx: &mut Backward<'_, f64>) {
        let (grad, y) = (ctx.grad(), ctx.get(&self.y));
        ctx.propagate(0, || grad * (1.0 - &y * &y));
    }
}

/// The hyperbolic tangent of each element.
pub fn tanh(x: &Tensor<f64>) -> Tensor<f64> {
    let values = x.to_vec().into_iter().map(f64::tanh).collect();
    Tensor::from_vec(values, x.shape()).record(&[x], |y| Tanh { y: Saved::output(y) })
}
