//! Dimensions merged and split.

use autograd::Shape;

use crate::stateless::stateless;
use crate::tree::python_tuple;

/// Dimensions merged into one: pictures to rows. As
/// [`torch.nn.Flatten`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Flatten.html); see
/// [`Tensor::flatten`](autograd::Tensor::flatten).
///
/// ```
/// use autograd::Tensor;
/// use nn::{Flatten, Layer, Mode};
/// let pictures = Tensor::<f32>::zeros([16, 1, 28, 28]);
/// assert_eq!(*Flatten::new().forward(&pictures, Mode::Eval).shape(), [16, 784]);
/// assert_eq!(*Flatten { start_dim: 2, end_dim: -1 }.forward(&pictures, Mode::Eval).shape(), [16, 1, 784]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flatten {
    /// The first of the merged dimensions; 1 by default.
    pub start_dim: isize,
    /// The last of them; -1 by default.
    pub end_dim: isize,
}

impl Flatten {
    /// All dimensions but the first.
    pub fn new() -> Self {
        Flatten { start_dim: 1, end_dim: -1 }
    }
}

impl Default for Flatten {
    fn default() -> Self {
        Flatten::new()
    }
}

stateless!(Flatten, |layer| format!("start_dim={}, end_dim={}", layer.start_dim, layer.end_dim), |layer, x, _| x
    .flatten(layer.start_dim, layer.end_dim));

/// A dimension split into several: rows to pictures. As
/// [`torch.nn.Unflatten`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Unflatten.html); see
/// [`Tensor::unflatten`](autograd::Tensor::unflatten).
///
/// ```
/// use autograd::Tensor;
/// use nn::{Layer, Mode, Unflatten};
/// let y = Unflatten::new(1, [1, 28, 28]).forward(&Tensor::<f32>::zeros([16, 784]), Mode::Eval);
/// assert_eq!(*y.shape(), [16, 1, 28, 28]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unflatten {
    dim: isize,
    sizes: Shape,
}

impl Unflatten {
    /// Splits dimension `dim` into these extents.
    pub fn new(dim: isize, unflattened_size: impl Into<Shape>) -> Self {
        Unflatten { dim, sizes: unflattened_size.into() }
    }
}

stateless!(
    Unflatten,
    |layer| format!("dim={}, unflattened_size={}", layer.dim, python_tuple(&layer.sizes)),
    |layer, x, _| x.unflatten(layer.dim, &layer.sizes)
);

/// The input itself. As [`torch.nn.Identity`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Identity.html).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity;

stateless!(Identity, |_layer| String::new(), |_layer, x, _| x.clone());
