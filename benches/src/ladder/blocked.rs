//! Step 3: blocks.
//!
//! Two things are used again before they are lost. A block of B, `DEPTH` × `COLUMNS` numbers or 256 KiB, stays in the second-level cache while all of A's rows
//! pass by. And four rows of C are worked on together, so that each number of B, once loaded, is used four times.

use super::Sizes;

/// The rows and the columns of a block of B.
const DEPTH: usize = 128;
const COLUMNS: usize = 512;

pub(super) fn multiply(Sizes { n, k, .. }: Sizes, a: &[f32], b: &[f32], c: &mut [f32]) {
    for first_column in (0..n).step_by(COLUMNS) {
        let columns = first_column..(first_column + COLUMNS).min(n);
        for first_step in (0..k).step_by(DEPTH) {
            let steps = first_step..(first_step + DEPTH).min(k);
            for (block, rows) in c.chunks_mut(4 * n).enumerate() {
                let of_a = |row: usize, p: usize| a[(4 * block + row) * k + p];
                let mut rows: Vec<&mut [f32]> = rows.chunks_mut(n).map(|row| &mut row[columns.clone()]).collect();
                for p in steps.clone() {
                    let row_of_b = &b[p * n..][columns.clone()];
                    if let [row_0, row_1, row_2, row_3] = &mut rows[..] {
                        let of_a = [of_a(0, p), of_a(1, p), of_a(2, p), of_a(3, p)];
                        let together =
                            row_0.iter_mut().zip(row_1.iter_mut()).zip(row_2.iter_mut()).zip(row_3.iter_mut());
                        for ((((sum_0, sum_1), sum_2), sum_3), of_b) in together.zip(row_of_b) {
                            *sum_0 += of_a[0] * of_b;
                            *sum_1 += of_a[1] * of_b;
                            *sum_2 += of_a[2] * of_b;
                            *sum_3 += of_a[3] * of_b;
                        }
                    } else {
                        // What is left at the bottom: fewer than four rows.
                        for (row, sums) in rows.iter_mut().enumerate() {
                            sums.iter_mut().zip(row_of_b).for_each(|(sum, of_b)| *sum += of_a(row, p) * of_b);
                        }
                    }
                }
            }
        }
    }
}
