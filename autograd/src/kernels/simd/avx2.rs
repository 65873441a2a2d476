//! The words of AVX2 with FMA: 256-bit registers.

use std::arch::x86_64::*;

use super::parts::{load_four, load_two, store_four, store_two};
use super::transpose::{Block, transpose_band};
use super::{MAX_GROUP_ROWS, Vector};

/// Eight `f32`.
#[derive(Clone, Copy)]
pub(crate) struct F32x8(__m256);

/// Four `f64`.
#[derive(Clone, Copy)]
pub(crate) struct F64x4(__m256d);

/// The sums of elements 0 and 2, 1 and 3 of each part of two registers, side by side.
///
/// # Safety
/// AVX2 is available, and enabled in the caller.
#[inline(always)] // A closure would not be inlined into code of another instruction set.
unsafe fn pairs(one: F32x8, two: F32x8) -> __m256d {
    // SAFETY: passed on.
    unsafe {
        let (low, high) = (_mm256_unpacklo_ps(one.0, two.0), _mm256_unpackhi_ps(one.0, two.0));
        _mm256_castps_pd(_mm256_add_ps(low, high))
    }
}

impl Vector for F32x8 {
    type Element = f32;
    type Mask = __m256i;
    const LANES: usize = 8;
    const MASKS_ARE_FREE: bool = false;
    const PART: usize = 4;
    const GROUP_ROWS: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: AVX2 is there by the contract of the trait.
        Self(unsafe { _mm256_set1_ps(value) })
    }
    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        // SAFETY: AVX2 is there, and eight elements may be read, by the contract of the trait.
        Self(unsafe { _mm256_loadu_ps(source) })
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        // SAFETY: AVX2 is there, and eight elements may be written, by the contract of the trait.
        unsafe { _mm256_storeu_ps(target, self.0) }
    }
    #[inline(always)]
    unsafe fn mask(count: usize) -> __m256i {
        // A window into ones followed by zeros: it starts so far before the zeros as there are lanes to touch.
        const WINDOW: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
        // SAFETY: AVX2 is there by the contract of the trait, and `count` ≤ 8 keeps the window inside the table.
        unsafe { _mm256_loadu_si256(WINDOW.as_ptr().add(8 - count).cast()) }
    }
    #[inline(always)]
    unsafe fn load_masked(source: *const f32, mask: __m256i) -> Self {
        // SAFETY: AVX2 is there, and the elements under the mask may be read; the others aren't touched.
        Self(unsafe { _mm256_maskload_ps(source, mask) })
    }
    #[inline(always)]
    unsafe fn store_masked(self, target: *mut f32, mask: __m256i) {
        // SAFETY: AVX2 is there, and the elements under the mask may be written; the others aren't touched.
        unsafe { _mm256_maskstore_ps(target, mask, self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: AVX2 is there by the contract of the trait.
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: AVX2 and FMA are there by the contract of the trait.
        Self(unsafe { _mm256_fmadd_ps(self.0, factor.0, addend.0) })
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        // The instruction returns its second operand if either is NaN.
        // SAFETY: AVX2 is there by the contract of the trait.
        Self(unsafe { _mm256_max_ps(_mm256_setzero_ps(), self.0) })
    }
    #[inline(always)]
    unsafe fn not_zero(self) -> u64 {
        // SAFETY: AVX2 is there by the contract of the trait.
        unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(self.0, _mm256_setzero_ps())) as u64 }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: AVX2 is there by the contract of the trait.
        unsafe {
            let halves = _mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let pairs = _mm_add_ps(halves, _mm_movehl_ps(halves, halves));
            _mm_cvtss_f32(_mm_add_ss(pairs, _mm_movehdup_ps(pairs)))
        }
    }
    #[inline(always)]
    unsafe fn splat_part(source: *const f32, count: usize) -> Self {
        // SAFETY: AVX2 is there, and so many elements may be read, by the contract of the trait.
        Self(unsafe {
            {
                let part = load_four(source, count);
                _mm256_set_m128(part, part)
            }
        })
    }
    #[inline(always)]
    unsafe fn load_parts([low, high]: [*const f32; 2], count: usize) -> Self {
        // SAFETY: AVX2 is there, and so many elements of both may be read, by the contract of the trait.
        Self(unsafe { _mm256_set_m128(load_four(high, count), load_four(low, count)) })
    }
    #[inline(always)]
    unsafe fn sum_parts([parts, _]: [[Self; MAX_GROUP_ROWS]; 2]) -> Self {
        // In each part: elements 0 and 2, 1 and 3 of two registers side by side; then these two of all four.
        // SAFETY: AVX2 is there by the contract of the trait.
        unsafe {
            let [a, b, c, d] = parts;
            let (ab, cd) = (pairs(a, b), pairs(c, d));
            let (low, high) = (_mm256_unpacklo_pd(ab, cd), _mm256_unpackhi_pd(ab, cd));
            Self(_mm256_add_ps(_mm256_castpd_ps(low), _mm256_castpd_ps(high)))
        }
    }
    #[inline(always)]
    unsafe fn store_sums(self, target: *mut f32, strides: &[isize; MAX_GROUP_ROWS], (rows, columns): (usize, usize)) {
        // SAFETY: AVX2 is there, and so many elements may be written in each row, by the contract of the trait.
        unsafe {
            store_four(target.offset(strides[0]), _mm256_extractf128_ps::<0>(self.0), columns);
            if rows > 1 {
                store_four(target.offset(strides[1]), _mm256_extractf128_ps::<1>(self.0), columns);
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
        unsafe { transpose_band::<Self, 64>(source, source_row, shape, target, target_row) }
    }
}

impl Vector for F64x4 {
    type Element = f64;
    type Mask = __m256i;
    const LANES: usize = 4;
    const MASKS_ARE_FREE: bool = false;
    const PART: usize = 2;
    const GROUP_ROWS: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        // SAFETY: AVX2 is there by the contract of the trait.
        Self(unsafe { _mm256_set1_pd(value) })
    }
    #[inline(always)]
    unsafe fn load(source: *const f64) -> Self {
        // SAFETY: AVX2 is there, and four elements may be read, by the contract of the trait.
        Self(unsafe { _mm256_loadu_pd(source) })
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f64) {
        // SAFETY: AVX2 is there, and four elements may be written, by the contract of the trait.
        unsafe { _mm256_storeu_pd(target, self.0) }
    }
    #[inline(always)]
    unsafe fn mask(count: usize) -> __m256i {
        // A window into ones followed by zeros: it starts so far before the zeros as there are lanes to touch.
        const WINDOW: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];
        // SAFETY: AVX2 is there by the contract of the trait, and `count` ≤ 4 keeps the window inside the table.
        unsafe { _mm256_loadu_si256(WINDOW.as_ptr().add(4 - count).cast()) }
    }
    #[inline(always)]
    unsafe fn load_masked(source: *const f64, mask: __m256i) -> Self {
        // SAFETY: AVX2 is there, and the elements under the mask may be read; the others aren't touched.
        Self(unsafe { _mm256_maskload_pd(source, mask) })
    }
    #[inline(always)]
    unsafe fn store_masked(self, target: *mut f64, mask: __m256i) {
        // SAFETY: AVX2 is there, and the elements under the mask may be written; the others aren't touched.
        unsafe { _mm256_maskstore_pd(target, mask, self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: AVX2 is there by the contract of the trait.
        Self(unsafe { _mm256_add_pd(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: AVX2 and FMA are there by the contract of the trait.
        Self(unsafe { _mm256_fmadd_pd(self.0, factor.0, addend.0) })
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        // The instruction returns its second operand if either is NaN.
        // SAFETY: AVX2 is there by the contract of the trait.
        Self(unsafe { _mm256_max_pd(_mm256_setzero_pd(), self.0) })
    }
    #[inline(always)]
    unsafe fn not_zero(self) -> u64 {
        // SAFETY: AVX2 is there by the contract of the trait.
        unsafe { _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_NEQ_UQ>(self.0, _mm256_setzero_pd())) as u64 }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f64 {
        // SAFETY: AVX2 is there by the contract of the trait.
        unsafe {
            let halves = _mm_add_pd(_mm256_castpd256_pd128(self.0), _mm256_extractf128_pd::<1>(self.0));
            _mm_cvtsd_f64(_mm_add_sd(halves, _mm_unpackhi_pd(halves, halves)))
        }
    }
    #[inline(always)]
    unsafe fn splat_part(source: *const f64, count: usize) -> Self {
        // SAFETY: AVX2 is there, and so many elements may be read, by the contract of the trait.
        Self(unsafe {
            {
                let part = load_two(source, count);
                _mm256_set_m128d(part, part)
            }
        })
    }
    #[inline(always)]
    unsafe fn load_parts([low, high]: [*const f64; 2], count: usize) -> Self {
        // SAFETY: AVX2 is there, and so many elements of both may be read, by the contract of the trait.
        Self(unsafe { _mm256_set_m128d(load_two(high, count), load_two(low, count)) })
    }
    #[inline(always)]
    unsafe fn sum_parts([parts, _]: [[Self; MAX_GROUP_ROWS]; 2]) -> Self {
        // SAFETY: AVX2 is there by the contract of the trait.
        unsafe {
            let [a, b, ..] = parts;
            Self(_mm256_add_pd(_mm256_unpacklo_pd(a.0, b.0), _mm256_unpackhi_pd(a.0, b.0)))
        }
    }
    #[inline(always)]
    unsafe fn store_sums(self, target: *mut f64, strides: &[isize; MAX_GROUP_ROWS], (rows, columns): (usize, usize)) {
        // SAFETY: AVX2 is there, and so many elements may be written in each row, by the contract of the trait.
        unsafe {
            store_two(target.offset(strides[0]), _mm256_extractf128_pd::<0>(self.0), columns);
            if rows > 1 {
                store_two(target.offset(strides[1]), _mm256_extractf128_pd::<1>(self.0), columns);
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
        unsafe { transpose_band::<Self, 16>(source, source_row, shape, target, target_row) }
    }
}

// In both: halves of the rows are loaded into the halves of the registers where they will stay, so that no shuffle has
// to cross them.
impl Block for F32x8 {
    #[inline(always)]
    unsafe fn transpose_block(rows: &[*const f32], column: usize, target: *mut f32, target_row: usize) {
        for half in [0, 4] {
            // SAFETY: AVX2 is there; four elements from `column + half` on are in each row; the target has eight full
            // rows.
            unsafe {
                let pair = |index: usize| {
                    let low = _mm256_castps128_ps256(_mm_loadu_ps(rows[index].add(column + half)));
                    _mm256_insertf128_ps::<1>(low, _mm_loadu_ps(rows[index + 4].add(column + half)))
                };
                let (a, b, c, d) = (pair(0), pair(1), pair(2), pair(3));
                let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
                let (ab_high, cd_high) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
                _mm256_storeu_ps(target.add(half * target_row), _mm256_shuffle_ps::<0x44>(ab, cd));
                _mm256_storeu_ps(target.add((half + 1) * target_row), _mm256_shuffle_ps::<0xEE>(ab, cd));
                _mm256_storeu_ps(target.add((half + 2) * target_row), _mm256_shuffle_ps::<0x44>(ab_high, cd_high));
                _mm256_storeu_ps(target.add((half + 3) * target_row), _mm256_shuffle_ps::<0xEE>(ab_high, cd_high));
            }
        }
    }
}

impl Block for F64x4 {
    #[inline(always)]
    unsafe fn transpose_block(rows: &[*const f64], column: usize, target: *mut f64, target_row: usize) {
        for half in [0, 2] {
            // SAFETY: AVX2 is there; two elements from `column + half` on are in each row; the target has four full
            // rows.
            unsafe {
                let pair = |index: usize| {
                    let low = _mm256_castpd128_pd256(_mm_loadu_pd(rows[index].add(column + half)));
                    _mm256_insertf128_pd::<1>(low, _mm_loadu_pd(rows[index + 2].add(column + half)))
                };
                let (a, b) = (pair(0), pair(1));
                _mm256_storeu_pd(target.add(half * target_row), _mm256_unpacklo_pd(a, b));
                _mm256_storeu_pd(target.add((half + 1) * target_row), _mm256_unpackhi_pd(a, b));
            }
        }
    }
}
