//! Products whose operands are read through tables of offsets: the safe side of
//! [`offset_kernel`](super::offset_kernel).

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};

use super::buffer::PoolVec;
use super::epilogue::TileShape;
use super::kernel_set::TileKernels;
use super::microkernel::{MAX_VECTORS, Tile};
use super::offset_kernel::{MAX_OFFSET_VECTORS, OffsetTileFn, Offsets, Step};
use super::pack::{SLACK, Strip};
use super::partition::Partition;
use super::product::Target;
use super::store_transposed::ScratchTile;
use crate::scalar::Scalar;

/// Where the rows begin, and where each step of the depth is in A and in B, in elements.
pub(crate) struct OffsetTable {
    rows: PoolVec<u32>,
    steps: PoolVec<Step>,
    largest_row: usize,
    /// The largest offsets of a step in A and in B; `None` without steps.
    largest_step: Option<Step>,
}

impl OffsetTable {
    /// A table of so many rows and steps.
    ///
    /// # Panics
    /// If there are more or fewer.
    pub(crate) fn new(
        (row_count, rows): (usize, impl Iterator<Item = u32>),
        (step_count, steps): (usize, impl Iterator<Item = Step>),
    ) -> Self {
        let (rows, steps) = (PoolVec::collect(row_count, rows), PoolVec::collect(step_count, steps));
        let largest_row = rows.iter().max().map_or(0, |&row| row as usize);
        let largest = |a: Step, b: &Step| Step { a: a.a.max(b.a), b: a.b.max(b.b) };
        let largest_step = steps.first().map(|&first| steps.iter().fold(first, largest));
        Self { rows, steps, largest_row, largest_step }
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Panics unless A has an element at each offset, and B `columns` elements from each one on.
    #[inline]
    fn check(&self, rows_of: RowsOf, [a, b]: [usize; 2], columns: usize) {
        let Some(step) = self.largest_step else { return };
        let (of_a, of_b) = if let RowsOf::A = rows_of { (self.largest_row, 0) } else { (0, self.largest_row) };
        let (end_a, end_b) = (of_a + step.a as usize + 1, of_b + step.b as usize + columns);
        assert!(end_a <= a && end_b <= b, "an offset product reads {end_a} of {a} and {end_b} of {b} elements");
    }
}

/// What the rows of a table are offsets into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowsOf {
    /// Each row of C has its own row of A, and all have the same B.
    A,
    /// Each row of C has its own B, and all have the same row of A.
    B,
}

/// Some rows of A times some columns of B: element (i, j) of C is
/// Σ a\[rows\[i\] + steps\[p\].a\] · b\[steps\[p\].b + j\] over the steps p, in rising order; or, with
/// [`RowsOf::B`], Σ a\[steps\[p\].a\] · b\[rows\[i\] + steps\[p\].b + j\].
pub(crate) struct OffsetProduct<'a, T: 'static> {
    pub(crate) kernels: &'a TileKernels<T>,
    pub(crate) table: &'a OffsetTable,
    pub(crate) rows_of: RowsOf,
    /// Which rows of the table.
    pub(crate) rows: Range<usize>,
    pub(crate) a: &'a [T],
    /// From the first column on.
    pub(crate) b: &'a [T],
    /// At most [`max_columns`].
    pub(crate) columns: usize,
    /// Whether the sums begin with C's elements rather than with zero.
    pub(crate) accumulate: bool,
}

/// The most columns of one [`OffsetProduct`] of so many rows: wide tiles are for few rows.
pub(crate) fn max_columns<T>(kernels: &TileKernels<T>, rows: usize) -> usize {
    kernels.lanes * if rows <= 4 { MAX_VECTORS } else { kernels.vectors_packed }
}

impl<T: Scalar> OffsetProduct<'_, T> {
    /// Computes C, whose rows are `row_stride` apart.
    ///
    /// # Panics
    /// If an offset reaches beyond A or B (whole vectors of B are read), or C beyond its slice.
    pub(crate) fn write(&self, c: &mut [T], row_stride: usize) {
        let (rows, columns) = (self.rows.len(), self.columns);
        if rows > 0 && columns > 0 {
            assert!((rows - 1) * row_stride + columns <= c.len(), "C has {} elements", c.len());
            assert!(columns <= row_stride || rows == 1, "rows of C that overlap");
            // SAFETY: all rows lie in the slice.
            unsafe { self.write_at(c.as_mut_ptr(), row_stride as isize) }
        }
    }

    /// Computes C, whose columns are adjacent.
    ///
    /// # Panics
    /// If an offset reaches beyond A or B (whole vectors of B are read), or C has another shape or layout.
    pub(crate) fn write_view(&self, c: &mut ArrayViewMut2<'_, T>) {
        let (rows, columns) = (self.rows.len(), self.columns);
        let &[row_stride, column_stride] = c.strides() else { unreachable!("a matrix has two dimensions") };
        assert!(c.dim() == (rows, columns) && (column_stride == 1 || columns <= 1), "C has the shape {:?}", c.dim());
        if rows > 0 && columns > 0 {
            // SAFETY: the view has these rows.
            unsafe { self.write_at(c.as_mut_ptr(), row_stride) }
        }
    }

    /// # Safety
    /// Each row of C may be written, and read if it is added to; no two of them overlap.
    unsafe fn write_at(&self, c: *mut T, c_row_stride: isize) {
        let Self { kernels, table, rows_of, ref rows, a, b, columns, accumulate } = *self;
        let vectors = columns.div_ceil(kernels.lanes);
        assert!(vectors <= MAX_OFFSET_VECTORS, "an offset product of {columns} columns");
        table.check(rows_of, [a.len(), b.len()], vectors * kernels.lanes);
        let (tiles, adjacent): (_, &[_]) = match rows_of {
            RowsOf::A => (&kernels.offset_tiles[vectors - 1], &kernels.adjacent_tiles[vectors - 1]),
            RowsOf::B => (&kernels.shared_tiles[vectors - 1], &[]),
        };
        let tile = Tile {
            a: a.as_ptr(),
            b: b.as_ptr(),
            c,
            c_row_stride,
            depth: table.steps.len(),
            last_lanes: columns - (vectors - 1) * kernels.lanes,
            accumulate,
            a_row_stride: 0,
            a_step: 0,
            b_step: 0,
        };
        // SAFETY: the largest offsets were compared with the slices, C is the caller's. The kernels run on this
        // machine.
        unsafe { run([tiles, adjacent], &tile, &table.rows[rows.clone()], &table.steps) }
    }
}

/// Dot products: element i of C is the sum over all steps of some adjacent elements of A, those from `steps[p].a` on,
/// times those of B from `rows[i] + steps[p].b` on.
pub(crate) struct OffsetDots<'a, T: 'static> {
    pub(crate) kernels: &'a TileKernels<T>,
    pub(crate) table: &'a OffsetTable,
    /// How many of the steps, from the first one on, are whole vectors, and the elements of the others.
    pub(crate) whole: usize,
    pub(crate) rest: usize,
    pub(crate) a: &'a [T],
    pub(crate) b: &'a [T],
    /// Whether the sums are added to what C holds.
    pub(crate) accumulate: bool,
}

impl<T: Scalar> OffsetDots<'_, T> {
    /// Computes C, an element for each row of the table.
    ///
    /// # Panics
    /// If an offset reaches beyond A or B, or C has not an element for each row.
    pub(crate) fn write(&self, c: &mut [T]) {
        let Self { kernels, table, whole, rest, a, b, accumulate } = *self;
        let (steps, lanes) = (&table.steps, kernels.lanes);
        assert!(whole <= steps.len() && rest <= lanes && c.len() == table.rows(), "dot products of other extents");
        for (part, vector) in [(&steps[..whole], lanes), (&steps[whole..], rest)] {
            let reach = |of: fn(&Step) -> u32| part.iter().map(of).max().map_or(0, |offset| offset as usize + vector);
            let (end_a, end_b) = (reach(|step| step.a), reach(|step| step.b) + table.largest_row);
            assert!(part.is_empty() || end_a <= a.len() && end_b <= b.len(), "dot products of short slices");
        }
        let tile = Tile {
            a: a.as_ptr(),
            b: b.as_ptr(),
            c: c.as_mut_ptr(),
            c_row_stride: 1,
            depth: whole,
            last_lanes: rest,
            accumulate,
            a_row_stride: 0,
            a_step: 0,
            b_step: 0,
        };
        // SAFETY: the offsets were compared with the slices, and C with its. The kernels run on this machine.
        unsafe { run([&kernels.offset_dots, &[]], &tile, &table.rows, steps) }
    }
}

/// Computes all rows, as many at a time as there are tiles for: those of any offsets, or of adjacent ones.
///
/// # Safety
/// That of the tiles, for each row and all steps.
unsafe fn run<T>([tiles, adjacent]: [&[Option<OffsetTileFn<T>>]; 2], tile: &Tile<T>, rows: &[u32], steps: &[Step]) {
    let mut row = 0;
    while row < rows.len() {
        let rows = &rows[row..];
        let beside =
            rows.iter().zip(rows[0]..).take(adjacent.len()).take_while(|&(&row, beside)| row == beside).count();
        let found = highest(adjacent, beside).or_else(|| fitting(tiles, rows.len()));
        let (kernel, height) = found.expect("there is a tile of one row");
        let tile = Tile { c: tile.c.wrapping_offset(row as isize * tile.c_row_stride), ..*tile };
        // SAFETY: passed on; there are so many rows, and those of an adjacent tile are side by side.
        unsafe { kernel(&tile, &Offsets { rows, steps }) }
        row += height;
    }
}

/// The highest tile of at most so many rows, and its rows.
fn highest<T>(tiles: &[Option<OffsetTileFn<T>>], most: usize) -> Option<(OffsetTileFn<T>, usize)> {
    (1..=most.min(tiles.len())).rev().find_map(|height| tiles[height - 1].map(|kernel| (kernel, height)))
}

/// The tile for the first ones of so many rows: of those that need the fewest tiles, the lowest, so that the last rows
/// are not left to low tiles.
pub(super) fn fitting<T>(tiles: &[Option<OffsetTileFn<T>>], rows: usize) -> Option<(OffsetTileFn<T>, usize)> {
    let (_, most) = highest(tiles, rows)?;
    let least = rows.div_ceil(rows.div_ceil(most));
    (least..=most).find_map(|height| tiles[height - 1].map(|kernel| (kernel, height)))
}

/// A matrix B that is packed for products with tables of offsets: panels of some columns, step after step. Columns
/// that fill the last vector are zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PanelShape {
    /// Columns of B, and steps of its depth.
    columns: usize,
    depth: usize,
    /// Columns of a panel, a multiple of the lanes.
    width: usize,
}

impl PanelShape {
    pub(crate) fn new<T>(kernels: &TileKernels<T>, columns: usize, depth: usize) -> Self {
        let panels = Partition::of_at_most(columns.div_ceil(kernels.lanes), kernels.vectors_packed);
        Self { columns, depth, width: panels.longest() * kernels.lanes }
    }

    /// A single panel of all columns.
    pub(crate) fn of_one<T>(kernels: &TileKernels<T>, columns: usize, depth: usize) -> Self {
        Self::of_width(columns, depth, columns.next_multiple_of(kernels.lanes))
    }

    /// Panels of so many columns, a multiple of the lanes.
    pub(crate) fn of_width(columns: usize, depth: usize, width: usize) -> Self {
        Self { columns, depth, width }
    }

    /// The same panels with other steps.
    pub(crate) fn of_depth(self, depth: usize) -> Self {
        Self { depth, ..self }
    }

    /// The same panels for fewer columns.
    pub(crate) fn of_columns(self, columns: usize) -> Self {
        Self { columns, ..self }
    }

    /// Columns of a panel: step p of a panel begins at p times as many elements.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Elements of the packed matrix, with those that packing may write behind it.
    pub(crate) fn elements(&self) -> usize {
        self.columns.div_ceil(self.width.max(1)) * self.width * self.depth + SLACK
    }

    /// The columns of each panel, and its elements.
    pub(crate) fn panels<'a, T>(&self, packed: &'a [T]) -> impl Iterator<Item = (Range<usize>, &'a [T])> {
        let Self { columns, depth, width } = *self;
        let starts = (0..columns).step_by(width.max(1));
        starts.map(move |start| (start..columns.min(start + width), &packed[start * depth..][..width * depth]))
    }

    /// Packs a matrix that is given as blocks of some steps each, from the first step to the last.
    ///
    /// # Panics
    /// If the blocks do not have this shape, or the target has not so many elements.
    pub(crate) fn pack<'a, T: Scalar>(
        &self,
        kernels: &TileKernels<T>,
        blocks: impl Iterator<Item = ArrayView2<'a, T>> + Clone,
        target: &mut [T],
    ) {
        assert!(target.len() >= self.elements(), "{} elements for packed panels", target.len());
        for start in (0..self.columns).step_by(self.width.max(1)) {
            let count = self.width.min(self.columns - start);
            let mut step = 0;
            for block in blocks.clone() {
                assert!(block.ncols() == self.columns && step + block.nrows() <= self.depth, "blocks of other shapes");
                let &[along, across] = block.strides() else { unreachable!("a matrix has two dimensions") };
                let source = block.as_ptr().wrapping_offset(start as isize * across);
                let strip = Strip { source, across, along, count, depth: block.nrows() };
                for (first, group) in strip.groups() {
                    let to = target[start * self.depth + (step + first) * self.width..].as_mut_ptr();
                    // SAFETY: the strip lies in the view; the target has room for the panel and the slack.
                    unsafe { (kernels.pack)(&group, to, self.width) }
                }
                step += block.nrows();
            }
            assert!(step == self.depth, "{step} steps of {}", self.depth);
        }
    }
}

/// Copies a matrix of `rows` rows, which are `width` elements apart, to columns that are `column_stride` apart, where
/// the elements of a column are adjacent.
///
/// # Panics
/// If one of the slices is too short, `width` is no multiple of the lanes, or columns overlap.
pub(crate) fn transpose_into<T: Scalar>(
    kernels: &TileKernels<T>,
    matrix: &[T],
    (rows, columns, width): (usize, usize, usize),
    out: &mut [T],
    column_stride: usize,
) {
    if rows == 0 || columns == 0 {
        return;
    }
    assert!(columns <= width && width.is_multiple_of(kernels.lanes) && rows * width <= matrix.len(), "a short matrix");
    assert!((columns - 1) * column_stride + rows <= out.len() && rows <= column_stride, "columns that overlap");
    let scratch = ScratchTile { data: matrix.as_ptr().cast_mut(), width, shape: TileShape { rows, columns } };
    let target = Target { data: out.as_mut_ptr(), row_stride: 1, column_stride: column_stride as isize };
    // SAFETY: the matrix is read, the columns are written, as far as was compared with the slices.
    unsafe { (kernels.store_transposed)(&scratch, target) }
}
