//! Your own operation, with the same interface as the built-in ones, and the test of its gradient.
//!
//! `cargo run --release -p autograd --example 03_your_own_op`

use autograd::check::{gradcheck, gradgradcheck};
use autograd::{Backward, Op, Saved, Tensor};

/// y = ln cosh x        dy/dx = tanh x
#[derive(Debug)]
struct LogCosh {
    x: Saved<f64>,
}

impl Op<f64> for LogCosh {
    fn name(&self) -> &'static str {
        "log_cosh"
    }

    fn backward(&self, ctx: &mut Backward<'_, f64>) {
        let (grad, x) = (ctx.grad(), ctx.get(&self.x));
        // Computed with tensor operations, so that it can be differentiated again.
        ctx.propagate(0, || grad * x.tanh());
    }
}

fn log_cosh(x: &Tensor<f64>) -> Tensor<f64> {
    // cosh x = e^|x| (1 + e^-2|x|) / 2. The logarithm of the first factor is |x|, so nothing overflows.
    let formula = |x: f64| x.abs() + (-2.0 * x.abs()).exp().ln_1p() - std::f64::consts::LN_2;
    Tensor::from(x.to_array().mapv_into(formula)).record(&[x], |_| LogCosh { x: Saved::input(0, x) })
}

fn main() {
    println!("Shows: an operation of your own, ln cosh x, and the test of its gradients");
    println!("Uses:  Op, Saved::input, Backward::propagate, Tensor::record, check::gradcheck and gradgradcheck\n");
    let x = Tensor::randn([3, 4], 0);
    println!("log_cosh({x}) = {}", log_cosh(&x));
    gradcheck(|inputs| log_cosh(&inputs[0]), std::slice::from_ref(&x)).expect("the gradient is correct");
    gradgradcheck(|inputs| log_cosh(&inputs[0]), &[x]).expect("the second-order gradient is correct");
    println!("both gradients agree with their difference quotients");
}
