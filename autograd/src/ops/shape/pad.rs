//! Padding: elements are added at the ends of dimensions, or removed.

use smallvec::SmallVec;

use crate::error::shape_error;
use crate::float::Float;
use crate::graph::Backward;
use crate::indices::Indices;
use crate::kernels::map::copy_into;
use crate::layout::Layout;
use crate::op::Op;
use crate::shape::{Dims, Shape};
use crate::tensor::Tensor;

/// The elements that [`Tensor::pad`] adds at the ends of a dimension.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadMode<T = f32> {
    /// A constant value.
    Constant(T),
    /// The elements near the end, mirrored at the last element, which is not repeated: `c b | a b c | b a`.
    Reflect,
    /// The last element: `a a | a b c | c c`.
    Replicate,
    /// The elements from the other end: `b c | a b c | a b`.
    Circular,
}

/// The numbers of elements to add before and after those of each dimension; negative numbers remove elements.
type Amounts = SmallVec<[[isize; 2]; 4]>;

/// y = x with a constant around it        dx = dy padded with 0 by the negated amounts
#[derive(Debug)]
struct Pad {
    amounts: Amounts,
}

impl<T: Float> Op<T> for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        let mut opposite = self.amounts.clone();
        opposite.as_flattened_mut().iter_mut().for_each(|amount| *amount = -*amount);
        ctx.propagate(0, || padded(&grad, opposite, T::ZERO));
    }
}

#[track_caller]
fn padded<T: Float>(x: &Tensor<T>, amounts: Amounts, value: T) -> Tensor<T> {
    let mut shape = x.shape().clone();
    let mut part = Layout::clone(&x.layout);
    for (dim, &[before, after]) in amounts.iter().enumerate() {
        let (first, last) = (before.min(0).unsigned_abs(), after.min(0).unsigned_abs());
        let left = x.shape()[dim].checked_sub(first).and_then(|left| left.checked_sub(last));
        let added = before.max(0).checked_add(after.max(0)).map(isize::unsigned_abs);
        let (Some(left), Some(added)) = (left, added) else {
            let message =
                format_args!("{before} and {after} elements do not fit dimension {dim} of shape {}", x.shape());
            shape_error("pad", message);
        };
        part = part.slice(dim, first, left, 1);
        shape.set(dim, left.saturating_add(added));
    }
    shape.numel_for("pad");
    let inner = amounts.iter().enumerate().fold(Layout::contiguous(shape.clone()), |whole, (dim, &[before, _])| {
        whole.slice(dim, before.max(0).unsigned_abs(), part.shape[dim], 1)
    });
    Tensor::build_for("pad", shape, |out| {
        out.fill(value);
        copy_into(x.with_layout(part).as_view(), out, &inner);
    })
    .record(&[x], |_| Pad { amounts })
}

/// Adds `value` before and after the elements of one dimension.
#[track_caller]
pub(crate) fn padded_along<T: Float>(x: &Tensor<T>, dim: usize, amounts: [isize; 2], value: T) -> Tensor<T> {
    let mut all = Amounts::from_elem([0; 2], x.rank());
    all[dim] = amounts;
    padded(x, all, value)
}

/// For each position of the padded dimension, the index of its element in the dimension of `extent`.
#[track_caller]
fn sources<T: Float>(mode: PadMode<T>, [before, after]: [isize; 2], dim: usize, shape: &Shape) -> Indices {
    let extent = shape[dim] as isize;
    let most = match mode {
        PadMode::Reflect => extent - 1,
        PadMode::Circular => extent,
        _ if extent == 0 => 0,
        _ => isize::MAX - extent,
    };
    if before > most || after > most || before.saturating_add(after) < -extent {
        let mode = format!("{mode:?}").to_lowercase();
        shape_error(
            "pad",
            format_args!("{before} and {after} elements do not fit dimension {dim} of shape {shape} ({mode})"),
        );
    }
    let source = |position: isize| match mode {
        PadMode::Reflect if position < 0 => -position,
        PadMode::Reflect if position >= extent => 2 * (extent - 1) - position,
        PadMode::Circular => position.rem_euclid(extent),
        _ => position.clamp(0, extent - 1),
    };
    (-before..extent + after).map(source).collect()
}

/// # Shape: elements added at the ends of dimensions, or taken away
impl<T: Float> Tensor<T> {
    /// Adds elements at the ends of dimensions, or removes them if an amount is negative. `amounts` are pairs (before,
    /// after), beginning with the last dimension: `[left, right, top, bottom]` for images.
    ///
    /// Like [`torch.nn.functional.pad`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pad.html),
    /// for any number of dimensions in every mode. The gradient of an element is the sum over its repetitions.
    ///
    /// ```
    /// use autograd::{PadMode, Tensor};
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]);
    /// assert_eq!(x.pad([1, -1], PadMode::Constant(0.0)).to_vec(), [0.0, 1.0, 2.0]);
    /// assert_eq!(x.pad([2, 1], PadMode::Reflect).to_vec(), [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If the amounts are not pairs, or there are more pairs than dimensions; if more elements are removed than there
    /// are; if [`Reflect`](PadMode::Reflect) adds at least as many elements as there are,
    /// [`Circular`](PadMode::Circular) more than there are, or [`Replicate`](PadMode::Replicate) any to a dimension
    /// without elements.
    #[track_caller]
    pub fn pad(&self, amounts: impl Dims, mode: PadMode<T>) -> Tensor<T> {
        let (written, rank) = (amounts.dims(), self.rank());
        if written.len() % 2 != 0 || written.len() / 2 > rank {
            let message = format_args!(
                "{} amounts for shape {}: wanted two for each of the last dimensions",
                written.len(),
                self.shape()
            );
            shape_error("pad", message);
        }
        let mut all = Amounts::from_elem([0; 2], rank);
        for (pair, from_end) in written.chunks_exact(2).zip(1..) {
            all[rank - from_end] = [pair[0], pair[1]];
        }
        if let PadMode::Constant(value) = mode {
            return padded(self, all, value);
        }
        let mut result = self.clone();
        for (dim, &amounts) in all.iter().enumerate() {
            if amounts != [0, 0] {
                result = result.index_select(dim as isize, sources(mode, amounts, dim, self.shape()));
            }
        }
        result
    }
}

instances!(|x| x.pad([1, 1], PadMode::Reflect));

#[cfg(test)]
mod tests {
    use super::PadMode;
    use crate::Tensor;

    gradients!(pad: |x| x.pad([1, -1, 2, 0], PadMode::Constant(1.5)).powf(2.0), [2, 3, 4]; fixed);
    gradients!(pad_reflect: |x| x.pad([3, -1, 1, 2], PadMode::Reflect).powf(2.0), [3, 4]; fixed);
    gradients!(pad_replicate: |x| x.pad([3, -1, 5, 2], PadMode::Replicate).powf(2.0), [3, 4]; fixed);
    gradients!(pad_circular: |x| x.pad([4, -1, 2, 2], PadMode::Circular).powf(2.0), [3, 4]; fixed);

    #[test]
    fn each_mode_has_its_elements() {
        let x = Tensor::from_vec(vec![1.0_f32, 2.0, 3.0], [3]);
        assert_eq!(x.pad([2, 2], PadMode::Constant(9.0)).to_vec(), [9.0, 9.0, 1.0, 2.0, 3.0, 9.0, 9.0]);
        assert_eq!(x.pad([2, 2], PadMode::Reflect).to_vec(), [3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0]);
        assert_eq!(x.pad([2, 2], PadMode::Replicate).to_vec(), [1.0, 1.0, 1.0, 2.0, 3.0, 3.0, 3.0]);
        assert_eq!(x.pad([2, 2], PadMode::Circular).to_vec(), [2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0]);
        assert_eq!(x.pad([-3, 2], PadMode::Constant(9.0)).to_vec(), [9.0, 9.0]);
        assert_eq!(*Tensor::<f32>::zeros([0, 2]).pad([1, 1], PadMode::Replicate).shape(), [0, 4]);
    }

    #[test]
    #[should_panic(expected = "pad: 3 and 0 elements do not fit dimension 0 of shape [3] (reflect)")]
    fn a_mirror_shows_what_is_there() {
        Tensor::<f32>::zeros([3]).pad([3, 0], PadMode::Reflect);
    }

    #[test]
    #[should_panic(expected = "pad: -2 and -2 elements do not fit dimension 0 of shape [3]")]
    fn no_more_is_taken_away_than_there_is() {
        Tensor::<f32>::zeros([3]).pad([-2, -2], PadMode::Constant(0.0));
    }
}
