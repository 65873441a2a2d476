use autograd::{Param, Tensor};

use super::{expect, fail};
use crate::e08_momentum::Momentum;

#[test]
fn it_rolls_on() {
    let weight = Param::new(Tensor::from_vec(vec![1.0, -2.0], [2]));
    let still = Param::new(Tensor::ones([1]));
    let mut optimizer = Momentum::new(vec![weight.clone(), still.clone()], 0.5, 0.5);
    let constant = || (weight.tensor() * Tensor::from_vec(vec![1.0, -1.0], [2])).sum().backward();
    // v = 1, 1.5, 1.75
    let think = "v ← μ v + g, then w ← w - lr v; is the velocity kept from step to step, one for each parameter?";
    for (step, expected) in [[0.5, -1.5], [-0.25, -0.75], [-1.125, 0.125]].into_iter().enumerate() {
        optimizer.step(&constant());
        expect(&format!("the weights after step {}", step + 1), weight.tensor().to_vec(), expected, think);
    }
    let think = "`Gradients::of` is `None` for a parameter that the loss does not depend on: skip it";
    expect("a parameter without a gradient", still.tensor().item(), 1.0, think);
}

#[test]
fn it_finds_the_bottom_of_a_valley() {
    let weight = Param::new(Tensor::from_vec(vec![4.0, 1.0], [2]));
    let curvature = Tensor::from_vec(vec![0.1, 2.0], [2]);
    let mut optimizer = Momentum::new(vec![weight.clone()], 0.2, 0.8);
    for _ in 0..200 {
        optimizer.step(&(weight.tensor().powf(2.0) * &curvature).sum().backward());
    }
    let distance = weight.tensor().abs().max().item();
    if distance >= 1e-3 {
        let think = "without momentum the flat direction is slow: is v multiplied by μ, not by 1 - μ?";
        fail("the distance from the minimum after 200 steps", "less than 0.001", distance, think);
    }
}
