//! Blocks that are transposed in the registers of AVX-512.
//!
//! Quarters of the rows are loaded into the quarters of the registers where they will stay, so that no shuffle has to
//! cross them. The loads do half of the work, and each line of the target is written at once.

use std::arch::x86_64::*;

use super::avx512::{F32x16, F64x8};
use super::transpose::Block;

impl Block for F32x16 {
    #[inline(always)]
    unsafe fn transpose_block(rows: &[*const f32], column: usize, target: *mut f32, target_row: usize) {
        for quarter in [0, 4, 8, 12] {
            // SAFETY: AVX-512 is there; four elements from `column + quarter` on are in each row; the target has
            // sixteen full rows.
            unsafe {
                let from = column + quarter;
                let (a, b) = (every_fourth(rows, 0, from), every_fourth(rows, 1, from));
                let (c, d) = (every_fourth(rows, 2, from), every_fourth(rows, 3, from));
                let (ab, cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
                let (ab_high, cd_high) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
                _mm512_storeu_ps(target.add(quarter * target_row), _mm512_shuffle_ps::<0x44>(ab, cd));
                _mm512_storeu_ps(target.add((quarter + 1) * target_row), _mm512_shuffle_ps::<0xEE>(ab, cd));
                _mm512_storeu_ps(target.add((quarter + 2) * target_row), _mm512_shuffle_ps::<0x44>(ab_high, cd_high));
                _mm512_storeu_ps(target.add((quarter + 3) * target_row), _mm512_shuffle_ps::<0xEE>(ab_high, cd_high));
            }
        }
    }
}

impl Block for F64x8 {
    #[inline(always)]
    unsafe fn transpose_block(rows: &[*const f64], column: usize, target: *mut f64, target_row: usize) {
        for quarter in [0, 2, 4, 6] {
            // SAFETY: AVX-512 is there; two elements from `column + quarter` on are in each row; the target has eight
            // full rows.
            unsafe {
                let [a, b] = [every_second(rows, 0, column + quarter), every_second(rows, 1, column + quarter)];
                _mm512_storeu_pd(target.add(quarter * target_row), _mm512_unpacklo_pd(a, b));
                _mm512_storeu_pd(target.add((quarter + 1) * target_row), _mm512_unpackhi_pd(a, b));
            }
        }
    }
}

/// Four elements of every fourth row.
///
/// # Safety
/// AVX-512 is there, and the elements may be read.
#[inline(always)] // A closure would not be inlined into code of another instruction set.
unsafe fn every_fourth(rows: &[*const f32], row: usize, from: usize) -> __m512 {
    // SAFETY: passed on.
    unsafe {
        let one = _mm512_castps128_ps512(_mm_loadu_ps(rows[row].add(from)));
        let two = _mm512_insertf32x4::<1>(one, _mm_loadu_ps(rows[row + 4].add(from)));
        let three = _mm512_insertf32x4::<2>(two, _mm_loadu_ps(rows[row + 8].add(from)));
        _mm512_insertf32x4::<3>(three, _mm_loadu_ps(rows[row + 12].add(from)))
    }
}

/// Two elements of every second row.
///
/// # Safety
/// That of [`every_fourth`].
#[inline(always)]
unsafe fn every_second(rows: &[*const f64], row: usize, from: usize) -> __m512d {
    // SAFETY: passed on.
    unsafe {
        let one = _mm512_castpd128_pd512(_mm_loadu_pd(rows[row].add(from)));
        let two = _mm512_insertf64x2::<1>(one, _mm_loadu_pd(rows[row + 2].add(from)));
        let three = _mm512_insertf64x2::<2>(two, _mm_loadu_pd(rows[row + 4].add(from)));
        _mm512_insertf64x2::<3>(three, _mm_loadu_pd(rows[row + 6].add(from)))
    }
}
