//! Repetition of elements.

use super::reshaped;
use crate::error::shape_error;
use crate::float::Float;
use crate::graph::broadcast::expand;
use crate::indices::Indices;
use crate::shape::{Extents, Shape};
use crate::tensor::Tensor;

/// # Shape: the elements several times over
impl<T: Float> Tensor<T> {
    /// The tensor `repeats[i]` times along dimension `i`; more repeats than dimensions add leading ones.
    ///    dx = dy summed over the repetitions
    ///
    /// Like [`torch.Tensor.repeat`](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.repeat.html). The
    /// gradient is the sum over the repetitions.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0], [2]);
    /// assert_eq!(x.repeat([2, 2]).to_vec(), [1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If there are fewer repeats than dimensions, or one is negative.
    #[track_caller]
    pub fn repeat(&self, repeats: impl Extents) -> Tensor<T> {
        self.repeated("repeat", &repeats.extents())
    }

    /// As [`repeat`](Tensor::repeat), but fewer repeats than dimensions are those of the last dimensions.
    ///    dx = dy summed over the repetitions
    ///
    /// Like [`torch.tile`](https://docs.pytorch.org/docs/stable/generated/torch.tile.html).
    ///
    /// # Panics
    /// If a number of repeats is negative.
    #[track_caller]
    pub fn tile(&self, repeats: impl Extents) -> Tensor<T> {
        let mut repeats = repeats.extents();
        while repeats.len() < self.rank() {
            repeats.insert(0, 1);
        }
        self.repeated("tile", &repeats)
    }

    #[track_caller]
    fn repeated(&self, op: &str, repeats: &[isize]) -> Tensor<T> {
        let own = self.shape();
        if repeats.len() < own.rank() || repeats.iter().any(|&times| times < 0) {
            shape_error(
                op,
                format_args!("repeats {repeats:?} for shape {own}: wanted one, not negative, for each dimension"),
            );
        }
        let [apart, stretched, result] = repeated_shapes(own, repeats);
        result.numel_for(op);
        let stretched = expand(&reshaped(self, &apart), &stretched).expect("extents of 1 stretch");
        reshaped(&stretched, &result)
    }

    /// Each element `repeats` times in a row along `dim`.        dx = dy summed over the repetitions
    ///
    /// Like [`torch.repeat_interleave`](https://docs.pytorch.org/docs/stable/generated/torch.repeat_interleave.html)
    /// with the same number of repeats for all elements; see
    /// [`repeat_interleave_each`](Tensor::repeat_interleave_each) for a number for each element.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1.0, 2.0], [2]).repeat_interleave(2, 0).to_vec(), [1.0, 1.0, 2.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension.
    #[inline(never)]
    #[track_caller]
    pub fn repeat_interleave(&self, repeats: usize, dim: isize) -> Tensor<T> {
        let (dim, extent) = self.dimension_of("repeat_interleave", dim);
        let (mut stretched, mut result) = (self.shape().clone(), self.shape().clone());
        stretched.insert(dim + 1, repeats);
        result.set(dim, extent.saturating_mul(repeats));
        result.numel_for("repeat_interleave");
        let apart = self.unsqueeze(dim as isize + 1);
        reshaped(&expand(&apart, &stretched).expect("an extent of 1 stretches"), &result)
    }

    /// Element `i` along `dim` `repeats[i]` times in a row.        dx = dy summed over the repetitions
    ///
    /// Like [`torch.repeat_interleave`](https://docs.pytorch.org/docs/stable/generated/torch.repeat_interleave.html)
    /// with a tensor of repeats.
    ///
    /// # Panics
    /// If there is no such dimension, the number of repeats is not its extent, or a repeat is negative.
    #[track_caller]
    pub fn repeat_interleave_each(&self, repeats: impl Into<Indices>, dim: isize) -> Tensor<T> {
        let repeats = repeats.into();
        let (axis, extent) = self.dimension_of("repeat_interleave_each", dim);
        if *repeats.shape() != [extent] || repeats.as_slice().iter().any(|&times| times < 0) {
            let message = format_args!(
                "{repeats:?} for dimension {axis} of shape {}: wanted {extent} that are not negative",
                self.shape()
            );
            shape_error("repeat_interleave_each", message);
        }
        let each = (0_usize..).zip(repeats.as_slice());
        let index: Indices = each.flat_map(|(element, &times)| std::iter::repeat_n(element, times as usize)).collect();
        self.index_select(dim, index)
    }

    /// Stretches dimensions of extent 1, and new leading ones, to `shape`: [`expand`](Tensor::expand) under its other
    /// name.        dx = dy summed over the repetitions
    ///
    /// Like [`torch.broadcast_to`](https://docs.pytorch.org/docs/stable/generated/torch.broadcast_to.html).
    ///
    /// # Panics
    /// If the tensor's shape does not broadcast to `shape`.
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl Extents) -> Tensor<T> {
        self.expand(shape)
    }
}

/// The shapes on the way to a repetition, and its own: a dimension of extent 1 is inserted before each dimension and
/// expanded.
fn repeated_shapes(own: &Shape, repeats: &[isize]) -> [Shape; 3] {
    let missing = repeats.len() - own.rank();
    let (mut apart, mut stretched, mut result) = (Vec::new(), Vec::new(), Vec::new());
    for (dim, times) in repeats.iter().enumerate() {
        let (times, extent) = (times.unsigned_abs(), if dim < missing { 1 } else { own[dim - missing] });
        apart.extend_from_slice(&[1, extent]);
        stretched.extend_from_slice(&[times, extent]);
        result.push(times.saturating_mul(extent));
    }
    [Shape::from(apart), Shape::from(stretched), Shape::from(result)]
}

instances!(repeat_interleave);
instances!(|x| x.repeat([1, 2]), x.repeat_interleave_each([1], 0), x.broadcast_to([1]));

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(repeat: |x| x.repeat([2, 1, 3]).powf(2.0), [3, 4]);
    gradients!(tile: |x| x.tile([2]).powf(2.0), [3, 4]);
    gradients!(repeat_interleave: |x| x.repeat_interleave(3, 0).powf(2.0), [3, 4]);
    gradients!(repeat_interleave_each: |x| x.repeat_interleave_each([2, 0, 1, 3], -1).powf(2.0), [3, 4]; fixed);
    gradients!(broadcast_to: |x| x.broadcast_to([2, 3, 4]).powf(2.0), [3, 1]; fixed);

    #[test]
    fn no_repeats_leave_nothing() {
        let x = Tensor::<f32>::ones([2, 3]).requires_grad();
        let y = x.repeat([2, 0, 1]);
        assert_eq!(*y.shape(), [2, 0, 3]);
        assert_eq!(y.sum().backward().get(&x).unwrap().to_vec(), [0.0; 6]);
        assert_eq!(x.repeat_interleave(0, 1).numel(), 0);
    }

    #[test]
    #[should_panic(expected = "repeat: repeats [2] for shape [2, 3]")]
    fn each_dimension_has_its_repeats() {
        Tensor::<f32>::ones([2, 3]).repeat([2]);
    }
}
