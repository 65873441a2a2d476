//! What is to be computed, as the kernels see it: addresses and strides. The shapes have been checked.

use std::ops::Range;

use super::epilogue::{Epilogue, Finish};
use super::microkernel::Tile;
use crate::scalar::Scalar;

/// The extents of a product: A is `rows` × `depth`, B is `depth` × `columns`, C is `rows` × `columns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extents {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) depth: usize,
}

impl Extents {
    /// How many multiply-adds the product takes; the largest number if there are more than can be counted.
    #[inline]
    pub(in crate::kernels) fn multiply_adds(self) -> usize {
        self.rows.saturating_mul(self.columns).saturating_mul(self.depth)
    }
}

/// A matrix to read: the address of its first element, and the strides in elements (of any sign, or zero).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand<T> {
    pub(crate) data: *const T,
    pub(crate) row_stride: isize,
    pub(crate) column_stride: isize,
}

// SAFETY: an operand is an address that is only ever read from; whoever reads vouches for the memory, on whatever
// thread.
unsafe impl<T: Sync> Sync for Operand<T> {}

impl<T> Operand<T> {
    /// The address of an element. Nothing is read; an address outside the matrix is allowed as long as it isn't used.
    #[inline(always)]
    pub(in crate::kernels) fn at(&self, row: usize, column: usize) -> *const T {
        let down = row as isize * self.row_stride;
        self.data.wrapping_offset(down).wrapping_offset(column as isize * self.column_stride)
    }

    /// Whether the elements of a row are adjacent, or those of a column.
    #[inline(always)]
    pub(in crate::kernels) fn is_contiguous_along_a_dimension(&self) -> bool {
        self.row_stride == 1 || self.column_stride == 1
    }

    #[inline(always)]
    pub(in crate::kernels) fn transposed(self) -> Self {
        Self { data: self.data, row_stride: self.column_stride, column_stride: self.row_stride }
    }
}

/// A matrix to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<T> {
    pub(crate) data: *mut T,
    pub(crate) row_stride: isize,
    pub(crate) column_stride: isize,
}

impl<T> Target<T> {
    /// The address of an element. Nothing is read or written.
    #[inline(always)]
    pub(in crate::kernels) fn at(&self, row: usize, column: usize) -> *mut T {
        let down = row as isize * self.row_stride;
        self.data.wrapping_offset(down).wrapping_offset(column as isize * self.column_stride)
    }

    /// The part of the matrix that begins at an element.
    #[inline(always)]
    pub(in crate::kernels) fn from(self, row: usize, column: usize) -> Self {
        Self { data: self.at(row, column), ..self }
    }

    #[inline(always)]
    fn transposed(self) -> Self {
        Self { data: self.data, row_stride: self.column_stride, column_stride: self.row_stride }
    }
}

/// C ← A·B with what the epilogue makes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product<T> {
    pub(in crate::kernels) extents: Extents,
    pub(in crate::kernels) a: Operand<T>,
    pub(in crate::kernels) b: Operand<T>,
    pub(in crate::kernels) c: Target<T>,
    /// Whether the product is added to what C holds.
    pub(in crate::kernels) accumulate: bool,
    /// What happens to a tile of C when its sums are complete.
    pub(in crate::kernels) finish: Finish<T>,
}

// SAFETY: the addresses are shared between threads only inside the loops, where every task writes its own part of C and
// all of them only read A and B; the caller of a product keeps the three matrices alive until it returns.
unsafe impl<T: Send + Sync> Sync for Product<T> {}

impl<T: Scalar> Product<T> {
    /// Describes a product. Says nothing yet about the memory: that is the promise of whoever runs it.
    #[inline]
    pub(crate) fn new(
        extents: Extents,
        a: Operand<T>,
        b: Operand<T>,
        mut c: Target<T>,
        epilogue: Epilogue<'_, T>,
    ) -> Self {
        let Extents { rows, columns, .. } = extents;
        // The stride of a dimension of length one is never used, and may be anything; the unit stride serves best.
        if columns == 1 {
            c.column_stride = if c.row_stride == 1 && rows > 1 { rows as isize } else { 1 };
        }
        if rows == 1 {
            c.row_stride = if c.column_stride == 1 { columns as isize } else { 1 };
        }
        let accumulate = matches!(epilogue, Epilogue::Add);
        Self { extents, a, b, c, accumulate, finish: Finish::of(epilogue) }
    }

    /// All of the product as a tile, of whose last vector so many lanes are columns of C.
    #[inline(always)]
    pub(super) fn as_tile(&self, last_lanes: usize) -> Tile<T> {
        let Self { extents, a, b, c, accumulate, .. } = *self;
        Tile {
            a: a.data,
            a_row_stride: a.row_stride,
            a_step: a.column_stride,
            b: b.data,
            b_step: b.row_stride,
            c: c.data,
            c_row_stride: c.row_stride,
            depth: extents.depth,
            last_lanes,
            accumulate,
        }
    }

    /// Some columns of C.
    pub(super) fn columns(&self, columns: Range<usize>) -> Self {
        let Self { extents, b, c, finish, .. } = *self;
        let (extents, first) = (Extents { columns: columns.len(), ..extents }, columns.start);
        let b = Operand { data: b.at(0, first), ..b };
        Self { extents, b, c: c.from(0, first), finish: finish.from(0, first), ..*self }
    }

    /// The same product with the operands exchanged: Cᵀ = Bᵀ·Aᵀ.
    #[inline]
    pub(in crate::kernels) fn transposed(self) -> Self {
        let Extents { rows, columns, depth } = self.extents;
        Self {
            extents: Extents { rows: columns, columns: rows, depth },
            a: self.b.transposed(),
            b: self.a.transposed(),
            c: self.c.transposed(),
            accumulate: self.accumulate,
            finish: self.finish.transposed(),
        }
    }
}
