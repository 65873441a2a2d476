//! An operation of your own, through the same door as the built-in ones, and the test of its gradient.
//!
//! `cargo run --release -p autograd --example 03_your_own_op`

use autograd::check::{gradcheck, gradgradcheck};
use autograd::{Backward, Op, Saved, Tensor};

/// y = ln(1 + eˣ)        dy/dx = 1 / (1 + e⁻ˣ)
#[derive(Debug)]
struct Softplus {
    x: Saved<f64>,
}

impl Op<f64> for Softplus {
    fn name(&self) -> &'static str {
        "softplus"
    }

    fn backward(&self, ctx: &mut Backward<'_, f64>) {
        let (grad, x) = (ctx.grad(), ctx.get(&self.x));
        // Written in tensor operations, so that it can be differentiated again.
        ctx.propagate(0, || grad * x.sigmoid());
    }
}

fn softplus(x: &Tensor<f64>) -> Tensor<f64> {
    // The largest part is taken out, so that eˣ cannot overflow.
    let formula = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    Tensor::from(x.to_array().mapv_into(formula)).record(&[x], |_| Softplus { x: Saved::input(0, x) })
}

fn main() {
    let x = Tensor::randn([3, 4], 0);
    println!("softplus({x}) = {}", softplus(&x));
    gradcheck(|inputs| softplus(&inputs[0]), std::slice::from_ref(&x)).expect("the gradient is right");
    gradgradcheck(|inputs| softplus(&inputs[0]), &[x]).expect("and so is the gradient's gradient");
    println!("both gradients agree with their difference quotients");
}
