//! Step 3: blocks.
//!
//! Two things are used again while they are near. A block of B, `DEPTH` × `COLUMNS` elements or 256 KiB, stays in the
//! second-level cache while all of A's rows are read. And four steps are done together, so that each element of C is
//! loaded and stored once for four terms. They are added one after the other, so that the bits stay the same.

use super::Sizes;

/// The rows and the columns of a block of B.
const DEPTH: usize = 128;
const COLUMNS: usize = 512;

pub(super) fn multiply(Sizes { n, k, .. }: Sizes, a: &[f32], b: &[f32], c: &mut [f32]) {
    for first_column in (0..n).step_by(COLUMNS) {
        let columns = first_column..(first_column + COLUMNS).min(n);
        for first_step in (0..k).step_by(DEPTH) {
            let steps = first_step..(first_step + DEPTH).min(k);
            for (row_of_a, row_of_c) in a.chunks(k).zip(c.chunks_mut(n)) {
                let sums = &mut row_of_c[columns.clone()];
                let row_of_b = |p: usize| &b[p * n..][columns.clone()];
                let (fours, rest) = row_of_a[steps.clone()].as_chunks::<4>();
                for (four, [a_0, a_1, a_2, a_3]) in fours.iter().enumerate() {
                    let p = first_step + 4 * four;
                    let rows = row_of_b(p).iter().zip(row_of_b(p + 1)).zip(row_of_b(p + 2)).zip(row_of_b(p + 3));
                    for (sum, (((b_0, b_1), b_2), b_3)) in sums.iter_mut().zip(rows) {
                        *sum = *sum + a_0 * b_0 + a_1 * b_1 + a_2 * b_2 + a_3 * b_3;
                    }
                }
                for (p, of_a) in (steps.end - rest.len()..).zip(rest) {
                    sums.iter_mut().zip(row_of_b(p)).for_each(|(sum, of_b)| *sum += of_a * of_b);
                }
            }
        }
    }
}
