//! The loops of a product whose zeros are skipped. They are those of the dense product; the micro-kernel is given a
//! list of steps, which is made, for each row tile of A, before the tasks begin.

use std::ops::Range;

use super::blocking::Blocking;
use super::finite::adjacent_across;
use super::steps::{StepLists, TILES_PER_TASK};
use super::table::Kernels;
use crate::kernels::gemm::blocking::{Block, for_each_block, panels};
use crate::kernels::gemm::buffer::{Buffer, ThreadBuffers};
use crate::kernels::gemm::epilogue::TileShape;
use crate::kernels::gemm::microkernel::Tile;
use crate::kernels::gemm::output::Output;
use crate::kernels::gemm::pack::Strip;
use crate::kernels::gemm::packed_b::{PackedB, Panel};
use crate::kernels::gemm::partition::Partition;
use crate::kernels::gemm::product::{Operand, Product};
use crate::kernels::gemm::task_grid::TaskGrid;
use crate::kernels::parallel::for_each_task;
use crate::scalar::Scalar;

/// Runs a product.
///
/// # Safety
/// The instruction set of the kernels is available; the three matrices of the product are valid and C is not shared;
/// none of the extents but the depth is zero; A is contiguous along a dimension, and the depth fits a step.
pub(super) unsafe fn run<T: Scalar>(kernels: &Kernels<'_, T>, blocking: &Blocking, product: &Product<T>) {
    for_each_block(product.extents, blocking.panel_columns, blocking.depth, |block| {
        let tiles = Partition::of_exactly(product.extents.rows, blocking.tile_rows);
        // SAFETY: passed on.
        unsafe { BlockLoops { kernels, blocking, product, block, tiles }.run() }
    });
}

/// A block of B with all that it meets.
struct BlockLoops<'a, T: 'static> {
    kernels: &'a Kernels<'a, T>,
    blocking: &'a Blocking,
    product: &'a Product<T>,
    block: &'a Block,
    /// The row tiles of A.
    tiles: Partition,
}

/// A task's part of C: some row tiles, some panels.
struct Part {
    tiles: Range<usize>,
    panels: Range<usize>,
}

impl<T: Scalar> BlockLoops<'_, T> {
    /// Packs B, finds the steps of A's tiles, and runs the tasks.
    ///
    /// # Safety
    /// That of [`run`].
    unsafe fn run(&self) {
        let Self { kernels: Kernels { dense, .. }, blocking, product, block, tiles } = *self;
        let tasks = block.columns.div_ceil(blocking.task.columns);
        let panels = panels(block.columns.div_ceil(dense.lanes), blocking.max_vectors, tasks);
        let packed_from = if blocking.packs_b { 0 } else { PackedB::packed_from(dense, block.columns, &panels) };
        let in_place = Operand { data: product.b.at(block.first_step, block.first_column), ..product.b };
        let (columns, depth) = (block.columns, block.depth);
        let b = PackedB { in_place, packed: std::ptr::null_mut(), packed_from, columns, depth, panels };
        let grid = TaskGrid {
            rows: Partition::of_exactly(product.extents.rows, blocking.task.rows),
            panels: Partition::new(panels.count, tasks),
        };
        // Panels that only one task meets are packed by that task.
        let packs_in_tasks = grid.rows.count == 1 && packed_from == 0;
        let buffer = match b.packed_elements(dense) {
            Some(elements) if !packs_in_tasks => Buffer::take::<T>(elements),
            _ => Buffer::none(),
        };
        let b = PackedB { packed: buffer.start(), ..b };
        let buffer = StepLists::buffer(panels.count, tiles.count, depth);
        let lists = StepLists::new(&buffer, panels.count, depth);
        // SAFETY: passed on; the buffers are this block's.
        unsafe { self.prepare(&b, if packs_in_tasks { 0 } else { panels.count }, lists) }
        let buffers = match packs_in_tasks {
            true => ThreadBuffers::take::<T>(grid.count(), panels.longest() * dense.lanes * depth),
            false => ThreadBuffers::none(),
        };
        for_each_task(grid.count(), |task| {
            let (i, j) = grid.position(task);
            let rows = grid.rows.range(i);
            let tiles = rows.start / blocking.tile_rows..rows.end.div_ceil(blocking.tile_rows);
            let part = Part { tiles, panels: grid.panels.range(j) };
            // SAFETY: passed on; each task has its own part of C, and each thread its own buffer.
            unsafe {
                if packs_in_tasks {
                    buffers.with(|buffer| self.task_that_packs(&b, lists, part, buffer));
                } else {
                    self.task(&b, lists, part);
                }
            }
        });
    }

    /// Makes what all tasks read: packed panels of B, so many, with their flags, and the steps of A's tiles.
    ///
    /// # Safety
    /// That of [`run`]; the buffers are those of this block.
    unsafe fn prepare(&self, b: &PackedB<T>, packed_panels: usize, lists: StepLists) {
        let Self { kernels: Kernels { dense, skipping }, blocking, product: Product { a, .. }, block, tiles } = *self;
        let parts = Partition::of_at_most(tiles.count, TILES_PER_TASK);
        let prepare = |task: usize| {
            // SAFETY: passed on; each panel has its own part of the buffer, and each tile its own list.
            unsafe {
                let Some(part) = task.checked_sub(packed_panels) else {
                    let is_finite = match b.target(dense, task) {
                        Some(target) => self.pack_finite(b, task, target),
                        // What cannot be looked at is taken to be not finite.
                        None => adjacent_across(b.strip(dense, task)).is_some_and(|strip| (skipping.is_finite)(&strip)),
                    };
                    return lists.set_finite(task, is_finite);
                };
                let Range { start: first, end } = parts.range(part);
                let rows = tiles.start(first)..tiles.start(end);
                let source = a.at(rows.start, block.first_step);
                let (across, along) = (a.row_stride, a.column_stride);
                let strip = Strip { source, across, along, count: rows.len(), depth: block.depth };
                (skipping.find)(&strip, blocking.tile_rows, Some(lists.from(first)));
            }
        };
        if blocking.forks_to_prepare {
            for_each_task(packed_panels + parts.count, prepare)
        } else {
            (0..packed_panels + parts.count).for_each(prepare)
        }
    }

    /// Packs a panel, and returns whether all its elements are finite: each group of steps is looked at while it is in
    /// the first-level cache.
    ///
    /// # Safety
    /// That of [`run`]; the target has room for the panel and the slack, and nobody else uses it.
    unsafe fn pack_finite(&self, b: &PackedB<T>, panel: usize, target: *mut T) -> bool {
        let Kernels { dense, skipping } = *self.kernels;
        let width = b.panels.range(panel).len() * dense.lanes;
        let mut is_finite = true;
        for (step, group) in b.strip(dense, panel).groups() {
            let target = target.wrapping_add(step * width);
            let packed = Strip {
                source: target.cast_const(),
                across: 1,
                along: width as isize,
                count: width,
                depth: group.depth,
            };
            // SAFETY: the strip lies in B; the target is whole vectors wide, and what was just written there may be
            // read.
            unsafe {
                (dense.pack)(&group, target, width);
                is_finite = is_finite && (skipping.is_finite)(&packed);
            }
        }
        is_finite
    }

    /// Computes a part of C.
    ///
    /// # Safety
    /// That of [`run`]; nobody else works on this part; what all tasks read is prepared.
    unsafe fn task(&self, b: &PackedB<T>, lists: StepLists, Part { tiles, panels }: Part) {
        for panel in panels {
            // SAFETY: passed on; the flag was set before the tasks.
            unsafe {
                let lists = lists.is_finite(panel).then_some(lists);
                self.panel(&b.panel(self.kernels.dense, panel), lists, tiles.clone());
            }
        }
    }

    /// The same for panels that only this task meets: each is packed into the buffer when its turn comes.
    ///
    /// # Safety
    /// That of [`task`](Self::task); the buffer has room for the longest panel, and is this task's.
    unsafe fn task_that_packs(&self, b: &PackedB<T>, lists: StepLists, part: Part, buffer: *mut T) {
        let Part { tiles, panels } = part;
        for panel in panels {
            // SAFETY: passed on.
            unsafe {
                let is_finite = self.pack_finite(b, panel, buffer);
                let panel = b.panel_at(self.kernels.dense, panel, buffer);
                self.panel(&panel, is_finite.then_some(lists), tiles.clone());
            }
        }
    }

    /// Computes the tiles of a panel, group after group.
    ///
    /// # Safety
    /// That of [`task`](Self::task); if there are lists, the panel is finite.
    unsafe fn panel(&self, panel: &Panel<T>, lists: Option<StepLists>, tiles: Range<usize>) {
        let per_group = self.blocking.tiles_per_group;
        for first in tiles.clone().step_by(per_group) {
            // SAFETY: the tiles lie in this task's part.
            unsafe { self.group(panel, lists, first..tiles.end.min(first + per_group)) }
        }
    }

    /// Computes a group of tiles of a panel, one above the other, and writes them together.
    ///
    /// # Safety
    /// That of [`panel`](Self::panel).
    #[inline(always)]
    unsafe fn group(&self, panel: &Panel<T>, lists: Option<StepLists>, group: Range<usize>) {
        let Self { kernels: Kernels { dense, skipping }, product, block, tiles, .. } = *self;
        let first_column = panel.first_vector * dense.lanes;
        let (row, column) = (tiles.start(group.start), block.first_column + first_column);
        let columns = (panel.vectors * dense.lanes).min(block.columns - first_column);
        let shape = TileShape { rows: tiles.start(group.end) - row, columns };
        let accumulate = product.accumulate || block.first_step > 0;
        let finish = (block.is_last && product.finish.is_needed()).then(|| product.finish.from(row, column));
        let compute = |c: *mut T, c_row_stride: isize| {
            for tile in group.clone() {
                let Range { start, end } = tiles.range(tile);
                let work = Tile {
                    a: product.a.at(start, block.first_step),
                    a_row_stride: product.a.row_stride,
                    a_step: product.a.column_stride,
                    b: panel.data,
                    b_step: panel.step,
                    c: c.wrapping_offset((start - row) as isize * c_row_stride),
                    c_row_stride,
                    depth: block.depth,
                    last_lanes: columns - (panel.vectors - 1) * dense.lanes,
                    accumulate,
                };
                let (vectors, rows) = (panel.vectors, end - start);
                // SAFETY: valid parts of A and B that fit the kernel, and a tile of C, or a scratch tile, that nobody
                // else works on; the list was found before the tasks.
                unsafe {
                    match lists {
                        Some(lists) => skipping.compute(&work, vectors, rows, lists.steps(tile)),
                        None => dense.tiles[vectors - 1][rows - 1].expect(NO_TILE)(&work),
                    }
                }
            }
        };
        let output = Output { c: product.c.from(row, column), shape, accumulate, finish };
        // SAFETY: a part of C that nobody else works on; the kernels write all of it, and read it if they add to it.
        unsafe { output.write(dense, compute) }
    }
}

/// Why there is a kernel for each tile.
const NO_TILE: &str = "the heights say which tiles there are";
