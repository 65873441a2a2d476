//! Sums, differences, products and quotients of tensors, broadcasting; and with single numbers.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::float::Float;
use crate::graph::{Backward, broadcast};
use crate::op::{Op, Saved};
use crate::tensor::Tensor;

/// y = a - b        dy/da = 1, dy/db = -1
#[derive(Debug)]
struct Subtract;

impl<T: Float> Op<T> for Subtract {
    fn name(&self) -> &'static str {
        "sub"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || grad.clone());
        ctx.propagate(1, || -grad);
    }
}

/// y = a b        dy/da = b, dy/db = a (each is saved only if the other one is to have a gradient)
#[derive(Debug)]
struct Multiply<T: Float> {
    a: Option<Saved<T>>,
    b: Option<Saved<T>>,
}

impl<T: Float> Op<T> for Multiply<T> {
    fn name(&self) -> &'static str {
        "mul"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        if let Some(b) = &self.b {
            let b = ctx.get(b);
            ctx.propagate(0, || &grad * &b);
        }
        if let Some(a) = &self.a {
            let a = ctx.get(a);
            ctx.propagate(1, || &grad * &a);
        }
    }
}

/// y = a / b        dy/da = 1 / b, dy/db = -a / b² = -y / b
#[derive(Debug)]
struct Divide<T: Float> {
    b: Saved<T>,
    y: Saved<T>,
}

impl<T: Float> Op<T> for Divide<T> {
    fn name(&self) -> &'static str {
        "div"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, b, y) = (ctx.grad(), ctx.get(&self.b), ctx.get(&self.y));
        ctx.propagate(0, || &grad / &b);
        ctx.propagate(1, || -(&grad * (&y / &b)));
    }
}

/// y = scale · x + shift        dy/dx = scale
#[derive(Debug)]
struct Affine<T: Float> {
    name: &'static str,
    scale: T,
}

impl<T: Float> Op<T> for Affine<T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || if self.scale == T::ONE { grad } else { grad * self.scale });
    }
}

/// y = x / number        dy/dx = 1 / number, by a division again: the reciprocal of a denormal number is infinite
#[derive(Debug)]
struct DivideBy<T: Float> {
    divisor: T,
}

impl<T: Float> Op<T> for DivideBy<T> {
    fn name(&self) -> &'static str {
        "div"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || grad / self.divisor);
    }
}

/// # Arithmetic of two tensors: sums and products
impl<T: Float> Tensor<T> {
    #[inline(never)]
    #[track_caller]
    fn subtract(&self, other: &Tensor<T>) -> Tensor<T> {
        broadcast::combine("sub", self, other, |a, b| a - b).record(&[self, other], |_| Subtract)
    }

    #[inline(never)]
    #[track_caller]
    fn multiply(&self, other: &Tensor<T>) -> Tensor<T> {
        broadcast::combine("mul", self, other, |a, b| a * b).record(&[self, other], |_| Multiply {
            a: other.is_tracked().then(|| Saved::input(0, self)),
            b: self.is_tracked().then(|| Saved::input(1, other)),
        })
    }

    #[inline(never)]
    #[track_caller]
    fn divide(&self, other: &Tensor<T>) -> Tensor<T> {
        broadcast::combine("div", self, other, |a, b| a / b)
            .record(&[self, other], |y| Divide { b: Saved::input(1, other), y: Saved::output(y) })
    }

    #[inline(never)]
    #[track_caller]
    fn divide_by(&self, divisor: T) -> Tensor<T> {
        self.mapped(|x| x / divisor).record(&[self], |_| DivideBy { divisor })
    }

    #[inline(never)]
    #[track_caller]
    fn affine(&self, name: &'static str, scale: T, formula: impl Fn(T) -> T + Copy + Sync) -> Tensor<T> {
        self.mapped(formula).record(&[self], |_| Affine { name, scale })
    }
}

/// The operator for values and references on either side, and for a single number on the right.
macro_rules! operator {
    ($Operator:ident::$method:ident, $function:path, |$x:ident, $number:ident| $with_number:expr) => {
        impl<T: Float> $Operator<&Tensor<T>> for &Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: &Tensor<T>) -> Tensor<T> {
                $function(self, other)
            }
        }
        impl<T: Float> $Operator<Tensor<T>> for &Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: Tensor<T>) -> Tensor<T> {
                $function(self, &other)
            }
        }
        impl<T: Float> $Operator<&Tensor<T>> for Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: &Tensor<T>) -> Tensor<T> {
                $function(&self, other)
            }
        }
        impl<T: Float> $Operator<Tensor<T>> for Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: Tensor<T>) -> Tensor<T> {
                $function(&self, &other)
            }
        }
        impl<T: Float> $Operator<T> for &Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, $number: T) -> Tensor<T> {
                let $x = self;
                $with_number
            }
        }
        impl<T: Float> $Operator<T> for Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, number: T) -> Tensor<T> {
                (&self).$method(number)
            }
        }
    };
}

operator!(Add::add, broadcast::add, |x, number| x.affine("add", T::ONE, move |x| x + number));
operator!(Sub::sub, Tensor::subtract, |x, number| x.affine("sub", T::ONE, move |x| x - number));
operator!(Mul::mul, Tensor::multiply, |x, number| x.affine("mul", number, move |x| x * number));
operator!(Div::div, Tensor::divide, |x, number| x.divide_by(number));

/// The operators with a single number on the left; Rust allows them only for concrete number types.
macro_rules! number_on_the_left {
    ($($float:ty),*) => {$(
        impl Add<&Tensor<$float>> for $float {
            type Output = Tensor<$float>;
            #[track_caller]
            fn add(self, x: &Tensor<$float>) -> Tensor<$float> {
                x.affine("add", 1.0, move |x| self + x)
            }
        }
        impl Sub<&Tensor<$float>> for $float {
            type Output = Tensor<$float>;
            #[track_caller]
            fn sub(self, x: &Tensor<$float>) -> Tensor<$float> {
                x.affine("sub", -1.0, move |x| self - x)
            }
        }
        impl Mul<&Tensor<$float>> for $float {
            type Output = Tensor<$float>;
            #[track_caller]
            fn mul(self, x: &Tensor<$float>) -> Tensor<$float> {
                x.affine("mul", self, move |x| self * x)
            }
        }
        impl Div<&Tensor<$float>> for $float {
            type Output = Tensor<$float>;
            #[track_caller]
            fn div(self, x: &Tensor<$float>) -> Tensor<$float> {
                &Tensor::scalar(self) / x
            }
        }
        number_on_the_left!(@value $float, Add::add, Sub::sub, Mul::mul, Div::div);
    )*};
    (@value $float:ty, $($Operator:ident::$method:ident),*) => {$(
        impl $Operator<Tensor<$float>> for $float {
            type Output = Tensor<$float>;
            #[track_caller]
            fn $method(self, x: Tensor<$float>) -> Tensor<$float> {
                self.$method(&x)
            }
        }
    )*};
}
number_on_the_left!(f32, f64);

impl<T: Float> Neg for &Tensor<T> {
    type Output = Tensor<T>;
    #[track_caller]
    fn neg(self) -> Tensor<T> {
        self.affine("neg", -T::ONE, |x| -x)
    }
}

impl<T: Float> Neg for Tensor<T> {
    type Output = Tensor<T>;
    #[track_caller]
    fn neg(self) -> Tensor<T> {
        -&self
    }
}

instances!(subtract multiply divide divide_by);
instances!(|x| x + x, -x);
instances!(|x| x + T::ONE, x - T::ONE, x * T::ONE, x / T::ONE);

#[cfg(test)]
mod tests {
    use crate::Tensor;
    use crate::graph::{Order, grad_with};

    gradients!(add: |a, b| a + b, [3, 4], [3, 4]);
    gradients!(add_broadcast: |a, b| a + b, [3, 1], [2, 1, 4]);
    gradients!(sub: |a, b| a - b, [3, 4], [4]);
    gradients!(mul: |a, b| a * b, [3, 4], [3, 4]);
    gradients!(mul_broadcast: |a, b| a * b, [3, 1], [1, 4]);
    gradients!(mul_self: |a| a * a, [3, 4]);
    gradients!(div: |a, b| a / (b * b + 0.5), [3, 4], [3, 4]);
    gradients!(div_broadcast: |a, b| a / (b * b + 0.5), [4], [3, 1]);
    gradients!(neg: |a| -a, [3, 4]);
    gradients!(numbers: |a| 2.0 - (a * 3.0 + 1.0 - 0.5) / 4.0 + 0.25 * a, [3, 4]);
    gradients!(number_over: |a| 1.5 / (a * a + 0.5), [3, 4]);

    #[test]
    fn values_and_references_give_the_same() {
        let (a, b) = (Tensor::<f32>::arange(1.0, 5.0, 1.0), Tensor::from_vec(vec![2.0, 4.0, 6.0, 8.0], [4]));
        let expected = [0.5, 0.5, 0.5, 0.5];
        assert_eq!((&a / &b).to_vec(), expected);
        assert_eq!((a.clone() / &b).to_vec(), expected);
        assert_eq!((&a / b.clone()).to_vec(), expected);
        assert_eq!((a / b).to_vec(), expected);
    }

    #[test]
    fn the_gradient_of_a_quotient_is_a_quotient() {
        // The reciprocal of the divisor is infinite, and 0 times that is NaN.
        let x = Tensor::from_vec(vec![0.0_f32, 1.0], [2]).requires_grad();
        for order in [Order::First, Order::Higher] {
            let gradient = grad_with(&(&x / 1e-39), &[&x], &Tensor::from_vec(vec![0.0, 1e-20], [2]), order).remove(0);
            let [zero, other] = gradient.to_vec()[..] else { panic!("two elements") };
            assert!(zero == 0.0 && (other / 1e19 - 1.0).abs() < 1e-3, "{other}");
        }
    }

    #[test]
    fn a_result_is_row_major_however_its_operands_lie() {
        let x = Tensor::<f32>::arange(0.0, 6.0, 1.0).reshape([2, 3]);
        for view in [x.clone(), x.t(), x.flip(1), x.narrow(0, 1, 1), x.narrow(1, 0, 1), x.expand([4, 2, 3])] {
            let plain = Tensor::from_vec(view.to_vec(), view.shape());
            let doubled: Vec<f32> = view.to_vec().iter().map(|x| 2.0 * x).collect();
            for result in [&view + &view, &view + &plain, &plain + &view, &view * 2.0] {
                assert_eq!(result.strides(), plain.strides());
                assert_eq!(result.to_vec(), doubled);
            }
        }
    }

    #[test]
    #[should_panic(expected = "mul: shapes [3, 4] and [2, 4] do not broadcast: dimension -2 is 3 and 2")]
    fn shapes_that_do_not_broadcast_are_named() {
        let _ = Tensor::<f32>::ones([3, 4]) * Tensor::ones([2, 4]);
    }
}
