//! The words of NEON: 128-bit registers, thirty-two of them, with fused multiply-add. Every AArch64 machine has it.

use std::arch::aarch64::*;

use super::Vector;
use super::transpose::{Block, transpose_band};

/// Four `f32`.
#[derive(Clone, Copy)]
pub(crate) struct F32x4(float32x4_t);

/// Two `f64`.
#[derive(Clone, Copy)]
pub(crate) struct F64x2(float64x2_t);

impl Vector for F32x4 {
    type Element = f32;
    /// How many lanes.
    type Mask = usize;
    const LANES: usize = 4;
    const REGISTERS: usize = 32;
    const MASKS_ARE_FREE: bool = false;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: NEON is there by the contract of the trait.
        Self(unsafe { vdupq_n_f32(value) })
    }
    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        // SAFETY: NEON is there, and four elements may be read, by the contract of the trait.
        Self(unsafe { vld1q_f32(source) })
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        // SAFETY: NEON is there, and four elements may be written, by the contract of the trait.
        unsafe { vst1q_f32(target, self.0) }
    }
    #[inline(always)]
    unsafe fn mask(count: usize) -> usize {
        count
    }
    #[inline(always)]
    unsafe fn load_masked(source: *const f32, mask: usize) -> Self {
        // SAFETY: NEON is there, and the first `mask` elements may be read; the others are not touched.
        unsafe {
            let mut lanes = [0.0; 4];
            std::ptr::copy_nonoverlapping(source, lanes.as_mut_ptr(), mask);
            Self(vld1q_f32(lanes.as_ptr()))
        }
    }
    #[inline(always)]
    unsafe fn store_masked(self, target: *mut f32, mask: usize) {
        // SAFETY: NEON is there, and the first `mask` elements may be written; the others are not touched.
        unsafe {
            let mut lanes = [0.0; 4];
            vst1q_f32(lanes.as_mut_ptr(), self.0);
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), target, mask);
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: NEON is there by the contract of the trait.
        Self(unsafe { vaddq_f32(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: NEON is there by the contract of the trait.
        Self(unsafe { vfmaq_f32(addend.0, self.0, factor.0) })
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        // A comparison with NaN is false, so NaN is kept.
        // SAFETY: NEON is there by the contract of the trait.
        Self(unsafe { vbslq_f32(vcltzq_f32(self.0), vdupq_n_f32(0.0), self.0) })
    }
    #[inline(always)]
    unsafe fn not_zero(self) -> u64 {
        const BITS: [u32; 4] = [1, 2, 4, 8];
        // SAFETY: NEON is there by the contract of the trait.
        unsafe { u64::from(vaddvq_u32(vbicq_u32(vld1q_u32(BITS.as_ptr()), vceqzq_f32(self.0)))) }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: NEON is there by the contract of the trait.
        unsafe { vaddvq_f32(self.0) }
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
        unsafe { transpose_band::<Self, 16>(source, source_row, shape, target, target_row) }
    }
}

impl Vector for F64x2 {
    type Element = f64;
    /// How many lanes.
    type Mask = usize;
    const LANES: usize = 2;
    const REGISTERS: usize = 32;
    const MASKS_ARE_FREE: bool = false;

    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        // SAFETY: NEON is there by the contract of the trait.
        Self(unsafe { vdupq_n_f64(value) })
    }
    #[inline(always)]
    unsafe fn load(source: *const f64) -> Self {
        // SAFETY: NEON is there, and two elements may be read, by the contract of the trait.
        Self(unsafe { vld1q_f64(source) })
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f64) {
        // SAFETY: NEON is there, and two elements may be written, by the contract of the trait.
        unsafe { vst1q_f64(target, self.0) }
    }
    #[inline(always)]
    unsafe fn mask(count: usize) -> usize {
        count
    }
    #[inline(always)]
    unsafe fn load_masked(source: *const f64, mask: usize) -> Self {
        // SAFETY: NEON is there, and the first `mask` elements may be read; the others are not touched.
        unsafe {
            let mut lanes = [0.0; 2];
            std::ptr::copy_nonoverlapping(source, lanes.as_mut_ptr(), mask);
            Self(vld1q_f64(lanes.as_ptr()))
        }
    }
    #[inline(always)]
    unsafe fn store_masked(self, target: *mut f64, mask: usize) {
        // SAFETY: NEON is there, and the first `mask` elements may be written; the others are not touched.
        unsafe {
            let mut lanes = [0.0; 2];
            vst1q_f64(lanes.as_mut_ptr(), self.0);
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), target, mask);
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: NEON is there by the contract of the trait.
        Self(unsafe { vaddq_f64(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: NEON is there by the contract of the trait.
        Self(unsafe { vfmaq_f64(addend.0, self.0, factor.0) })
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        // A comparison with NaN is false, so NaN is kept.
        // SAFETY: NEON is there by the contract of the trait.
        Self(unsafe { vbslq_f64(vcltzq_f64(self.0), vdupq_n_f64(0.0), self.0) })
    }
    #[inline(always)]
    unsafe fn not_zero(self) -> u64 {
        const BITS: [u64; 2] = [1, 2];
        // SAFETY: NEON is there by the contract of the trait.
        unsafe { vaddvq_u64(vbicq_u64(vld1q_u64(BITS.as_ptr()), vceqzq_f64(self.0))) }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f64 {
        // SAFETY: NEON is there by the contract of the trait.
        unsafe { vaddvq_f64(self.0) }
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
        unsafe { transpose_band::<Self, 4>(source, source_row, shape, target, target_row) }
    }
}

impl Block for F32x4 {
    #[inline(always)]
    unsafe fn transpose_block(rows: &[*const f32], column: usize, target: *mut f32, target_row: usize) {
        // SAFETY: NEON is there; four elements from `column` on are in each row; the target has four full rows.
        unsafe {
            let row = |index: usize| vld1q_f32(rows[index].add(column));
            let (a, b, c, d) = (row(0), row(1), row(2), row(3));
            let pairs = |low: float32x4_t, high: float32x4_t| (vreinterpretq_f64_f32(low), vreinterpretq_f64_f32(high));
            let (even_low, even_high) = pairs(vtrn1q_f32(a, b), vtrn1q_f32(c, d));
            let (odd_low, odd_high) = pairs(vtrn2q_f32(a, b), vtrn2q_f32(c, d));
            let columns = [
                vtrn1q_f64(even_low, even_high),
                vtrn1q_f64(odd_low, odd_high),
                vtrn2q_f64(even_low, even_high),
                vtrn2q_f64(odd_low, odd_high),
            ];
            for (index, column) in columns.into_iter().enumerate() {
                vst1q_f32(target.add(index * target_row), vreinterpretq_f32_f64(column));
            }
        }
    }
}

impl Block for F64x2 {
    #[inline(always)]
    unsafe fn transpose_block(rows: &[*const f64], column: usize, target: *mut f64, target_row: usize) {
        // SAFETY: NEON is there; two elements from `column` on are in each row; the target has two full rows.
        unsafe {
            let (a, b) = (vld1q_f64(rows[0].add(column)), vld1q_f64(rows[1].add(column)));
            vst1q_f64(target, vtrn1q_f64(a, b));
            vst1q_f64(target.add(target_row), vtrn2q_f64(a, b));
        }
    }
}
