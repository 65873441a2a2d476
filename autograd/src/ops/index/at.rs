//! Parts by ranges and numbers, and a tensor with such a part replaced.

use super::part::{IndexItem, Part, position, resolve};
use crate::error::{argument_error, shape_error};
use crate::float::Float;
use crate::graph::{Backward, broadcast};
use crate::indices::Indices;
use crate::kernels::map::{copy_into, map};
use crate::layout::Layout;
use crate::op::Op;
use crate::ops::binary::Operand;
use crate::ops::linear_map::LinearMap;
use crate::ops::shape::{added_to_part, placed};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// y = a part of x        adjoint: to those positions, with zeros around them
#[derive(Clone, Debug)]
struct At {
    part: Part,
    from: Shape,
}

impl<T: Float> LinearMap<T> for At {
    const NAME: &'static str = "at";
    const ADJOINT: &'static str = "place";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        x.with_layout(self.part.of(&x.layout))
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        placed(y, &self.from, |whole| self.part.of(whole))
    }

    fn add_adjoint(&self, y: &Tensor<T>, sum: &mut Tensor<T>) -> bool {
        added_to_part(y, sum, |whole| self.part.of(whole))
    }
}

/// y = x, with `source` in place of a part        dx = dy with zeros there, dsource = dy there
#[derive(Clone, Debug)]
struct Assign {
    part: Part,
}

impl Assign {
    /// The source has the part's shape.
    #[track_caller]
    fn of<T: Float>(self, x: &Tensor<T>, source: &Tensor<T>) -> Tensor<T> {
        let whole = Layout::contiguous(x.shape().clone());
        Tensor::build(x.shape(), |out| {
            map([x.as_view()], x.shape(), out, |[x]| x);
            copy_into(source.as_view(), out, &self.part.of(&whole));
        })
        .record(&[x, source], |_| self)
    }
}

impl<T: Float> Op<T> for Assign {
    fn name(&self) -> &'static str {
        "slice_assign"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        let part = At { part: self.part.clone(), from: grad.shape().clone() };
        ctx.propagate(0, || {
            let shape = self.part.of(&grad.layout).shape;
            self.clone().of(&grad, &Tensor::scalar(T::ZERO).expand(shape))
        });
        ctx.propagate(1, || part.of(&grad));
    }
}

/// # Indexing: parts by ranges and numbers, and a tensor with such a part replaced
impl<T: Float> Tensor<T> {
    /// A part of this tensor, as `x[1:, ::2, -1]` in Python: `x.at(s![1.., ..;2, -1])`. See [`s!`](crate::s) for what
    /// the items may be.
    ///
    /// With ranges, numbers, `NewAxis` and `Ellipsis` alone no element moves. One item may be [`Indices`], whose
    /// dimensions take the place of the item's, or a [`Mask`](crate::Mask). The gradient goes to the elements of the
    /// part, and is 0 elsewhere.
    ///
    /// ```
    /// use autograd::{Indices, Tensor, s};
    /// let x = Tensor::arange(0.0, 12.0, 1.0).reshape([3, 4]);
    /// assert_eq!(x.at(s![0, 1..3]).to_vec(), [1.0, 2.0]);
    /// assert_eq!(x.at(s![Ellipsis, -1]).to_vec(), [3.0, 7.0, 11.0]);
    /// assert_eq!(x.at(s![Indices::from([2, 0]), 0]).to_vec(), [8.0, 0.0]);
    /// assert_eq!(x.at(s![x.gt(9.0)]).to_vec(), [10.0, 11.0]);
    /// ```
    ///
    /// # Panics
    /// If there are more items than dimensions, an index is out of bounds, a mask has other extents, or more than one
    /// item is indices or a mask.
    #[track_caller]
    pub fn at(&self, items: impl AsRef<[IndexItem]>) -> Tensor<T> {
        self.at_items(items.as_ref())
    }

    #[inline(never)]
    #[track_caller]
    fn at_items(&self, items: &[IndexItem]) -> Tensor<T> {
        let (part, chosen) = resolve("at", items, self.shape());
        let view = At { part, from: self.shape().clone() }.of(self);
        match chosen {
            None => view,
            Some((dim, IndexItem::Indices(indices))) => view.chosen_along(dim, &indices),
            Some((dim, IndexItem::Mask(mask))) => {
                let (own, rank) = (view.shape().clone(), mask.shape().rank());
                if own[dim..dim + rank] != mask.shape()[..] {
                    let shape = mask.shape();
                    shape_error(
                        "at",
                        format_args!("the mask has shape {shape}, the tensor {own} from dimension {dim} on"),
                    );
                }
                let together = [mask.numel()];
                let extents = own[..dim].iter().chain(&together).chain(&own[dim + rank..]);
                let flat = view.reshape(extents.copied().collect::<Shape>());
                flat.index_select(dim as isize, (0..mask.numel()).filter(|&i| mask.as_slice()[i]).collect::<Indices>())
            }
            Some(_) => unreachable!("only these two choose"),
        }
    }

    /// The indices' elements along a dimension, which the dimensions of the indices replace.
    #[track_caller]
    fn chosen_along(&self, dim: usize, indices: &Indices) -> Tensor<T> {
        let own = self.shape();
        let mut positions = Vec::with_capacity(indices.numel());
        for &index in indices.as_slice() {
            positions.push(position("at", index as isize, dim, own));
        }
        let extents = own[..dim].iter().chain(indices.shape().iter()).chain(&own[dim + 1..]);
        let shape: Shape = extents.copied().collect();
        self.index_select(dim as isize, positions).reshape(shape)
    }

    /// This tensor with `source` in place of a part: what `x[1:, ::2] = source` assigns, as a new tensor. `source` is
    /// a tensor, which is broadcast to the part, or a number. See [`at`](Tensor::at) for the items.
    ///
    /// The gradient of what is replaced is 0, the source's is that of its elements.
    ///
    /// ```
    /// use autograd::{Tensor, s};
    /// let x = Tensor::zeros([2, 3]).slice_assign(s![.., 1..], &Tensor::from_vec(vec![1.0, 2.0], [2]));
    /// assert_eq!(x.to_vec(), [0.0, 1.0, 2.0, 0.0, 1.0, 2.0]);
    /// assert_eq!(x.slice_assign(s![0, ..;-2], 7.0).to_vec(), [7.0, 1.0, 7.0, 0.0, 1.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// As [`at`](Tensor::at); if the source does not broadcast to the part, or an item is indices or a mask: see
    /// [`index_put`](Tensor::index_put) and [`masked_fill`](Tensor::masked_fill).
    #[track_caller]
    pub fn slice_assign(&self, items: impl AsRef<[IndexItem]>, source: impl Operand<T>) -> Tensor<T> {
        self.assign_items(items.as_ref(), &source.into_tensor())
    }

    #[inline(never)]
    #[track_caller]
    fn assign_items(&self, items: &[IndexItem], source: &Tensor<T>) -> Tensor<T> {
        let (part, chosen) = resolve("slice_assign", items, self.shape());
        if chosen.is_some() {
            argument_error("slice_assign", "takes no indices and no mask: see index_put and masked_fill");
        }
        let shape = part.of(&self.layout).shape;
        match broadcast::expand(source, &shape) {
            Some(source) => Assign { part }.of(self, &source),
            None => shape_error(
                "slice_assign",
                format_args!("the source has shape {}, the part {shape}: it does not broadcast", source.shape()),
            ),
        }
    }
}

instances!(at_items assign_items);

#[cfg(test)]
mod tests {
    use crate::{Indices, Mask, Tensor, s};

    gradients!(at: |x| x.at(s![1.., ..;2, -1]).powf(2.0), [3, 4, 2]; fixed);
    gradients!(at_backwards: |x| x.at(s![..;-1, NewAxis, 1..4;-2]).powf(2.0), [3, 4]; fixed);
    gradients!(at_any: |x| x.at(s![Ellipsis, ..;2]).powf(2.0), [3, 4]);
    gradients!(at_indices: |x| x.at(s![.., Indices::new(vec![2, 0, -1, 2], [2, 2])]).powf(2.0), [2, 3]; fixed);
    gradients!(at_mask: |x| x.at(s![1, Mask::from([true, false, true])]).powf(2.0), [2, 3, 2]; fixed);
    gradients!(slice_assign: |x, y| x.slice_assign(s![1.., ..;2], y).powf(2.0), [3, 4], [2]; fixed);
    gradients!(slice_assign_backwards: |x, y| x.slice_assign(s![-1, ..;-1], y).powf(2.0), [2, 3], [3]; fixed);
    gradients!(slice_assign_number: |x| x.slice_assign(s![0, NewAxis, 1], 2.0).powf(2.0), [2, 3]; fixed);

    /// Of each range of a dimension against the rule of Python's slices, backwards from the last element of the range.
    #[test]
    fn ranges_are_pythons() {
        let bounds: Vec<Option<isize>> = [None].into_iter().chain((-7..8).map(Some)).collect();
        for extent in 0..5_isize {
            let x = Tensor::<f64>::arange(0.0, extent as f64, 1.0);
            for (&start, &stop) in bounds.iter().flat_map(|start| bounds.iter().map(move |stop| (start, stop))) {
                let moved = |bound: isize| (if bound < 0 { bound + extent } else { bound }).max(0).min(extent);
                let range: Vec<f64> =
                    (start.map_or(0, moved)..stop.map_or(extent, moved)).map(|index| index as f64).collect();
                for step in [1, 2, 3] {
                    let forwards: Vec<f64> = range.iter().copied().step_by(step as usize).collect();
                    let backwards: Vec<f64> = range.iter().rev().copied().step_by(step as usize).collect();
                    for (step, expected) in [(step, forwards), (-step, backwards)] {
                        let item = super::IndexItem::Range { start, stop, step };
                        assert_eq!(x.at([item]).to_vec(), expected, "{start:?}..{stop:?};{step} of {extent}");
                    }
                }
            }
        }
    }

    #[test]
    fn items_are_what_they_are_written_as() {
        let x = Tensor::<f64>::arange(0.0, 24.0, 1.0).reshape([2, 3, 4]);
        assert_eq!(x.at(s![1, 2, 3]).item(), 23.0);
        assert_eq!(*x.at(s![]).shape(), [2, 3, 4]);
        assert_eq!(*x.at(s![NewAxis, .., 0, Ellipsis, NewAxis]).shape(), [1, 2, 4, 1]);
        assert_eq!(*x.at(s![Ellipsis, 1]).shape(), [2, 3]);
        assert_eq!(x.at(s![0, 0, 1..=2]).to_vec(), x.at(s![0, 0, ..=-2;1]).to_vec()[1..]);
        assert_eq!(x.at(s![0, 0, ..=-1]).numel(), 4);
        let last = 1_usize;
        assert_eq!(x.at(s![last, -1_i64, ..last]).to_vec(), [20.0]);
        let indices = Indices::new(vec![0, -1], [2, 1]);
        assert_eq!(*x.at(s![.., &indices, 0..2]).shape(), [2, 2, 1, 2]);
        assert_eq!(x.at(s![x.lt(2.0)]).to_vec(), [0.0, 1.0]);
        assert_eq!(*x.at(s![Mask::new(vec![true; 6], [2, 3])]).shape(), [6, 4]);
    }
}
