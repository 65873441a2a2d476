//! What is between the brackets of `x[1:, ::2, -1, None]`: see [`s!`](crate::s).

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use crate::error::{argument_error, shape_error};
use crate::indices::Indices;
use crate::layout::Layout;
use crate::mask::Mask;
use crate::shape::{Integer, Shape};

/// One item of an index, which [`s!`](crate::s) makes of a range, a number, or a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexItem {
    /// A range of a dimension, as a slice of Python: the elements `start`, `start + step`, ... before `stop`. Negative
    /// bounds count from the end, and those beyond it are moved to it. With a negative step the same range is walked
    /// backwards, from its last element on, as `ndarray` does it.
    Range {
        /// The first index; that of the dimension, if it is `None`.
        start: Option<isize>,
        /// The index behind the last one; that of the dimension, if it is `None`.
        stop: Option<isize>,
        /// The step, which is not 0.
        step: isize,
    },
    /// One index, whose dimension is removed. Negative ones count from the end.
    Single(isize),
    /// A new dimension of extent 1.
    NewAxis,
    /// As many whole dimensions as the other items leave.
    Ellipsis,
    /// The indices of a dimension, which is replaced by the dimensions of the indices. Negative ones count from the
    /// end.
    Indices(Indices),
    /// The elements for which a mask is true, of as many dimensions as the mask has, which are replaced by one.
    Mask(Mask),
}

impl IndexItem {
    /// A range with another step: what `;` means in [`s!`](crate::s).
    ///
    /// # Panics
    /// If the step is 0, or this is not a range.
    #[track_caller]
    pub fn step_by(self, by: impl Integer) -> IndexItem {
        match (self, by.to_isize()) {
            (IndexItem::Range { .. }, 0) => argument_error("s!", "a step is not 0"),
            (IndexItem::Range { start, stop, step: 1 }, step) => IndexItem::Range { start, stop, step },
            (other, step) => {
                argument_error("s!", format_args!("a step of {step} belongs to a range, not to {other:?}"))
            }
        }
    }
}

/// The items of an index: ranges with `;` and a step, numbers, `NewAxis`, `Ellipsis`, and [`Indices`] or a [`Mask`],
/// as PyTorch and NumPy have them.
///
/// For [`at`](crate::Tensor::at) and [`slice_assign`](crate::Tensor::slice_assign). Dimensions that are not named are
/// whole.
///
/// | Python | here |
/// |---|---|
/// | `x[1:, ::2, -1]` | `x.at(s![1.., ..;2, -1])` |
/// | `x[..., None]` | `x.at(s![Ellipsis, NewAxis])` |
/// | `x[:, 3:0:-1]` (NumPy) | `x.at(s![.., 1..4;-1])`: the range, walked backwards |
/// | `x[:, [2, 0]]` | `x.at(s![.., Indices::from([2, 0])])` |
/// | `x[x > 0]` | `x.at(s![x.gt(0.0)])` |
///
/// ```
/// use autograd::{Tensor, s};
/// let x = Tensor::arange(0.0, 12.0, 1.0).reshape([3, 4]);
/// assert_eq!(x.at(s![1.., ..;2]).to_vec(), [4.0, 6.0, 8.0, 10.0]);
/// assert_eq!(x.at(s![-1, ..;-1]).to_vec(), [11.0, 10.0, 9.0, 8.0]);
/// assert_eq!(*x.at(s![.., NewAxis, 0]).shape(), [3, 1]);
/// ```
#[macro_export]
macro_rules! s {
    ($($item:expr $(; $step:expr)?),* $(,)?) => {{
        #[allow(unused_imports)]
        use $crate::IndexItem::{Ellipsis, NewAxis};
        let items: ::std::vec::Vec<$crate::IndexItem> =
            ::std::vec![$($crate::IndexItem::from($item)$(.step_by($step))?),*];
        items
    }};
}

impl<I: Integer> From<I> for IndexItem {
    #[track_caller]
    fn from(index: I) -> Self {
        IndexItem::Single(index.to_isize())
    }
}

impl From<Indices> for IndexItem {
    #[track_caller]
    fn from(indices: Indices) -> Self {
        IndexItem::Indices(indices)
    }
}

impl From<&Indices> for IndexItem {
    #[track_caller]
    fn from(indices: &Indices) -> Self {
        IndexItem::Indices(indices.clone())
    }
}

impl From<Mask> for IndexItem {
    #[track_caller]
    fn from(mask: Mask) -> Self {
        IndexItem::Mask(mask)
    }
}

impl From<&Mask> for IndexItem {
    #[track_caller]
    fn from(mask: &Mask) -> Self {
        IndexItem::Mask(mask.clone())
    }
}

fn range(start: Option<isize>, stop: Option<isize>) -> IndexItem {
    IndexItem::Range { start, stop, step: 1 }
}

/// The bound after an inclusive one; after -1, the last index, there is none.
fn after(last: isize) -> Option<isize> {
    if last == -1 { None } else { Some(last.saturating_add(1)) }
}

impl From<RangeFull> for IndexItem {
    #[track_caller]
    fn from(_: RangeFull) -> Self {
        range(None, None)
    }
}

macro_rules! ranges {
    ($($Range:ident: |$item:ident| $start:expr, $stop:expr;)*) => {$(
        impl<I: Integer> From<$Range<I>> for IndexItem {
            #[track_caller]
            fn from($item: $Range<I>) -> Self {
                range($start, $stop)
            }
        }
    )*};
}
ranges! {
    Range: |range| Some(range.start.to_isize()), Some(range.end.to_isize());
    RangeFrom: |range| Some(range.start.to_isize()), None;
    RangeTo: |range| None, Some(range.end.to_isize());
    RangeInclusive: |range| Some(range.start().to_isize()), after(range.end().to_isize());
    RangeToInclusive: |range| None, after(range.end.to_isize());
}

/// A change of a layout.
#[derive(Clone, Debug)]
enum Change {
    Slice { dim: usize, start: usize, length: usize, step: usize, is_reversed: bool },
    Remove(usize),
    Insert(usize),
}

/// A part of a tensor that strides can describe.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    changes: Vec<Change>,
}

impl Part {
    pub(super) fn of(&self, layout: &Layout) -> Layout {
        self.changes.iter().fold(layout.clone(), |layout, change| match *change {
            Change::Slice { dim, start, length, step, is_reversed } => {
                let layout = layout.slice(dim, start, length, step);
                if is_reversed { layout.flip(dim) } else { layout }
            }
            Change::Remove(dim) => layout.remove(dim),
            Change::Insert(dim) => layout.unsqueeze(dim),
        })
    }
}

/// Indices or a mask among the items, and the dimension of the part that they are for.
pub(super) type Chosen = Option<(usize, IndexItem)>;

/// What the items mean for a tensor of this shape: a part, and what is to be chosen of it.
#[track_caller]
pub(super) fn resolve(op: &str, items: &[IndexItem], shape: &Shape) -> (Part, Chosen) {
    let named: usize = items.iter().map(dimensions_of).sum();
    let ellipses = items.iter().filter(|item| **item == IndexItem::Ellipsis).count();
    if named > shape.rank() || ellipses > 1 {
        let count = items.len();
        shape_error(op, format_args!("{count} items name {named} dimensions and {ellipses} ellipses of shape {shape}"));
    }
    let (mut part, mut chosen) = (Part::default(), None);
    // The dimension of the whole, and that of the part so far.
    let (mut own, mut dim) = (0, 0);
    for item in items {
        let count = dimensions_of(item);
        match item {
            IndexItem::Range { start, stop, step } => {
                part.changes.push(sliced(shape[own], dim, *start, *stop, *step));
                dim += 1;
            }
            IndexItem::Single(index) => {
                let start = position(op, *index, own, shape);
                part.changes.push(Change::Slice { dim, start, length: 1, step: 1, is_reversed: false });
                part.changes.push(Change::Remove(dim));
            }
            IndexItem::NewAxis => {
                part.changes.push(Change::Insert(dim));
                dim += 1;
            }
            IndexItem::Ellipsis => {
                own += shape.rank() - named;
                dim += shape.rank() - named;
            }
            IndexItem::Indices(_) | IndexItem::Mask(_) => {
                if chosen.replace((dim, item.clone())).is_some() {
                    argument_error(op, "only one of the items may be indices or a mask: see Tensor::index for several");
                }
                dim += count;
            }
        }
        own += count;
    }
    (part, chosen)
}

/// How many dimensions of the whole an item is for.
fn dimensions_of(item: &IndexItem) -> usize {
    match item {
        IndexItem::NewAxis | IndexItem::Ellipsis => 0,
        IndexItem::Mask(mask) => mask.shape().rank(),
        IndexItem::Range { .. } | IndexItem::Single(_) | IndexItem::Indices(_) => 1,
    }
}

/// An index that may count from the end.
#[track_caller]
pub(super) fn position(op: &str, index: isize, dim: usize, shape: &Shape) -> usize {
    let extent = shape[dim] as isize;
    let position = if index < 0 { index.saturating_add(extent) } else { index };
    if position < 0 || position >= extent {
        shape_error(op, format_args!("index {index} is not in dimension {dim} of shape {shape}"));
    }
    position as usize
}

fn sliced(extent: usize, dim: usize, start: Option<isize>, stop: Option<isize>, step: isize) -> Change {
    let extent = extent as isize;
    let bound = |bound: isize| (if bound < 0 { bound.saturating_add(extent) } else { bound }).clamp(0, extent) as usize;
    let (start, stop) = (start.map_or(0, bound), stop.map_or(extent as usize, bound));
    let (is_reversed, step) = (step < 0, step.unsigned_abs());
    let length = stop.saturating_sub(start).div_ceil(step);
    if length == 0 {
        return Change::Slice { dim, start: 0, length, step: 1, is_reversed: false };
    }
    // Backwards the last element of the range is the first one that is taken.
    let start = if is_reversed { stop - 1 - (length - 1) * step } else { start };
    Change::Slice { dim, start, length, step, is_reversed }
}
