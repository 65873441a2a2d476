//! Activations as layers.

use std::fmt;

use autograd::{Float, Tensor};

use crate::layer::Layer;
use crate::mode::Mode;
use crate::module::{Member, Module};

/// Layers without settings that are one pointwise operation.
macro_rules! activations {
    ($($name:ident, $operation:ident, $formula:literal;)+) => {$(
        #[doc = concat!($formula, ". See [`Tensor::", stringify!($operation), "`] and")]
        #[doc = concat!(
            "[`torch.nn.", stringify!($name), "`](https://docs.pytorch.org/docs/stable/generated/torch.nn.",
            stringify!($name), ".html)."
        )]
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        impl<T: Float> Module<T> for $name {
            fn kind(&self) -> &'static str {
                stringify!($name)
            }

            fn members(&self, _: &mut dyn FnMut(&str, Member<'_, T>)) {}
        }

        impl<T: Float> Layer<T> for $name {
            fn forward(&self, x: &Tensor<T>, _: Mode<'_>) -> Tensor<T> {
                x.$operation()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&Module::<f32>::tree(self))
            }
        }
    )+};
}

activations! {
    ReLU, relu, "max(x, 0)";
    Tanh, tanh, "Hyperbolic tangent";
    Sigmoid, sigmoid, "Logistic function 1 / (1 + e⁻ˣ)";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_its_operation() {
        let x: Tensor = Tensor::linspace(-2.0, 2.0, 5);
        let layers: [(&dyn Layer, Tensor); 3] = [(&ReLU, x.relu()), (&Tanh, x.tanh()), (&Sigmoid, x.sigmoid())];
        for (layer, wanted) in layers {
            assert_eq!(layer.forward(&x, Mode::Eval).to_vec(), wanted.to_vec());
            assert!(layer.parameters().is_empty());
        }
    }
}
