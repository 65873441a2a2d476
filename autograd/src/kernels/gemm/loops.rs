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
//! Where all of B stays in the first-level cache, the last two loops change places, so that C is written in the order in which it lies.

use std::ops::Range;

use super::blocking::{Parts, Plan, panels};
use super::columns::Columns;
use super::epilogue::Finish;
use super::microkernel::{MOST_DOT_ROWS, Tile};
use super::pack::{Buffer, SLACK, Side, Strip};
use super::product::{Operand, Product, Target};
use super::route::Path;
use super::scatter::write;
use super::table::Own;
use super::zeros::{Lists, TOGETHER};
use crate::kernels::parallel::for_each_task;
use crate::scalar::Scalar;

/// Where the tasks pack their parts of A; each writes its own.
struct Shared<T>(*mut T);
// SAFETY: every task writes a block of its own.
unsafe impl<T: Send> Sync for Shared<T> {}
impl<T> Shared<T> {
    fn get(&self) -> *mut T {
        self.0
    }
}

/// Runs a product along a plan.
///
/// # Safety
/// The instruction set of `own` is available; the three matrices of the product are valid and C is not shared; none of the dimensions but the depth is zero;
/// and the path fits the product.
pub(super) unsafe fn run<T: Scalar>(own: &Own<T>, plan: &Plan, product: &Product<T>) {
    if plan.path == Path::Dots {
        let parts = Parts::of_at_most(product.columns, plan.columns);
        return for_each_task(parts.count, |part| {
            // SAFETY: passed on; every task has columns of its own.
            unsafe { dots(own, product, parts.start(part)..parts.start(part + 1)) }
        });
    }
    let is_whole = product.columns <= plan.columns && product.depth == plan.depth && product.rows == plan.rows;
    let is_in_place = plan.path == Path::InPlace && (own.masks_are_free || product.columns.is_multiple_of(own.lanes));
    if is_whole && is_in_place {
        // Small: one task that packs nothing. Its tiles take less time than what follows would.
        let panels = panels(own, plan, product, product.columns);
        let block = Block { own, plan, product, first_column: 0, first_step: 0, is_first: true, is_last: true };
        let columns = Columns {
            in_place: product.b,
            packed: std::ptr::null_mut(),
            packed_from: usize::MAX,
            late: false,
            depth: product.depth,
            panels,
            columns: product.columns,
        };
        // SAFETY: passed on.
        return unsafe { block.task(&columns, (0, product.rows), (0, panels.count), None, None) };
    }
    let mut first_column = 0;
    while first_column < product.columns {
        let columns = plan.panel_columns.min(product.columns - first_column);
        let panels = panels(own, plan, product, columns);
        let mut first_step = 0;
        loop {
            let depth = plan.depth.min(product.depth - first_step);
            let block = Block {
                own,
                plan,
                product,
                first_column,
                first_step,
                is_first: first_step == 0,
                is_last: first_step + depth == product.depth,
            };
            // SAFETY: passed on.
            unsafe { block.run(columns, depth, panels) }
            first_step += depth;
            if first_step >= product.depth {
                break;
            }
        }
        first_column += columns;
    }
}

/// A block of B with all that it meets.
struct Block<'a, T: 'static> {
    own: &'a Own<T>,
    plan: &'a Plan,
    product: &'a Product<T>,
    first_column: usize,
    first_step: usize,
    is_first: bool,
    is_last: bool,
}

impl<T: Scalar> Block<'_, T> {
    /// Packs what the plan says, and runs the tasks.
    ///
    /// # Safety
    /// That of [`run`].
    unsafe fn run(&self, columns: usize, depth: usize, panels: Parts) {
        let Self { own, plan, product, .. } = *self;
        let lanes = own.lanes;
        let in_place = Operand { data: product.b.at(self.first_step, self.first_column), ..product.b };
        // In place, a last vector that isn't full must be packed where a masked load would slow down the inner loop.
        let packed_from = if plan.path != Path::InPlace {
            0
        } else if own.masks_are_free || columns.is_multiple_of(lanes) {
            usize::MAX
        } else {
            panels.start(panels.count - 1) * lanes
        };
        let down = match plan.seeks_zeros {
            true => Parts::of(product.rows, plan.rows),
            false => Parts::of_at_most(product.rows, plan.rows),
        };
        let late = down.count == 1 && packed_from == 0;
        let mut of_b = match columns.next_multiple_of(lanes).checked_sub(packed_from) {
            Some(packed) if !late => Buffer::take::<T>(Side::B, packed * depth),
            _ => Buffer::none(Side::B),
        };
        let shared = if plan.shares_a { product.rows + SLACK * down.count } else { 0 };
        let mut of_a =
            if shared > 0 { Buffer::take::<T>(Side::SharedA, shared * depth) } else { Buffer::none(Side::A) };
        let block = Columns { in_place, packed: of_b.start(), packed_from, late, depth, panels, columns };
        let shared_a = Shared(of_a.start::<T>());
        // A shared block of rows begins a little behind the one before it, which may scribble there while this one is packed.
        let shared_at = |i: usize| shared_a.get().wrapping_add((down.start(i) + i * SLACK) * depth.max(1));
        let tiles = self.tiles(down.start(1)).count;
        let mut of_lists = match plan.seeks_zeros {
            true => Lists::buffer(panels.count, down.count * tiles, depth),
            false => Buffer::none(Side::Lists),
        };
        let lists = Lists::new(&mut of_lists, panels.count, depth);
        let packs_b = packed_from < columns && !late;
        let of_panels = if packs_b || plan.seeks_zeros && !late { panels.count } else { 0 };
        let packs_a = if plan.shares_a { down.count } else { 0 };
        // All blocks of rows but the last one are whole tiles.
        let seekers = Parts::of_at_most(product.rows.div_ceil(plan.sparse_height.max(1)), TOGETHER);
        let seeks = if plan.seeks_zeros { seekers.count } else { 0 };
        let prepare = |task: usize| {
            // SAFETY: passed on; each panel and each block of rows has its own part of a buffer.
            unsafe {
                if task < of_panels {
                    let is_finite = block.prepare(own, task, plan.seeks_zeros);
                    if plan.seeks_zeros {
                        lists.set_finite(task, is_finite);
                    }
                } else if task < of_panels + packs_a {
                    let i = task - of_panels;
                    self.pack_rows((down.start(i), down.start(i + 1)), depth, shared_at(i));
                } else {
                    let i = task - of_panels - packs_a;
                    let (start, end) = (seekers.start(i), seekers.start(i + 1));
                    let rows = (start * plan.sparse_height, product.rows.min(end * plan.sparse_height));
                    (own.find)(&self.strip(rows, depth), plan.sparse_height, Some(lists.from(start)));
                }
            }
        };
        let tasks = of_panels + packs_a + seeks;
        if plan.forks_to_pack {
            for_each_task(tasks, prepare)
        } else {
            (0..tasks).for_each(prepare)
        }
        let across = Parts::new(panels.count, columns.div_ceil(plan.columns));
        for_each_task(across.count * down.count, |task| {
            let (i, j) = if down.count == 1 { (0, task) } else { (task % down.count, task / down.count) };
            let rows = (down.start(i), down.start(i + 1));
            let panels = (across.start(j), across.start(j + 1));
            let lists = plan.seeks_zeros.then(|| lists.from(i * tiles));
            // SAFETY: passed on; each task has its own part of C, and a buffer of its own or a block of the shared one.
            unsafe {
                if plan.path != Path::Packed {
                    self.task(&block, rows, panels, None, lists);
                } else if plan.shares_a {
                    self.task(&block, rows, panels, Some(shared_at(i)), lists);
                } else {
                    let mut buffer = Buffer::take::<T>(Side::A, (rows.1 - rows.0) * depth);
                    self.pack_rows(rows, depth, buffer.start());
                    self.task(&block, rows, panels, Some(buffer.start()), lists);
                }
            }
        });
    }

    /// Packs a block of rows of A, tile after tile.
    ///
    /// # Safety
    /// That of [`run`]; the target has room for the block and the slack, and nobody else writes there.
    unsafe fn pack_rows(&self, rows: (usize, usize), depth: usize, target: *mut T) {
        let tiles = self.tiles(rows.1 - rows.0);
        for tile in 0..tiles.count {
            let (start, end) = (tiles.start(tile), tiles.start(tile + 1));
            let strip = self.strip((rows.0 + start, rows.0 + end), depth);
            // SAFETY: the strip lies in A, its target in the block's; the last tile has the slack behind it.
            unsafe { (self.own.pack)(&strip, target.wrapping_add(start * depth), end - start) }
        }
    }

    /// Some rows of A's block.
    fn strip(&self, rows: (usize, usize), depth: usize) -> Strip<T> {
        let a = self.product.a;
        Strip { source: a.at(rows.0, self.first_step), across: a.row, along: a.column, count: rows.1 - rows.0, depth }
    }

    /// Cuts a block of rows into tiles, where they are the same for all panels.
    fn tiles(&self, rows: usize) -> Parts {
        if self.plan.seeks_zeros {
            Parts::of(rows, self.plan.sparse_height)
        } else {
            Parts::of_at_most(rows, self.own.heights[self.own.vectors - 1])
        }
    }

    /// Computes a block of C: some rows, some panels; the rows of A are packed, or read in place.
    ///
    /// # Safety
    /// That of [`run`]; nobody else works on this block.
    unsafe fn task(
        &self,
        block: &Columns<T>,
        rows: (usize, usize),
        panels: (usize, usize),
        packed: Option<*mut T>,
        lists: Option<Lists>,
    ) {
        let Self { own, .. } = *self;
        let count = rows.1 - rows.0;
        if self.plan.rows_first && !block.late {
            // One height for all panels, that of the widest.
            let tiles = Parts::of_at_most(count, self.plan.height(own, block.panels.start(1)));
            for tile in 0..tiles.count {
                for panel in panels.0..panels.1 {
                    let vectors = (block.panels.start(panel), block.panels.start(panel + 1));
                    let b = block.panel(vectors.0 * own.lanes, (vectors.1 - vectors.0) * own.lanes);
                    // SAFETY: the tile lies in this task's block; its part of A is in place and valid, that of B too, or packed.
                    unsafe { self.compute(block, vectors, b, (rows.0, &tiles, tile..tile + 1), None, None) }
                }
            }
            return;
        }
        let mut of_b = if block.late {
            Buffer::take::<T>(Side::B, (block.panels.short + 1) * own.lanes * block.depth)
        } else {
            Buffer::none(Side::B)
        };
        for panel in panels.0..panels.1 {
            let (start, end) = (block.panels.start(panel), block.panels.start(panel + 1));
            let (vectors, width) = (end - start, (end - start) * own.lanes);
            let tiles = if packed.is_some() || self.plan.seeks_zeros {
                self.tiles(count)
            } else {
                Parts::of_at_most(count, self.plan.height(own, vectors))
            };
            // SAFETY: the buffer has room for the widest panel, and is this task's; the flag was set before the tasks, unless the panel is packed late.
            let ((b, b_step), lists) = unsafe {
                if block.late {
                    let is_finite = block.pack_to(own, panel, of_b.start(), lists.is_some());
                    ((of_b.start::<T>().cast_const(), width as isize), lists.filter(|_| is_finite))
                } else {
                    (block.panel(start * own.lanes, width), lists.filter(|lists| lists.is_finite(panel)))
                }
            };
            for first in (0..tiles.count).step_by(self.plan.together) {
                let group = (rows.0, &tiles, first..tiles.count.min(first + self.plan.together));
                // SAFETY: the tiles lie in this task's block; their part of A and of B is packed, or in place and valid; the lists are of these tiles.
                unsafe { self.compute(block, (start, end), (b, b_step), group, packed, lists) }
            }
        }
    }

    /// Computes some tiles, one under the other, of those into which a block of rows is cut: some vectors of columns of C, whose panel of B is given, and
    /// rows of A, which may be packed.
    ///
    /// # Safety
    /// That of [`run`]; nobody else works on these tiles; the panel, and what is packed of A, is theirs.
    #[inline(always)]
    unsafe fn compute(
        &self,
        block: &Columns<T>,
        vectors: (usize, usize),
        (b, b_step): (*const T, isize),
        (first_row, tiles, group): (usize, &Parts, Range<usize>),
        packed: Option<*mut T>,
        lists: Option<Lists>,
    ) {
        let Self { own, product, .. } = *self;
        let count = vectors.1 - vectors.0;
        let column = vectors.0 * own.lanes;
        let columns = (count * own.lanes).min(block.columns - column);
        let top = tiles.start(group.start);
        let (row, column) = (first_row + top, self.first_column + column);
        let c = Target { data: product.c.at(row, column), ..product.c };
        let finish = (self.is_last && product.finish.is_needed()).then(|| product.finish.at(row, column));
        let accumulate = product.accumulate || !self.is_first;
        let shape = (tiles.start(group.end) - top, columns);
        let compute = |c: *mut T, c_row: isize| {
            let mut start = top;
            for tile in group.clone() {
                let height = tiles.start(tile + 1) - start;
                let (a, a_row, a_step) = match packed {
                    Some(packed) => (packed.cast_const().wrapping_add(start * block.depth), 1, height as isize),
                    None => (product.a.at(first_row + start, self.first_step), product.a.row, product.a.column),
                };
                let work = Tile {
                    a,
                    a_row,
                    a_step,
                    b,
                    b_step,
                    c: c.wrapping_offset((start - top) as isize * c_row),
                    c_row,
                    depth: block.depth,
                    // SAFETY: the list was found before the tasks.
                    taken: lists.map(|lists| unsafe { lists.steps(tile) }),
                    last: columns - (count - 1) * own.lanes,
                    accumulate,
                };
                let kernel = own.tiles[count - 1][height - 1].expect("the heights say which tiles there are");
                // SAFETY: valid parts of A and B that fit the kernel, and a tile of C, or of what will be, that nobody else works on.
                unsafe { kernel(&work) }
                start += height;
            }
        };
        // SAFETY: a part of C that nobody else works on; the kernels write all of it, and read it if they add to it.
        unsafe { write(own, c, shape, accumulate, finish, compute) }
    }
}

/// Computes some columns of C by scalar products.
///
/// # Safety
/// That of [`run`]; nobody else works on these columns.
unsafe fn dots<T: Scalar>(own: &Own<T>, product: &Product<T>, columns: Range<usize>) {
    let groups = Parts::of_at_most(product.rows, MOST_DOT_ROWS);
    let most = groups.start(1);
    let width = own.dot_columns[most - 1];
    let finish = Some(product.finish).filter(Finish::is_needed);
    for column in columns.clone().step_by(width) {
        let last = width.min(columns.end - column);
        for group in 0..groups.count {
            let (row, end) = (groups.start(group), groups.start(group + 1));
            let compute = |c: *mut T, c_row: isize| {
                let work = Tile {
                    a: product.a.at(row, 0),
                    a_row: product.a.row,
                    a_step: 1,
                    b: product.b.at(0, column),
                    b_step: product.b.column,
                    c,
                    c_row,
                    depth: product.depth,
                    taken: None,
                    last,
                    accumulate: product.accumulate,
                };
                // SAFETY: rows of A, columns of B and a tile of C inside the product; the kernel of fewer rows takes at least as many columns.
                unsafe { own.dots[end - row - 1](&work) }
            };
            let c = Target { data: product.c.at(row, column), ..product.c };
            let finish = finish.map(|finish| finish.at(row, column));
            // SAFETY: columns of C that nobody else works on; the kernel writes all of the tile, and reads it if it adds to it.
            unsafe { write(own, c, (end - row, last), product.accumulate, finish, compute) }
        }
    }
}
