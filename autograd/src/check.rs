//! Checks of gradients against difference quotients: the test of every backward rule, also of a user's own operations.

use crate::float::Float;
use crate::graph::{Order, grad, grad_with};
use crate::tensor::Tensor;

/// Checks the gradients of `f` at `inputs` against central differences, for every element of every input.
///
/// `f`'s output may have any shape. The check differentiates a weighted sum of its elements with fixed random weights,
/// because errors could cancel in a plain sum. Use `f64`: the step is 10⁻⁶, the tolerance 10⁻⁶ absolute and relative.
/// The same as
/// [`torch.autograd.gradcheck`](https://docs.pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html).
///
/// ```
/// use autograd::{Tensor, check::gradcheck};
/// let x = Tensor::<f64>::randn([3, 4], 0);
/// gradcheck(|x| x[0].tanh() * &x[0], &[x]).unwrap();
/// ```
///
/// # Errors
/// A sentence that names the input, the element, the gradient and the difference quotient, for the first element that
/// differs. For types other than `f64` it also says that the differences are too inexact.
pub fn gradcheck<T: Float>(f: impl Fn(&[Tensor<T>]) -> Tensor<T>, inputs: &[Tensor<T>]) -> Result<(), String> {
    let weighted_sum = |inputs: &[Tensor<T>]| {
        let y = f(inputs);
        let weights = Tensor::uniform(y.shape(), T::from_f64(0.5), T::from_f64(1.5), 1);
        (&y * &weights).sum()
    };
    compare("first order", weighted_sum, inputs)
}

/// Checks the second-order gradients of `f`: those of a weighted sum of `f`'s input gradients, with fixed random
/// weights, with respect to the inputs and to the output's gradient. See [`gradcheck`].
///
/// ```
/// use autograd::{Tensor, check::gradgradcheck};
/// gradgradcheck(|x| x[0].exp(), &[Tensor::<f64>::randn([5], 0)]).unwrap();
/// ```
///
/// # Errors
/// As [`gradcheck`]; the output's gradient is counted as the last input.
pub fn gradgradcheck<T: Float>(f: impl Fn(&[Tensor<T>]) -> Tensor<T>, inputs: &[Tensor<T>]) -> Result<(), String> {
    let output = f(inputs);
    let seed = Tensor::uniform(output.shape(), T::from_f64(0.5), T::from_f64(1.5), 2);
    let count = inputs.len();
    let weighted_sum = |all: &[Tensor<T>]| {
        // For a difference quotient the inputs are constants, but the first gradient needs leaves.
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
    compare("second order", weighted_sum, &all)
}

fn compare<T: Float>(
    order: &str,
    scalar: impl Fn(&[Tensor<T>]) -> Tensor<T>,
    inputs: &[Tensor<T>],
) -> Result<(), String> {
    let leaves: Vec<Tensor<T>> = inputs.iter().map(|input| input.detach().requires_grad()).collect();
    let value = scalar(&leaves);
    let gradients = if value.is_tracked() {
        grad(&value, &leaves.iter().collect::<Vec<_>>(), Order::First)
    } else {
        inputs.iter().map(|input| Tensor::zeros(input.shape())).collect()
    };
    let step = 1e-6;
    for (index, (input, gradient)) in inputs.iter().zip(&gradients).enumerate() {
        if gradient.shape() != input.shape() {
            return Err(format!(
                "{order}: the gradient of input {index} has shape {}, the input {}",
                gradient.shape(),
                input.shape()
            ));
        }
        let (values, slopes) = (input.to_vec(), gradient.to_vec());
        for element in 0..values.len() {
            let at = |offset: f64| {
                let mut values = values.clone();
                values[element] = T::from_f64(values[element].to_f64() + offset);
                let mut inputs: Vec<Tensor<T>> = inputs.iter().map(Tensor::detach).collect();
                inputs[index] = Tensor::from_vec(values, input.shape());
                scalar(&inputs).item().to_f64()
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

/// The addition to an error message for types other than `f64`.
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

/// Tests an operation's gradients in one line, `gradients!(name: |a, b| expression, [shape of a], [shape of b])`: first
/// and second order in `f64`, on contiguous, transposed, strided, flipped and expanded inputs, and with each extent
/// replaced by 1 and by 0. If the expression needs its extents (such as a slice up to 4), `; fixed` at the end leaves
/// out these last two tests.
#[cfg(test)]
macro_rules! gradients {
    ($name:ident: |$($x:ident),+| $y:expr, $($shape:expr),+ $(; $fixed:ident)?) => {
        #[test]
        fn $name() {
            let is_fixed = $crate::check::is_fixed(stringify!($($fixed)?));
            #[allow(unused_mut, unused_assignments)]
            $crate::check::check_operation(&[$(&$shape[..]),+], is_fixed, |inputs| {
                let mut position = 0;
                $(
                    let $x: &$crate::Tensor<f64> = &inputs[position];
                    position += 1;
                )+
                $y
            });
        }
    };
}

/// Whether `gradients!` was called with `; fixed`.
#[cfg(test)]
pub(crate) fn is_fixed(word: &str) -> bool {
    assert!(["", "fixed"].contains(&word), "gradients! knows the word `fixed`, not `{word}`");
    word == "fixed"
}

/// See `gradients!`.
#[cfg(test)]
pub(crate) fn check_operation(shapes: &[&[usize]], fixed: bool, f: impl Fn(&[Tensor<f64>]) -> Tensor<f64>) {
    type View<'a> = &'a dyn Fn(usize, &Tensor<f64>) -> Tensor<f64>;
    let check = |what: &str, change: &dyn Fn(&[usize]) -> Vec<usize>, view: View<'_>| {
        let inputs: Vec<Tensor<f64>> =
            shapes.iter().zip(10..).map(|(shape, seed)| Tensor::randn(change(shape), seed)).collect();
        let through_view =
            |inputs: &[Tensor<f64>]| f(&inputs.iter().enumerate().map(|(index, x)| view(index, x)).collect::<Vec<_>>());
        let tracked: Vec<Tensor<f64>> = inputs.iter().map(|input| input.clone().requires_grad()).collect();
        assert!(through_view(&tracked).is_tracked(), "{what}: the gradient is lost without an error");
        gradcheck(through_view, &inputs).unwrap_or_else(|error| panic!("{what}: {error}"));
        gradgradcheck(through_view, &inputs).unwrap_or_else(|error| panic!("{what}: {error}"));
    };
    let unchanged = |_: usize, x: &Tensor<f64>| x.clone();
    let all = |x: &Tensor<f64>| (0..x.rank() as isize).collect::<Vec<_>>();

    check("contiguous", &|shape| shape.to_vec(), &unchanged);
    check("transposed", &|shape| shape.iter().rev().copied().collect(), &|_, x| {
        x.permute(all(x).into_iter().rev().collect::<Vec<_>>())
    });
    check("strided and flipped", &|shape| shape.iter().map(|extent| 2 * extent).collect(), &|_, x| {
        all(x).into_iter().fold(x.clone(), |x, dim| x.slice(dim, 0, x.size(dim), 2)).flip(all(x))
    });
    let first_is_one =
        |shape: &[usize]| shape.iter().enumerate().map(|(dim, &n)| if dim == 0 { 1 } else { n }).collect();
    check("expanded", &first_is_one, &|index, x| x.expand(shapes[index]));
    if fixed {
        return;
    }
    let mut extents: Vec<usize> = shapes.concat();
    extents.retain(|&extent| extent > 1);
    extents.sort_unstable();
    extents.dedup();
    for extent in extents {
        for size in [1, 0] {
            let replaced = |shape: &[usize]| shape.iter().map(|&n| if n == extent { size } else { n }).collect();
            check(&format!("extents of {extent} made {size}"), &replaced, &unchanged);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_in_f32_advises_f64() {
        let sentence = gradcheck(|x| x[0].exp(), &[Tensor::<f32>::randn([3], 0)]).unwrap_err();
        assert!(
            sentence.contains("f32 has too few digits") && sentence.contains("check with f64 inputs"),
            "{sentence}"
        );
        let sentence = gradgradcheck(|x| x[0].exp(), &[Tensor::<f32>::randn([3], 0)]).unwrap_err();
        assert!(sentence.contains("check with f64 inputs"), "{sentence}");
        // The conversion that the message shows.
        let x = Tensor::<f32>::randn([3], 0);
        let x = Tensor::<f64>::from_vec(x.to_vec().into_iter().map(f64::from).collect(), x.shape());
        gradcheck(|x| x[0].exp(), std::slice::from_ref(&x)).unwrap();
        let wrong = |x: &[Tensor<f64>]| &x[0] * &x[0].detach();
        let sentence = gradcheck(wrong, &[x]).unwrap_err();
        assert!(!sentence.contains("f64 inputs"), "{sentence}");
    }
}
