//! The operators `+ - * /` with a parameter on either side: it stands for its current values, as `param.tensor()` does.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::float::Float;
use crate::param::Param;
use crate::tensor::Tensor;

/// An operator with references to parameters, where [`arithmetic`](super::arithmetic) has it with tensors.
macro_rules! operator {
    ($($Operator:ident::$method:ident),+) => {$(
        /// The parameter's current values, as [`Param::tensor`] gives them.
        impl<T: Float> $Operator<&Param<T>> for &Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: &Param<T>) -> Tensor<T> {
                self.$method(&other.tensor())
            }
        }
        impl<T: Float> $Operator<&Param<T>> for Tensor<T> {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: &Param<T>) -> Tensor<T> {
                (&self).$method(&other.tensor())
            }
        }
        /// The parameter's current values, as [`Param::tensor`] gives them; the other side is a tensor, a reference to
        /// a parameter, or a number.
        impl<T: Float, Other> $Operator<Other> for &Param<T>
        where
            Tensor<T>: $Operator<Other, Output = Tensor<T>>,
        {
            type Output = Tensor<T>;
            #[track_caller]
            fn $method(self, other: Other) -> Tensor<T> {
                self.tensor().$method(other)
            }
        }
        operator!(@number f32, $Operator::$method);
        operator!(@number f64, $Operator::$method);
    )+};
    (@number $float:ty, $Operator:ident::$method:ident) => {
        impl $Operator<&Param<$float>> for $float {
            type Output = Tensor<$float>;
            #[track_caller]
            fn $method(self, other: &Param<$float>) -> Tensor<$float> {
                self.$method(&other.tensor())
            }
        }
    };
}
operator!(Add::add, Sub::sub, Mul::mul, Div::div);

/// The negative of the parameter's current values.
impl<T: Float> Neg for &Param<T> {
    type Output = Tensor<T>;
    #[track_caller]
    fn neg(self) -> Tensor<T> {
        -self.tensor()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Param, Tensor};

    #[test]
    fn a_parameter_stands_for_its_values_on_either_side() {
        let (x, param): (Tensor<f64>, _) = (Tensor::from([6.0, 8.0]), Param::new(Tensor::from([2.0_f64, 4.0])));
        let w = param.tensor();
        let pairs = [
            (&x + &param, &x + &w),
            (x.clone() - &param, &x - &w),
            (&x * &param, &x * &w),
            (&x / &param, &x / &w),
            (&param + &x, &w + &x),
            (&param - x.clone(), &w - &x),
            (&param * &param, &w * &w),
            (&param / 2.0, &w / 2.0),
            (3.0 - &param, 3.0 - &w),
            (-&param, -&w),
        ];
        for (with_param, with_tensor) in pairs {
            assert_eq!(with_param.to_vec(), with_tensor.to_vec());
            assert_eq!(with_param.shape(), with_tensor.shape());
        }
    }

    #[test]
    fn the_gradient_reaches_the_parameter() {
        let (x, param) = (Tensor::from([3.0_f32, 5.0]), Param::new(Tensor::from([2.0, 4.0])));
        let gradients = (&x * &param + 1.0 / &param).sum().backward();
        assert_eq!(gradients.of(&param).unwrap().to_vec(), [3.0 - 0.25, 5.0 - 0.0625]);
    }

    #[test]
    #[should_panic(expected = "[2]")]
    fn shapes_that_do_not_broadcast_are_refused() {
        let _ = Tensor::<f32>::ones([3]) * &Param::new(Tensor::ones([2]));
    }
}
