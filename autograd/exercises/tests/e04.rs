use autograd::Tensor;

use super::{expect, expect_close, expect_gradients};
use crate::e04_record::hypotenuse;

#[test]
fn it_is_recorded_and_right() {
    let (a, b) = (Tensor::from_vec(vec![3.0, 5.0], [2]).requires_grad(), Tensor::from_vec(vec![4.0, 12.0], [2]));
    let y = hypotenuse(&a, &b);
    expect("hypotenuse([3, 5], [4, 12])", y.to_vec(), [5.0, 13.0], "√(a² + b²)");
    let think = "the forward ends with `.record(&[a, b], |y| ...)`: only so the graph has a node";
    expect("hypotenuse(a, b).is_tracked()", y.is_tracked(), true, think);
    let gradients = y.sum().backward();
    let think = "a rule calls `ctx.propagate` for each input, in the order of `record`";
    expect("is there a gradient of a?", gradients.get(&a).is_some(), true, think);
    let found = gradients.get(&a).unwrap().to_vec();
    expect_close("the gradient of a", &found, &[3.0 / 5.0, 5.0 / 13.0], 1e-15, "dy/da = a / y");
    let think = "`record` itself finds out whether an input is tracked: do not make a leaf of the result";
    expect("hypotenuse of constants: is_tracked()", hypotenuse(&b, &b).is_tracked(), false, think);
}

#[test]
fn both_orders_agree_with_differences_also_when_it_broadcasts() {
    for shapes in [[[3, 4], [3, 4]], [[3, 1], [1, 4]], [[1, 1], [3, 4]]] {
        let [a, b] = shapes.map(|shape| Tensor::uniform(shape, 0.5, 2.0, shape[0] as u64));
        let call = format!("hypotenuse(a, b) of shapes {:?} and {:?}", shapes[0], shapes[1]);
        let think = "`expand` both to the common shape in the forward; the rule can use a / y and b / y as they are";
        expect_gradients(&call, |x| hypotenuse(&x[0], &x[1]), &[a, b], think);
    }
}
