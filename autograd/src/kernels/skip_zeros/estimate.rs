//! How many steps will be skipped, estimated from a few of them.

use super::table::Kernels;
use crate::kernels::gemm::pack::Strip;
use crate::kernels::gemm::product::{Extents, Product};
use crate::scalar::Scalar;

/// Row tiles of which some steps are looked at first, and how many steps. (No more than a few: the operand may be far
/// away in memory.)
const SAMPLES: usize = 8;
const SAMPLED_STEPS: usize = 128;

/// The share of used steps, estimated.
///
/// # Safety
/// The instruction set of the kernels is available; A is valid, and contiguous along a dimension.
pub(super) unsafe fn used_share<T: Scalar>(kernels: &Kernels<'_, T>, product: &Product<T>) -> f32 {
    let Kernels { dense, skipping } = kernels;
    let &Product { extents: Extents { rows, depth, .. }, a, .. } = product;
    let (count, steps) = (dense.max_rows[dense.vectors_packed - 1].min(rows), depth.min(SAMPLED_STEPS));
    let mut used = 0;
    for sample in 0..SAMPLES {
        // Points of a sequence that fills a square evenly (Martin Roberts, "The unreasonable effectiveness of
        // quasirandom sequences", 2018) meet each region of the operand, and no rhythm in it, such as that of a
        // picture's rows.
        let index = |ratio: f32, last: usize| ((0.5 + sample as f32 * ratio).fract() * last as f32) as usize;
        let (row, step) = (index(0.754_877_7, rows - count), index(0.569_840_3, depth - steps));
        let source = a.at(row, step);
        let strip = Strip { source, across: a.row_stride, along: a.column_stride, count, depth: steps };
        // SAFETY: the strip lies in the operand, and nothing is written.
        used += unsafe { (skipping.find)(&strip, count, None) };
        if sample == 1 && used == 2 * steps {
            return 1.0;
        }
    }
    used as f32 / (SAMPLES * steps) as f32
}
