//! Many sums of rows of B, each with steps of its own: the safe side of
//! [`shared_tile`](super::offset_kernel::shared_tile).

use super::kernel_set::TileKernels;
use super::microkernel::Tile;
use super::offset_kernel::{Offsets, Step};
use super::offset_product::fitting;
use super::partition::Partition;
use crate::scalar::Scalar;

/// A sum: its steps begin where those of the sum before it end, and it is written to C, or added, from `c` on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) end: u32,
    pub(crate) c: u32,
}

/// Sums of rows of B: element (i, j) of each is Σ a\[step.a\] · b\[rows\[i\] + step.b + j\] over its steps.
pub(crate) struct SharedSums<'a, T: 'static> {
    pub(crate) kernels: &'a TileKernels<T>,
    pub(crate) rows: &'a [u32],
    pub(crate) a: &'a [T],
    pub(crate) b: &'a [T],
    /// A multiple of the lanes.
    pub(crate) columns: usize,
    /// Whether sums are added to what C holds.
    pub(crate) accumulate: bool,
}

impl<T: Scalar> SharedSums<'_, T> {
    /// Computes the sums one after the other. The rows of each are `row_stride` apart in C. A sum of no steps is zero.
    ///
    /// # Panics
    /// If an offset reaches beyond A, B or C, the ends of the sums do not rise or are beyond the steps, or the columns
    /// do not fill their vectors.
    pub(crate) fn write(&self, steps: &[Step], sums: &[Sum], c: &mut [T], row_stride: usize) {
        let Self { kernels, rows, columns, .. } = *self;
        if rows.is_empty() || columns == 0 {
            return;
        }
        self.check(steps, sums, c.len(), row_stride);
        let lanes = kernels.lanes;
        let widest = kernels.shared_tiles.iter().rposition(|tiles| tiles[0].is_some()).map_or(0, |widest| widest + 1);
        let segments = Partition::of_at_most(columns / lanes, widest);
        for segment in (0..segments.count).map(|segment| segments.range(segment)) {
            let mut first = 0;
            while first < rows.len() {
                let tiles = &kernels.shared_tiles[segment.len() - 1];
                let (kernel, height) = fitting(tiles, rows.len() - first).expect("there is a tile of one row");
                let mut tile = Tile {
                    a: self.a.as_ptr(),
                    b: self.b[segment.start * lanes..].as_ptr(),
                    c: c.as_mut_ptr(),
                    c_row_stride: row_stride as isize,
                    depth: 0,
                    last_lanes: lanes,
                    accumulate: self.accumulate,
                    a_row_stride: 0,
                    a_step: 0,
                    b_step: 0,
                };
                let (to, mut start) = (first * row_stride + segment.start * lanes, 0);
                for sum in sums {
                    let end = sum.end as usize;
                    let offsets = Offsets { rows: &rows[first..], steps: &steps[start..end] };
                    start = end;
                    if self.accumulate && offsets.steps.is_empty() {
                        continue;
                    }
                    tile.c = c.as_mut_ptr().wrapping_add(sum.c as usize + to);
                    // SAFETY: the largest offsets were compared with the slices. The kernels run on this machine.
                    unsafe { kernel(&tile, &offsets) }
                }
                first += height;
            }
        }
    }

    fn check(&self, steps: &[Step], sums: &[Sum], c: usize, row_stride: usize) {
        let Self { kernels, rows, a, b, columns, .. } = *self;
        let of_rows = rows.iter().max().map_or(0, |&row| row as usize);
        let ends = steps.iter().fold([0; 2], |[a, b], step| [step.a.max(a), step.b.max(b)]);
        let (end_a, end_b) = (ends[0] as usize + 1, of_rows + ends[1] as usize + columns);
        assert!(columns.is_multiple_of(kernels.lanes), "{columns} columns");
        let (of_a, of_b) = (a.len(), b.len());
        let is_inside = steps.is_empty() || end_a <= of_a && end_b <= of_b;
        assert!(is_inside, "a sum reads {end_a} of {of_a} and {end_b} of {of_b} elements");
        let first = sums.iter().map(|sum| sum.c).max().map_or(0, |first| first as usize);
        let end = first + (rows.len() - 1) * row_stride + columns;
        assert!(end <= c, "a sum is written to {end} of {c} elements");
        assert!(columns <= row_stride || rows.len() == 1, "rows of C that overlap");
        assert!(sums.is_sorted_by_key(|sum| sum.end), "sums whose ends do not rise");
    }
}
