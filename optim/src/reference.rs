//! Optimizers against their formulas, read once more, for one weight in `f64`.

use autograd::{Param, Tensor};

use crate::driver::Driver;
use crate::rule::Rule;

/// The optimizer's weights after each of 20 steps are those of `formula(weight, gradient, step) -> weight`. Each of the
/// two weights has a formula of its own, since they keep what they need between the steps.
#[track_caller]
pub(crate) fn follows<R: Rule<f64>, F: FnMut(f64, f64, i32) -> f64>(
    build: impl FnOnce([Param<f64>; 1]) -> Driver<f64, R>,
    formula: impl Fn() -> F,
) {
    let (start, curvature) = ([2.0, -1.0], [1.0, 3.0]);
    let weights = Param::new(Tensor::from_vec(start.to_vec(), [2]));
    let curvatures = Tensor::from_vec(curvature.to_vec(), [2]);
    let (mut optimizer, mut formulas, mut expected) = (build([weights.clone()]), [formula(), formula()], start);
    for step in 1..=20 {
        let value = weights.tensor();
        optimizer.step(&((&value * &value * &curvatures).sum() * 0.5).backward());
        for (index, found) in weights.tensor().to_vec().into_iter().enumerate() {
            let gradient = curvature[index] * expected[index];
            expected[index] = formulas[index](expected[index], gradient, step);
            let expected = expected[index];
            let is_close = (found - expected).abs() <= 1e-12 * expected.abs().max(1.0);
            assert!(is_close, "step {step}, weight {index}: found {found}, expected {expected}");
        }
    }
}
