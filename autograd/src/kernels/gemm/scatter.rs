//! Between a tile and a C whose columns are not adjacent: the product is computed into a scratch tile, which is then written where it belongs.
//!
//! The common case is a C whose *rows* are adjacent as the kernels see it, because the product was turned to spare a slow packing: then the
//! tile is transposed in registers, a few vectors for each sixteen rows of multiply-adds.

use std::mem::MaybeUninit;

use super::epilogue::Finish;
use super::product::Target;
use super::table::{MOST_NUMBERS, MOST_VECTORS, Own};
use crate::kernels::simd::{Vector, prefetch};
use crate::scalar::Scalar;

/// The type of [`gather`] and [`scatter`], as the table of kernels holds them: the scratch tile, how far apart its rows are, C's tile, its shape.
pub(super) type MoveFn<T> = unsafe fn(*mut T, usize, Target<T>, (usize, usize));

/// Copies a tile of C into the scratch tile.
///
/// # Safety
/// The instruction set of `V` is available and enabled in the caller; C's tile may be read; the scratch tile has `rows` rows of `width`, a
/// multiple of the lanes that is at least `columns`.
#[inline(always)]
pub(super) unsafe fn gather<V: Vector>(
    scratch: *mut V::Element,
    width: usize,
    c: Target<V::Element>,
    (rows, columns): (usize, usize),
) {
    if c.row == 1 && width.is_multiple_of(V::LANES) {
        for column in (0..columns).step_by(V::LANES) {
            let shape = (V::LANES.min(columns - column), rows);
            // SAFETY: the band lies in C's tile, and in the scratch tile up to its width.
            unsafe { V::transpose(c.at(0, column), c.column, shape, scratch.add(column), width) }
        }
    } else {
        for row in 0..rows {
            for column in 0..columns {
                // SAFETY: an element of both tiles.
                unsafe { *scratch.add(row * width + column) = *c.at(row, column) }
            }
        }
    }
}

/// Copies the scratch tile into a tile of C.
///
/// # Safety
/// That of [`gather`], with C's tile to be written and the scratch tile to be read.
#[inline(always)]
pub(super) unsafe fn scatter<V: Vector>(
    scratch: *mut V::Element,
    width: usize,
    c: Target<V::Element>,
    (rows, columns): (usize, usize),
) {
    const { assert!(MOST_VECTORS * V::LANES * V::LANES <= 2 * MOST_NUMBERS) };
    if c.row == 1 && width.is_multiple_of(V::LANES) {
        for row in (0..rows).step_by(V::LANES) {
            let height = V::LANES.min(rows - row);
            if c.column > 0 && height == V::LANES {
                let (band, to) = (scratch.wrapping_add(row * width), c.at(row, 0));
                // SAFETY: the band lies in the scratch tile, and in C's tile, where its numbers are whole vectors.
                unsafe { V::transpose(band, width as isize, (height, columns), to, c.column as usize) }
                continue;
            }
            let mut turned = [MaybeUninit::<V::Element>::uninit(); 2 * MOST_NUMBERS];
            let turned = turned.as_mut_ptr().cast::<V::Element>();
            // SAFETY: the blocks lie in the scratch tile; its columns, a vector of `LANES` rows each, have room in `turned`; what is
            // written to C is masked to the tile's rows.
            unsafe {
                let band = scratch.add(row * width);
                V::transpose(band, width as isize, (height, columns), turned, V::LANES);
                let mask = V::mask(height);
                for column in 0..columns {
                    V::load(turned.add(column * V::LANES)).store_masked(c.at(row, column), mask);
                }
            }
        }
    } else {
        for row in 0..rows {
            for column in 0..columns {
                // SAFETY: an element of both tiles.
                unsafe { *c.at(row, column) = *scratch.add(row * width + column) }
            }
        }
    }
}

/// Writes a part of C, no larger than [`MOST_SCATTERED`] where its columns are not adjacent: `compute` is given a place and the distance of its rows, C
/// itself or a scratch tile that is then scattered.
///
/// # Safety
/// Nobody else works on the part of C; `compute` writes all of the shape, and reads it only if C is added to.
#[inline(always)]
pub(super) unsafe fn write<T: Scalar>(
    own: &Own<T>,
    c: Target<T>,
    shape: (usize, usize),
    accumulate: bool,
    finish: Option<Finish<T>>,
    compute: impl Fn(*mut T, isize),
) {
    if c.column == 1 {
        compute(c.data, c.row);
        if let Some(finish) = finish {
            // SAFETY: the part of C is valid, and its columns are adjacent.
            unsafe { (own.finish)(&finish, c.data, c.row, shape) }
        }
    } else {
        // SAFETY: passed on.
        unsafe { write_scattered(own, c, shape, accumulate, finish, compute) }
    }
}

/// The same through a scratch tile, for a C of any strides.
///
/// # Safety
/// That of [`write`].
#[inline(never)]
unsafe fn write_scattered<T: Scalar>(
    own: &Own<T>,
    c: Target<T>,
    shape: (usize, usize),
    accumulate: bool,
    finish: Option<Finish<T>>,
    compute: impl Fn(*mut T, isize),
) {
    let mut scratch = Scratch::<T>([MaybeUninit::uninit(); MOST_SCATTERED]);
    let start = scratch.0.as_mut_ptr().cast::<T>();
    let width = shape.1.next_multiple_of(own.lanes);
    debug_assert!(shape.0 * width <= MOST_SCATTERED);
    // C's lines arrive while the products are formed. (Measured on an Emerald Rapids, the gradient of a 784×256 weight that lies in the third-level cache:
    // 148 µs without, 110 with it.)
    for column in 0..shape.1 {
        prefetch(c.at(0, column));
    }
    // SAFETY: the scratch tile has room for the shape; what is read from it was written before; C's part is valid.
    unsafe {
        if accumulate {
            (own.gather)(start, width, c, shape);
        }
        compute(start, width as isize);
        if let Some(finish) = finish {
            (own.finish)(&finish, start, width as isize, shape);
        }
        (own.scatter)(start, width, c, shape);
    }
}

/// The most numbers of a scratch tile: two tiles, one under the other.
const MOST_SCATTERED: usize = 2 * MOST_NUMBERS;

/// A tile outside C.
#[repr(C, align(64))]
struct Scratch<T>([MaybeUninit<T>; MOST_SCATTERED]);
