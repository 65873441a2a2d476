//! Transposing a band of rows in blocks that fit the registers: the algorithm for every instruction set that has a
//! transposed block among its words.

use super::Vector;
use crate::arithmetic::Arithmetic;

/// A block of `LANES` × `LANES` elements, transposed in registers.
pub(super) trait Block: Vector {
    /// Row r of the block starts at `rows[r] + column`; row c of the target at `target + c · target_row`.
    ///
    /// # Safety
    /// The contract of [`Vector`]; there are `LANES` rows, with `LANES` elements from `column` on to read; `LANES` full
    /// rows of the target may be written.
    unsafe fn transpose_block(
        rows: &[*const Self::Element],
        column: usize,
        target: *mut Self::Element,
        target_row: usize,
    );
}

/// Transposes a band, block after block; what is left of the columns goes through a copy. `AREA` is `LANES` squared.
///
/// # Safety
/// That of [`Vector::transpose`].
#[inline(always)]
pub(super) unsafe fn transpose_band<V: Block, const AREA: usize>(
    source: *const V::Element,
    source_row: isize,
    (rows, columns): (usize, usize),
    target: *mut V::Element,
    target_row: usize,
) {
    const { assert!(AREA == V::LANES * V::LANES && V::LANES <= 16) };
    // Rows that aren't there repeat the last one.
    let lines: [_; 16] = std::array::from_fn(|row| source.wrapping_offset(row.min(rows - 1) as isize * source_row));
    let whole = columns / V::LANES * V::LANES;
    let mut column = 0;
    while column < whole {
        // SAFETY: each of the lines has `LANES` elements from `column` on; the rows of the target are the caller's.
        unsafe { V::transpose_block(&lines, column, target.add(column * target_row), target_row) };
        column += V::LANES;
    }
    if whole < columns {
        let (mut before, mut after) = ([V::Element::ZERO; AREA], [V::Element::ZERO; AREA]);
        // SAFETY: the copies stay inside the rest of the band, the rows of the target, and the two arrays.
        unsafe {
            let mask = V::mask(columns - whole);
            let copied: [_; 16] = std::array::from_fn(|row| before.as_ptr().wrapping_add(row % V::LANES * V::LANES));
            for (row, line) in lines.into_iter().enumerate().take(V::LANES) {
                V::load_masked(line.add(whole), mask).store(before.as_mut_ptr().add(row * V::LANES));
            }
            V::transpose_block(&copied, 0, after.as_mut_ptr(), V::LANES);
            for column in whole..columns {
                let line = V::load(after.as_ptr().add((column - whole) * V::LANES));
                line.store(target.add(column * target_row));
            }
        }
    }
}
