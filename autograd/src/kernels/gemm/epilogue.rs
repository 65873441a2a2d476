//! What happens to C when the sums are there: overwrite, accumulate, add a bias, add a bias and clip at zero.
//!
//! Overwriting and accumulating belong to the micro-kernel. Bias and ReLU are a second pass over the tile that was just written, while it is
//! hot in the first-level cache: it costs less than a percent of a layer's product, and keeps the micro-kernel small.

use crate::kernels::simd::Vector;
use crate::scalar::Scalar;

/// How a product enters C.
#[derive(Clone, Copy, Debug)]
pub enum Epilogue<'a, T> {
    /// C = A·B. Whatever C held, NaN included, is overwritten.
    Store,
    /// C = C + A·B.
    Add,
    /// C = A·B + bias, one number for each column of C.
    Bias(&'a [T]),
    /// C = max(A·B + bias, 0), one number for each column of C. NaN stays NaN.
    BiasRelu(&'a [T]),
}

/// The second pass over a tile: none, or a bias along one side of C and perhaps ReLU.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finish<T> {
    /// Null if there is nothing to do.
    bias: *const T,
    /// How far it is to the bias of the next row of C, and of the next column: 0 and 1, or 1 and 0 when the product is read transposed.
    row: usize,
    column: usize,
    relu: bool,
}

impl<T: Scalar> Finish<T> {
    #[inline]
    pub(super) fn of(epilogue: Epilogue<'_, T>) -> Self {
        let (bias, relu) = match epilogue {
            Epilogue::Store | Epilogue::Add => (std::ptr::null(), false),
            // An empty bias belongs to a C without columns, where nothing is left to do.
            Epilogue::Bias(bias) => (bias.as_ptr(), false),
            Epilogue::BiasRelu(bias) => (bias.as_ptr(), true),
        };
        Self { bias, row: 0, column: 1, relu }
    }

    #[inline]
    pub(super) fn transposed(self) -> Self {
        Self { row: self.column, column: self.row, ..self }
    }

    /// Whether there is anything to do.
    #[inline(always)]
    pub(super) fn is_needed(&self) -> bool {
        !self.bias.is_null()
    }

    /// The pass, if one is needed, as seen from a tile whose first element is C's (`row`, `column`).
    #[inline(always)]
    pub(super) fn at(self, row: usize, column: usize) -> Self {
        Self { bias: self.bias.wrapping_add(row * self.row + column * self.column), ..self }
    }
}

/// The type of [`finish`], as the table of kernels holds it.
pub(super) type FinishFn<T> = unsafe fn(&Finish<T>, *mut T, isize, (usize, usize));

/// Finishes a tile of C of `rows` × `columns`, whose rows are `c_row` apart and whose columns are adjacent.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller; the tile may be written; `finish` is needed and its bias covers the tile.
#[inline(always)]
pub(super) unsafe fn finish<V: Vector>(
    finish: &Finish<V::Element>,
    c: *mut V::Element,
    c_row: isize,
    (rows, columns): (usize, usize),
) {
    // SAFETY: whole vectors stay inside the tile, the last one is masked to what is left of it; the bias has a number for
    // each column of the tile (or for each row of it, when the product is read transposed).
    unsafe {
        let rest = V::mask(columns % V::LANES);
        for row in 0..rows {
            let line = c.offset(row as isize * c_row);
            let of_row = V::splat(*finish.bias.add(row * finish.row));
            let mut column = 0;
            while column + V::LANES <= columns {
                let bias = if finish.column == 0 { of_row } else { V::load(finish.bias.add(column)) };
                let sum = V::load(line.add(column)).add(bias);
                if finish.relu { sum.relu() } else { sum }.store(line.add(column));
                column += V::LANES;
            }
            if column < columns {
                let bias = if finish.column == 0 { of_row } else { V::load_masked(finish.bias.add(column), rest) };
                let sum = V::load_masked(line.add(column), rest).add(bias);
                if finish.relu { sum.relu() } else { sum }.store_masked(line.add(column), rest);
            }
        }
    }
}
