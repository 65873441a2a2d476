//! 4. An operation of two inputs, from nothing.
//!
//! The hypotenuse, y = √(a² + b²), element by element. Its inputs broadcast against each other as those of `+` do:
//! `a.shape().broadcast(b.shape())` is the shape of the result, and `a.expand(...)` gives you the numbers. The rule
//! need not care; the engine sums what was stretched.
//!
//! Write the operation (a struct of what it saves, `impl Op`) and end the forward in `record`. dy/da = a / y, dy/db = b
//! / y; let 0 / 0 be what it is.

use autograd::Tensor;

/// √(a² + b²), element by element.
pub fn hypotenuse(a: &Tensor<f64>, b: &Tensor<f64>) -> Tensor<f64> {
    panic!("exercise 4: write hypotenuse and its operation")
}
