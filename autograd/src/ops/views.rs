//! Other ways to walk the same numbers: transposes, slices, reshapes. None of them copies, except a reshape that strides cannot say.

use smallvec::SmallVec;

use crate::error::{dimension, mistake};
use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::map::copy_into;
use crate::layout::Layout;
use crate::op::Op;
use crate::shape::{Dims, Extents, Shape};
use crate::tensor::Tensor;

/// y = x with its dimensions in another order        dy/dx: back into the old order
#[derive(Debug)]
struct Permute {
    order: SmallVec<[usize; 4]>,
}

impl<T: Float> Op<T> for Permute {
    fn name(&self) -> &'static str {
        "permute"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let mut inverse: SmallVec<[usize; 4]> = SmallVec::from_elem(0, self.order.len());
        for (to, &from) in self.order.iter().enumerate() {
            inverse[from] = to;
        }
        let grad = ctx.grad();
        ctx.propagate(0, || permuted(&grad, inverse));
    }
}

fn permuted<T: Float>(x: &Tensor<T>, order: SmallVec<[usize; 4]>) -> Tensor<T> {
    x.with_layout(x.layout.permute(&order)).record(&[x], |_| Permute { order })
}

/// y = x under another shape        dy/dx: back under the old one
#[derive(Debug)]
struct Reshape {
    from: Shape,
}

impl<T: Float> Op<T> for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || reshaped(&grad, &self.from));
    }
}

/// The same elements under a shape that has as many.
#[track_caller]
pub(crate) fn reshaped<T: Float>(x: &Tensor<T>, shape: &Shape) -> Tensor<T> {
    let view = match x.layout.reshape(shape) {
        Some(layout) => x.with_layout(layout),
        None => x.dense().with_layout(Layout::contiguous(shape.clone())),
    };
    view.record(&[x], |_| Reshape { from: x.shape().clone() })
}

/// Every `step`-th element of x along `dim` from `start` on        dy/dx: those places, zeros around them
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

    fn take<T: Float>(self, x: &Tensor<T>) -> Tensor<T> {
        x.with_layout(self.layout(&x.layout)).record(&[x], |_| self)
    }

    /// Zeros of the old shape with `x` in the sliced places.
    fn place<T: Float>(&self, x: &Tensor<T>) -> Tensor<T> {
        let whole = Layout::contiguous(self.from.clone());
        Tensor::build(self.from.clone(), |out| {
            out.fill(T::ZERO);
            copy_into(x.view(), out, &self.layout(&whole));
        })
        .record(&[x], |_| Place(self.clone()))
    }
}

impl<T: Float> Op<T> for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || self.place(&grad));
    }
}

/// The gradient of a slice; its own gradient is the slice again.
#[derive(Debug)]
struct Place(Slice);

impl<T: Float> Op<T> for Place {
    fn name(&self) -> &'static str {
        "place"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || self.0.clone().take(&grad));
    }
}

/// y = x backwards along some dimensions        dy/dx likewise
#[derive(Debug)]
struct Flip {
    dims: SmallVec<[usize; 4]>,
}

impl<T: Float> Op<T> for Flip {
    fn name(&self) -> &'static str {
        "flip"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || flipped(&grad, self.dims.clone()));
    }
}

fn flipped<T: Float>(x: &Tensor<T>, dims: SmallVec<[usize; 4]>) -> Tensor<T> {
    let layout = dims.iter().fold(Layout::clone(&x.layout), |layout, &dim| layout.flip(dim));
    x.with_layout(layout).record(&[x], |_| Flip { dims })
}

/// The dimensions that were named, each once, counted from the front.
#[track_caller]
pub(crate) fn distinct(op: &str, dims: &impl Dims, rank: usize) -> SmallVec<[usize; 4]> {
    let mut seen: SmallVec<[usize; 4]> = SmallVec::new();
    for dim in dims.dims() {
        let index = dimension(op, dim, rank);
        if seen.contains(&index) {
            mistake(op, format_args!("dimension {dim} is named twice"));
        }
        seen.push(index);
    }
    // A single number has a dimension to name, but none to walk.
    if rank == 0 {
        seen.clear();
    }
    seen
}

impl<T: Float> Tensor<T> {
    /// Swaps two dimensions. No number moves.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::<f32>::zeros([2, 3, 4]);
    /// assert_eq!(*x.transpose(0, -1).shape(), [4, 3, 2]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension.
    #[track_caller]
    pub fn transpose(&self, first: isize, second: isize) -> Tensor<T> {
        let rank = self.rank();
        let (first, second) = (dimension("transpose", first, rank), dimension("transpose", second, rank));
        let mut order: SmallVec<[usize; 4]> = (0..rank).collect();
        if rank > 0 {
            order.swap(first, second);
        }
        permuted(self, order)
    }

    /// The transpose of a matrix; a vector or a single number as it is.
    ///
    /// # Panics
    /// If there are more than two dimensions.
    #[track_caller]
    pub fn t(&self) -> Tensor<T> {
        match self.rank() {
            0 | 1 => self.clone(),
            2 => self.transpose(0, 1),
            _ => mistake("t", format_args!("shape {} is not a matrix: use transpose or permute", self.shape())),
        }
    }

    /// Puts the dimensions into another order: the result's dimension `i` is this one's `order[i]`. No number moves.
    ///
    /// # Panics
    /// If `order` does not name each dimension once.
    #[track_caller]
    pub fn permute(&self, order: impl Dims) -> Tensor<T> {
        let named = order.dims().len();
        if named != self.rank() {
            mistake(
                "permute",
                format_args!("{named} dimensions are named, shape {} has {}", self.shape(), self.rank()),
            );
        }
        permuted(self, distinct("permute", &order, self.rank()))
    }

    /// The same elements, in row-major order, under another shape; one extent may be -1, to be worked out.
    ///
    /// A view where strides can say it, a copy otherwise.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::<f32>::zeros([4, 6]);
    /// assert_eq!(*x.reshape([-1, 8]).shape(), [3, 8]);
    /// ```
    ///
    /// # Panics
    /// If the shape has not as many elements.
    #[track_caller]
    pub fn reshape(&self, shape: impl Extents) -> Tensor<T> {
        let wanted = shape.extents();
        let count = self.numel();
        let Some(resolved) = Shape::resolve(&wanted, count) else {
            let message =
                format_args!("shape {} has {count} elements and does not fit {:?}", self.shape(), wanted.as_slice());
            mistake("reshape", message);
        };
        reshaped(self, &resolved)
    }

    /// Merges the dimensions from `first` to `last` into one.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let images = Tensor::<f32>::zeros([16, 1, 28, 28]);
    /// assert_eq!(*images.flatten(1, -1).shape(), [16, 784]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, or `last` lies before `first`.
    #[track_caller]
    pub fn flatten(&self, first: isize, last: isize) -> Tensor<T> {
        let rank = self.rank();
        let (start, end) = (dimension("flatten", first, rank), dimension("flatten", last, rank));
        if end < start {
            mistake("flatten", format_args!("dimension {last} lies before {first} in shape {}", self.shape()));
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

    /// Drops a dimension of extent 1; one of another extent stays, as in PyTorch.
    ///
    /// # Panics
    /// If there is no such dimension.
    #[track_caller]
    pub fn squeeze(&self, dim: isize) -> Tensor<T> {
        let dim = dimension("squeeze", dim, self.rank());
        let mut shape = self.shape().clone();
        if shape.get(dim) == Some(&1) {
            shape.remove(dim);
        }
        reshaped(self, &shape)
    }

    /// Drops all dimensions of extent 1.
    pub fn squeeze_all(&self) -> Tensor<T> {
        reshaped(self, &self.shape().iter().copied().filter(|&extent| extent != 1).collect())
    }

    /// Adds a dimension of extent 1 before dimension `dim` of the result; -1 adds it at the end.
    ///
    /// # Panics
    /// If `dim` lies outside of the result's dimensions.
    #[track_caller]
    pub fn unsqueeze(&self, dim: isize) -> Tensor<T> {
        let dim = dimension("unsqueeze", dim, self.rank() + 1);
        let mut shape = self.shape().clone();
        shape.insert(dim, 1);
        let view = self.with_layout(self.layout.unsqueeze(dim));
        view.record(&[self], |_| Reshape { from: self.shape().clone() })
    }

    /// `length` elements along `dim` from `start` on. No number moves.
    ///
    /// # Panics
    /// If there is no such dimension, or it has not as many elements.
    #[track_caller]
    pub fn narrow(&self, dim: isize, start: usize, length: usize) -> Tensor<T> {
        let (dim, extent) = self.dimension_of("narrow", dim);
        if start.checked_add(length).is_none_or(|end| end > extent) {
            let message =
                format_args!("{length} elements from {start} on are not in dimension {dim} of shape {}", self.shape());
            mistake("narrow", message);
        }
        Slice { dim, start, length, step: 1, from: self.shape().clone() }.take(self)
    }

    /// The elements `start`, `start + step`, ... below `stop` along `dim`: `x[start:stop:step]`. No number moves.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::arange(0.0, 6.0, 1.0).slice(0, 1, 6, 2).to_vec(), [1.0, 3.0, 5.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, `step` is 0, or `stop` lies before `start` or beyond the end.
    #[track_caller]
    pub fn slice(&self, dim: isize, start: usize, stop: usize, step: usize) -> Tensor<T> {
        let (dim, extent) = self.dimension_of("slice", dim);
        if step == 0 || stop < start || stop > extent {
            let message =
                format_args!("{start}..{stop} in steps of {step} is not in dimension {dim} of shape {}", self.shape());
            mistake("slice", message);
        }
        let length = (stop - start).div_ceil(step);
        Slice { dim, start, length, step, from: self.shape().clone() }.take(self)
    }

    /// The elements at `index` along `dim`, without that dimension. Negative indices count from the end. No number moves.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    /// assert_eq!(x.select(0, -1).to_vec(), [3.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension or index.
    #[track_caller]
    pub fn select(&self, dim: isize, index: isize) -> Tensor<T> {
        let (dim, extent) = self.dimension_of("select", dim);
        let start = if index < 0 { index + extent as isize } else { index };
        if start < 0 || start >= extent as isize {
            mistake("select", format_args!("index {index} is not in dimension {dim} of shape {}", self.shape()));
        }
        let one = Slice { dim, start: start as usize, length: 1, step: 1, from: self.shape().clone() }.take(self);
        let view = one.with_layout(one.layout.remove(dim));
        view.record(&[&one], |_| Reshape { from: one.shape().clone() })
    }

    /// Reverses the order of the elements along the given dimensions. No number moves.
    ///
    /// # Panics
    /// If there is no such dimension, or one is named twice.
    #[track_caller]
    pub fn flip(&self, dims: impl Dims) -> Tensor<T> {
        flipped(self, distinct("flip", &dims, self.rank()))
    }

    /// The same numbers dense and in row-major order: this tensor itself if they are, a copy otherwise.
    #[track_caller]
    pub fn contiguous(&self) -> Tensor<T> {
        if self.is_contiguous() {
            return self.clone();
        }
        self.dense().record(&[self], |_| Reshape { from: self.shape().clone() })
    }

    #[track_caller]
    fn dimension_of(&self, op: &str, dim: isize) -> (usize, usize) {
        if self.rank() == 0 {
            mistake(op, "a single number has no dimension to take a part of");
        }
        let dim = dimension(op, dim, self.rank());
        (dim, self.shape()[dim])
    }
}

#[cfg(test)]
mod tests;
