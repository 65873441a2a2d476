//! The same elements with another shape.

use crate::error::{dimension, shape_error};
use crate::float::Float;
use crate::layout::Layout;
use crate::ops::linear_map::LinearMap;
use crate::shape::{Extents, Shape};
use crate::tensor::Tensor;

/// y = x with another shape        adjoint: back to the old shape
#[derive(Clone, Debug)]
struct Reshape {
    from: Shape,
    to: Shape,
}

impl<T: Float> LinearMap<T> for Reshape {
    const NAME: &'static str = "reshape";
    const ADJOINT: &'static str = "reshape";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        under(x, &self.to)
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        under(y, &self.from)
    }
}

/// A view if strides can express it, otherwise a copy.
#[track_caller]
fn under<T: Float>(x: &Tensor<T>, shape: &Shape) -> Tensor<T> {
    match x.layout.reshape(shape) {
        Some(layout) => x.with_layout(layout),
        None => x.dense().with_layout(Layout::contiguous(shape.clone())),
    }
}

/// The same elements with another shape, which must have the same number of elements.
#[track_caller]
pub(crate) fn reshaped<T: Float>(x: &Tensor<T>, shape: &Shape) -> Tensor<T> {
    Reshape { from: x.shape().clone(), to: shape.clone() }.of(x)
}

fn without_ones(shape: &Shape) -> Shape {
    shape.iter().copied().filter(|&extent| extent != 1).collect()
}

/// y = x with one more dimension, of extent 1        adjoint: without it
#[derive(Clone, Debug)]
struct Unsqueeze {
    dim: usize,
}

impl<T: Float> LinearMap<T> for Unsqueeze {
    const NAME: &'static str = "reshape";
    const ADJOINT: &'static str = "reshape";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        x.with_layout(x.layout.unsqueeze(self.dim))
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        y.with_layout(y.layout.remove(self.dim))
    }
}

/// y = x, contiguous in row-major order        adjoint: the same values
#[derive(Clone, Debug)]
struct Contiguous;

impl<T: Float> LinearMap<T> for Contiguous {
    const NAME: &'static str = "contiguous";
    const ADJOINT: &'static str = "contiguous";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        x.dense()
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        y.detach()
    }
}

/// # Shape: the same elements under another shape
impl<T: Float> Tensor<T> {
    /// The same elements, in row-major order, under another shape; one extent may be -1, to be worked out.
    ///    dx = dy in the shape of x
    ///
    /// The result is a view if strides can express it, otherwise a copy.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::<f32>::zeros([4, 6]);
    /// assert_eq!(*x.reshape([-1, 8]).shape(), [3, 8]);
    /// ```
    ///
    /// # Panics
    /// If the shape has another number of elements.
    #[track_caller]
    pub fn reshape(&self, shape: impl Extents) -> Tensor<T> {
        let wanted = shape.extents();
        let count = self.numel();
        let Some(resolved) = Shape::resolve(&wanted, count) else {
            let message =
                format_args!("shape {} has {count} elements and does not fit {:?}", self.shape(), wanted.as_slice());
            shape_error("reshape", message);
        };
        reshaped(self, &resolved)
    }

    /// Merges the dimensions from `first` to `last` into one.        dx = dy in the shape of x
    ///
    /// ```
    /// use autograd::Tensor;
    /// let images = Tensor::<f32>::zeros([16, 1, 28, 28]);
    /// assert_eq!(*images.flatten(1, -1).shape(), [16, 784]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, or `last` lies before `first`.
    #[inline(never)]
    #[track_caller]
    pub fn flatten(&self, first: isize, last: isize) -> Tensor<T> {
        let rank = self.rank();
        let (start, end) = (dimension("flatten", first, rank), dimension("flatten", last, rank));
        if end < start {
            shape_error("flatten", format_args!("dimension {last} lies before {first} in shape {}", self.shape()));
        }
        if rank == 0 {
            return reshaped(self, &Shape::from([1]));
        }
        let extents = self.shape();
        let merged = extents[start..=end].iter().product();
        reshaped(
            self,
            &extents[..start].iter().copied().chain([merged]).chain(extents[end + 1..].iter().copied()).collect(),
        )
    }

    /// Splits a dimension into several, of which one may be -1, to be worked out.        dx = dy in the shape of x
    ///
    /// Like [`torch.unflatten`](https://docs.pytorch.org/docs/stable/generated/torch.unflatten.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(*Tensor::<f32>::zeros([2, 12, 5]).unflatten(1, [3, -1]).shape(), [2, 3, 4, 5]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, or its extent is not the product of the new extents.
    #[track_caller]
    pub fn unflatten(&self, dim: isize, extents: impl Extents) -> Tensor<T> {
        let (dim, extent) = self.dimension_of("unflatten", dim);
        let (own, wanted) = (self.shape(), extents.extents());
        let Some(parts) = Shape::resolve(&wanted, extent) else {
            shape_error(
                "unflatten",
                format_args!("dimension {dim} of shape {own} does not fit {:?}", wanted.as_slice()),
            );
        };
        let around = [&own[..dim], &parts[..], &own[dim + 1..]];
        reshaped(self, &around.into_iter().flatten().copied().collect())
    }

    /// Drops a dimension of extent 1; one of another extent stays, as in PyTorch.        dx = dy in the shape of x
    ///
    /// # Panics
    /// If there is no such dimension.
    #[inline(never)]
    #[track_caller]
    pub fn squeeze(&self, dim: isize) -> Tensor<T> {
        let dim = dimension("squeeze", dim, self.rank());
        let mut shape = self.shape().clone();
        if shape.get(dim) == Some(&1) {
            shape.remove(dim);
        }
        reshaped(self, &shape)
    }

    /// Drops all dimensions of extent 1.        dx = dy in the shape of x
    #[track_caller]
    #[inline(never)]
    pub fn squeeze_all(&self) -> Tensor<T> {
        reshaped(self, &without_ones(self.shape()))
    }

    /// Adds a dimension of extent 1 before dimension `dim` of the result; -1 adds it at the end.
    ///    dx = dy in the shape of x
    ///
    /// # Panics
    /// If `dim` lies outside of the result's dimensions.
    #[inline(never)]
    #[track_caller]
    pub fn unsqueeze(&self, dim: isize) -> Tensor<T> {
        let dim = dimension("unsqueeze", dim, self.rank() + 1);
        let mut shape = self.shape().clone();
        shape.insert(dim, 1);
        Unsqueeze { dim }.of(self)
    }

    /// The same elements dense and in row-major order: this tensor itself if they are, a copy otherwise.
    ///    dx = dy
    #[inline(never)]
    #[track_caller]
    pub fn contiguous(&self) -> Tensor<T> {
        if self.is_contiguous() {
            return self.clone();
        }
        Contiguous.of(self)
    }
}

instances!(flatten squeeze squeeze_all unsqueeze contiguous);
instances!(|x| x.reshape([1]));

#[cfg(test)]
mod tests {
    use crate::tensor::Tensor;

    gradients!(reshape: |x| x.reshape([2, -1]).powf(2.0), [3, 4]; fixed);
    gradients!(reshape_with_a_copy: |x| x.t().reshape([12]).powf(2.0), [3, 4]; fixed);
    gradients!(flatten: |x| x.flatten(1, 2).powf(2.0), [2, 3, 4]);
    gradients!(unflatten: |x| x.unflatten(1, [2, -1]).powf(2.0), [3, 4]; fixed);
    gradients!(squeeze: |x| x.unsqueeze(1).squeeze(1).powf(2.0), [3, 4]);
    gradients!(squeeze_all: |x| x.unsqueeze(1).squeeze_all().powf(2.0), [3, 4]);
    gradients!(unsqueeze: |x| x.unsqueeze(-1).powf(2.0), [3, 4]);
    gradients!(contiguous: |x| x.t().contiguous().powf(2.0), [3, 4]);

    #[test]
    #[should_panic(expected = "reshape: shape [3, 4] has 12 elements and does not fit [5, -1]")]
    fn a_reshape_keeps_the_count() {
        Tensor::<f32>::zeros([3, 4]).reshape([5, -1]);
    }
}
