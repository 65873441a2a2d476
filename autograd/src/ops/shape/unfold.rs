//! Sliding windows along a dimension.

use crate::error::shape_error;
use crate::float::Float;
use crate::kernels::overlap_add::Overlap;
use crate::kernels::rowwise::around;
use crate::ops::linear_map::LinearMap;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// y[.., w, .., k] = x[.., w · step + k, ..]        adjoint: each element is added at its position in x
#[derive(Clone, Debug)]
struct Unfold {
    dim: usize,
    size: usize,
    step: usize,
    from: Shape,
}

impl<T: Float> LinearMap<T> for Unfold {
    const NAME: &'static str = "unfold";
    const ADJOINT: &'static str = "unfold_add";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        x.with_layout(x.layout.window(self.dim, self.size, self.step, 1))
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        let dense = y.dense();
        let elements = dense.as_slice().expect("dense");
        let extents = around(&self.from, self.dim);
        let windows = Overlap { size: self.size, step: self.step, dilation: 1 };
        Tensor::build(self.from.clone(), |out| windows.add(elements, extents, out))
    }
}

/// # Shape: windows that move along a dimension
impl<T: Float> Tensor<T> {
    /// Windows of `size` elements along `dim`, each `step` elements after the previous one: from shape `[.., n, ..]` to
    /// `[.., (n - size) / step + 1, .., size]`. No element is copied.
    ///
    /// Like [`torch.Tensor.unfold`](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.unfold.html). The
    /// gradient of an element is the sum over the windows that contain it.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let windows = Tensor::arange(0.0, 5.0, 1.0).unfold(0, 3, 2);
    /// assert_eq!(*windows.shape(), [2, 3]);
    /// assert_eq!(windows.to_vec(), [0.0, 1.0, 2.0, 2.0, 3.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, it is shorter than a window, or `step` is 0.
    #[inline(never)]
    #[track_caller]
    pub fn unfold(&self, dim: isize, size: usize, step: usize) -> Tensor<T> {
        let (dim, extent) = self.dimension_of("unfold", dim);
        if step == 0 || size > extent {
            let message = format_args!(
                "windows of {size} in steps of {step} do not fit dimension {dim} of shape {}",
                self.shape()
            );
            shape_error("unfold", message);
        }
        // Overlapping windows have more elements than the input, so their number can overflow.
        let mut windows = self.shape().clone();
        windows.set(dim, (extent - size) / step + 1);
        windows.insert(windows.rank(), size);
        windows.numel_for("unfold");
        Unfold { dim, size, step, from: self.shape().clone() }.of(self)
    }
}

instances!(unfold);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(unfold: |x| x.unfold(1, 3, 1).powf(2.0), [2, 5, 2]; fixed);
    gradients!(unfold_with_gaps: |x| x.unfold(0, 1, 3).powf(2.0), [5, 2]; fixed);

    #[test]
    fn a_window_of_nothing_is_empty() {
        assert_eq!(*Tensor::<f32>::ones([3]).unfold(0, 0, 2).shape(), [2, 0]);
    }

    #[test]
    #[should_panic(expected = "unfold: windows of 4 in steps of 1 do not fit dimension 0 of shape [3]")]
    fn a_window_lies_inside() {
        Tensor::<f32>::ones([3]).unfold(0, 4, 1);
    }
}
