//! The words of AVX-512: 512-bit registers, masks that cost nothing, fused multiply-add.

use std::arch::x86_64::*;

use super::parts::{store_four, store_two};
use super::transpose::transpose_band;
use super::{MAX_GROUP_ROWS, Vector};

/// Sixteen `f32`.
#[derive(Clone, Copy)]
pub(crate) struct F32x16(__m512);

/// Eight `f64`.
#[derive(Clone, Copy)]
pub(crate) struct F64x8(__m512d);

/// [`Vector::bit_indices`], sixteen at a time.
///
/// # Safety
/// AVX-512 is available, and enabled in the caller; as many elements may be written as the word has ones.
#[inline(always)]
unsafe fn bit_indices(word: u64, first: u32, target: *mut u32) -> usize {
    let mut count = 0;
    // SAFETY: AVX-512 is there, and no more elements are written than there are ones, by this function's contract.
    unsafe {
        let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        for part in 0..4 {
            let ones = (word >> (16 * part)) as __mmask16;
            let found = ones.count_ones() as usize;
            let indices = _mm512_add_epi32(lanes, _mm512_set1_epi32((first + 16 * part) as i32));
            let together = _mm512_maskz_compress_epi32(ones, indices);
            _mm512_mask_storeu_epi32(target.add(count).cast(), F32x16::mask(found), together);
            count += found;
        }
    }
    count
}

/// The sums of the quarters of four registers: in each quarter, those of all four side by side.
///
/// # Safety
/// AVX-512 is available, and enabled in the caller.
#[inline(always)] // A closure would not be inlined into code of another instruction set.
unsafe fn sums_of_quarters([a, b, c, d]: [F32x16; 4]) -> __m512 {
    // Elements 0 and 2, 1 and 3 of two registers side by side; then these two of all four.
    // SAFETY: passed on.
    unsafe {
        let ab = _mm512_add_ps(_mm512_unpacklo_ps(a.0, b.0), _mm512_unpackhi_ps(a.0, b.0));
        let cd = _mm512_add_ps(_mm512_unpacklo_ps(c.0, d.0), _mm512_unpackhi_ps(c.0, d.0));
        let (ab, cd) = (_mm512_castps_pd(ab), _mm512_castps_pd(cd));
        let (low, high) = (_mm512_unpacklo_pd(ab, cd), _mm512_unpackhi_pd(ab, cd));
        _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high))
    }
}

/// The same of the first two of four registers of `f64`.
///
/// # Safety
/// That of [`sums_of_quarters`].
#[inline(always)]
unsafe fn sums_of_quarters_of_f64([a, b, ..]: [F64x8; 4]) -> __m512d {
    // SAFETY: passed on.
    unsafe { _mm512_add_pd(_mm512_unpacklo_pd(a.0, b.0), _mm512_unpackhi_pd(a.0, b.0)) }
}

/// The first `count` elements of half a register, zeros behind them.
///
/// # Safety
/// AVX-512 is available, and enabled in the caller; so many elements may be read.
#[inline(always)]
unsafe fn half_of_f32(source: *const f32, count: usize) -> __m256 {
    // SAFETY: passed on.
    unsafe {
        if count == 8 { _mm256_loadu_ps(source) } else { _mm256_maskz_loadu_ps(((1 << count) - 1) as u8, source) }
    }
}

/// The same of `f64`.
///
/// # Safety
/// That of [`half_of_f32`].
#[inline(always)]
unsafe fn half_of_f64(source: *const f64, count: usize) -> __m256d {
    // SAFETY: passed on.
    unsafe { if count == 4 { _mm256_loadu_pd(source) } else { _mm256_maskz_loadu_pd((1 << count) - 1, source) } }
}

impl Vector for F32x16 {
    type Element = f32;
    type Mask = __mmask16;
    const LANES: usize = 16;
    const REGISTERS: usize = 32;
    const MASKS_ARE_FREE: bool = true;
    const HALVES: bool = true;
    const PART: usize = 8;
    const GROUP_ROWS: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: AVX-512 is there by the contract of the trait.
        Self(unsafe { _mm512_set1_ps(value) })
    }
    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        // SAFETY: AVX-512 is there, and sixteen elements may be read, by the contract of the trait.
        Self(unsafe { _mm512_loadu_ps(source) })
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        // SAFETY: AVX-512 is there, and sixteen elements may be written, by the contract of the trait.
        unsafe { _mm512_storeu_ps(target, self.0) }
    }
    #[inline(always)]
    unsafe fn mask(count: usize) -> __mmask16 {
        ((1u32 << count) - 1) as __mmask16
    }
    #[inline(always)]
    unsafe fn load_masked(source: *const f32, mask: __mmask16) -> Self {
        // SAFETY: AVX-512 is there, and the elements under the mask may be read; the others aren't touched.
        Self(unsafe { _mm512_maskz_loadu_ps(mask, source) })
    }
    #[inline(always)]
    unsafe fn store_masked(self, target: *mut f32, mask: __mmask16) {
        // SAFETY: AVX-512 is there, and the elements under the mask may be written; the others aren't touched.
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
    unsafe fn bit_indices(word: u64, first: u32, target: *mut u32) -> usize {
        // SAFETY: passed on.
        unsafe { bit_indices(word, first, target) }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: passed on. In the order of four, three of which nobody uses: the compiler leaves out their part.
        unsafe { Self::sums([self; 4])[0] }
    }
    #[inline(always)]
    unsafe fn sums(vectors: [Self; 4]) -> [f32; 4] {
        // The sums of the quarters, and then of the quarters of each register.
        // SAFETY: AVX-512 is there by the contract of the trait.
        unsafe {
            let quarters = sums_of_quarters(vectors);
            let upper = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(quarters)));
            let halves = _mm256_add_ps(_mm512_castps512_ps256(quarters), upper);
            let all = _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps::<1>(halves));
            let mut sums = [0.0; 4];
            _mm_storeu_ps(sums.as_mut_ptr(), all);
            sums
        }
    }
    #[inline(always)]
    unsafe fn splat_part(source: *const f32, count: usize) -> Self {
        // SAFETY: AVX-512 is there, and so many elements may be read, by the contract of the trait.
        Self(unsafe { _mm512_broadcast_f32x8(half_of_f32(source, count)) })
    }
    #[inline(always)]
    unsafe fn load_parts([low, high]: [*const f32; 2], count: usize) -> Self {
        // SAFETY: AVX-512 is there, and so many elements of both may be read, by the contract of the trait.
        Self(unsafe {
            _mm512_insertf32x8::<1>(_mm512_castps256_ps512(half_of_f32(low, count)), half_of_f32(high, count))
        })
    }
    #[inline(always)]
    unsafe fn sum_parts(parts: [[Self; MAX_GROUP_ROWS]; 2]) -> Self {
        // The quarters of both registers, and then the even ones with the odd ones: two are a row's.
        // SAFETY: AVX-512 is there by the contract of the trait.
        unsafe {
            let (low, high) = (sums_of_quarters(parts[0]), sums_of_quarters(parts[1]));
            let (even, odd) = (_mm512_shuffle_f32x4::<0x88>(low, high), _mm512_shuffle_f32x4::<0xDD>(low, high));
            Self(_mm512_add_ps(even, odd))
        }
    }
    #[inline(always)]
    unsafe fn store_sums(self, target: *mut f32, strides: &[isize; MAX_GROUP_ROWS], (rows, columns): (usize, usize)) {
        // SAFETY: AVX-512 is there, and so many elements may be written in each row, by the contract of the trait.
        unsafe {
            store_four(target.offset(strides[0]), _mm512_extractf32x4_ps::<0>(self.0), columns);
            if rows > 1 {
                store_four(target.offset(strides[1]), _mm512_extractf32x4_ps::<1>(self.0), columns);
            }
            if rows > 2 {
                store_four(target.offset(strides[2]), _mm512_extractf32x4_ps::<2>(self.0), columns);
            }
            if rows > 3 {
                store_four(target.offset(strides[3]), _mm512_extractf32x4_ps::<3>(self.0), columns);
            }
        }
    }
    #[inline(always)]
    unsafe fn transpose(
        source: *const f32,
        source_row: isize,
        shape: (usize, usize),
        target: *mut f32,
        target_row: usize,
    ) {
        // SAFETY: passed on.
        unsafe { transpose_band::<Self, 256>(source, source_row, shape, target, target_row) }
    }
}

impl Vector for F64x8 {
    type Element = f64;
    type Mask = __mmask8;
    const LANES: usize = 8;
    const REGISTERS: usize = 32;
    const MASKS_ARE_FREE: bool = true;
    const HALVES: bool = true;
    const PART: usize = 4;
    const GROUP_ROWS: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        // SAFETY: AVX-512 is there by the contract of the trait.
        Self(unsafe { _mm512_set1_pd(value) })
    }
    #[inline(always)]
    unsafe fn load(source: *const f64) -> Self {
        // SAFETY: AVX-512 is there, and eight elements may be read, by the contract of the trait.
        Self(unsafe { _mm512_loadu_pd(source) })
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f64) {
        // SAFETY: AVX-512 is there, and eight elements may be written, by the contract of the trait.
        unsafe { _mm512_storeu_pd(target, self.0) }
    }
    #[inline(always)]
    unsafe fn mask(count: usize) -> __mmask8 {
        ((1u32 << count) - 1) as __mmask8
    }
    #[inline(always)]
    unsafe fn load_masked(source: *const f64, mask: __mmask8) -> Self {
        // SAFETY: AVX-512 is there, and the elements under the mask may be read; the others aren't touched.
        Self(unsafe { _mm512_maskz_loadu_pd(mask, source) })
    }
    #[inline(always)]
    unsafe fn store_masked(self, target: *mut f64, mask: __mmask8) {
        // SAFETY: AVX-512 is there, and the elements under the mask may be written; the others aren't touched.
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
    unsafe fn bit_indices(word: u64, first: u32, target: *mut u32) -> usize {
        // SAFETY: passed on.
        unsafe { bit_indices(word, first, target) }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f64 {
        // SAFETY: AVX-512 is there by the contract of the trait.
        unsafe { _mm512_reduce_add_pd(self.0) }
    }
    #[inline(always)]
    unsafe fn splat_part(source: *const f64, count: usize) -> Self {
        // SAFETY: AVX-512 is there, and so many elements may be read, by the contract of the trait.
        Self(unsafe { _mm512_broadcast_f64x4(half_of_f64(source, count)) })
    }
    #[inline(always)]
    unsafe fn load_parts([low, high]: [*const f64; 2], count: usize) -> Self {
        // SAFETY: AVX-512 is there, and so many elements of both may be read, by the contract of the trait.
        Self(unsafe {
            _mm512_insertf64x4::<1>(_mm512_castpd256_pd512(half_of_f64(low, count)), half_of_f64(high, count))
        })
    }
    #[inline(always)]
    unsafe fn sum_parts(parts: [[Self; MAX_GROUP_ROWS]; 2]) -> Self {
        // The quarters of both registers, and then the even ones with the odd ones: two are a row's.
        // SAFETY: AVX-512 is there by the contract of the trait.
        unsafe {
            let (low, high) = (sums_of_quarters_of_f64(parts[0]), sums_of_quarters_of_f64(parts[1]));
            let (even, odd) = (_mm512_shuffle_f64x2::<0x88>(low, high), _mm512_shuffle_f64x2::<0xDD>(low, high));
            Self(_mm512_add_pd(even, odd))
        }
    }
    #[inline(always)]
    unsafe fn store_sums(self, target: *mut f64, strides: &[isize; MAX_GROUP_ROWS], (rows, columns): (usize, usize)) {
        // SAFETY: AVX-512 is there, and so many elements may be written in each row, by the contract of the trait.
        unsafe {
            store_two(target.offset(strides[0]), _mm512_extractf64x2_pd::<0>(self.0), columns);
            if rows > 1 {
                store_two(target.offset(strides[1]), _mm512_extractf64x2_pd::<1>(self.0), columns);
            }
            if rows > 2 {
                store_two(target.offset(strides[2]), _mm512_extractf64x2_pd::<2>(self.0), columns);
            }
            if rows > 3 {
                store_two(target.offset(strides[3]), _mm512_extractf64x2_pd::<3>(self.0), columns);
            }
        }
    }
    #[inline(always)]
    unsafe fn transpose(
        source: *const f64,
        source_row: isize,
        shape: (usize, usize),
        target: *mut f64,
        target_row: usize,
    ) {
        // SAFETY: passed on.
        unsafe { transpose_band::<Self, 64>(source, source_row, shape, target, target_row) }
    }
}
