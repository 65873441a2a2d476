//! Vectors of plain arrays, for every machine. Written so that LLVM turns them into the registers that the target
//! always has: SSE2 on x86-64, NEON on AArch64.

use super::Vector;
use crate::scalar::Scalar;

/// `N` elements that the compiler keeps in a register.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct Array<T, const N: usize>([T; N]);

impl<T: Scalar, const N: usize> Vector for Array<T, N> {
    type Element = T;
    type Mask = usize;
    const LANES: usize = N;
    const MASKS_ARE_FREE: bool = false;

    #[inline(always)]
    unsafe fn splat(value: T) -> Self {
        Self([value; N])
    }
    #[inline(always)]
    unsafe fn load(source: *const T) -> Self {
        // SAFETY: the caller vouches for `N` readable elements; the read asks for no alignment.
        Self(unsafe { source.cast::<[T; N]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut T) {
        // SAFETY: the caller vouches for `N` writable elements; the write asks for no alignment.
        unsafe { target.cast::<[T; N]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn mask(count: usize) -> usize {
        count
    }
    #[inline(always)]
    unsafe fn load_masked(source: *const T, mask: usize) -> Self {
        let mut lanes = [T::ZERO; N];
        for lane in 0..mask.min(N) {
            // SAFETY: the caller vouches for the first `mask` elements.
            lanes[lane] = unsafe { *source.add(lane) };
        }
        Self(lanes)
    }
    #[inline(always)]
    unsafe fn store_masked(self, target: *mut T, mask: usize) {
        for lane in 0..mask.min(N) {
            // SAFETY: the caller vouches for the first `mask` elements.
            unsafe { *target.add(lane) = self.0[lane] }
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        let mut sums = self.0;
        for lane in 0..N {
            sums[lane] += other.0[lane];
        }
        Self(sums)
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // Two roundings: a fused multiply-add that the target lacks would be a call into a library, a hundred times
        // slower.
        let mut sums = addend.0;
        for lane in 0..N {
            sums[lane] = self.0[lane] * factor.0[lane] + addend.0[lane];
        }
        Self(sums)
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        let mut values = self.0;
        for value in &mut values {
            *value = if *value < T::ZERO { T::ZERO } else { *value };
        }
        Self(values)
    }
    #[inline(always)]
    unsafe fn not_zero(self) -> u64 {
        let mut bits = 0;
        for lane in 0..N {
            bits |= u64::from(self.0[lane] != T::ZERO) << lane;
        }
        bits
    }
    #[inline(always)]
    unsafe fn sum(self) -> T {
        let mut sum = T::ZERO;
        for value in self.0 {
            sum += value;
        }
        sum
    }
}
