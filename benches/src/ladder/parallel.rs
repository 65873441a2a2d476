//! Step 6: threads.
//!
//! The blocks of rows of C are independent: each goes to a thread that is free, which packs the rows of A for it. All
//! threads read the same packed B. How C is divided follows from its size, not from the number of threads, and every
//! sum is formed on one thread in the same order as before: the bits are the same on any number of threads.

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::{ParallelSlice, ParallelSliceMut};

use super::Sizes;
use super::packed::{BLOCK, DEPTH, block, pack_a, pack_b};
use super::simd::widest;

pub(super) fn multiply(Sizes { n, k, .. }: Sizes, a: &[f32], b: &[f32], c: &mut [f32]) {
    let kernel = widest();
    for first_step in (0..k).step_by(DEPTH) {
        let steps = first_step..k.min(first_step + DEPTH);
        let b = pack_b(kernel, &b[steps.start * n..steps.end * n], n);
        c.par_chunks_mut(BLOCK * n).zip(a.par_chunks(BLOCK * k)).for_each(|(c, a)| {
            block(kernel, c, &pack_a(kernel, a, k, steps.clone()), &b, n, steps.len());
        });
    }
}
