//! Vectors: which instruction set ([`isa`]) and the vocabulary that kernels are written in (`Vector`).
//!
//! A kernel is written once, generic over `Vector`, and compiled once for each instruction set inside a function that
//! carries `#[target_feature]`. The files of the instruction sets hold words (load, store, multiply-add, transpose),
//! never algorithms.

pub mod isa;

mod portable;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_blocks;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod parts;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod transpose;

pub(crate) use portable::Array;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::{F32x8, F64x4};
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::{F32x16, F64x8};
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::{F32x4, F64x2};

use crate::scalar::Scalar;

/// The most rows of a register of sums ([`Vector::GROUP_ROWS`]), and the most elements that each of them has there.
pub(crate) const MAX_GROUP_ROWS: usize = 4;

/// A register of elements, and what it can do.
///
/// # Safety
/// All methods share one condition: the instruction set of the vector must be available where they run, and they must
/// be inlined into a function that enables it (they are `#[inline(always)]`, so a kernel that is itself inlined keeps
/// the promise). The methods that take a pointer ask in addition that the elements they touch may be read or written;
/// no alignment is asked for.
pub(crate) trait Vector: Copy {
    /// What a lane holds.
    type Element: Scalar;
    /// Which lanes a masked operation touches.
    type Mask: Copy;
    /// How many elements there are in a register.
    const LANES: usize;
    /// How many registers there are.
    const REGISTERS: usize = 16;
    /// Whether a masked load costs no more than a plain one, so that it may stand in an inner loop.
    const MASKS_ARE_FREE: bool;
    /// Whether half a register may take half as long: on some machines a register is as wide as two of their units.
    const HALVES: bool = false;
    /// How many elements of a row there are in a part of a register whose parts belong to different rows, two or one.
    const PART: usize = Self::LANES;
    /// How many rows have their sums in one register: those of two registers of parts, or of one.
    const GROUP_ROWS: usize = 1;

    /// The same element in each lane.
    unsafe fn splat(value: Self::Element) -> Self;
    /// `LANES` elements from `source` on.
    unsafe fn load(source: *const Self::Element) -> Self;
    /// Writes `LANES` elements from `target` on.
    unsafe fn store(self, target: *mut Self::Element);

    /// A mask of the first `count` lanes, `count` ≤ `LANES`.
    unsafe fn mask(count: usize) -> Self::Mask;
    /// The lanes of the mask from memory, zero in the others, whose memory isn't touched.
    unsafe fn load_masked(source: *const Self::Element, mask: Self::Mask) -> Self;
    /// Writes the lanes of the mask; the memory of the others isn't touched.
    unsafe fn store_masked(self, target: *mut Self::Element, mask: Self::Mask);

    /// Lane by lane, `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// Lane by lane, `self · factor + addend`, rounded once where the instruction set can, twice where it can't.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// The same in the lower half of the lanes; the others hold anything afterwards.
    #[inline(always)]
    unsafe fn mul_add_low(self, factor: Self, addend: Self) -> Self {
        // SAFETY: passed on.
        unsafe { self.mul_add(factor, addend) }
    }
    /// Lane by lane, the larger of `self` and zero; NaN stays NaN.
    unsafe fn relu(self) -> Self;
    /// A bit for each lane that isn't zero, the lowest one for the first lane; NaN isn't zero.
    unsafe fn not_zero(self) -> u64;
    /// Writes the indices of a word's one bits, the lowest first, each plus `first`; returns how many there are. There
    /// must be room for so many.
    #[inline(always)]
    unsafe fn bit_indices(mut word: u64, first: u32, target: *mut u32) -> usize {
        let count = word.count_ones() as usize;
        for index in 0..count {
            // SAFETY: the caller vouches for as many elements as there are ones.
            unsafe { *target.add(index) = first + word.trailing_zeros() }
            word &= word - 1;
        }
        count
    }
    /// The sum of the lanes, in an order that is fixed for the instruction set.
    unsafe fn sum(self) -> Self::Element;
    /// The sums of four registers, each in the same order: some instruction sets add several at a time.
    #[inline(always)]
    unsafe fn sums(vectors: [Self; 4]) -> [Self::Element; 4] {
        let [a, b, c, d] = vectors;
        // SAFETY: passed on.
        unsafe { [a.sum(), b.sum(), c.sum(), d.sum()] }
    }

    /// The first `count` ≤ `PART` elements from `source` on in each part, zeros behind them.
    #[inline(always)]
    unsafe fn splat_part(source: *const Self::Element, count: usize) -> Self {
        // SAFETY: passed on; the register is one part.
        unsafe { if count == Self::LANES { Self::load(source) } else { Self::load_masked(source, Self::mask(count)) } }
    }
    /// The first `count` ≤ `PART` elements from one source in the first part, and from another in the second, zeros
    /// behind them.
    #[inline(always)]
    unsafe fn load_parts([source, _]: [*const Self::Element; 2], count: usize) -> Self {
        // SAFETY: passed on; the register is one part.
        unsafe { Self::splat_part(source, count) }
    }
    /// The sums of the parts of registers that have as many rows as a group: `parts[register][column]`. The register of
    /// sums has `LANES / GROUP_ROWS` adjacent elements for each row, one for each column.
    #[inline(always)]
    unsafe fn sum_parts([parts, _]: [[Self; MAX_GROUP_ROWS]; 2]) -> Self {
        // SAFETY: passed on; the register is one part, with no more elements than there are sums.
        unsafe { Self::load(Self::sums(parts).as_ptr()) }
    }
    /// Writes such sums: those of `rows` rows with `columns` columns, from `target + strides[row]` on.
    #[inline(always)]
    unsafe fn store_sums(
        self,
        target: *mut Self::Element,
        strides: &[isize; MAX_GROUP_ROWS],
        (rows, columns): (usize, usize),
    ) {
        debug_assert_eq!(rows, 1);
        // SAFETY: passed on; the register has one row.
        unsafe { self.store_masked(target.offset(strides[0]), Self::mask(columns)) }
    }

    /// Transposes a band of at most `LANES` rows.
    ///
    /// Row r of the source starts at `source + r · source_row` and has `columns` elements side by side; there are
    /// `rows` of them, at least one. Row c of the target, c < `columns`, starts at `target + c · target_row` and is
    /// written in full: `LANES` elements, those from `rows` on being elements of the source again. The rows of the
    /// target may overlap: then each is cut by the next one.
    #[inline(always)]
    unsafe fn transpose(
        source: *const Self::Element,
        source_row: isize,
        (rows, columns): (usize, usize),
        target: *mut Self::Element,
        target_row: usize,
    ) {
        for column in 0..columns {
            for row in 0..Self::LANES {
                // SAFETY: the caller vouches for `rows` × `columns` of the source and for `columns` full rows of the
                // target.
                unsafe {
                    let from = source.offset(row.min(rows - 1) as isize * source_row + column as isize);
                    *target.add(column * target_row + row) = *from;
                }
            }
        }
    }
}

/// Asks for the cache line of an address ahead of its use. Any address will do: nothing is read.
#[inline(always)]
pub(crate) fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults, whatever the address, and each such machine has it.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast())
    };
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above; the instruction touches no register and no flag.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, preserves_flags, readonly))
    };
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

/// The same address, of which the compiler does not see where it comes from.
#[inline(always)]
pub(crate) fn opaque<T>(address: *const T) -> *const T {
    #[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
    {
        let mut address = address;
        // SAFETY: there is no instruction, so nothing is read through the address, which stays in its register.
        #[allow(clippy::pointers_in_nomem_asm_block)]
        unsafe {
            std::arch::asm!("/* {0} */", inout(reg) address, options(pure, nomem, nostack, preserves_flags))
        };
        address
    }
    #[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
    address
}

#[cfg(test)]
mod tests;
