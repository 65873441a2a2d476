//! A region of C that is being written: directly, or through a scratch tile if its columns are not adjacent.

use std::mem::MaybeUninit;

use super::epilogue::{Finish, TileShape};
use super::kernel_set::TileKernels;
use super::microkernel::MAX_TILE_ELEMENTS;
use super::product::Target;
use super::store_transposed::ScratchTile;
use crate::kernels::simd::prefetch;
use crate::scalar::Scalar;

/// The most elements of a region of C that is written through a scratch tile.
const MAX_REGION_ELEMENTS: usize = 2 * MAX_TILE_ELEMENTS;

/// A region of C, and what becomes of the sums there.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Output<T> {
    pub(in crate::kernels) c: Target<T>,
    pub(in crate::kernels) shape: TileShape,
    /// Whether the sums begin with C's elements.
    pub(in crate::kernels) accumulate: bool,
    /// The second pass, if the sums are complete afterwards and it has anything to do.
    pub(in crate::kernels) finish: Option<Finish<T>>,
}

impl<T: Scalar> Output<T> {
    /// Writes the region: `compute` is given the address of its first element and the distance of its rows.
    ///
    /// # Safety
    /// The instruction set of `kernels` is available; nobody else works on the region; it is no larger than two tiles
    /// if its columns are not adjacent; `compute` writes all of it, and reads it only if the sums begin with C's
    /// elements.
    #[inline(always)]
    pub(in crate::kernels) unsafe fn write(&self, kernels: &TileKernels<T>, compute: impl Fn(*mut T, isize)) {
        let Self { c, shape, finish, .. } = *self;
        if c.column_stride == 1 {
            compute(c.data, c.row_stride);
            if let Some(finish) = finish {
                // SAFETY: the region is valid, and its columns are adjacent.
                unsafe { (kernels.finish)(&finish, c.data, c.row_stride, shape) }
            }
        } else {
            // SAFETY: passed on.
            unsafe { self.write_through_scratch(kernels, compute) }
        }
    }

    /// The same through a scratch tile, for a C of any strides.
    ///
    /// # Safety
    /// That of [`write`](Output::write).
    #[inline(never)]
    unsafe fn write_through_scratch(&self, kernels: &TileKernels<T>, compute: impl Fn(*mut T, isize)) {
        let Self { c, shape, accumulate, finish } = *self;
        let mut memory = Memory::<T>([MaybeUninit::uninit(); MAX_REGION_ELEMENTS]);
        let width = shape.columns.next_multiple_of(kernels.lanes);
        debug_assert!(shape.rows * width <= MAX_REGION_ELEMENTS);
        let scratch = ScratchTile { data: memory.0.as_mut_ptr().cast::<T>(), width, shape };
        // C's lines arrive while the products are formed. (Measured on an Emerald Rapids, the gradient of a 784×256
        // weight that lies in the third-level cache: 148 µs without, 110 with it.)
        for column in 0..shape.columns {
            prefetch(c.at(0, column));
        }
        // SAFETY: the scratch tile has room for the shape; what is read from it was written before; the region of C is
        // valid.
        unsafe {
            if accumulate {
                (kernels.load_transposed)(&scratch, c);
            }
            compute(scratch.data, width as isize);
            if let Some(finish) = finish {
                (kernels.finish)(&finish, scratch.data, width as isize, shape);
            }
            (kernels.store_transposed)(&scratch, c);
        }
    }
}

/// The memory of a scratch tile.
#[repr(C, align(64))]
struct Memory<T>([MaybeUninit<T>; MAX_REGION_ELEMENTS]);
