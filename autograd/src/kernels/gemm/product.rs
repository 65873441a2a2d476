//! What is to be computed, as the kernels see it: addresses and strides, no shapes to check any more.

use super::epilogue::{Epilogue, Finish};
use crate::scalar::Scalar;

/// A matrix to read: where its first number is, and how far it is to the next row and to the next column (any sign, or zero).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand<T> {
    pub(crate) data: *const T,
    pub(crate) row: isize,
    pub(crate) column: isize,
}

// SAFETY: an operand is an address that is only ever read from; whoever reads vouches for the memory, on whatever thread.
unsafe impl<T: Sync> Sync for Operand<T> {}

impl<T> Operand<T> {
    /// The address of an element. Nothing is read; an address outside the matrix is allowed as long as it isn't used.
    #[inline(always)]
    pub(super) fn at(&self, row: usize, column: usize) -> *const T {
        self.data.wrapping_offset(row as isize * self.row).wrapping_offset(column as isize * self.column)
    }

    /// Whether the numbers of a row are adjacent, or those of a column.
    #[inline(always)]
    pub(super) fn lies_along_a_dimension(&self) -> bool {
        self.row == 1 || self.column == 1
    }

    #[inline(always)]
    pub(super) fn transposed(self) -> Self {
        Self { data: self.data, row: self.column, column: self.row }
    }
}

/// A matrix to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<T> {
    pub(crate) data: *mut T,
    pub(crate) row: isize,
    pub(crate) column: isize,
}

impl<T> Target<T> {
    /// The address of an element. Nothing is read or written.
    #[inline(always)]
    pub(super) fn at(&self, row: usize, column: usize) -> *mut T {
        self.data.wrapping_offset(row as isize * self.row).wrapping_offset(column as isize * self.column)
    }

    #[inline(always)]
    fn transposed(self) -> Self {
        Self { data: self.data, row: self.column, column: self.row }
    }
}

/// C ← A·B with what the epilogue makes of it; A is `rows` × `depth`, B is `depth` × `columns`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product<T> {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) depth: usize,
    pub(super) a: Operand<T>,
    pub(super) b: Operand<T>,
    pub(super) c: Target<T>,
    /// Whether C is added to.
    pub(super) accumulate: bool,
    /// What happens to a tile of C when its sums are complete.
    pub(super) finish: Finish<T>,
}

// SAFETY: the addresses are shared between threads only inside `loops`, where every task writes its own part of C and all of them
// only read A and B; the caller of a product keeps the three matrices alive until it returns.
unsafe impl<T: Send + Sync> Sync for Product<T> {}

impl<T: Scalar> Product<T> {
    /// Describes a product. Says nothing yet about the memory: that is the promise of whoever runs it.
    #[inline]
    pub(crate) fn new(
        (rows, columns, depth): (usize, usize, usize),
        a: Operand<T>,
        b: Operand<T>,
        mut c: Target<T>,
        epilogue: Epilogue<'_, T>,
    ) -> Self {
        // The stride of a dimension of length one is never walked, and may be anything; the unit stride serves best.
        if columns == 1 {
            c.column = if c.row == 1 && rows > 1 { rows as isize } else { 1 };
        }
        if rows == 1 {
            c.row = if c.column == 1 { columns as isize } else { 1 };
        }
        let accumulate = matches!(epilogue, Epilogue::Add);
        Self { rows, columns, depth, a, b, c, accumulate, finish: Finish::of(epilogue) }
    }

    /// The same numbers, read the other way round: Cᵀ = Bᵀ·Aᵀ.
    #[inline]
    pub(super) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            depth: self.depth,
            a: self.b.transposed(),
            b: self.a.transposed(),
            c: self.c.transposed(),
            accumulate: self.accumulate,
            finish: self.finish.transposed(),
        }
    }
}
