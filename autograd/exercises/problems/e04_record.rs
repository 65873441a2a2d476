//! 4. A whole operation of two inputs.
//!
//! The hypotenuse, y = √(a² + b²), element by element. Its inputs are broadcast like those of `+`:
//! `a.shape().broadcast(b.shape())` is the shape of the result, and `a.expand(...)` gives you the elements. The rule
//! can ignore broadcasting: the engine sums the gradients over broadcast dimensions.
//!
//! Write the operation (a struct with the saved tensors, `impl Op`), and call `record` at the end of the forward.
//! dy/da = a / y, dy/db = b / y; 0 / 0 may stay NaN.

use autograd::Tensor;

/// √(a² + b²), element by element.
pub fn hypotenuse(a: &Tensor<f64>, b: &Tensor<f64>) -> Tensor<f64> {
    panic!("exercise 4: write hypotenuse and its operation")
}
