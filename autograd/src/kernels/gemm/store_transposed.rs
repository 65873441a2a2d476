//! Between a scratch tile and a C whose columns are not adjacent: the product is computed into the scratch tile, which
//! is then copied to where it belongs.
//!
//! The common case is a C whose *rows* are adjacent as the kernels see it, because the transposed product is computed
//! to spare a slow packing: then the tile is transposed in registers, a few vectors for each sixteen rows of
//! multiply-adds.

use std::mem::MaybeUninit;

use super::epilogue::TileShape;
use super::microkernel::{MAX_TILE_ELEMENTS, MAX_VECTORS};
use super::product::Target;
use crate::kernels::simd::Vector;

/// The type of [`load_transposed`] and [`store_transposed`], as the table of kernels holds them.
pub(super) type MoveFn<T> = unsafe fn(&ScratchTile<T>, Target<T>);

/// A tile outside C.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScratchTile<T> {
    pub(super) data: *mut T,
    /// How far apart its rows are: a multiple of the lanes, at least as many as there are columns.
    pub(super) width: usize,
    pub(super) shape: TileShape,
}

/// Copies a tile of C into the scratch tile.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller; C's tile may be read; the scratch tile has room
/// for all its rows of `width` elements.
#[inline(always)]
pub(super) unsafe fn load_transposed<V: Vector>(scratch: &ScratchTile<V::Element>, c: Target<V::Element>) {
    let ScratchTile { data, width, shape: TileShape { rows, columns } } = *scratch;
    if c.row_stride == 1 && width.is_multiple_of(V::LANES) {
        for column in (0..columns).step_by(V::LANES) {
            let shape = (V::LANES.min(columns - column), rows);
            // SAFETY: the band lies in C's tile, and in the scratch tile up to its width.
            unsafe { V::transpose(c.at(0, column), c.column_stride, shape, data.add(column), width) }
        }
    } else {
        for row in 0..rows {
            for column in 0..columns {
                // SAFETY: an element of both tiles.
                unsafe { *data.add(row * width + column) = *c.at(row, column) }
            }
        }
    }
}

/// Copies the scratch tile into a tile of C.
///
/// # Safety
/// That of [`load_transposed`], with C's tile to be written and the scratch tile to be read.
#[inline(always)]
pub(super) unsafe fn store_transposed<V: Vector>(scratch: &ScratchTile<V::Element>, c: Target<V::Element>) {
    const { assert!(MAX_VECTORS * V::LANES * V::LANES <= 2 * MAX_TILE_ELEMENTS) };
    let ScratchTile { data, width, shape: TileShape { rows, columns } } = *scratch;
    if c.row_stride == 1 && width.is_multiple_of(V::LANES) {
        for row in (0..rows).step_by(V::LANES) {
            let height = V::LANES.min(rows - row);
            if c.column_stride > 0 && height == V::LANES {
                let (band, to) = (data.wrapping_add(row * width), c.at(row, 0));
                // SAFETY: the band lies in the scratch tile, and in C's tile, where its elements are whole vectors.
                unsafe { V::transpose(band, width as isize, (height, columns), to, c.column_stride as usize) }
                continue;
            }
            let mut transposed = [MaybeUninit::<V::Element>::uninit(); 2 * MAX_TILE_ELEMENTS];
            let transposed = transposed.as_mut_ptr().cast::<V::Element>();
            // SAFETY: the blocks lie in the scratch tile; its columns, a vector of `LANES` rows each, have room in
            // `transposed`; what is written to C is masked to the tile's rows.
            unsafe {
                let band = data.add(row * width);
                V::transpose(band, width as isize, (height, columns), transposed, V::LANES);
                let mask = V::mask(height);
                for column in 0..columns {
                    V::load(transposed.add(column * V::LANES)).store_masked(c.at(row, column), mask);
                }
            }
        }
    } else {
        for row in 0..rows {
            for column in 0..columns {
                // SAFETY: an element of both tiles.
                unsafe { *c.at(row, column) = *data.add(row * width + column) }
            }
        }
    }
}
