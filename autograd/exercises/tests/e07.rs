use std::cell::Cell;

use autograd::Tensor;

use super::{expect, expect_close};
use crate::e07_gradcheck::{first_wrong, slopes};

fn f(x: &[f64]) -> f64 {
    x[0] * x[1].sin() + x[2].exp()
}

#[test]
fn slopes_agree_with_the_engine() {
    let x = [1.5, -0.5, 0.25];
    let leaves = x.map(|x| Tensor::scalar(x).requires_grad());
    let y = &leaves[0] * leaves[1].sin() + leaves[2].exp();
    let gradients = y.backward();
    let gradient: Vec<f64> = leaves.iter().map(|leaf| gradients.get(leaf).unwrap().item()).collect();
    let found = slopes(f, &x);
    let think = "(f(x + h) - f(x - h)) / 2h, with h = 10⁻⁶, for each element alone";
    expect_close("slopes of x₀ sin x₁ + exp x₂ at [1.5, -0.5, 0.25]", &found, &gradient, 1e-7, think);
    let think = "these agree up to 10⁻⁶";
    expect("first_wrong(gradient, slopes)", first_wrong(&gradient, &found), None, think);
}

#[test]
fn two_values_make_a_slope_and_the_rest_stays_where_it_is() {
    let (x, calls) = ([1.0, 2.0, 3.0, 4.0], Cell::new(0));
    let watched = |moved: &[f64]| {
        calls.set(calls.get() + 1);
        let changed = moved.iter().zip(&x).filter(|(a, b)| a != b).count();
        let think = "is an element put back before the next one is moved?";
        expect(&format!("call {} of f: the number of changed elements", calls.get()), changed, 1, think);
        moved.iter().map(|x| x * x).sum()
    };
    let found = slopes(watched, &x);
    expect("the number of calls of f for four elements", calls.get(), 8, "two values for each element");
    expect_close("slopes of Σ x²", &found, &x.map(|x| 2.0 * x), 1e-8, "(f(x + h) - f(x - h)) / 2h");
}

#[test]
fn what_is_wrong_is_found() {
    expect("equal gradients", first_wrong(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), None, "nothing differs");
    let (gradient, slopes) = ([1e9, 2.0, 3.0], [1e9 + 1.0, 2.1, 3.0]);
    let think = "10⁹ and 10⁹ + 1 differ by 10⁻⁹ of their size: compare with 10⁻⁶ times the larger one, too";
    expect("first_wrong(&[1e9, 2, 3], &[1e9 + 1, 2.1, 3])", first_wrong(&gradient, &slopes), Some(1), think);
    let think = "each comparison with a NaN is false: ask for `agree`, not for `differ`";
    expect("first_wrong(&[0, NaN], &[1e-7, 1])", first_wrong(&[0.0, f64::NAN], &[1e-7, 1.0]), Some(1), think);
}
