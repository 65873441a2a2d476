//! The words of AVX-512: 512-bit registers, masks that cost nothing, fused multiply-add.

use std::arch::x86_64::*;

use super::{F32x8, F64x4, Vector};

/// Sixteen `f32`.
#[derive(Clone, Copy)]
pub(crate) struct F32x16(__m512);

/// Eight `f64`.
#[derive(Clone, Copy)]
pub(crate) struct F64x8(__m512d);

impl Vector for F32x16 {
    type Element = f32;
    type Mask = __mmask16;
    const LANES: usize = 16;
    const MASKS_ARE_FREE: bool = true;
    const HALVES: bool = true;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: AVX-512 is there by the contract of the trait.
        Self(unsafe { _mm512_set1_ps(value) })
    }
    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        // SAFETY: AVX-512 is there, and sixteen numbers may be read, by the contract of the trait.
        Self(unsafe { _mm512_loadu_ps(source) })
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        // SAFETY: AVX-512 is there, and sixteen numbers may be written, by the contract of the trait.
        unsafe { _mm512_storeu_ps(target, self.0) }
    }
    #[inline(always)]
    unsafe fn mask(count: usize) -> __mmask16 {
        ((1u32 << count) - 1) as __mmask16
    }
    #[inline(always)]
    unsafe fn load_masked(source: *const f32, mask: __mmask16) -> Self {
        // SAFETY: AVX-512 is there, and the numbers under the mask may be read; the others aren't touched.
        Self(unsafe { _mm512_maskz_loadu_ps(mask, source) })
    }
    #[inline(always)]
    unsafe fn store_masked(self, target: *mut f32, mask: __mmask16) {
        // SAFETY: AVX-512 is there, and the numbers under the mask may be written; the others aren't touched.
        unsafe { _mm512_mask_storeu_ps(target, mask, self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: AVX-512 is there by the contract of the trait.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: AVX-512 is there by the contract of the trait.
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }
    #[inline(always)]
    unsafe fn mul_add_low(self, factor: Self, addend: Self) -> Self {
        // SAFETY: AVX-512 is there by the contract of the trait, and fused multiply-add with it.
        unsafe {
            let low = |vector: Self| _mm512_castps512_ps256(vector.0);
            Self(_mm512_castps256_ps512(_mm256_fmadd_ps(low(self), low(factor), low(addend))))
        }
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        // The instruction returns its second operand if either is NaN.
        // SAFETY: AVX-512 is there by the contract of the trait.
        Self(unsafe { _mm512_max_ps(_mm512_setzero_ps(), self.0) })
    }
    #[inline(always)]
    unsafe fn not_zero(self) -> u64 {
        // SAFETY: AVX-512 is there by the contract of the trait.
        unsafe { u64::from(_mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(self.0, _mm512_setzero_ps())) }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: AVX-512 is there by the contract of the trait.
        unsafe { _mm512_reduce_add_ps(self.0) }
    }
    #[inline(always)]
    unsafe fn transpose(
        source: *const f32,
        source_row: isize,
        shape: (usize, usize),
        target: *mut f32,
        target_row: usize,
    ) {
        // SAFETY: AVX2 comes with AVX-512; the block is valid by the contract of the trait.
        unsafe { in_halves::<F32x8>(source, source_row, shape, target, target_row) }
    }
    #[inline(always)]
    unsafe fn transpose_half(
        source: *const f32,
        source_row: isize,
        columns: usize,
        target: *mut f32,
        target_row: usize,
    ) {
        // SAFETY: AVX2 comes with AVX-512; the block is valid by the contract of the trait.
        unsafe { F32x8::transpose(source, source_row, (F32x8::LANES, columns), target, target_row) }
    }
    #[inline(always)]
    unsafe fn prefetch(address: *const f32) {
        // SAFETY: a prefetch never faults, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
    }
}

impl Vector for F64x8 {
    type Element = f64;
    type Mask = __mmask8;
    const LANES: usize = 8;
    const MASKS_ARE_FREE: bool = true;
    const HALVES: bool = true;

    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        // SAFETY: AVX-512 is there by the contract of the trait.
        Self(unsafe { _mm512_set1_pd(value) })
    }
    #[inline(always)]
    unsafe fn load(source: *const f64) -> Self {
        // SAFETY: AVX-512 is there, and eight numbers may be read, by the contract of the trait.
        Self(unsafe { _mm512_loadu_pd(source) })
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f64) {
        // SAFETY: AVX-512 is there, and eight numbers may be written, by the contract of the trait.
        unsafe { _mm512_storeu_pd(target, self.0) }
    }
    #[inline(always)]
    unsafe fn mask(count: usize) -> __mmask8 {
        ((1u32 << count) - 1) as __mmask8
    }
    #[inline(always)]
    unsafe fn load_masked(source: *const f64, mask: __mmask8) -> Self {
        // SAFETY: AVX-512 is there, and the numbers under the mask may be read; the others aren't touched.
        Self(unsafe { _mm512_maskz_loadu_pd(mask, source) })
    }
    #[inline(always)]
    unsafe fn store_masked(self, target: *mut f64, mask: __mmask8) {
        // SAFETY: AVX-512 is there, and the numbers under the mask may be written; the others aren't touched.
        unsafe { _mm512_mask_storeu_pd(target, mask, self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: AVX-512 is there by the contract of the trait.
        Self(unsafe { _mm512_add_pd(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: AVX-512 is there by the contract of the trait.
        Self(unsafe { _mm512_fmadd_pd(self.0, factor.0, addend.0) })
    }
    #[inline(always)]
    unsafe fn mul_add_low(self, factor: Self, addend: Self) -> Self {
        // SAFETY: AVX-512 is there by the contract of the trait, and fused multiply-add with it.
        unsafe {
            let low = |vector: Self| _mm512_castpd512_pd256(vector.0);
            Self(_mm512_castpd256_pd512(_mm256_fmadd_pd(low(self), low(factor), low(addend))))
        }
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        // The instruction returns its second operand if either is NaN.
        // SAFETY: AVX-512 is there by the contract of the trait.
        Self(unsafe { _mm512_max_pd(_mm512_setzero_pd(), self.0) })
    }
    #[inline(always)]
    unsafe fn not_zero(self) -> u64 {
        // SAFETY: AVX-512 is there by the contract of the trait.
        unsafe { u64::from(_mm512_cmp_pd_mask::<_CMP_NEQ_UQ>(self.0, _mm512_setzero_pd())) }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f64 {
        // SAFETY: AVX-512 is there by the contract of the trait.
        unsafe { _mm512_reduce_add_pd(self.0) }
    }
    #[inline(always)]
    unsafe fn transpose(
        source: *const f64,
        source_row: isize,
        shape: (usize, usize),
        target: *mut f64,
        target_row: usize,
    ) {
        // SAFETY: AVX2 comes with AVX-512; the block is valid by the contract of the trait.
        unsafe { in_halves::<F64x4>(source, source_row, shape, target, target_row) }
    }
    #[inline(always)]
    unsafe fn transpose_half(
        source: *const f64,
        source_row: isize,
        columns: usize,
        target: *mut f64,
        target_row: usize,
    ) {
        // SAFETY: AVX2 comes with AVX-512; the block is valid by the contract of the trait.
        unsafe { F64x4::transpose(source, source_row, (F64x4::LANES, columns), target, target_row) }
    }
    #[inline(always)]
    unsafe fn prefetch(address: *const f64) {
        // SAFETY: a prefetch never faults, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
    }
}

/// Transposes a band of twice `Half::LANES` rows in two halves: a shuffle of half a register costs half a cycle where one of a whole register costs a
/// cycle, and more of the work is done by the loads.
///
/// # Safety
/// That of [`Vector::transpose`] for a vector twice as long as `Half`.
#[inline(always)]
unsafe fn in_halves<Half: Vector>(
    source: *const Half::Element,
    source_row: isize,
    (rows, columns): (usize, usize),
    target: *mut Half::Element,
    target_row: usize,
) {
    let half = Half::LANES;
    // SAFETY: each half lies inside the band; a right one without rows of its own repeats the left one's, unless the next row of the target
    // would cut it off. The right one is written first: where rows of the target overlap, it reaches into the next row, which the left one then mends.
    unsafe {
        if rows > half {
            let right = source.wrapping_offset(half as isize * source_row);
            Half::transpose(right, source_row, (rows - half, columns), target.add(half), target_row);
        } else if target_row > half {
            Half::transpose(source, source_row, (rows, columns), target.add(half), target_row);
        }
        Half::transpose(source, source_row, (rows.min(half), columns), target, target_row);
    }
}
