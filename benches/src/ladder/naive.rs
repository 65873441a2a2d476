//! Step 1: the definition.
//!
//! Each element of C is finished before the next is begun. The innermost loop reads A along a row, where the next
//! element is the next in memory, but B down a column, where the next element is a whole row away: each step fetches a
//! cache line of sixteen elements and uses one. And each addition waits for the one before it, because they all go into
//! one sum.

use super::Sizes;

pub(super) fn multiply(Sizes { m, n, k }: Sizes, a: &[f32], b: &[f32], c: &mut [f32]) {
    for i in 0..m {
        for j in 0..n {
            let mut sum = 0.0;
            for p in 0..k {
                sum += a[i * k + p] * b[p * n + j];
            }
            c[i * n + j] = sum;
        }
    }
}
