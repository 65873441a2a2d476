//! Step 4: packing.
//!
//! A tile of C, `rows` × `columns` elements, is small enough for registers and stays there for `DEPTH` steps: C is
//! loaded and stored once for each block, no longer once for each step. At each step the tile needs `rows` elements of
//! a column of A and `columns` elements of a row of B; so these are copied ("packed") beforehand into the order in
//! which they are read. The copies are read many times: a panel of B by every tile of rows, from the first-level cache;
//! a block of A by every panel, from the second.
//!
//! The last tiles may extend beyond C. There the copies are filled up with zeros, and what is outside is not written
//! back.

use std::ops::Range;

use super::Sizes;

/// Steps of a block: a panel of B is read from the first-level cache.
pub(super) const DEPTH: usize = 256;
/// Rows of a block of A.
pub(super) const BLOCK: usize = 240;

/// A micro-kernel: it writes into a tile the product of a packed strip of A, `rows` elements a step, and a packed panel
/// of B, `columns` elements a step.
#[derive(Clone, Copy)]
pub(super) struct MicroKernel {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) run: fn(&[f32], &[f32], &mut [f32]),
}

/// A micro-kernel for the compiler to make vectors of.
pub(super) const PLAIN: MicroKernel = MicroKernel {
    rows: 4,
    columns: 8,
    run: |a, b, tile| {
        let mut sums = [[0.0; 8]; 4];
        for (of_a, of_b) in a.as_chunks::<4>().0.iter().zip(b.as_chunks::<8>().0) {
            for (row, of_a) in sums.iter_mut().zip(of_a) {
                for (sum, of_b) in row.iter_mut().zip(of_b) {
                    *sum += of_a * of_b;
                }
            }
        }
        tile.copy_from_slice(sums.as_flattened());
    },
};

pub(super) fn multiply(sizes: Sizes, a: &[f32], b: &[f32], c: &mut [f32]) {
    multiply_with(PLAIN, sizes, a, b, c);
}

/// The loops around a micro-kernel.
pub(super) fn multiply_with(kernel: MicroKernel, Sizes { n, k, .. }: Sizes, a: &[f32], b: &[f32], c: &mut [f32]) {
    for first_step in (0..k).step_by(DEPTH) {
        let steps = first_step..k.min(first_step + DEPTH);
        let b = pack_b(kernel, &b[steps.start * n..steps.end * n], n);
        for (c, a) in c.chunks_mut(BLOCK * n).zip(a.chunks(BLOCK * k)) {
            block(kernel, c, &pack_a(kernel, a, k, steps.clone()), &b, n, steps.len());
        }
    }
}

/// Adds to a block of rows of C, `n` wide, what `depth` steps contribute: tile after tile.
pub(super) fn block(kernel: MicroKernel, c: &mut [f32], packed_a: &[f32], packed_b: &[f32], n: usize, depth: usize) {
    let MicroKernel { rows, columns, run } = kernel;
    let mut tile = vec![0.0; rows * columns];
    for (panel, b) in packed_b.chunks(columns * depth).enumerate() {
        let inside = panel * columns..n.min((panel + 1) * columns);
        for (a, c) in packed_a.chunks(rows * depth).zip(c.chunks_mut(rows * n)) {
            run(a, b, &mut tile);
            for (row_of_c, row_of_tile) in c.chunks_mut(n).zip(tile.chunks(columns)) {
                for (element, sum) in row_of_c[inside.clone()].iter_mut().zip(row_of_tile) {
                    *element += sum;
                }
            }
        }
    }
}

/// Copies rows of B into panels: the rows of a panel, one after the other.
pub(super) fn pack_b(kernel: MicroKernel, b: &[f32], n: usize) -> Vec<f32> {
    let mut packed = Vec::with_capacity(b.len() + b.len() / n * kernel.columns);
    for first_column in (0..n).step_by(kernel.columns) {
        let width = kernel.columns.min(n - first_column);
        for row in b.chunks(n) {
            packed.extend_from_slice(&row[first_column..first_column + width]);
            packed.resize(packed.len() + kernel.columns - width, 0.0);
        }
    }
    packed
}

/// Copies some steps of rows of A, `k` long, into strips: the columns of a strip, one after the other.
pub(super) fn pack_a(kernel: MicroKernel, a: &[f32], k: usize, steps: Range<usize>) -> Vec<f32> {
    let mut packed = Vec::with_capacity((a.len() / k + kernel.rows) * steps.len());
    for strip in a.chunks(kernel.rows * k) {
        for step in steps.clone() {
            packed.extend((0..kernel.rows).map(|row| strip.get(row * k + step).copied().unwrap_or(0.0)));
        }
    }
    packed
}
