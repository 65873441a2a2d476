//! Step 2: the order of the loops.
//!
//! The same terms, added in the same order for each element of C, but a whole row of C grows at once: row i of C is the
//! sum of B's rows, each times an element of row i of A. The innermost loop now passes along the rows of B and C. Its
//! additions are independent, so the compiler turns them into vectors by itself. What still costs: for each
//! multiply-add, an element of B and one of C are loaded and one is stored.

use super::Sizes;

pub(super) fn multiply(Sizes { m, n, k }: Sizes, a: &[f32], b: &[f32], c: &mut [f32]) {
    for i in 0..m {
        let row_of_c = &mut c[i * n..(i + 1) * n];
        for p in 0..k {
            let of_a = a[i * k + p];
            let row_of_b = &b[p * n..(p + 1) * n];
            for (sum, of_b) in row_of_c.iter_mut().zip(row_of_b) {
                *sum += of_a * of_b;
            }
        }
    }
}
