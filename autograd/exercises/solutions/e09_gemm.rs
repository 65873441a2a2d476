//! 9. Beat the naive matrix product by a factor of ten.

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

/// The size of a tile of C. It fits into sixteen registers of four values, with room for values of B and A.
const ROWS: usize = 4;
const COLUMNS: usize = 8;
/// The number of rows of C in a parallel task.
const BLOCK: usize = 64;

/// C ← A B for row-major matrices: A is `m` × `k`, B is `k` × `n`, C is `m` × `n`.
pub fn multiply(a: &[f32], b: &[f32], c: &mut [f32], [_, k, n]: [usize; 3]) {
    if n == 0 {
        return;
    }
    let packed = packed(b, k, n);
    c.par_chunks_mut(BLOCK * n).enumerate().for_each(|(block, c)| {
        for (strip, b) in packed.chunks_exact((k * COLUMNS).max(1)).enumerate() {
            for (tile, c) in c.chunks_mut(ROWS * n).enumerate() {
                let first = block * BLOCK + tile * ROWS;
                // A missing row is replaced by the last one; its sums are not stored.
                let last = first + c.len() / n - 1;
                let a: [&[f32]; ROWS] = std::array::from_fn(|row| &a[(first + row).min(last) * k..][..k]);
                let sums = sums(a, b);
                let columns = strip * COLUMNS..n.min((strip + 1) * COLUMNS);
                for (c, sums) in c.chunks_mut(n).zip(sums) {
                    c[columns.clone()].copy_from_slice(&sums[..columns.len()]);
                }
            }
        }
    });
    if k == 0 {
        c.fill(0.0);
    }
}

/// B in strips of `COLUMNS` columns, row after row; the last strip is padded with zeros.
fn packed(b: &[f32], k: usize, n: usize) -> Vec<f32> {
    let mut packed = vec![0.0; n.div_ceil(COLUMNS) * k * COLUMNS];
    for (strip, target) in packed.chunks_exact_mut((k * COLUMNS).max(1)).enumerate() {
        let columns = strip * COLUMNS..n.min((strip + 1) * COLUMNS);
        for (target, row) in target.chunks_exact_mut(COLUMNS).zip(b.chunks_exact(n)) {
            target[..columns.len()].copy_from_slice(&row[columns.clone()]);
        }
    }
    packed
}

/// The sums of a tile, which stay in registers during the loop over the depth.
fn sums(a: [&[f32]; ROWS], b: &[f32]) -> [[f32; COLUMNS]; ROWS] {
    let mut sums = [[0.0; COLUMNS]; ROWS];
    let (depth, _) = b.as_chunks::<COLUMNS>();
    // Both slices have the same length, so that the loop needs no bounds checks.
    let a = a.map(|row| &row[..depth.len()]);
    for (p, b) in depth.iter().enumerate() {
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                sums[row][column] += a[row][p] * b[column];
            }
        }
    }
    sums
}
