//! How to walk a buffer: extents, strides and an offset. Views are arithmetic on these and move no number.

use smallvec::SmallVec;

use crate::dimensions::Dimensions;
use crate::shape::Shape;

/// Steps in elements from one index of a dimension to the next; negative after a flip, 0 in an expanded dimension.
pub(crate) type Strides = Dimensions<isize>;

/// Where the elements of a tensor are in its storage: `[i, j, ...]` at `offset + i·strides[0] + j·strides[1] + ...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) shape: Shape,
    pub(crate) strides: Strides,
    pub(crate) offset: usize,
}

/// The strides of a dense row-major buffer.
#[inline]
pub(crate) fn row_major(shape: &[usize]) -> Strides {
    let mut strides = Strides::all(1, shape.len());
    for dim in (0..shape.len().saturating_sub(1)).rev() {
        strides[dim] = strides[dim + 1] * shape[dim + 1].max(1) as isize;
    }
    strides
}

impl Layout {
    /// Dense and row-major, from the start of the storage.
    #[inline]
    pub(crate) fn contiguous(shape: Shape) -> Self {
        let strides = row_major(&shape);
        Layout { shape, strides, offset: 0 }
    }

    #[inline]
    pub(crate) fn numel(&self) -> usize {
        self.shape.numel()
    }

    /// Whether the elements lie in the same order and at the same distances as those of `other` (each from its offset
    /// on).
    #[inline]
    pub(crate) fn is_ordered_as(&self, other: &Layout) -> bool {
        std::ptr::eq(self, other) || self.shape == other.shape && self.strides == other.strides
    }

    /// Whether the elements lie dense and in row-major order (strides of dimensions with one element do not matter).
    #[inline]
    pub(crate) fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        for (&extent, &stride) in self.shape.iter().zip(&*self.strides).rev() {
            if extent == 0 {
                return true;
            }
            if extent != 1 {
                if stride != expected {
                    return false;
                }
                expected *= extent as isize;
            }
        }
        true
    }

    /// Whether this is what [`contiguous`](Layout::contiguous) makes of the shape.
    #[inline]
    pub(crate) fn is_row_major(&self) -> bool {
        let mut expected = 1;
        let mut strides = self.shape.iter().zip(&*self.strides).rev();
        self.offset == 0
            && strides.all(|(&extent, &stride)| {
                let as_expected = stride == expected;
                expected *= extent.max(1) as isize;
                as_expected
            })
    }

    pub(crate) fn permute(&self, order: &[usize]) -> Self {
        Layout {
            shape: order.iter().map(|&dim| self.shape[dim]).collect(),
            strides: order.iter().map(|&dim| self.strides[dim]).collect(),
            offset: self.offset,
        }
    }

    /// Stretches dimensions of extent 1 (and missing leading ones) to `shape` with stride 0; `None` for other extents.
    pub(crate) fn expand(&self, shape: &Shape) -> Option<Self> {
        let missing = shape.rank().checked_sub(self.shape.rank())?;
        let mut strides = Strides::all(0, shape.rank());
        for dim in 0..self.shape.rank() {
            let (have, want) = (self.shape[dim], shape[missing + dim]);
            if have == want {
                strides[missing + dim] = self.strides[dim];
            } else if have != 1 {
                return None;
            }
        }
        Some(Layout { shape: shape.clone(), strides, offset: self.offset })
    }

    /// Every `step`-th of the elements from `start` on along `dim`, `length` of them.
    pub(crate) fn slice(&self, dim: usize, start: usize, length: usize, step: usize) -> Self {
        let mut layout = self.clone();
        layout.shape.set(dim, length);
        if length > 1 {
            // Of one element the stride does not matter, and the step may be of any size.
            layout.strides[dim] = self.strides[dim] * step as isize;
        }
        if length > 0 {
            layout.offset = self.offset.wrapping_add_signed(self.strides[dim] * start as isize);
        }
        layout
    }

    pub(crate) fn flip(&self, dim: usize) -> Self {
        let mut layout = self.clone();
        if let Some(last) = self.shape[dim].checked_sub(1) {
            layout.offset = self.offset.wrapping_add_signed(self.strides[dim] * last as isize);
            layout.strides[dim] = -self.strides[dim];
        }
        layout
    }

    /// The elements `[i, i + offset]` of two dimensions, which are replaced by a last one.
    pub(crate) fn diagonal(&self, [row, column]: [usize; 2], offset: isize) -> Self {
        let first = [offset.min(0).unsigned_abs(), offset.max(0).unsigned_abs()];
        let mut layout = self.clone();
        let mut length = usize::MAX;
        for (dim, first) in [row, column].into_iter().zip(first) {
            length = length.min(self.shape[dim].saturating_sub(first));
            layout.offset = layout.offset.wrapping_add_signed(self.strides[dim].wrapping_mul(first as isize));
        }
        if length == 0 {
            layout.offset = self.offset;
        }
        for dim in [row.max(column), row.min(column)] {
            layout.shape.remove(dim);
            layout.strides.remove(dim);
        }
        layout.shape.insert(layout.shape.rank(), length);
        layout.strides.insert(layout.strides.len(), self.strides[row] + self.strides[column]);
        layout
    }

    /// Windows of `size` elements along `dim`, which counts them; their elements are a new last dimension. Each window
    /// begins `step` elements after the one before it, and its elements are `dilation` apart, so that windows can
    /// overlap. The first window fits the dimension.
    pub(crate) fn window(&self, dim: usize, size: usize, step: usize, dilation: usize) -> Self {
        let span = if size == 0 { 0 } else { dilation * (size - 1) + 1 };
        let count = (self.shape[dim] - span) / step + 1;
        let mut layout = self.slice(dim, 0, count, step);
        layout.shape.insert(layout.shape.rank(), size);
        layout.strides.insert(layout.strides.len(), self.strides[dim] * dilation as isize);
        layout
    }

    pub(crate) fn unsqueeze(&self, dim: usize) -> Self {
        let mut layout = self.clone();
        layout.shape.insert(dim, 1);
        layout.strides.insert(dim, 1);
        layout
    }

    pub(crate) fn remove(&self, dim: usize) -> Self {
        let mut layout = self.clone();
        layout.shape.remove(dim);
        layout.strides.remove(dim);
        layout
    }

    /// The same elements in the same order under another shape; `None` if they must be copied for that. The old
    /// dimensions are taken in runs that have one stride; each new dimension must lie inside one run.
    pub(crate) fn reshape(&self, shape: &Shape) -> Option<Self> {
        if self.is_contiguous() {
            let mut layout = Layout::contiguous(shape.clone());
            layout.offset = self.offset;
            return Some(layout);
        }
        let mut strides = row_major(shape);
        let mut new = shape.rank();
        let mut dim = self.shape.rank();
        // From the innermost: a run of old dimensions is consumed by new ones of the same product.
        while dim > 0 {
            dim -= 1;
            if self.shape[dim] == 1 {
                continue;
            }
            let innermost = self.strides[dim];
            let mut run = self.shape[dim];
            while dim > 0 && (self.shape[dim - 1] == 1 || self.strides[dim - 1] == innermost * run as isize) {
                dim -= 1;
                run *= self.shape[dim];
            }
            let mut filled = 1;
            while filled < run {
                new = new.checked_sub(1)?;
                strides[new] = innermost * filled as isize;
                filled *= shape[new];
            }
            if filled != run {
                return None;
            }
        }
        Some(Layout { shape: shape.clone(), strides, offset: self.offset })
    }
}

/// An iteration over several operands of one shape at once, in row-major order. Neighbouring dimensions that every
/// operand crosses with one stride are merged: dense operands of any rank become one long row.
#[derive(Debug)]
pub(crate) struct StridedIter<const OPERANDS: usize> {
    extents: SmallVec<[usize; 4]>,
    strides: SmallVec<[[isize; OPERANDS]; 4]>,
    offsets: [isize; OPERANDS],
}

impl<const OPERANDS: usize> StridedIter<OPERANDS> {
    /// Operands are stretched to `shape`; they must be broadcastable to it.
    pub(crate) fn new(shape: &[usize], operands: [&Layout; OPERANDS]) -> Self {
        let mut extents: SmallVec<[usize; 4]> = SmallVec::new();
        let mut strides: SmallVec<[[isize; OPERANDS]; 4]> = SmallVec::new();
        for (dim, &extent) in shape.iter().enumerate() {
            if extent == 1 {
                continue;
            }
            let step = operands.map(|layout| match (dim + layout.shape.rank()).checked_sub(shape.len()) {
                Some(own) if layout.shape[own] != 1 => layout.strides[own],
                _ => 0,
            });
            match strides.last_mut() {
                Some(outer) if (0..OPERANDS).all(|i| outer[i] == step[i] * extent as isize) => {
                    *outer = step;
                    *extents.last_mut().expect("as many extents as strides") *= extent;
                }
                _ => {
                    extents.push(extent);
                    strides.push(step);
                }
            }
        }
        if extents.is_empty() {
            extents.push(1);
            strides.push([1; OPERANDS]);
        }
        StridedIter { extents, strides, offsets: operands.map(|layout| layout.offset as isize) }
    }

    /// The operands' strides along a row.
    #[inline]
    pub(crate) fn row_strides(&self) -> [isize; OPERANDS] {
        *self.strides.last().expect("there is a dimension")
    }

    /// The operands' strides from a row to the next one of a band.
    #[inline]
    pub(crate) fn band_strides(&self) -> [isize; OPERANDS] {
        self.strides.iter().rev().nth(1).copied().unwrap_or([0; OPERANDS])
    }

    /// The elements of a row.
    #[inline]
    pub(crate) fn row_length(&self) -> usize {
        *self.extents.last().expect("there is a dimension")
    }

    /// The stretches between the elements `start` and `end` of the iteration: parts of a row, or up to `height` whole
    /// rows that lie one stride apart.
    ///
    /// An iterator, so that the caller's own loop is compiled for the caller's instruction set.
    #[inline(always)]
    pub(crate) fn bands(&self, start: usize, end: usize, height: usize) -> impl Iterator<Item = Band<OPERANDS>> {
        let mut position = start;
        std::iter::from_fn(move || {
            (position < end).then(|| {
                let (offsets, rows, length) = self.band(position, end, height);
                let first = position - start;
                position += rows * length;
                Band { first, offsets, rows, length }
            })
        })
    }

    fn band(&self, position: usize, end: usize, height: usize) -> ([isize; OPERANDS], usize, usize) {
        let width = self.row_length();
        let (mut outer, column) = (position / width, position % width);
        let mut offsets = self.offsets;
        for (offset, step) in offsets.iter_mut().zip(self.row_strides()) {
            *offset += step * column as isize;
        }
        let mut rows = 1;
        for dim in (0..self.extents.len() - 1).rev() {
            let index = outer % self.extents[dim];
            outer /= self.extents[dim];
            if dim + 2 == self.extents.len() && column == 0 {
                rows = (self.extents[dim] - index).min((end - position) / width).clamp(1, height);
            }
            for (offset, stride) in offsets.iter_mut().zip(self.strides[dim]) {
                *offset += stride * index as isize;
            }
        }
        (offsets, rows, (width - column).min(end - position))
    }
}

/// A stretch of a [`StridedIter`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Band<const OPERANDS: usize> {
    /// The number of its first element, counted from where the iteration began.
    pub(crate) first: usize,
    /// Where each operand's first element is.
    pub(crate) offsets: [isize; OPERANDS],
    pub(crate) rows: usize,
    /// Elements of a row.
    pub(crate) length: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(layout: &Layout) -> Vec<isize> {
        let mut seen = Vec::new();
        let iter = StridedIter::new(&layout.shape, [layout]);
        let [step] = iter.row_strides();
        for Band { offsets: [offset], length, .. } in iter.bands(0, layout.numel(), 1) {
            seen.extend((0..length as isize).map(|i| offset + i * step));
        }
        seen
    }

    #[test]
    fn views_move_strides_only() {
        let base = Layout::contiguous(Shape::from([2, 3]));
        assert_eq!(elements(&base), [0, 1, 2, 3, 4, 5]);
        let transposed = base.permute(&[1, 0]);
        assert_eq!(elements(&transposed), [0, 3, 1, 4, 2, 5]);
        assert!(!transposed.is_contiguous());
        assert!(base.is_row_major() && !transposed.is_row_major() && !base.slice(0, 1, 1, 1).is_row_major());
        assert!(!base.permute(&[1, 0]).slice(1, 0, 1, 1).is_row_major(), "dense, but not what `contiguous` makes");
        assert_eq!(elements(&base.flip(1)), [2, 1, 0, 5, 4, 3]);
        assert_eq!(elements(&base.slice(1, 0, 2, 2)), [0, 2, 3, 5]);
        assert_eq!(elements(&base.slice(0, 1, 1, 1).expand(&Shape::from([2, 3])).unwrap()), [3, 4, 5, 3, 4, 5]);
    }

    #[test]
    fn windows_overlap_and_have_gaps() {
        let base = Layout::contiguous(Shape::from([7]));
        assert_eq!(elements(&base.window(0, 3, 2, 1)), [0, 1, 2, 2, 3, 4, 4, 5, 6]);
        assert_eq!(elements(&base.window(0, 3, 1, 3)), [0, 3, 6]);
        assert_eq!(elements(&base.flip(0).window(0, 2, 3, 2)), [6, 4, 3, 1]);
        assert_eq!(base.window(0, 0, 4, 2).shape[..], [2, 0]);
    }

    #[test]
    fn reshape_is_a_view_where_strides_can_say_it() {
        let base = Layout::contiguous(Shape::from([2, 3, 4]));
        let middle = base.permute(&[1, 2, 0]); // [3, 4, 2] with strides 4, 1, 12
        let merged = middle.reshape(&Shape::from([12, 2])).expect("3 and 4 are one run");
        assert_eq!(elements(&merged), elements(&middle));
        assert_eq!(middle.reshape(&Shape::from([3, 8])), None);
        let split = middle.reshape(&Shape::from([3, 2, 2, 1, 2])).expect("4 is split");
        assert_eq!(elements(&split), elements(&middle));
    }

    #[test]
    fn dense_operands_become_one_row() {
        let dense = Layout::contiguous(Shape::from([4, 5, 6]));
        let iter = StridedIter::new(&[4, 5, 6], [&dense, &dense]);
        assert_eq!(iter.extents.as_slice(), [120]);
        let bias = Layout::contiguous(Shape::from([6]));
        let iter = StridedIter::new(&[4, 5, 6], [&dense, &bias]);
        assert_eq!(iter.extents.as_slice(), [20, 6]);
        assert_eq!(iter.row_strides(), [1, 1]);
    }

    #[test]
    fn a_walk_can_start_and_end_anywhere() {
        let layout = Layout::contiguous(Shape::from([5, 7])).permute(&[1, 0]);
        let all = elements(&layout);
        let iter = StridedIter::new(&layout.shape, [&layout]);
        let ([step], [jump]) = (iter.row_strides(), iter.band_strides());
        for start in 0..35 {
            for end in start..=35 {
                for height in 1..4 {
                    let mut part = Vec::new();
                    for Band { first, offsets: [offset], rows, length } in iter.bands(start, end, height) {
                        assert_eq!(first, part.len());
                        assert!(rows == 1 || (rows <= height && length == iter.row_length()));
                        for row in 0..rows as isize {
                            part.extend((0..length as isize).map(|i| offset + row * jump + i * step));
                        }
                    }
                    assert_eq!(part, all[start..end]);
                }
            }
        }
    }
}
