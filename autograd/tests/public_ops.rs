//! No gradient is lost without an error: every public operation is differentiable, or refuses a tracked input with a
//! clear message, or returns integers.
//!
//! That each operation checks its gradients where it is declared, the test `operations` sees to.

mod declared;

use autograd::check::{gradcheck, gradgradcheck};
use autograd::{CrossEntropy, Indices, Tensor, accuracy};

type Operation = fn(&Tensor<f64>) -> Tensor<f64>;

#[test]
fn operators_are_differentiable() {
    let operators: [(&str, Operation); 9] = [
        ("add", |x| x + x),
        ("sub", |x| x - x * 3.0),
        ("mul", |x| x * x),
        ("div", |x| x / (x * x + 1.0)),
        ("neg", |x| -x),
        ("number +", |x| 1.0 + x),
        ("number -", |x| 1.0 - x),
        ("number *", |x| 2.0 * x),
        ("number /", |x| 1.0 / (x * x + 1.0)),
    ];
    let x = Tensor::<f64>::randn([3, 4], 0);
    for (name, operator) in operators {
        assert!(operator(&x.clone().requires_grad()).is_tracked(), "{name} loses the gradient in silence");
        gradcheck(|x| operator(&x[0]), std::slice::from_ref(&x)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn operations_that_return_integers_accept_tracked_tensors() {
    let x = Tensor::<f64>::randn([3, 4], 0).requires_grad();
    assert_eq!(x.argmax(1, false).numel(), 3);
    assert_eq!(x.argmin(1, true).numel(), 3);
    assert_eq!(x.argsort(1, true).numel(), 12);
    assert_eq!(*x.nonzero().shape(), [12, 2]);
    assert_eq!(x.unique().values.len(), 12);
    assert!((0.0..=1.0).contains(&accuracy(&x, &Indices::from([3, 0, 1]))));
}

#[test]
#[should_panic(expected = "cross_entropy: the weight is tracked, but no gradient flows to it: detach it")]
fn a_tracked_class_weight_is_refused() {
    let weight = Some(Tensor::<f64>::ones([4]).requires_grad());
    let options = CrossEntropy { weight, ..CrossEntropy::default() };
    Tensor::<f64>::randn([3, 4], 0).cross_entropy_with(&Indices::from([3, 0, 1]), &options);
}

type Binary = fn(&Tensor<f64>, &Tensor<f64>) -> Tensor<f64>;

/// Each operation of two tensors, stretched on the left, on the right, on both sides at once, and from a single number.
#[test]
fn binary_operations_are_differentiable_where_either_side_is_broadcast() {
    let operations: [(&str, Binary); 14] = [
        ("add", |a, b| a + b),
        ("sub", |a, b| a - b),
        ("mul", |a, b| a * b),
        ("div", |a, b| a / (b * b + 0.5)),
        ("fmod", |a, b| (a * 5.0).fmod(&(b * b + 0.5))),
        ("remainder", |a, b| (a * 5.0).remainder(&(b * b + 0.5))),
        ("atan2", |a, b| a.atan2(&(b * b + 0.5))),
        ("hypot", |a, b| (a * a + 0.5).hypot(b)),
        ("lerp", |a, b| a.lerp(b, 0.3) * b),
        ("maximum", |a, b| a.maximum(b) * a),
        ("minimum", |a, b| a.minimum(b) * a),
        ("pow", |a, b| (a * a + 0.5).pow(b)),
        ("xlogy", |a, b| a.xlogy(&(b * b + 0.5))),
        ("where_", |a, b| (a * a).where_(&a.gt(b), &(b * b))),
    ];
    let shapes: [[&[usize]; 2]; 6] =
        [[&[3, 4], &[4]], [&[4], &[3, 4]], [&[3, 1], &[4]], [&[1, 4], &[2, 3, 1]], [&[], &[2, 3]], [&[2, 1], &[1, 0]]];
    for (name, operation) in operations {
        for [left, right] in shapes {
            let inputs = [Tensor::randn(left, 1), Tensor::randn(right, 2)];
            let f = |x: &[Tensor<f64>]| operation(&x[0], &x[1]);
            let checked = gradcheck(f, &inputs).and_then(|()| gradgradcheck(f, &inputs));
            checked.unwrap_or_else(|error| panic!("{name} of {left:?} and {right:?}: {error}"));
        }
    }
    let known: Vec<&str> = operations.iter().map(|(name, _)| *name).collect();
    for operation in declared::operations().iter().filter(|operation| operation.family == "binary") {
        assert!(known.contains(&operation.name.as_str()), "{} is not checked here", operation.name);
    }
}
