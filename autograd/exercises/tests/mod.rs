//! The tests of the exercises. Compiled with your code, with `problems` and with `solutions`.
//!
//! A test that fails prints what was called, what was expected, what the code returned, and what to think about.

use std::fmt::Debug;

use autograd::Tensor;
use autograd::check::{gradcheck, gradgradcheck};

mod e01;
mod e02;
mod e03;
mod e04;
mod e05;
mod e06;
mod e07;
mod e08;
mod e09;
mod e10;
mod e11;
mod e12;
mod e13;
mod messages;

/// Fails with a message of four parts.
#[track_caller]
fn fail(call: &str, expected: impl Debug, got: impl Debug, think: &str) -> ! {
    panic!("{call}\n  expected:    {expected:?}\n  got:         {got:?}\n  think about: {think}\n")
}

/// Checks that the value of `call` is the expected one.
#[track_caller]
fn expect<G: Debug + PartialEq<E>, E: Debug>(call: &str, got: G, expected: E, think: &str) {
    if got != expected {
        fail(call, expected, got, think);
    }
}

/// Checks that the values of `call` are the expected ones, up to `tolerance`. Names the first that is not.
#[track_caller]
fn expect_close(call: &str, got: &[f64], expected: &[f64], tolerance: f64, think: &str) {
    if got.len() != expected.len() {
        fail(&format!("{call}: the number of values"), expected.len(), got.len(), think);
    }
    // With this form of the comparison a NaN counts as different.
    let agree = |(got, expected): (&f64, &f64)| got == expected || (got - expected).abs() <= tolerance;
    if let Some(index) = got.iter().zip(expected).position(|pair| !agree(pair)) {
        fail(&format!("{call}: value {index}"), expected[index], got[index], think);
    }
}

/// Checks the gradients of `f`, and the gradients of these, against difference quotients.
#[track_caller]
fn expect_gradients(call: &str, f: impl Fn(&[Tensor<f64>]) -> Tensor<f64>, inputs: &[Tensor<f64>], think: &str) {
    let outcomes = [gradcheck(&f, inputs), gradgradcheck(&f, inputs)];
    if let Some(error) = outcomes.into_iter().find_map(Result::err) {
        panic!(
            "{call}\n  expected:    gradients that agree with difference quotients\n  got:         \
            {error}\n  think about: {think}\n"
        );
    }
}
