//! Few columns of a B that lies by rows, and an A whose rows are contiguous along the depth: a vector along the columns
//! would be partly empty, so B is copied by columns, and the elements of C are dot products of what is contiguous then.

use super::blocking::Blocking;
use super::buffer::Buffer;
use super::caches::costs;
use super::dot_loops;
use super::kernel_set::TileKernels;
use super::pack::Strip;
use super::path::as_dots;
use super::product::{Extents, Operand, Product};
use crate::scalar::Scalar;

/// Runs a product whose A is contiguous along the depth.
///
/// # Safety
/// The instruction set of `kernels` is available; the matrices are valid and C is not shared; none of the extents but
/// the depth is zero.
#[inline(never)]
pub(super) unsafe fn run<T: Scalar>(kernels: &TileKernels<T>, product: &Product<T>) {
    let (Extents { columns, depth, .. }, b) = (product.extents, product.b);
    // Columns begin at a cache line, and an odd number of lines apart, so that they do not collide.
    let line = 64 / size_of::<T>();
    let width = (depth.div_ceil(line) | 1) * line;
    let buffer = Buffer::take::<T>(columns * width);
    let strip = Strip { source: b.data, across: b.row_stride, along: b.column_stride, count: depth, depth: columns };
    // SAFETY: the strip is B, read by columns; the buffer has room for as many of them, and is this product's own.
    unsafe { (kernels.pack)(&strip, buffer.start(), width) };
    let by_columns = Operand { data: buffer.start::<T>().cast_const(), row_stride: 1, column_stride: width as isize };
    let product = Product { b: by_columns, ..*product };
    let (choice, _) = as_dots(kernels, costs(), &product);
    let product = if choice.transposed { product.transposed() } else { product };
    let blocking = Blocking::new(kernels, &product, choice.path);
    // SAFETY: passed on; both operands are contiguous along the depth, and B's copy lives until the product is done.
    unsafe { dot_loops::run(kernels, &blocking, &product) }
}
