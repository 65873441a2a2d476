//! Slices along a dimension.

use super::{added_to_part, placed};
use crate::error::{dimension, shape_error};
use crate::float::Float;
use crate::layout::Layout;
use crate::ops::linear_map::LinearMap;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// y = every `step`-th element of x along `dim` from `start` on
/// adjoint: the elements at those positions, zeros elsewhere
#[derive(Clone, Debug)]
struct Slice {
    dim: usize,
    start: usize,
    length: usize,
    step: usize,
    from: Shape,
}

impl Slice {
    fn layout(&self, of: &Layout) -> Layout {
        of.slice(self.dim, self.start, self.length, self.step)
    }
}

impl<T: Float> LinearMap<T> for Slice {
    const NAME: &'static str = "slice";
    const ADJOINT: &'static str = "place";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        x.with_layout(self.layout(&x.layout))
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        placed(y, &self.from, |whole| self.layout(whole))
    }

    fn add_adjoint(&self, y: &Tensor<T>, sum: &mut Tensor<T>) -> bool {
        added_to_part(y, sum, |whole| self.layout(whole))
    }
}

/// # Shape: parts along a dimension
impl<T: Float> Tensor<T> {
    /// `length` elements along `dim` from `start` on. No number moves.        dx = dy there, else 0
    ///
    /// # Panics
    /// If there is no such dimension, or it has not as many elements.
    #[inline(never)]
    #[track_caller]
    pub fn narrow(&self, dim: isize, start: usize, length: usize) -> Tensor<T> {
        let (dim, extent) = self.dimension_of("narrow", dim);
        if start.checked_add(length).is_none_or(|end| end > extent) {
            let message =
                format_args!("{length} elements from {start} on are not in dimension {dim} of shape {}", self.shape());
            shape_error("narrow", message);
        }
        Slice { dim, start, length, step: 1, from: self.shape().clone() }.of(self)
    }

    /// The elements `start`, `start + step`, ... below `stop` along `dim`: `x[start:stop:step]`. No number moves.
    ///    dx = dy there, else 0
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::arange(0.0, 6.0, 1.0).slice(0, 1, 6, 2).to_vec(), [1.0, 3.0, 5.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, `step` is 0, or `stop` lies before `start` or beyond the end.
    #[inline(never)]
    #[track_caller]
    pub fn slice(&self, dim: isize, start: usize, stop: usize, step: usize) -> Tensor<T> {
        let (dim, extent) = self.dimension_of("slice", dim);
        if step == 0 || stop < start || stop > extent {
            let message =
                format_args!("{start}..{stop} in steps of {step} is not in dimension {dim} of shape {}", self.shape());
            shape_error("slice", message);
        }
        let length = (stop - start).div_ceil(step);
        Slice { dim, start, length, step, from: self.shape().clone() }.of(self)
    }

    /// The elements at `index` along `dim`, without that dimension. Negative indices count from the end. No number
    /// moves. dx = dy there, else 0
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    /// assert_eq!(x.select(0, -1).to_vec(), [3.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension or index.
    #[inline(never)]
    #[track_caller]
    pub fn select(&self, dim: isize, index: isize) -> Tensor<T> {
        let (dim, extent) = self.dimension_of("select", dim);
        let start = if index < 0 { index + extent as isize } else { index };
        if start < 0 || start >= extent as isize {
            shape_error("select", format_args!("index {index} is not in dimension {dim} of shape {}", self.shape()));
        }
        let one = Slice { dim, start: start as usize, length: 1, step: 1, from: self.shape().clone() }.of(self);
        one.squeeze(dim as isize)
    }

    #[track_caller]
    pub(crate) fn dimension_of(&self, op: &str, dim: isize) -> (usize, usize) {
        if self.rank() == 0 {
            shape_error(op, "a single number has no dimension to take a part of");
        }
        let dim = dimension(op, dim, self.rank());
        (dim, self.shape()[dim])
    }
}

instances!(narrow slice select);

#[cfg(test)]
mod tests {
    use crate::tensor::Tensor;

    /// Gradients of parts that overlap are added in place, to one that another consumer has handed before, and never to
    /// a tensor that a user holds.
    #[test]
    fn gradients_of_parts_are_added_where_they_lie() {
        let x = Tensor::<f64>::arange(0.0, 12.0, 1.0).reshape([3, 4]).requires_grad();
        let held = Tensor::<f64>::ones([3, 4]);
        let parts = |x: &Tensor<f64>| [x.narrow(1, 1, 2).sum(), x.slice(1, 0, 4, 3).sum() * 2.0, x.select(0, 1).sum()];
        let sum = |x: &Tensor<f64>| parts(x).iter().fold((x * &held).sum(), |sum, part| sum + part);
        let wanted = [3.0, 2.0, 2.0, 3.0, 4.0, 3.0, 3.0, 4.0, 3.0, 2.0, 2.0, 3.0];
        assert_eq!(sum(&x).backward().get(&x).unwrap().to_vec(), wanted, "of a leaf");
        assert_eq!(sum(&(&x + 1.0)).backward().get(&x).unwrap().to_vec(), wanted, "of a node");
        assert_eq!(crate::grad(&sum(&x), &[&x], crate::Order::Higher)[0].to_vec(), wanted, "recorded");
        assert_eq!(held.to_vec(), [1.0; 12]);
    }

    gradients!(narrow: |x| x.narrow(1, 1, 2).powf(2.0), [3, 4]; fixed);
    gradients!(slice: |x| x.slice(1, 0, 4, 3).powf(2.0), [3, 4]; fixed);
    gradients!(select: |x| x.select(1, -2).powf(2.0), [3, 4]; fixed);

    #[test]
    #[should_panic(expected = "narrow: 3 elements from 2 on are not in dimension 1 of shape [3, 4]")]
    fn a_part_lies_inside_the_whole() {
        Tensor::<f32>::zeros([3, 4]).narrow(-1, 2, 3);
    }
}
