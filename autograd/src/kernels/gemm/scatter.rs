//! Between a tile and a C whose columns are not adjacent: the product is computed into a scratch tile, which is then written where it belongs.
//!
//! The common case is a C whose *rows* are adjacent as the kernels see it, because the product was turned to spare a slow packing: then the
//! tile is transposed in registers, a few vectors for each sixteen rows of multiply-adds.

use std::mem::MaybeUninit;

use super::epilogue::Finish;
use super::microkernel::{Tile, TileFn};
use super::product::Target;
use super::table::{MOST_NUMBERS, MOST_VECTORS, Own};
use crate::kernels::simd::Vector;
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
            if c.column > 0 && (height == V::LANES || 2 * height == V::LANES) {
                let to = (c.at(row, 0), c.column as usize);
                // SAFETY: the band lies in the scratch tile, and in C's tile, where its numbers are whole vectors or halves of one.
                unsafe {
                    let band = scratch.add(row * width);
                    if height == V::LANES {
                        V::transpose(band, width as isize, (height, columns), to.0, to.1);
                    } else {
                        V::transpose_half(band, width as isize, columns, to.0, to.1);
                    }
                }
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
                    let line = V::load(turned.add(column * V::LANES));
                    if height == V::LANES {
                        line.store(c.at(row, column));
                    } else {
                        line.store_masked(c.at(row, column), mask);
                    }
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

/// Runs a kernel on a tile of C: in place if the columns of C are adjacent, else in a scratch tile that is then scattered.
///
/// # Safety
/// `work` describes valid parts of A and B that fit the kernel, `c` and `shape` a part of C that nobody else works on.
#[inline(always)]
pub(super) unsafe fn run_tile<T: Scalar>(
    own: &Own<T>,
    kernel: TileFn<T>,
    mut work: Tile<'_, T>,
    c: Target<T>,
    shape: (usize, usize),
    finish: Option<Finish<T>>,
) {
    if c.column == 1 {
        work.c = c.data;
        work.c_row = c.row;
        // SAFETY: the tile of C is valid, and its columns are adjacent.
        unsafe {
            kernel(&work);
            if let Some(finish) = finish {
                (own.finish)(&finish, c.data, c.row, shape);
            }
        }
    } else {
        // SAFETY: passed on.
        unsafe { run_scattered(own, kernel, work, c, shape, finish) }
    }
}

/// The same through a scratch tile, for a C of any strides.
///
/// # Safety
/// That of [`run_tile`].
#[inline(never)]
unsafe fn run_scattered<T: Scalar>(
    own: &Own<T>,
    kernel: TileFn<T>,
    mut work: Tile<'_, T>,
    c: Target<T>,
    shape: (usize, usize),
    finish: Option<Finish<T>>,
) {
    let mut scratch = Scratch::<T>([MaybeUninit::uninit(); MOST_NUMBERS]);
    let start = scratch.0.as_mut_ptr().cast::<T>();
    let width = shape.1.next_multiple_of(own.lanes);
    work.c = start;
    work.c_row = width as isize;
    // SAFETY: the scratch tile has room for the greatest tile; what is read from it was written before; C's tile is valid.
    unsafe {
        if work.accumulate {
            (own.gather)(start, width, c, shape);
        }
        kernel(&work);
        if let Some(finish) = finish {
            (own.finish)(&finish, start, width as isize, shape);
        }
        (own.scatter)(start, width, c, shape);
    }
}

/// A tile outside C.
#[repr(C, align(64))]
struct Scratch<T>([MaybeUninit<T>; MOST_NUMBERS]);
