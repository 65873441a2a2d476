use autograd::Tensor;

use super::{expect, expect_close, expect_gradients};
use crate::e05_softmax::softmax;

#[test]
fn rows_are_probabilities_however_large_the_values() {
    let x = Tensor::from_vec(vec![1000.0, 1000.0, -1000.0, 3.0, 1.0, 2.0], [2, 3]);
    let y = softmax(&x);
    let think = "e¹⁰⁰⁰ is infinite. What can be subtracted from all elements of a row without a change of the result?";
    expect("softmax of the row [1000, 1000, -1000]", y.select(0, 0).to_vec(), [0.5, 0.5, 0.0], think);
    let sums = y.sum_dim(1, false).to_vec();
    expect_close("the sums of the rows", &sums, &[1.0, 1.0], 1e-12, "each row is divided by its own sum");
}

#[test]
fn both_orders_agree_with_differences() {
    let think = "dx = y (g - Σ g y)";
    expect_gradients("softmax of one row", |x| softmax(&x[0]), &[Tensor::randn([1, 4], 0)], think);
    let think = "one row is right, three are not: over what does the rule sum?";
    expect_gradients("softmax of three rows", |x| softmax(&x[0]), &[Tensor::randn([3, 4], 1)], think);
}
