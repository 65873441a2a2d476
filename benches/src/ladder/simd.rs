//! Step 5: a micro-kernel with the machine's own instructions.
//!
//! Everything around it stays; only the tile is new. It is as large as the registers allow: with 32 of them, 12 rows ×
//! 2 vectors of sixteen elements are 24 sums, and 3 registers hold the operands of a step. A step is 2 loads of B, 12
//! elements of A that are each copied to all lanes of a vector, and 24 multiply-adds, none of which waits for another;
//! two can start in a cycle (or one, where 512 bits pass through a unit in two halves), and the loads run at the same
//! time.

use super::Sizes;
use super::packed::{MicroKernel, PLAIN, multiply_with};

pub(super) fn multiply(sizes: Sizes, a: &[f32], b: &[f32], c: &mut [f32]) {
    multiply_with(widest(), sizes, a, b, c);
}

/// The micro-kernel with the widest vectors that this machine has.
pub(super) fn widest() -> MicroKernel {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the machine has the instructions.
        return MicroKernel { rows: 12, columns: 32, run: |a, b, tile| unsafe { avx512(a, b, tile) } };
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the machine has the instructions.
        return MicroKernel { rows: 6, columns: 16, run: |a, b, tile| unsafe { avx2(a, b, tile) } };
    }
    PLAIN
}

/// Twelve rows of two vectors of sixteen elements.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512(a: &[f32], b: &[f32], tile: &mut [f32]) {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps};
    let mut sums = [[_mm512_setzero_ps(); 2]; 12];
    for (of_a, of_b) in a.as_chunks::<12>().0.iter().zip(b.as_chunks::<32>().0) {
        // SAFETY: a step of B is thirty-two elements.
        let of_b = unsafe { [_mm512_loadu_ps(of_b.as_ptr()), _mm512_loadu_ps(of_b.as_ptr().add(16))] };
        for (sums, of_a) in sums.iter_mut().zip(of_a) {
            let of_a = _mm512_set1_ps(*of_a);
            sums[0] = _mm512_fmadd_ps(of_a, of_b[0], sums[0]);
            sums[1] = _mm512_fmadd_ps(of_a, of_b[1], sums[1]);
        }
    }
    for (target, sum) in tile.as_chunks_mut::<16>().0.iter_mut().zip(sums.as_flattened()) {
        // SAFETY: the target is sixteen elements.
        unsafe { _mm512_storeu_ps(target.as_mut_ptr(), *sum) }
    }
}

/// Six rows of two vectors of eight elements: twelve of the sixteen registers are sums.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(a: &[f32], b: &[f32], tile: &mut [f32]) {
    use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps};
    let mut sums = [[_mm256_setzero_ps(); 2]; 6];
    for (of_a, of_b) in a.as_chunks::<6>().0.iter().zip(b.as_chunks::<16>().0) {
        // SAFETY: a step of B is sixteen elements.
        let of_b = unsafe { [_mm256_loadu_ps(of_b.as_ptr()), _mm256_loadu_ps(of_b.as_ptr().add(8))] };
        for (sums, of_a) in sums.iter_mut().zip(of_a) {
            let of_a = _mm256_set1_ps(*of_a);
            sums[0] = _mm256_fmadd_ps(of_a, of_b[0], sums[0]);
            sums[1] = _mm256_fmadd_ps(of_a, of_b[1], sums[1]);
        }
    }
    for (target, sum) in tile.as_chunks_mut::<8>().0.iter_mut().zip(sums.as_flattened()) {
        // SAFETY: the target is eight elements.
        unsafe { _mm256_storeu_ps(target.as_mut_ptr(), *sum) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operands::{Operands, Oracle};
    use crate::shapes::Case;
    use autograd::ndarray::ArrayView2;

    /// The machine's widest set hides the others from the ladder's own test.
    #[test]
    fn the_narrower_kernel_is_right_too() {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            let mut operands = Operands::<f32>::new(&Case::new("a step", (13, 33, 257)));
            let (a, b, _) = operands.views();
            let mut c = vec![0.0; 13 * 33];
            // SAFETY: the machine has the instructions.
            let kernel = MicroKernel { rows: 6, columns: 16, run: |a, b, tile| unsafe { avx2(a, b, tile) } };
            multiply_with(kernel, Sizes { m: 13, n: 33, k: 257 }, a.as_slice().unwrap(), b.as_slice().unwrap(), &mut c);
            Oracle::new(a, b).check(ArrayView2::from_shape((13, 33), &c).unwrap()).unwrap();
        }
    }
}
