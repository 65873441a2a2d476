//! Step 2: the order of the loops.
//!
//! The same terms, added in the same order for each number of C, but a whole row of C grows at once: row i of C is the sum of B's rows, each times a number of
//! row i of A. The innermost loop now walks B and C along their rows. Its additions have nothing to do with each other, so the compiler
//! makes vectors of them without being asked. What is left: for each multiply-add, a number of B and one of C are loaded and one is stored.

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
