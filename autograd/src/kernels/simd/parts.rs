//! Parts of 16 bytes of a register, whole or from their first element on.

use std::arch::x86_64::*;

/// Which of four `f32` are the first `count`.
///
/// # Safety
/// AVX2 is available and enabled in the caller.
#[inline(always)]
unsafe fn first_of_four(count: usize) -> __m128i {
    // SAFETY: passed on.
    unsafe { _mm_cmpgt_epi32(_mm_set1_epi32(count as i32), _mm_setr_epi32(0, 1, 2, 3)) }
}

/// The first `count` ≤ 4 elements from `source` on, zeros behind them.
///
/// # Safety
/// AVX2 is available and enabled in the caller; so many elements may be read.
#[inline(always)]
pub(super) unsafe fn load_four(source: *const f32, count: usize) -> __m128 {
    // SAFETY: passed on.
    unsafe { if count == 4 { _mm_loadu_ps(source) } else { _mm_maskload_ps(source, first_of_four(count)) } }
}

/// Writes the first `count` ≤ 4 elements of a part.
///
/// # Safety
/// AVX2 is available and enabled in the caller; so many elements may be written.
#[inline(always)]
pub(super) unsafe fn store_four(target: *mut f32, part: __m128, count: usize) {
    // SAFETY: passed on.
    unsafe {
        if count == 4 { _mm_storeu_ps(target, part) } else { _mm_maskstore_ps(target, first_of_four(count), part) }
    }
}

/// The first `count` elements from `source` on, one or two (or none), zeros behind them.
///
/// # Safety
/// AVX2 is available and enabled in the caller; so many elements may be read.
#[inline(always)]
pub(super) unsafe fn load_two(source: *const f64, count: usize) -> __m128d {
    // SAFETY: passed on.
    unsafe {
        match count {
            0 => _mm_setzero_pd(),
            1 => _mm_load_sd(source),
            _ => _mm_loadu_pd(source),
        }
    }
}

/// Writes the first `count` elements of a part, one or two (or none).
///
/// # Safety
/// AVX2 is available and enabled in the caller; so many elements may be written.
#[inline(always)]
pub(super) unsafe fn store_two(target: *mut f64, part: __m128d, count: usize) {
    // SAFETY: passed on.
    unsafe {
        match count {
            0 => (),
            1 => _mm_store_sd(target, part),
            _ => _mm_storeu_pd(target, part),
        }
    }
}
