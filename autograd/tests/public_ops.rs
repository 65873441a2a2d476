//! No gradient is lost in silence: every public operation is differentiable, or refuses a tracked input in plain words, or returns integers.
//!
//! That each operation checks its gradients where it is declared, the test `operations` sees to.

use autograd::check::gradcheck;
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
fn what_returns_integers_takes_tracked_tensors() {
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
