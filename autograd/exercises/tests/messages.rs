//! The messages of wrong solutions.

use std::panic::{UnwindSafe, catch_unwind};

use autograd::Tensor;

use super::{expect, expect_close, expect_gradients};

fn message(test: impl FnOnce() + UnwindSafe) -> String {
    *catch_unwind(test).expect_err("a wrong solution fails").downcast().expect("a panic with a text")
}

#[test]
fn a_wrong_solution_gets_expected_got_and_a_hint() {
    let lines = "f(2)\n  expected:    4\n  got:         5\n  think about: why?\n";
    assert_eq!(message(|| expect("f(2)", 5, 4, "why?")), lines);
    let lines = "f\n: value 1\n  expected:    4.0\n  got:         NaN\n  think about: why?\n".replace("f\n", "f");
    assert_eq!(message(|| expect_close("f", &[1.0, f64::NAN], &[1.0, 4.0], 1e-9, "why?")), lines);
    let length = message(|| expect_close("f", &[1.0], &[1.0, 4.0], 1e-9, "why?"));
    assert!(length.starts_with("f: the number of values\n  expected:    2\n  got:         1\n"), "{length}");
    // A rule that forgets a factor of 2.
    let wrong = |x: &[Tensor<f64>]| &x[0] * x[0].detach();
    let found = message(move || expect_gradients("square(x)", wrong, &[Tensor::ones([2])], "which rule?"));
    assert!(found.starts_with("square(x)\n  expected:    gradients that agree"), "{found}");
    assert!(found.contains("the gradient is ") && found.ends_with("think about: which rule?\n"), "{found}");
}

#[test]
fn what_agrees_passes() {
    expect("f(2)", 4, 4, "");
    expect_close("f", &[1.0, f64::INFINITY], &[1.0 + 1e-12, f64::INFINITY], 1e-9, "");
    expect_gradients("square(x)", |x| &x[0] * &x[0], &[Tensor::ones([2])], "");
}
