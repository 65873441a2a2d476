//! What a layer is.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use autograd::{Float, Tensor};

use crate::mode::Mode;
use crate::module::{Member, Module};

/// A module from a tensor to a tensor: what [`Sequential`](crate::Sequential) takes.
///
/// ```
/// use autograd::{Param, Tensor};
/// use nn::{Layer, Mode, Module};
///
/// /// y = scale · x
/// struct Scale { scale: Param }
/// nn::module!(Scale { scale });
///
/// impl Layer for Scale {
///     fn forward(&self, x: &Tensor, _mode: Mode<'_>) -> Tensor { x * self.scale.tensor() }
/// }
///
/// let layer = Scale { scale: Param::new(Tensor::full([1], 3.0)) };
/// assert_eq!(layer.forward(&Tensor::ones([2]), Mode::Eval).to_vec(), [3.0, 3.0]);
/// assert_eq!(layer.parameters().len(), 1);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Layer` from a tensor of `{T}` to a tensor",
    label = "it has no `forward`",
    note = "write `impl Layer for ...` with a `forward`; a closure becomes a layer by `nn::layer(|x| ...)`"
)]
pub trait Layer<T: Float = f32>: Module<T> {
    /// The output for an input.
    fn forward(&self, x: &Tensor<T>, mode: Mode<'_>) -> Tensor<T>;

    /// The layers with their names, if this layer is nothing else than these, one after another; none otherwise.
    /// [`summary`](crate::summary()) follows them to tell the shape behind each.
    fn chain(&self) -> Vec<(&str, &dyn Layer<T>)> {
        Vec::new()
    }
}

/// A layer behind a pointer is that layer.
macro_rules! behind_a_pointer {
    ($($pointer:ident),+) => {$(
        impl<T: Float, L: Layer<T> + ?Sized> Layer<T> for $pointer<L> {
            #[track_caller]
            fn forward(&self, x: &Tensor<T>, mode: Mode<'_>) -> Tensor<T> {
                (**self).forward(x, mode)
            }

            fn chain(&self) -> Vec<(&str, &dyn Layer<T>)> {
                (**self).chain()
            }
        }
    )+};
}

behind_a_pointer!(Box, Arc);

impl<T: Float> fmt::Display for dyn Layer<T> + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tree())
    }
}

/// A layer without parameters, made of a closure by [`layer`].
pub struct Function<T, F> {
    function: F,
    element: PhantomData<fn(T)>,
}

/// Makes a layer of a closure from a tensor to a tensor.
///
/// ```
/// use autograd::Tensor;
/// use nn::{Layer, Linear, Mode, Sequential};
/// let model: Sequential = Sequential::new()
///     .add(nn::layer(|x| x.reshape([-1, 4])))
///     .add(Linear::new(4, 2, 0))
///     .add(nn::layer(|x| x.exp()));
/// assert_eq!(model.forward(&Tensor::ones([3, 2, 2]), Mode::Eval).shape(), &[3, 2]);
/// ```
pub fn layer<T: Float, F: Fn(&Tensor<T>) -> Tensor<T> + Send + Sync>(function: F) -> Function<T, F> {
    Function { function, element: PhantomData }
}

impl<T: Float, F: Fn(&Tensor<T>) -> Tensor<T> + Send + Sync> Module<T> for Function<T, F> {
    fn kind(&self) -> &'static str {
        "Function"
    }

    fn members(&self, _: &mut dyn FnMut(&str, Member<'_, T>)) {}
}

impl<T: Float, F: Fn(&Tensor<T>) -> Tensor<T> + Send + Sync> Layer<T> for Function<T, F> {
    fn forward(&self, x: &Tensor<T>, _: Mode<'_>) -> Tensor<T> {
        (self.function)(x)
    }
}
