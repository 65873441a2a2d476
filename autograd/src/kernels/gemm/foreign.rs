//! Products by the crate `matrixmultiply`.

use super::epilogue::{self, TileShape};
use super::product::{Extents, Product};
use crate::kernels::simd::Array;

macro_rules! foreign {
    ($float:ident, $function:path) => {
        /// # Safety
        /// The three matrices of the product are valid, C is not shared.
        pub(super) unsafe fn $float(product: &Product<$float>) {
            let Product { extents: Extents { rows, columns, depth }, a, b, c, accumulate, finish } = *product;
            let kept = if accumulate { 1.0 } else { 0.0 };
            // SAFETY: the matrices are valid by this function's contract; C isn't read when `kept` is zero.
            unsafe {
                $function(
                    rows,
                    depth,
                    columns,
                    1.0,
                    a.data,
                    a.row_stride,
                    a.column_stride,
                    b.data,
                    b.row_stride,
                    b.column_stride,
                    kept,
                    c.data,
                    c.row_stride,
                    c.column_stride,
                );
            }
            if finish.is_needed() {
                let one = TileShape { rows: 1, columns: 1 };
                for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                    let finish = finish.from(row, column);
                    // SAFETY: an element of C, just written, and its bias; one by one, so that any strides will do.
                    unsafe { epilogue::finish::<Array<$float, 1>>(&finish, c.at(row, column), 0, one) }
                }
            }
        }
    };
}

foreign!(f32, matrixmultiply::sgemm);
foreign!(f64, matrixmultiply::dgemm);
