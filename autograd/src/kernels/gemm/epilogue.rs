//! What happens to C when the sums are complete: overwrite, accumulate, add a bias, clip at zero.
//!
//! Overwriting and accumulating belong to the micro-kernel. Bias and ReLU are a second pass over the tile that was just
//! written, while it is in the first-level cache: the pass costs less than a percent of a layer's product, and keeps
//! the micro-kernel small.

use crate::kernels::simd::Vector;
use crate::scalar::Scalar;

/// How a product enters C.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Epilogue<'a, T> {
    /// C = A·B. Whatever C held, NaN included, is overwritten.
    Store,
    /// C = C + A·B.
    Add,
    /// C = max(A·B, 0). NaN stays NaN.
    Relu,
    /// C = A·B + bias, one value for each column of C.
    Bias(&'a [T]),
    /// C = max(A·B + bias, 0), one value for each column of C. NaN stays NaN.
    BiasRelu(&'a [T]),
}

impl<'a, T> Epilogue<'a, T> {
    /// The bias, if there is one.
    pub(super) fn bias(&self) -> Option<&'a [T]> {
        match *self {
            Epilogue::Store | Epilogue::Add | Epilogue::Relu => None,
            Epilogue::Bias(bias) | Epilogue::BiasRelu(bias) => Some(bias),
        }
    }
}

/// Rows and columns of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernels) struct TileShape {
    pub(in crate::kernels) rows: usize,
    pub(in crate::kernels) columns: usize,
}

/// The second pass over a tile: nothing, a bias along one side of C, ReLU, or both.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Finish<T> {
    adds_bias: bool,
    /// Not used if no bias is added.
    bias: *const T,
    /// How far it is to the bias of the next row of C, and of the next column: 0 and 1, or 1 and 0 in a transposed
    /// product.
    row_stride: usize,
    column_stride: usize,
    relu: bool,
}

impl<T: Scalar> Finish<T> {
    #[inline]
    pub(super) fn of(epilogue: Epilogue<'_, T>) -> Self {
        let bias = epilogue.bias();
        let relu = matches!(epilogue, Epilogue::Relu | Epilogue::BiasRelu(_));
        let (adds_bias, bias) = (bias.is_some(), bias.map_or(std::ptr::null(), <[T]>::as_ptr));
        Self { adds_bias, bias, row_stride: 0, column_stride: 1, relu }
    }

    #[inline]
    pub(super) fn transposed(self) -> Self {
        Self { row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }

    /// Whether there is anything to do.
    #[inline(always)]
    pub(in crate::kernels) fn is_needed(&self) -> bool {
        self.relu || self.adds_bias
    }

    /// The pass as seen from a tile whose first element is C's (`row`, `column`).
    #[inline(always)]
    pub(in crate::kernels) fn from(self, row: usize, column: usize) -> Self {
        Self { bias: self.bias.wrapping_add(row * self.row_stride + column * self.column_stride), ..self }
    }
}

/// The type of [`finish`], as the table of kernels holds it: the pass, the tile's first element, the distance of its
/// rows.
pub(super) type FinishFn<T> = unsafe fn(&Finish<T>, *mut T, isize, TileShape);

/// Finishes a tile of C whose rows are `c_row_stride` apart and whose columns are adjacent.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller; the tile may be read and written; a bias covers
/// the tile.
#[inline(always)]
pub(super) unsafe fn finish<V: Vector>(
    finish: &Finish<V::Element>,
    c: *mut V::Element,
    c_row_stride: isize,
    shape: TileShape,
) {
    // SAFETY: whole vectors stay inside the tile, the last one is masked to what is left of it.
    unsafe {
        let rest = V::mask(shape.columns % V::LANES);
        for row in 0..shape.rows {
            let line = c.offset(row as isize * c_row_stride);
            let finish = finish.from(row, 0);
            let mut column = 0;
            while column + V::LANES <= shape.columns {
                let sum = V::load(line.add(column));
                finish.apply(sum, column, None).store(line.add(column));
                column += V::LANES;
            }
            if column < shape.columns {
                let sum = V::load_masked(line.add(column), rest);
                finish.apply(sum, column, Some(rest)).store_masked(line.add(column), rest);
            }
        }
    }
}

impl<T: Scalar> Finish<T> {
    /// Bias and ReLU of a vector of sums that begins at a column; if it is not full, with the mask of its lanes.
    ///
    /// # Safety
    /// The instruction set of `V` is available and enabled in the caller; a bias covers the lanes.
    #[inline(always)]
    unsafe fn apply<V: Vector<Element = T>>(&self, sum: V, column: usize, mask: Option<V::Mask>) -> V {
        // SAFETY: the bias has a value for each lane, or one for all of them; the others are masked.
        unsafe {
            let sum = if !self.adds_bias {
                sum
            } else if self.column_stride == 0 {
                sum.add(V::splat(*self.bias))
            } else if let Some(mask) = mask {
                sum.add(V::load_masked(self.bias.add(column), mask))
            } else {
                sum.add(V::load(self.bias.add(column)))
            };
            if self.relu { sum.relu() } else { sum }
        }
    }
}
