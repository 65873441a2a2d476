use autograd::Tensor;

use super::{expect, expect_close, expect_gradients};
use crate::e03_tanh::tanh;

#[test]
fn its_gradient_is_one_minus_its_square() {
    let x = Tensor::from_vec(vec![0.0, 1.0, -20.0], [3]).requires_grad();
    let gradients = tanh(&x).sum().backward();
    let think = "a rule calls `ctx.propagate(0, || ...)` with the gradient of input 0";
    expect("tanh(x).sum().backward(): is there a gradient of x?", gradients.get(&x).is_some(), true, think);
    let found = gradients.get(&x).unwrap().to_vec();
    let expected = [1.0, 1.0 - 1.0_f64.tanh().powi(2), 0.0];
    let think = "dy/dx = 1 - y², times the gradient that arrives. Did you save y, or x?";
    expect_close("the gradient of tanh at [0, 1, -20]", &found, &expected, 1e-12, think);
}

#[test]
fn both_orders_agree_with_differences() {
    let think = "first order: is the arriving gradient a factor? Second order: is the rule made of tensor operations, \
                 and is y saved with `Saved::output`, so that it is still connected to x?";
    expect_gradients("tanh(x)", |x| tanh(&x[0]), &[Tensor::randn([3, 4], 0)], think);
    let think = "the elements of a transposed tensor are not contiguous: use operations, not the memory";
    expect_gradients("tanh(x.t())", |x| tanh(&x[0].t()), &[Tensor::randn([3, 4], 1)], think);
}
