//! What a layer is.

use autograd::{Float, Param, ParamKind, Tensor};

/// Whether a network is being trained or used: some layers (dropout, batch normalisation) behave differently. It is an argument, not a hidden flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Training.
    Train,
    /// Using what was trained.
    Eval,
}

/// A layer, or a network of layers.
///
/// ```
/// use autograd::{Param, Tensor};
/// use nn::{Mode, Module};
///
/// /// y = scale · x
/// struct Scale { scale: Param }
///
/// impl Module for Scale {
///     fn forward(&self, x: &Tensor, _mode: Mode) -> Tensor { x * self.scale.tensor() }
///     fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, &'a Param)) { f("scale", &self.scale) }
/// }
///
/// let layer = Scale { scale: Param::new(Tensor::full([1], 3.0)) };
/// assert_eq!(layer.forward(&Tensor::ones([2]), Mode::Eval).to_vec(), [3.0, 3.0]);
/// assert_eq!(layer.parameters().len(), 1);
/// ```
pub trait Module<T: Float = f32>: Send + Sync {
    /// The output for an input.
    fn forward(&self, x: &Tensor<T>, mode: Mode) -> Tensor<T>;

    /// Calls `f` with each parameter and buffer and its dotted name, as in a PyTorch `state_dict`. A layer without any leaves this out.
    fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, &'a Param<T>)) {
        let _ = f;
    }

    /// The output passed through a rectifier. A layer that can do both in one pass overrides this; [`Sequential`](crate::Sequential) asks for it where a
    /// [`ReLU`](crate::ReLU) follows.
    fn forward_relu(&self, x: &Tensor<T>, mode: Mode) -> Tensor<T> {
        self.forward(x, mode).relu()
    }

    /// Whether this layer is a rectifier and nothing else.
    fn is_relu(&self) -> bool {
        false
    }

    /// All parameters and buffers with their dotted names, in the order of the layers.
    fn named_parameters(&self) -> Vec<(String, Param<T>)> {
        let mut named = Vec::new();
        self.visit(&mut |name, param| named.push((name.to_owned(), param.clone())));
        named
    }

    /// Handles to the parameters that are trained, for an optimizer.
    fn parameters(&self) -> Vec<Param<T>> {
        let mut trainable = Vec::new();
        self.visit(&mut |_, param| {
            if param.kind() == ParamKind::Trainable {
                trainable.push(param.clone());
            }
        });
        trainable
    }

    /// How many numbers are trained.
    fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|param| param.tensor().numel()).sum()
    }
}

impl<T: Float, M: Module<T> + ?Sized> Module<T> for Box<M> {
    fn forward(&self, x: &Tensor<T>, mode: Mode) -> Tensor<T> {
        (**self).forward(x, mode)
    }

    fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, &'a Param<T>)) {
        (**self).visit(f);
    }

    fn forward_relu(&self, x: &Tensor<T>, mode: Mode) -> Tensor<T> {
        (**self).forward_relu(x, mode)
    }

    fn is_relu(&self) -> bool {
        (**self).is_relu()
    }
}
