//! Gradients against differences: the test of every backward rule, for users' own operations too.

#[cfg(test)]
#[macro_use]
pub(crate) mod operation;
#[cfg(test)]
pub(crate) mod samples;

use crate::float::Float;
use crate::graph::{Order, grad, grad_with};
use crate::tensor::Tensor;

/// Checks the gradients of `f` at `inputs` against central differences, for every element of every input.
///
/// `f`'s output may have any shape; a fixed random combination of its elements is differentiated, so that errors that
/// cancel in a plain sum show. Wants `f64`: the step is 10⁻⁶, the tolerance 10⁻⁶ absolute and relative. As
/// [`torch.autograd.gradcheck`](https://docs.pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html).
///
/// ```
/// use autograd::{Tensor, check::gradcheck};
/// let x = Tensor::<f64>::randn([3, 4], 0);
/// gradcheck(|x| x[0].tanh() * &x[0], &[x]).unwrap();
/// ```
///
/// # Errors
/// A sentence that names the input, the element, the gradient and the difference quotient, for the first that
/// disagree; in another type than `f64` it also says that the difference is too coarse there.
pub fn gradcheck<T: Float>(f: impl Fn(&[Tensor<T>]) -> Tensor<T>, inputs: &[Tensor<T>]) -> Result<(), String> {
    compare("first order", first_order(f), inputs)
}

/// A fixed random combination of the elements of `f`'s output.
fn first_order<T: Float>(f: impl Fn(&[Tensor<T>]) -> Tensor<T>) -> impl Fn(&[Tensor<T>]) -> Tensor<T> {
    move |inputs| {
        let y = f(inputs);
        let weights = Tensor::uniform(y.shape(), T::from_f64(0.5), T::from_f64(1.5), 1);
        (&y * &weights).sum()
    }
}

/// Checks the gradients of the gradients of `f`: those of a fixed random combination of `f`'s input gradients, with
/// respect to the inputs and to the output's gradient. See [`gradcheck`].
///
/// ```
/// use autograd::{Tensor, check::gradgradcheck};
/// gradgradcheck(|x| x[0].exp(), &[Tensor::<f64>::randn([5], 0)]).unwrap();
/// ```
///
/// # Errors
/// As [`gradcheck`]; the output's gradient is counted as the last input.
pub fn gradgradcheck<T: Float>(f: impl Fn(&[Tensor<T>]) -> Tensor<T>, inputs: &[Tensor<T>]) -> Result<(), String> {
    let (number, all) = second_order(f, inputs);
    compare("second order", number, &all)
}

/// A fixed random combination of the elements of `f`'s input gradients, and what it is computed from: the inputs, and
/// the output's gradient.
#[allow(clippy::type_complexity)]
fn second_order<T: Float>(
    f: impl Fn(&[Tensor<T>]) -> Tensor<T>,
    inputs: &[Tensor<T>],
) -> (impl Fn(&[Tensor<T>]) -> Tensor<T>, Vec<Tensor<T>>) {
    let output = f(inputs);
    let seed = Tensor::uniform(output.shape(), T::from_f64(0.5), T::from_f64(1.5), 2);
    let count = inputs.len();
    let number = move |all: &[Tensor<T>]| {
        // Where the caller holds constants (for a difference quotient), the first gradient still needs leaves.
        let leaves: Vec<Tensor<T>> = all[..count].iter().map(|input| input.clone().requires_grad()).collect();
        let y = f(&leaves);
        if !y.is_tracked() {
            return Tensor::zeros(());
        }
        let gradients = grad_with(&y, &leaves.iter().collect::<Vec<_>>(), &all[count], Order::Higher);
        gradients
            .iter()
            .enumerate()
            .map(|(index, gradient)| {
                (gradient * Tensor::uniform(gradient.shape(), T::from_f64(0.5), T::from_f64(1.5), 3 + index as u64))
                    .sum()
            })
            .reduce(|a, b| a + b)
            .unwrap_or_else(|| Tensor::zeros(()))
    };
    let mut all = inputs.to_vec();
    all.push(seed);
    (number, all)
}

fn compare<T: Float>(
    order: &str,
    number: impl Fn(&[Tensor<T>]) -> Tensor<T>,
    inputs: &[Tensor<T>],
) -> Result<(), String> {
    let gradients = gradients(&number, inputs);
    let step = 1e-6;
    for (index, (input, gradient)) in inputs.iter().zip(&gradients).enumerate() {
        if gradient.shape() != input.shape() {
            return Err(format!(
                "{order}: the gradient of input {index} has shape {}, the input {}",
                gradient.shape(),
                input.shape()
            ));
        }
        let (numbers, slopes) = (input.to_vec(), gradient.to_vec());
        for element in 0..numbers.len() {
            let at = |moved: f64| {
                let mut numbers = numbers.clone();
                numbers[element] = T::from_f64(numbers[element].to_f64() + moved);
                let mut inputs: Vec<Tensor<T>> = inputs.iter().map(Tensor::detach).collect();
                inputs[index] = Tensor::from_vec(numbers, input.shape());
                number(&inputs).item().to_f64()
            };
            let quotient = (at(step) - at(-step)) / (2.0 * step);
            let slope = slopes[element].to_f64();
            let within = (slope - quotient).abs() <= 1e-6 + 1e-6 * quotient.abs().max(slope.abs());
            if !within {
                let found = format!("the gradient is {slope}, the difference quotient {quotient}");
                return Err(format!("{order}: input {index}, element {element}: {found}{}", too_coarse::<T>(step)));
            }
        }
    }
    Ok(())
}

fn gradients<T: Float>(number: impl Fn(&[Tensor<T>]) -> Tensor<T>, inputs: &[Tensor<T>]) -> Vec<Tensor<T>> {
    let leaves: Vec<Tensor<T>> = inputs.iter().map(|input| input.detach().requires_grad()).collect();
    let value = number(&leaves);
    if value.is_tracked() {
        grad(&value, &leaves.iter().collect::<Vec<_>>(), Order::First)
    } else {
        inputs.iter().map(|input| Tensor::zeros(input.shape())).collect()
    }
}

/// Checks the slope of `number` along a random direction of all inputs at once: as PyTorch's `fast_mode`.
#[cfg(test)]
fn along_a_line(
    order: &str,
    number: impl Fn(&[Tensor<f64>]) -> Tensor<f64>,
    inputs: &[Tensor<f64>],
) -> Result<(), String> {
    let directions: Vec<Tensor<f64>> =
        inputs.iter().zip(50..).map(|(input, seed)| Tensor::randn(input.shape(), seed)).collect();
    let products = gradients(&number, inputs).iter().zip(&directions).map(|(g, d)| (g * d).sum().item()).sum::<f64>();
    let step = 1e-6;
    let at = |moved: f64| {
        let inputs: Vec<Tensor<f64>> = inputs.iter().zip(&directions).map(|(x, d)| x.detach() + d * moved).collect();
        number(&inputs).item()
    };
    let quotient = (at(step) - at(-step)) / (2.0 * step);
    if (products - quotient).abs() <= 1e-6 + 1e-6 * quotient.abs().max(products.abs()) {
        return Ok(());
    }
    Err(format!("{order}: along a line the slope is {products}, the difference quotient {quotient}"))
}

/// What a failure in another type than `f64` has to add.
fn too_coarse<T: Float>(step: f64) -> String {
    if T::EPSILON.to_f64() == f64::EPSILON {
        return String::new();
    }
    format!(
        "; {} has too few digits for differences over steps of {step:e}: check with f64 inputs, \
         Tensor::<f64>::from_vec(x.to_vec().into_iter().map(f64::from).collect(), x.shape())",
        T::NAME
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_in_f32_says_that_f64_is_wanted() {
        let sentence = gradcheck(|x| x[0].exp(), &[Tensor::<f32>::randn([3], 0)]).unwrap_err();
        assert!(
            sentence.contains("f32 has too few digits") && sentence.contains("check with f64 inputs"),
            "{sentence}"
        );
        let sentence = gradgradcheck(|x| x[0].exp(), &[Tensor::<f32>::randn([3], 0)]).unwrap_err();
        assert!(sentence.contains("check with f64 inputs"), "{sentence}");
        // The conversion that the sentence shows.
        let x = Tensor::<f32>::randn([3], 0);
        let x = Tensor::<f64>::from_vec(x.to_vec().into_iter().map(f64::from).collect(), x.shape());
        gradcheck(|x| x[0].exp(), std::slice::from_ref(&x)).unwrap();
        let wrong = |x: &[Tensor<f64>]| &x[0] * &x[0].detach();
        let sentence = gradcheck(wrong, &[x]).unwrap_err();
        assert!(!sentence.contains("f64 inputs"), "{sentence}");
    }
}
