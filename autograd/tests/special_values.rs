//! Values and gradients of the pointwise operations at zeros, infinities and NaN, with a gradient of 1 and an infinite
//! one.

use autograd::{Float, Order, Tensor, grad_with};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// The arguments of the operations. At ±2000 exponentials are 0 and infinite also in `f64`.
const AT: [f64; 9] = [-INF, -2000.0, -1.0, -0.0, 0.0, 1.0, 2000.0, INF, NAN];

/// An operation's name, and the results of PyTorch 2.15 in `f64`: the values, the gradients for an output gradient of
/// 1, and those for an infinite output gradient.
type Row<T> = (&'static str, fn(&Tensor<T>) -> Tensor<T>, [[f64; 9]; 3]);

#[allow(clippy::approx_constant)] // As PyTorch prints them.
#[rustfmt::skip]
fn table<T: Float>() -> Vec<Row<T>> {
    vec![
        ("abs", Tensor::<T>::abs, [
            [INF, 2000.0, 1.0, 0.0, 0.0, 1.0, 2000.0, INF, NAN],
            [-1.0, -1.0, -1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0],
            [-INF, -INF, -INF, NAN, NAN, INF, INF, INF, NAN],
        ]),
        ("relu", Tensor::<T>::relu, [
            [0.0, 0.0, 0.0, -0.0, 0.0, 1.0, 2000.0, INF, NAN],
            [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0],
            [0.0, 0.0, 0.0, 0.0, 0.0, INF, INF, INF, INF],
        ]),
        ("silu", Tensor::<T>::silu, [
            [NAN, -0.0, -0.26894142, -0.0, 0.0, 0.73105858, 2000.0, INF, NAN],
            [NAN, -0.0, 0.072329488, 0.5, 0.5, 0.92767051, 1.0, NAN, NAN],
            [NAN, NAN, INF, INF, INF, INF, INF, NAN, NAN],
        ]),
        ("gelu", Tensor::<T>::gelu, [
            [NAN, -0.0, -0.15865525, -0.0, 0.0, 0.84134475, 2000.0, INF, NAN],
            [NAN, 0.0, -0.083315471, 0.5, 0.5, 1.0833155, 1.0, NAN, NAN],
            [NAN, NAN, -INF, INF, INF, INF, INF, NAN, NAN],
        ]),
        ("gelu_tanh", Tensor::<T>::gelu_tanh, [
            [NAN, -0.0, -0.15880801, -0.0, 0.0, 0.84119199, 2000.0, INF, NAN],
            [NAN, 0.0, -0.082964084, 0.5, 0.5, 1.0829641, 1.0, NAN, NAN],
            [NAN, NAN, -INF, INF, INF, INF, INF, NAN, NAN],
        ]),
        ("softplus", |x| x.softplus(T::ONE, T::from_f64(20.0)), [
            [0.0, 0.0, 0.31326169, 0.69314718, 0.69314718, 1.3132617, 2000.0, INF, NAN],
            [0.0, 0.0, 0.26894142, 0.5, 0.5, 0.73105858, 1.0, 1.0, NAN],
            [NAN, NAN, INF, INF, INF, INF, INF, INF, NAN],
        ]),
        ("sigmoid", Tensor::<T>::sigmoid, [
            [0.0, 0.0, 0.26894142, 0.5, 0.5, 0.73105858, 1.0, 1.0, NAN],
            [0.0, 0.0, 0.19661193, 0.25, 0.25, 0.19661193, 0.0, 0.0, NAN],
            [NAN, NAN, INF, INF, INF, INF, NAN, NAN, NAN],
        ]),
        ("tanh", Tensor::<T>::tanh, [
            [-1.0, -1.0, -0.76159416, -0.0, 0.0, 0.76159416, 1.0, 1.0, NAN],
            [0.0, 0.0, 0.41997434, 1.0, 1.0, 0.41997434, 0.0, 0.0, NAN],
            [NAN, NAN, INF, INF, INF, INF, NAN, NAN, NAN],
        ]),
        ("sqrt", Tensor::<T>::sqrt, [
            [NAN, NAN, NAN, -0.0, 0.0, 1.0, 44.72136, INF, NAN],
            [NAN, NAN, NAN, -INF, INF, 0.5, 0.01118034, 0.0, NAN],
            [NAN, NAN, NAN, -INF, INF, INF, INF, NAN, NAN],
        ]),
        ("exp", Tensor::<T>::exp, [
            [0.0, 0.0, 0.36787944, 1.0, 1.0, 2.7182818, INF, INF, NAN],
            [0.0, 0.0, 0.36787944, 1.0, 1.0, 2.7182818, INF, INF, NAN],
            [NAN, NAN, INF, INF, INF, INF, INF, INF, NAN],
        ]),
        ("exp_m1", Tensor::<T>::exp_m1, [
            [-1.0, -1.0, -0.63212056, -0.0, 0.0, 1.7182818, INF, INF, NAN],
            [0.0, 0.0, 0.36787944, 1.0, 1.0, 2.7182818, INF, INF, NAN],
            [NAN, NAN, INF, INF, INF, INF, INF, INF, NAN],
        ]),
        ("ln", Tensor::<T>::ln, [
            [NAN, NAN, NAN, -INF, -INF, 0.0, 7.6009025, INF, NAN],
            [-0.0, -0.0005, -1.0, -INF, INF, 1.0, 0.0005, 0.0, NAN],
            [NAN, -INF, -INF, -INF, INF, INF, INF, NAN, NAN],
        ]),
        ("ln_1p", Tensor::<T>::ln_1p, [
            [NAN, NAN, -INF, -0.0, 0.0, 0.69314718, 7.6014023, INF, NAN],
            [-0.0, -0.00050025013, INF, 1.0, 1.0, 0.5, 0.00049975012, 0.0, NAN],
            [NAN, -INF, INF, INF, INF, INF, INF, NAN, NAN],
        ]),
        ("sin", Tensor::<T>::sin, [
            [NAN, -0.9300395, -0.84147098, -0.0, 0.0, 0.84147098, 0.9300395, NAN, NAN],
            [NAN, -0.36745955, 0.54030231, 1.0, 1.0, 0.54030231, -0.36745955, NAN, NAN],
            [NAN, -INF, INF, INF, INF, INF, -INF, NAN, NAN],
        ]),
        ("cos", Tensor::<T>::cos, [
            [NAN, -0.36745955, 0.54030231, 1.0, 1.0, 0.54030231, -0.36745955, NAN, NAN],
            [NAN, 0.9300395, 0.84147098, 0.0, -0.0, -0.84147098, -0.9300395, NAN, NAN],
            [NAN, INF, INF, NAN, NAN, -INF, -INF, NAN, NAN],
        ]),
        ("erf", Tensor::<T>::erf, [
            [-1.0, -1.0, -0.84270079, -0.0, 0.0, 0.84270079, 1.0, 1.0, NAN],
            [0.0, 0.0, 0.4151075, 1.1283792, 1.1283792, 0.4151075, 0.0, 0.0, NAN],
            [NAN, NAN, INF, INF, INF, INF, NAN, NAN, NAN],
        ]),
        ("sign", Tensor::<T>::sign, [
            [-1.0, -1.0, -1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        ]),
        ("powf(0.5)", |x| x.powf(T::from_f64(0.5)), [
            [NAN, NAN, NAN, -0.0, 0.0, 1.0, 44.72136, INF, NAN],
            [NAN, NAN, NAN, -INF, INF, 0.5, 0.01118034, 0.0, NAN],
            [NAN, NAN, NAN, -INF, INF, INF, INF, NAN, NAN],
        ]),
        ("powf(-0.5)", |x| x.powf(T::from_f64(-0.5)), [
            [NAN, NAN, NAN, -INF, INF, 1.0, 0.02236068, 0.0, NAN],
            [-0.0, NAN, NAN, -INF, -INF, -0.5, -5.5901699e-06, -0.0, NAN],
            [NAN, NAN, NAN, -INF, -INF, -INF, -INF, NAN, NAN],
        ]),
        ("powf(1.5)", |x| x.powf(T::from_f64(1.5)), [
            [INF, NAN, NAN, 0.0, 0.0, 1.0, 89442.719, INF, NAN],
            [NAN, NAN, NAN, -0.0, 0.0, 1.5, 67.082039, INF, NAN],
            [NAN, NAN, NAN, NAN, NAN, INF, INF, INF, NAN],
        ]),
        ("powf(-1.0)", |x| x.powf(T::from_f64(-1.0)), [
            [-0.0, -0.0005, -1.0, -INF, INF, 1.0, 0.0005, 0.0, NAN],
            [-0.0, -2.5e-07, -1.0, -INF, -INF, -1.0, -2.5e-07, -0.0, NAN],
            [NAN, -INF, -INF, -INF, -INF, -INF, -INF, NAN, NAN],
        ]),
        ("powf(-2.0)", |x| x.powf(T::from_f64(-2.0)), [
            [0.0, 2.5e-07, 1.0, INF, INF, 1.0, 2.5e-07, 0.0, NAN],
            [0.0, 2.5e-10, 2.0, INF, -INF, -2.0, -2.5e-10, -0.0, NAN],
            [NAN, INF, INF, INF, -INF, -INF, -INF, NAN, NAN],
        ]),
        ("powf(-1.5)", |x| x.powf(T::from_f64(-1.5)), [
            [0.0, NAN, NAN, INF, INF, 1.0, 1.118034e-05, 0.0, NAN],
            [-0.0, NAN, NAN, -INF, -INF, -1.5, -8.3852549e-09, -0.0, NAN],
            [NAN, NAN, NAN, -INF, -INF, -INF, -INF, NAN, NAN],
        ]),
        ("powf(3.0)", |x| x.powf(T::from_f64(3.0)), [
            [-INF, -8e+09, -1.0, -0.0, 0.0, 1.0, 8e+09, INF, NAN],
            [INF, 12000000.0, 3.0, 0.0, 0.0, 3.0, 12000000.0, INF, NAN],
            [INF, INF, INF, NAN, NAN, INF, INF, INF, NAN],
        ]),
        ("powf(2.0)", |x| x.powf(T::from_f64(2.0)), [
            [INF, 4000000.0, 1.0, 0.0, 0.0, 1.0, 4000000.0, INF, NAN],
            [-INF, -4000.0, -2.0, -0.0, 0.0, 2.0, 4000.0, INF, NAN],
            [-INF, -INF, -INF, NAN, NAN, INF, INF, INF, NAN],
        ]),
        ("powf(1.0)", |x| x.powf(T::from_f64(1.0)), [
            [-INF, -2000.0, -1.0, -0.0, 0.0, 1.0, 2000.0, INF, NAN],
            [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
            [INF, INF, INF, INF, INF, INF, INF, INF, INF],
        ]),
        ("powf(0.0)", |x| x.powf(T::from_f64(0.0)), [
            [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        ]),
    ]
}

fn assert_same<T: Float>(what: &str, found: &Tensor<T>, expected: &[f64; 9]) {
    for ((found, &expected), at) in found.to_vec().into_iter().zip(expected).zip(AT) {
        let found = found.to_f64();
        let is_same = found == expected || (found.is_nan() && expected.is_nan());
        let error = (found - expected).abs();
        assert!(is_same || error < 1e-6 * expected.abs(), "{what} at {at}: {found} instead of {expected}");
    }
}

fn check<T: Float>() {
    for (name, operation, [values, from_one, from_infinity]) in table::<T>() {
        let x = Tensor::from_vec(AT.map(T::from_f64).to_vec(), [9]).requires_grad();
        let y = operation(&x);
        assert_same(name, &y, &values);
        for order in [Order::First, Order::Higher] {
            for (seed, expected) in [(T::ONE, &from_one), (T::INFINITY, &from_infinity)] {
                let gradient = grad_with(&operation(&x), &[&x], &Tensor::full([9], seed), order).remove(0);
                assert_same(&format!("{order:?} order of {name} from {seed}, {}", T::NAME), &gradient, expected);
            }
        }
    }
}

#[test]
fn pointwise_operations_have_the_special_values_of_pytorch_in_f32() {
    check::<f32>();
}

#[test]
fn pointwise_operations_have_the_special_values_of_pytorch_in_f64() {
    check::<f64>();
}
