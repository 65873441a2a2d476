//! A tensor with a part replaced by another tensor.

use crate::error::shape_error;
use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::map::{copy_into, map};
use crate::layout::Layout;
use crate::op::Op;
use crate::tensor::Tensor;

/// y = x, with `source` at the indices `start`, `start + step`, ... along `dim`
/// dx = dy with zeros at these indices, dsource = dy at these indices
#[derive(Clone, Debug)]
struct SliceScatter {
    dim: usize,
    start: usize,
    stop: usize,
    step: usize,
}

impl SliceScatter {
    fn length(&self) -> usize {
        (self.stop - self.start).div_ceil(self.step)
    }

    #[track_caller]
    fn of<T: Float>(self, x: &Tensor<T>, source: &Tensor<T>) -> Tensor<T> {
        let whole = Layout::contiguous(x.shape().clone());
        Tensor::build(x.shape(), |out| {
            map([x.as_view()], x.shape(), out, |[x]| x);
            copy_into(source.as_view(), out, &whole.slice(self.dim, self.start, self.length(), self.step));
        })
        .record(&[x, source], |_| self)
    }
}

impl<T: Float> Op<T> for SliceScatter {
    fn name(&self) -> &'static str {
        "slice_scatter"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || {
            let mut shape = grad.shape().clone();
            shape.set(self.dim, self.length());
            self.clone().of(&grad, &Tensor::scalar(T::ZERO).expand(shape))
        });
        ctx.propagate(1, || grad.slice(self.dim as isize, self.start, self.stop, self.step));
    }
}

/// # Shape: a tensor with a part replaced by another tensor
impl<T: Float> Tensor<T> {
    /// This tensor with `source` in place of the elements `start`, `start + step`, ... below `stop` along `dim`:
    /// what `x[start:stop:step] = source` assigns, as a new tensor.
    ///    dx = dy, 0 in the part, and dsource = dy of the part
    ///
    /// Like [`torch.slice_scatter`](https://docs.pytorch.org/docs/stable/generated/torch.slice_scatter.html). The
    /// gradient of replaced elements is 0.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::zeros([4]).slice_scatter(&Tensor::from_vec(vec![1.0, 2.0], [2]), 0, 0, 4, 2);
    /// assert_eq!(x.to_vec(), [1.0, 0.0, 2.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, `step` is 0, `stop` is before `start` or beyond the end, or the source does
    /// not have the slice's shape.
    #[inline(never)]
    #[track_caller]
    pub fn slice_scatter(&self, source: &Tensor<T>, dim: isize, start: usize, stop: usize, step: usize) -> Tensor<T> {
        let (dim, extent) = self.dimension_of("slice_scatter", dim);
        if step == 0 || stop < start || stop > extent {
            let message =
                format_args!("{start}..{stop} in steps of {step} is not in dimension {dim} of shape {}", self.shape());
            shape_error("slice_scatter", message);
        }
        let part = SliceScatter { dim, start, stop, step };
        let mut shape = self.shape().clone();
        shape.set(dim, part.length());
        if *source.shape() != shape {
            shape_error("slice_scatter", format_args!("the source has shape {}, the slice {shape}", source.shape()));
        }
        part.of(self, source)
    }

    /// This tensor with `source` in place of the elements at `index` along `dim`; a negative index counts from the
    /// end.        dx = dy, 0 in the part, and dsource = dy of the part
    ///
    /// Like [`torch.select_scatter`](https://docs.pytorch.org/docs/stable/generated/torch.select_scatter.html).
    ///
    /// # Panics
    /// If there is no such dimension or index, or the source does not have the shape without that dimension.
    #[inline(never)]
    #[track_caller]
    pub fn select_scatter(&self, source: &Tensor<T>, dim: isize, index: isize) -> Tensor<T> {
        let (dim, extent) = self.dimension_of("select_scatter", dim);
        let start = if index < 0 { index + extent as isize } else { index };
        if start < 0 || start >= extent as isize {
            shape_error(
                "select_scatter",
                format_args!("index {index} is not in dimension {dim} of shape {}", self.shape()),
            );
        }
        let mut shape = self.shape().clone();
        shape.remove(dim);
        if *source.shape() != shape {
            shape_error("select_scatter", format_args!("the source has shape {}, the part {shape}", source.shape()));
        }
        let start = start as usize;
        SliceScatter { dim, start, stop: start + 1, step: 1 }.of(self, &source.unsqueeze(dim as isize))
    }
}

instances!(slice_scatter select_scatter);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(slice_scatter: |x, y| x.slice_scatter(y, 1, 1, 4, 2).powf(2.0), [3, 4], [3, 2]; fixed);
    gradients!(select_scatter: |x, y| x.select_scatter(y, 0, -1).powf(2.0), [3, 4], [4]; fixed);

    #[test]
    #[should_panic(expected = "select_scatter: the source has shape [3], the part [4]")]
    fn a_part_keeps_its_shape() {
        Tensor::<f32>::ones([3, 4]).select_scatter(&Tensor::ones([3]), 0, 1);
    }
}
