//! The five loops around the micro-kernel.
//!
//! ```text
//! for each block of columns                          B's block: third-level cache
//!   for each block of depth                          … packed here, by all threads
//!     for each task: a block of rows, of columns     in parallel; A's block: second-level cache, packed here
//!       for each panel of columns                    B's panel: first-level cache
//!         for each row tile                          the tile of C: registers
//!           the micro-kernel
//! ```
//!
//! Where a packed block of B stays in the second-level cache, the last two loops change places: see `passing`.

use std::ops::Range;

use super::blocking::{Block, Blocking, for_each_block};
use super::buffer::{Buffer, ThreadBuffers};
use super::dot_loops;
use super::epilogue::TileShape;
use super::kernel_set::TileKernels;
use super::microkernel::{Tile, TileFn};
use super::output::Output;
use super::pack::{STEPS_PER_BAND, Strip};
use super::packed_b::{PackedB, Panel};
use super::partition::Partition;
use super::path::Path;
use super::product::{Extents, Operand, Product};
use super::shared_a::SharedA;
use super::task_grid::TaskGrid;
use crate::kernels::parallel::for_each_task;
use crate::kernels::simd::prefetch;
use crate::scalar::Scalar;

/// Runs a product.
///
/// # Safety
/// The instruction set of `kernels` is available; the three matrices of the product are valid and C is not shared; none
/// of the extents but the depth is zero; and the path fits the product.
pub(super) unsafe fn run<T: Scalar>(kernels: &TileKernels<T>, blocking: &Blocking, product: &Product<T>) {
    if blocking.path.is_dots() {
        // SAFETY: passed on.
        return unsafe { dot_loops::run(kernels, blocking, product) };
    }
    let Extents { rows, columns, depth } = product.extents;
    let is_one_task = columns <= blocking.task.columns && depth == blocking.depth && rows == blocking.task.rows;
    let reads_b_in_place = kernels.masks_are_free || columns.is_multiple_of(kernels.lanes);
    if is_one_task && blocking.path == Path::InPlace && reads_b_in_place {
        // Small: one task that packs nothing. Its tiles take less time than what follows would.
        let block = Block { first_column: 0, columns, first_step: 0, depth, is_last: true };
        let loops = BlockLoops { kernels, blocking, product, block: &block };
        let b = loops.b(blocking.panels(kernels, rows, columns), usize::MAX);
        let rows = RowBlock { rows: 0..rows, packed: None };
        // SAFETY: passed on.
        return unsafe { loops.task(&b, &rows, 0..b.panels.count) };
    }
    // SAFETY: passed on.
    let run = |block: &Block| unsafe { BlockLoops { kernels, blocking, product, block }.run() };
    for_each_block(product.extents, blocking.panel_columns, blocking.depth, run);
}

/// A block of B with all that it meets.
pub(super) struct BlockLoops<'a, T: 'static> {
    pub(super) kernels: &'a TileKernels<T>,
    pub(super) blocking: &'a Blocking,
    pub(super) product: &'a Product<T>,
    pub(super) block: &'a Block,
}

/// Some rows of A, in place or packed tile after tile.
pub(super) struct RowBlock<T> {
    pub(super) rows: Range<usize>,
    pub(super) packed: Option<*const T>,
}

impl<T: Scalar> BlockLoops<'_, T> {
    /// Packs what the blocking says, and runs the tasks.
    ///
    /// # Safety
    /// That of [`run`].
    unsafe fn run(&self) {
        let Self { kernels, blocking, product, block } = *self;
        let Extents { rows, .. } = product.extents;
        let panels = blocking.panels(kernels, rows, block.columns);
        let in_place = blocking.path == Path::InPlace;
        let packed_from = if in_place { PackedB::packed_from(kernels, block.columns, &panels) } else { 0 };
        let row_blocks = Partition::of_at_most(rows, blocking.task.rows);
        let task_panels = Partition::new(panels.count, block.columns.div_ceil(blocking.task.columns));
        let grid = TaskGrid { rows: row_blocks, panels: task_panels };
        let b = self.b(panels, packed_from);
        // Panels that only one task meets are packed by that task.
        let packs_in_tasks = grid.rows.count == 1 && packed_from == 0;
        let buffer = match b.packed_elements(kernels) {
            Some(elements) if !packs_in_tasks => Buffer::take::<T>(elements),
            _ => Buffer::none(),
        };
        let b = PackedB { packed: buffer.start(), ..b };
        let shared_a = blocking.shares_a.then(|| SharedA::new(grid.rows, block.depth));
        let panels_to_pack = if packs_in_tasks || packed_from >= b.columns { 0 } else { panels.count };
        // SAFETY: passed on.
        unsafe {
            self.pack(&b, panels_to_pack, shared_a.as_ref());
            self.run_tasks(&b, &grid, shared_a.as_ref(), packs_in_tasks)
        }
    }

    /// Runs the tasks, which pack what is left: the panels of B, each task its own, or each its own rows of A, or
    /// nothing.
    ///
    /// # Safety
    /// That of [`run`]; what is packed for all tasks is packed.
    unsafe fn run_tasks(&self, b: &PackedB<T>, grid: &TaskGrid, shared_a: Option<&SharedA<T>>, packs_b: bool) {
        let packs_a = self.blocking.packs_rows();
        let elements = match (packs_b, packs_a) {
            (true, _) => b.elements_together(self.kernels, self.product.extents.rows),
            (false, true) => grid.rows.longest() * b.depth,
            (false, false) => 0,
        };
        let buffers = match elements {
            0 => ThreadBuffers::none(),
            _ => ThreadBuffers::take::<T>(grid.count(), elements),
        };
        for_each_task(grid.count(), |task| {
            let (i, j) = grid.position(task);
            let packed = shared_a.map(|shared| shared.at(i).cast_const());
            let (rows, panels) = (RowBlock { rows: grid.rows.range(i), packed }, grid.panels.range(j));
            // SAFETY: passed on; each task has its own part of C, and each thread its own buffer.
            unsafe {
                match (packs_b, packs_a) {
                    (true, _) => buffers.with(|buffer| self.task_that_packs_b(b, &rows, panels, buffer)),
                    (false, true) => buffers.with(|buffer| self.task_that_packs_a(b, rows, panels, buffer)),
                    (false, false) => self.task(b, &rows, panels),
                }
            }
        });
    }

    /// The block of B, none of it packed yet.
    #[inline(always)]
    pub(super) fn b(&self, panels: Partition, packed_from: usize) -> PackedB<T> {
        let Self { product, block, .. } = *self;
        let in_place = Operand { data: product.b.at(block.first_step, block.first_column), ..product.b };
        let (columns, depth) = (block.columns, block.depth);
        PackedB { in_place, packed: std::ptr::null_mut(), packed_from, columns, depth, panels }
    }

    /// Packs what all tasks read: `of_b` panels of B (those that are read in place are left out), and A if it is
    /// shared.
    ///
    /// # Safety
    /// That of [`run`]; the buffers are those of this block.
    unsafe fn pack(&self, b: &PackedB<T>, of_b: usize, shared_a: Option<&SharedA<T>>) {
        let of_a = shared_a.map_or(0, |shared| shared.row_blocks.count);
        let pack = |task: usize| {
            // SAFETY: passed on; each panel and each block of rows has its own part of a buffer.
            unsafe {
                match shared_a {
                    Some(shared) if task >= of_b => {
                        let index = task - of_b;
                        self.pack_rows(shared.row_blocks.range(index), shared.at(index));
                    }
                    _ => b.pack(self.kernels, task),
                }
            }
        };
        if self.blocking.forks_to_pack { for_each_task(of_b + of_a, pack) } else { (0..of_b + of_a).for_each(pack) }
    }

    /// Packs a block of rows of A, tile after tile.
    ///
    /// # Safety
    /// That of [`run`]; the target has room for the block and the slack, and nobody else writes there.
    pub(super) unsafe fn pack_rows(&self, rows: Range<usize>, target: *mut T) {
        let Self { kernels, product: Product { a, .. }, block, .. } = *self;
        let tiles = self.packed_tiles(rows.len());
        // Adjacent rows are packed some steps at a time: a line has elements of several tiles.
        let band = if a.row_stride == 1 { STEPS_PER_BAND } else { block.depth.max(1) };
        for first in (0..block.depth).step_by(band) {
            let depth = band.min(block.depth - first);
            if a.row_stride == 1 {
                self.prefetch_rows(&rows, first + band..block.depth.min(first + 2 * band));
            }
            for tile in 0..tiles.count {
                let Range { start, end } = tiles.range(tile);
                let (source, count) = (a.at(rows.start + start, block.first_step + first), end - start);
                let strip = Strip { source, across: a.row_stride, along: a.column_stride, count, depth };
                let target = target.wrapping_add(start * block.depth + first * count);
                // SAFETY: the strip lies in A, its target in the block's; the last tile has the slack behind it, and
                // strips of adjacent rows write nothing behind their end.
                unsafe { (kernels.pack)(&strip, target, count) }
            }
        }
    }

    /// Asks for adjacent rows of A at some steps of the block, whose pages the hardware does not foresee.
    fn prefetch_rows(&self, rows: &Range<usize>, steps: Range<usize>) {
        let line = 64 / size_of::<T>();
        for step in steps {
            let step = self.block.first_step + step;
            rows.clone().step_by(line).for_each(|row| prefetch(self.product.a.at(row, step)));
        }
    }

    /// Cuts packed rows into tiles: they are the same for all panels.
    fn packed_tiles(&self, rows: usize) -> Partition {
        Partition::of_at_most(rows, self.kernels.max_rows[self.kernels.vectors_packed - 1])
    }

    /// Cuts a block of rows into the tiles that meet a panel of some vectors.
    #[inline(always)]
    fn tiles(&self, rows: &RowBlock<T>, vectors: usize) -> Partition {
        match rows.packed {
            Some(_) => self.packed_tiles(rows.rows.len()),
            None => Partition::of_at_most(rows.rows.len(), self.blocking.rows_in_place(self.kernels, vectors)),
        }
    }

    /// Computes a part of C: some rows, some panels.
    ///
    /// # Safety
    /// That of [`run`]; nobody else works on this part; what is packed of A and B is theirs.
    unsafe fn task(&self, b: &PackedB<T>, rows: &RowBlock<T>, panels: Range<usize>) {
        for panel in panels {
            // SAFETY: passed on.
            unsafe { self.panel(&b.panel(self.kernels, panel), rows) }
        }
    }

    /// The same, row tile by row tile.
    ///
    /// # Safety
    /// That of [`task`](Self::task).
    pub(super) unsafe fn task_by_rows(&self, b: &PackedB<T>, rows: &RowBlock<T>, panels: Range<usize>) {
        // One height for all panels, that of the widest.
        let tiles = self.tiles(rows, b.panels.longest());
        for tile in 0..tiles.count {
            for panel in panels.clone() {
                // SAFETY: the tile lies in this task's part; its parts of A and B are valid.
                unsafe { self.tile(&b.panel(self.kernels, panel), rows, tiles.range(tile)) }
            }
        }
    }

    /// The same for rows that only this task meets: they are packed into the buffer first.
    ///
    /// # Safety
    /// That of [`task`](Self::task); the buffer has room for the rows, and is this task's.
    unsafe fn task_that_packs_a(&self, b: &PackedB<T>, rows: RowBlock<T>, panels: Range<usize>, buffer: *mut T) {
        // SAFETY: passed on.
        unsafe {
            self.pack_rows(rows.rows.clone(), buffer);
            self.task(b, &RowBlock { packed: Some(buffer.cast_const()), ..rows }, panels);
        }
    }

    /// The same for panels that only this task meets: one or some are packed into the buffer, and then are still near.
    ///
    /// # Safety
    /// That of [`task`](Self::task); the buffer has room for the panels, and is this task's.
    unsafe fn task_that_packs_b(&self, b: &PackedB<T>, rows: &RowBlock<T>, panels: Range<usize>, buffer: *mut T) {
        let together = b.panels_together(self.kernels, rows.rows.len());
        if together == 1 {
            for panel in panels {
                // SAFETY: passed on.
                unsafe {
                    b.pack_into(self.kernels, panel, buffer);
                    self.panel(&b.panel_at(self.kernels, panel, buffer), rows);
                }
            }
            return;
        }
        for first in panels.clone().step_by(together) {
            let (group, column) = (first..panels.end.min(first + together), b.panels.start(first) * self.kernels.lanes);
            let b = PackedB { packed: buffer, packed_from: column, ..*b };
            // SAFETY: passed on.
            unsafe {
                b.pack_together(self.kernels, group.clone());
                self.task(&b, rows, group);
            }
        }
    }

    /// Computes the tiles of a panel.
    ///
    /// # Safety
    /// That of [`task`](Self::task).
    #[inline(always)]
    unsafe fn panel(&self, panel: &Panel<T>, rows: &RowBlock<T>) {
        let tiles = self.tiles(rows, panel.vectors);
        if self.product.c.column_stride == 1 && !self.finishes() {
            // SAFETY: passed on.
            return unsafe { self.tiles_in_place(panel, rows, &tiles) };
        }
        for tile in 0..tiles.count {
            // SAFETY: the tile lies in this task's part; its parts of A and B are valid.
            unsafe { self.tile(panel, rows, tiles.range(tile)) }
        }
    }

    /// Computes the tiles of a panel where C is written in place and has no second pass. Those of the same height
    /// differ only in where they begin: to find all of it out for each of them takes as long as some steps of the
    /// depth.
    ///
    /// # Safety
    /// That of [`task`](Self::task).
    #[inline(always)]
    unsafe fn tiles_in_place(&self, panel: &Panel<T>, rows: &RowBlock<T>, tiles: &Partition) {
        let (product, mut tile) = (self.product, 0);
        while tile < tiles.count {
            let (first, alike) = (tiles.range(tile), tiles.alike(tile));
            let height = first.len() as isize;
            let c = product.c.at(rows.rows.start + first.start, self.block.first_column + self.column_of(panel));
            let next_a = height * if rows.packed.is_some() { self.block.depth as isize } else { product.a.row_stride };
            let kernel = self.kernel(panel, first.len());
            let mut work = self.work(panel, rows, &first, c, product.c.row_stride);
            for _ in 0..alike {
                // SAFETY: valid parts of A and B that fit the kernel, and a tile of C that nobody else works on.
                unsafe { kernel(&work) }
                work.a = work.a.wrapping_offset(next_a);
                work.c = work.c.wrapping_offset(height * product.c.row_stride);
            }
            tile += alike;
        }
    }

    /// Whether a second pass follows when the sums of this block are complete.
    #[inline(always)]
    fn finishes(&self) -> bool {
        self.block.is_last && self.product.finish.is_needed()
    }

    /// The column of the block at which a panel begins.
    #[inline(always)]
    fn column_of(&self, panel: &Panel<T>) -> usize {
        panel.first_vector * self.kernels.lanes
    }

    #[inline(always)]
    fn kernel(&self, panel: &Panel<T>, height: usize) -> TileFn<T> {
        self.kernels.tiles[panel.vectors - 1][height - 1].expect("the heights say which tiles there are")
    }

    /// The work of a tile, those of a block of rows and a panel, that is written to some address.
    #[inline(always)]
    fn work(
        &self,
        panel: &Panel<T>,
        rows: &RowBlock<T>,
        tile: &Range<usize>,
        c: *mut T,
        c_row_stride: isize,
    ) -> Tile<T> {
        let Self { kernels, product, block, .. } = *self;
        let columns = (panel.vectors * kernels.lanes).min(block.columns - self.column_of(panel));
        let (a, a_row_stride, a_step) = match rows.packed {
            Some(packed) => (packed.wrapping_add(tile.start * block.depth), 1, tile.len() as isize),
            None => {
                let a = product.a;
                (a.at(rows.rows.start + tile.start, block.first_step), a.row_stride, a.column_stride)
            }
        };
        Tile {
            a,
            a_row_stride,
            a_step,
            b: panel.data,
            b_step: panel.step,
            c,
            c_row_stride,
            depth: block.depth,
            last_lanes: columns - (panel.vectors - 1) * kernels.lanes,
            accumulate: product.accumulate || block.first_step > 0,
        }
    }

    /// Computes a tile of C: those of a block of rows, and a panel.
    ///
    /// # Safety
    /// That of [`task`](Self::task).
    #[inline(always)]
    unsafe fn tile(&self, panel: &Panel<T>, rows: &RowBlock<T>, tile: Range<usize>) {
        let Self { kernels, product, block, .. } = *self;
        let (row, column) = (rows.rows.start + tile.start, block.first_column + self.column_of(panel));
        let columns = (panel.vectors * kernels.lanes).min(block.columns - self.column_of(panel));
        let finish = self.finishes().then(|| product.finish.from(row, column));
        let kernel = self.kernel(panel, tile.len());
        let compute = |c: *mut T, c_row_stride: isize| {
            let work = self.work(panel, rows, &tile, c, c_row_stride);
            // SAFETY: valid parts of A and B that fit the kernel, and a tile of C, or a scratch tile, that nobody else
            // works on.
            unsafe { kernel(&work) }
        };
        let shape = TileShape { rows: tile.len(), columns };
        let accumulate = product.accumulate || block.first_step > 0;
        let output = Output { c: product.c.from(row, column), shape, accumulate, finish };
        // SAFETY: a tile of C that nobody else works on; the kernel writes all of it, and reads it if it adds to it.
        unsafe { output.write(kernels, compute) }
    }
}
