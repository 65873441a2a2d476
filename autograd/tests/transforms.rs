//! Functions made of functions: products with Jacobians, Jacobians, Hessians.

use autograd::check::gradcheck;
use autograd::{Order, Param, Tensor, grad, hessian, hvp, jacobian, jvp, no_grad, vjp};

fn randn(shape: &[usize], seed: u64) -> Tensor<f64> {
    Tensor::randn(shape, seed)
}

fn assert_close(a: &Tensor<f64>, b: &Tensor<f64>) {
    assert_eq!(a.shape(), b.shape());
    assert!(a.allclose(b, 1e-9, 1e-9, false), "{a} is not {b}");
}

/// Not linear, of two arguments, with a result of another shape.
fn f([a, b]: [Tensor<f64>; 2]) -> Tensor<f64> {
    (a.matmul(&b).tanh() * a.sum_dim(1, true)).sum_dim(0, false)
}

#[test]
fn products_agree_with_the_jacobian() {
    let (a, b) = (randn(&[3, 2], 0), randn(&[2, 4], 1));
    let (u, da, db) = (randn(&[4], 2), randn(&[3, 2], 3), randn(&[2, 4], 4));
    let [to_a, to_b] = jacobian(f, [&a, &b]);
    assert_eq!((&to_a.shape()[..], &to_b.shape()[..]), (&[4, 3, 2][..], &[4, 2, 4][..]));
    let (rows_a, rows_b) = (to_a.reshape([4, 6]), to_b.reshape([4, 8]));

    let (value, [by_a, by_b]) = vjp(f, [&a, &b], &u);
    assert_close(&value, &f([a.clone(), b.clone()]));
    assert_close(&by_a.reshape([6]), &u.matmul(&rows_a));
    assert_close(&by_b.reshape([8]), &u.matmul(&rows_b));

    let (value, change) = jvp(f, [&a, &b], [&da, &db]);
    assert_close(&value, &f([a.clone(), b.clone()]));
    assert_close(&change, &(rows_a.matmul(&da.reshape([6])) + rows_b.matmul(&db.reshape([8]))));
    assert!(!value.is_tracked() && !change.is_tracked() && !by_a.is_tracked() && !to_a.is_tracked());
}

#[test]
fn the_jacobian_agrees_with_differences() {
    let (a, b) = (randn(&[3, 2], 0), randn(&[2, 4], 1));
    let [to_a, _] = jacobian(f, [&a, &b]);
    for element in 0..6 {
        let moved = |step: f64| {
            let mut values = a.to_vec();
            values[element] += step;
            f([Tensor::from_vec(values, [3, 2]), b.clone()])
        };
        let quotient = (moved(1e-6) - moved(-1e-6)) / 2e-6;
        let column = to_a.reshape([4, 6]).select(1, element as isize);
        assert!(column.allclose(&quotient, 1e-6, 1e-7, false), "{column} is not {quotient}");
    }
}

#[test]
fn the_hessian_is_symmetric_and_agrees_with_its_product() {
    let scalar = |arguments: [Tensor<f64>; 2]| f(arguments).powf(2.0).sum();
    let (a, b) = (randn(&[3, 2], 0), randn(&[2, 4], 1));
    let (va, vb) = (randn(&[3, 2], 3), randn(&[2, 4], 4));
    let [[aa, ab], [ba, bb]] = hessian(scalar, [&a, &b]).map(|row| row.map(|block| block));
    assert_eq!((&ab.shape()[..], &ba.shape()[..]), (&[3, 2, 2, 4][..], &[2, 4, 3, 2][..]));
    let (aa, ab) = (aa.reshape([6, 6]), ab.reshape([6, 8]));
    let (ba, bb) = (ba.reshape([8, 6]), bb.reshape([8, 8]));
    assert_close(&aa, &aa.t());
    assert_close(&ab, &ba.t());
    assert_close(&bb, &bb.t());
    let (value, [ha, hb]) = hvp(scalar, [&a, &b], [&va, &vb]);
    assert_close(&value, &scalar([a.clone(), b.clone()]));
    let (va, vb) = (va.reshape([6]), vb.reshape([8]));
    assert_close(&ha.reshape([6]), &(aa.matmul(&va) + ab.matmul(&vb)));
    assert_close(&hb.reshape([8]), &(ba.matmul(&va) + bb.matmul(&vb)));
}

#[test]
fn one_tensor_an_array_and_a_slice_are_arguments_and_both_types_work() {
    let x = Tensor::from_vec(vec![1.0_f32, 2.0], [2]);
    let square = jacobian(|x| &x * &x, &x);
    let of_array = jacobian(|[x]: [Tensor; 1]| &x * &x, [&x]);
    let inputs = [x.clone(), x.clone()];
    let of_slice = jacobian(|inputs: Vec<Tensor>| &inputs[0] * &inputs[1], &inputs[..]);
    assert_eq!(square.to_vec(), [2.0, 0.0, 0.0, 4.0]);
    assert_eq!(of_array[0].to_vec(), square.to_vec());
    assert_eq!(of_slice[0].to_vec(), [1.0, 0.0, 0.0, 2.0]);
    let (value, product) = hvp(|x: Tensor<f64>| x.powf(3.0).sum(), &Tensor::ones([3]), &Tensor::ones([3]));
    assert_eq!((value.item(), product.to_vec()), (3.0, vec![6.0; 3]));
}

#[test]
fn what_the_result_does_not_depend_on_gets_zeros() {
    let (a, b) = (randn(&[2], 0), randn(&[3], 1));
    let (_, [_, to_b]) = vjp(|[a, _]| a.exp(), [&a, &b], &Tensor::ones([2]));
    assert_eq!(to_b.to_vec(), [0.0; 3]);
    assert_eq!(jacobian(|_| Tensor::<f64>::ones([2]), &a).to_vec(), [0.0; 4]);
    // A linear function has no second derivative.
    assert_eq!(hessian(|x: Tensor<f64>| (x * 3.0).sum(), &a).to_vec(), [0.0; 4]);
    assert_eq!(hvp(|x: Tensor<f64>| (x * 3.0).sum(), &a, &a).1.to_vec(), [0.0; 2]);
    assert_eq!(jvp(|_| Tensor::<f64>::ones([2]), &a, &a).1.to_vec(), [0.0; 2]);
    assert_eq!(*jacobian(|x: Tensor<f64>| x, &Tensor::zeros([0])).shape(), [0, 0]);
}

#[test]
fn results_are_differentiable_where_an_input_a_vector_or_a_capture_is_tracked() {
    let (x, v) = (randn(&[3], 0), randn(&[3], 1));
    gradcheck(|x| vjp(|x| x.powf(3.0), &x[0], &x[1]).1, &[x.clone(), v.clone()]).unwrap();
    gradcheck(|x| jvp(|x| x.powf(3.0), &x[0], &x[1]).1, &[x.clone(), v.clone()]).unwrap();
    gradcheck(|x| hvp(|x| x.powf(3.0).sum(), &x[0], &x[1]).1, &[x.clone(), v.clone()]).unwrap();
    gradcheck(|x| jacobian(|x| x.powf(3.0), &x[0]), std::slice::from_ref(&x)).unwrap();
    gradcheck(|x| hessian(|x| x.powf(3.0).sum(), &x[0]), std::slice::from_ref(&x)).unwrap();
    // Only the argument counts, not the same tensor as a capture, but that can be differentiated.
    gradcheck(|x| vjp(|y| y.powf(2.0) * &x[0], &x[0], &Tensor::ones([3])).1, std::slice::from_ref(&x)).unwrap();
    let weight = Param::new(v.clone());
    let penalty = vjp(|x| (x.powf(2.0) * weight.tensor()).sum(), &x, &Tensor::ones(())).1.powf(2.0).sum();
    let expected = &v * &x * &x * 8.0;
    assert_close(penalty.backward().of(&weight).unwrap(), &expected);
    // Transforms of transforms.
    let inner = |x: Tensor<f64>| vjp(|x| x.powf(4.0).sum(), &x, &Tensor::ones(())).1;
    assert_close(&jacobian(inner, &x), &hessian(|x| x.powf(4.0).sum(), &x));
}

#[test]
fn without_recording_results_are_constants() {
    let x = randn(&[3], 0).requires_grad();
    let (value, product) = no_grad(|| vjp(|x| x.exp(), &x, &Tensor::ones([3])));
    assert!(!value.is_tracked() && !product.is_tracked());
    assert_close(&product, &x.exp().detach());
    // The caller's graph stays whole.
    let y = x.exp();
    let first = vjp(|y| y.sum(), &y, &Tensor::ones(())).1;
    assert_eq!(first.to_vec(), [1.0; 3]);
    assert_close(&grad(&y.sum(), &[&x], Order::First)[0], &y.detach());
}

#[test]
fn a_deep_function_is_no_deep_recursion() {
    let deep = |x: Tensor<f64>| (0..100_000).fold(x, |x, _| x + 1.0).powf(2.0).sum();
    let (value, product) = hvp(deep, &Tensor::zeros([1]), &Tensor::ones([1]));
    assert_eq!((value.item(), product.item()), (1e10, 2.0));
}

#[test]
#[should_panic(expected = "vjp: the result has shape [2], the vector [3]: they must be the same")]
fn a_vector_has_the_shape_of_the_result() {
    vjp(|x| x.exp(), &randn(&[2], 0), &randn(&[3], 0));
}

#[test]
#[should_panic(expected = "jvp: the inputs have shapes [[2], [3]], the vectors [[2], [2]]: they must be the same")]
fn vectors_have_the_shapes_of_the_inputs() {
    let (a, b) = (randn(&[2], 0), randn(&[3], 0));
    jvp(|[a, _]| a, [&a, &b], [&a, &a]);
}

#[test]
#[should_panic(expected = "hessian: the function returned shape [2], not a single number")]
fn a_hessian_is_of_a_single_number() {
    hessian(|x| x.exp(), &randn(&[2], 0));
}
