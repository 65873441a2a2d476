//! Products that are one tile: there is nothing to choose, to cut or to pack. What would be asked first takes longer
//! than a small tile itself.

use super::blocking::{DEPTH_BYTES, max_rows_in_place};
use super::kernel_set::TileKernels;
use super::microkernel::{MAX_ROWS, MAX_VECTORS, TileFn};
use super::product::{Extents, Product};
use crate::scalar::Scalar;

/// How a product is computed that is one tile.
#[derive(Clone, Copy, Debug)]
pub(super) struct OneTile<T> {
    kernel: TileFn<T>,
    /// How many lanes of the last vector are columns of C.
    last_lanes: usize,
}

impl<T: Scalar> OneTile<T> {
    /// The tile of a product whose rows and columns are not zero; `None` if it is not one tile, reads or writes
    /// elements that are not adjacent, or has a second pass.
    #[inline(always)]
    pub(super) fn of(kernels: &TileKernels<T>, product: &Product<T>) -> Option<Self> {
        let Extents { rows, columns, depth } = product.extents;
        let (lanes, are_adjacent) = (kernels.lanes, product.b.column_stride == 1 && product.c.column_stride == 1);
        // A single column is a row of dot products, for which there are other kernels.
        if !are_adjacent || columns == 1 || rows > MAX_ROWS || columns > MAX_VECTORS * lanes {
            return None;
        }
        let vectors = columns.div_ceil(lanes);
        let is_whole = kernels.masks_are_free || columns == vectors * lanes;
        let fits = is_whole && depth * size_of::<T>() <= DEPTH_BYTES && rows <= max_rows_in_place(product);
        let kernel = kernels.tiles[vectors - 1][rows - 1].filter(|_| fits && !product.finish.is_needed())?;
        Some(Self { kernel, last_lanes: columns - (vectors - 1) * lanes })
    }

    /// Computes the product.
    ///
    /// # Safety
    /// The instruction set of the kernels is available; the matrices are valid and C is not shared; the product has the
    /// extents and strides of the one that this was made for.
    #[inline(always)]
    pub(super) unsafe fn run(&self, product: &Product<T>) {
        // SAFETY: the tile is all of the matrices, and the kernel has its height and width.
        unsafe { (self.kernel)(&product.as_tile(self.last_lanes)) }
    }
}
