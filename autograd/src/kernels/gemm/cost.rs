//! What a product takes along a path, in multiply-adds of a vector. The constants were measured with vectors of sixteen
//! `f32`; they only have to put the paths into the right order.

use super::caches::Costs;
use super::kernel_set::TileKernels;
use super::product::{Extents, Product};
use crate::scalar::Scalar;

/// What copies take before their first element, in copied elements: a buffer, another loop.
const BEFORE_COPY: f32 = 2000.0;

/// What a product costs with its vectors along the columns of C.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Cost {
    /// The sums: one multiply-add for each row, vector of columns and step of the depth.
    pub(in crate::kernels) sums: f32,
    /// Packing B and transposing tiles into C.
    pub(in crate::kernels) copies: f32,
}

impl Cost {
    /// The cost of a product.
    #[inline]
    pub(in crate::kernels) fn of<T: Scalar>(kernels: &TileKernels<T>, costs: &Costs, product: &Product<T>) -> Self {
        let Product { extents: Extents { rows, columns, depth }, b, c, .. } = *product;
        let lanes = kernels.lanes;
        let vectors = columns.div_ceil(lanes);
        let [rows, width, depth] = [rows, columns, depth].map(|extent| extent as f32);
        let steps = match vectors {
            // A single vector of columns meets an element of A at every multiply-add, and the loads of those are in the
            // way. But where it is half empty, only half of it is computed.
            1 if kernels.masks_are_free && 2 * columns <= lanes => 1.1 * costs.half_vector * depth,
            1 => 1.1 * depth,
            vectors => vectors as f32 * depth,
        };
        let sums = rows * steps;
        let packing = match (b.column_stride, b.row_stride) {
            (along, _) if along == 1 || columns == 1 => 0.0,
            (_, 1) => width * depth * costs.transposed_copy + BEFORE_COPY,
            _ => width * depth * 16.0 + BEFORE_COPY,
        };
        let is_by_rows = c.column_stride == 1 || columns == 1;
        let storing = if is_by_rows { 0.0 } else { rows * width * costs.transposed_store + 800.0 };
        Self { sums, copies: (packing + storing) / lanes as f32 }
    }

    #[inline]
    pub(in crate::kernels) fn total(self) -> f32 {
        self.sums + self.copies
    }
}

/// What dot products take, each of which ends with the sum of a vector's lanes.
#[inline]
pub(super) fn of_dots<T>(kernels: &TileKernels<T>, costs: &Costs, extents: Extents) -> f32 {
    let Extents { rows, columns, depth } = extents;
    let vectors = depth.div_ceil(kernels.lanes) as f32;
    costs.of_dots * rows as f32 * columns as f32 * (1.07 * vectors + 3.0)
}

/// What dot products by parts take.
#[inline]
pub(super) fn of_parts<T>(kernels: &TileKernels<T>, costs: &Costs, extents: Extents) -> f32 {
    let Extents { rows, columns, depth } = extents;
    let vectors = depth.div_ceil(kernels.lanes) as f32;
    // A single group of rows meets a column once for each time that it is loaded.
    let step = if rows <= kernels.group_rows { 1.65 } else { 1.04 };
    // A power of two, so that nothing has to be divided.
    let whole_groups = (rows + kernels.group_rows - 1) & !(kernels.group_rows - 1);
    costs.of_dots * whole_groups as f32 * columns as f32 * (step * vectors + 1.15)
}

/// What it takes to copy the columns of a B whose rows are adjacent elements: whole vectors of them are transposed,
/// however many of their lanes have elements.
#[inline]
pub(super) fn of_columns<T>(kernels: &TileKernels<T>, costs: &Costs, columns: usize, depth: usize) -> f32 {
    let vectors = columns.div_ceil(kernels.lanes);
    (vectors * depth) as f32 * costs.transposed_copy + BEFORE_COPY / kernels.lanes as f32
}
