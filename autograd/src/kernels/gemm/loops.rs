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

use std::mem::MaybeUninit;

use super::blocking::{Path, Plan};
use super::epilogue::Finish;
use super::microkernel::Tile;
use super::pack::{Buffer, Side, Strip};
use super::product::{Operand, Product, Target};
use super::table::{MOST_NUMBERS, MOST_VECTORS, Own};
use crate::kernels::parallel::for_each_task;
use crate::scalar::Scalar;

/// A length cut into `count` parts that differ by at most one.
#[derive(Clone, Copy, Debug)]
struct Parts {
    length: usize,
    count: usize,
}

impl Parts {
    #[inline(always)]
    fn new(length: usize, most: usize) -> Self {
        Self { length, count: length.div_ceil(most.max(1)).max(1) }
    }

    /// Where part `index` begins, which is where the one before it ends.
    #[inline(always)]
    fn start(&self, index: usize) -> usize {
        index * self.length / self.count
    }
}

/// A block of B, ready for the micro-kernel: its first columns in place, those from `packed_from` on in a buffer.
#[derive(Clone, Copy)]
struct Columns<T> {
    in_place: Operand<T>,
    packed: *const T,
    /// Columns are counted from the block's first one.
    packed_from: usize,
    depth: usize,
    /// The panels, in vectors.
    panels: Parts,
    columns: usize,
}

impl<T> Columns<T> {
    /// The panel that begins at `column`, `width` wide: its address, and the distance of its steps.
    #[inline(always)]
    fn panel(&self, column: usize, width: usize) -> (*const T, isize) {
        if column >= self.packed_from {
            (self.packed.wrapping_add((column - self.packed_from) * self.depth), width as isize)
        } else {
            (self.in_place.at(0, column), self.in_place.row)
        }
    }
}

// SAFETY: the block is only read while it is shared.
unsafe impl<T: Sync> Sync for Columns<T> {}

/// Where the tasks pack their parts of B; each writes its own.
struct Shared<T>(*mut T);
// SAFETY: every task writes panels of its own.
unsafe impl<T: Send> Sync for Shared<T> {}
impl<T> Shared<T> {
    fn get(&self) -> *mut T {
        self.0
    }
}

/// Numbers to copy below which packing stays on one thread: about the time of a fork.
const PACKED_ALONE: usize = 1 << 15;

/// Runs a product along a plan.
///
/// # Safety
/// The instruction set of `own` is available; the three matrices of the product are valid and C is not shared; none of the dimensions but the depth is zero;
/// and the path fits the product.
pub(super) unsafe fn run<T: Scalar>(own: &Own<T>, plan: &Plan, product: &Product<T>) {
    let narrow = product.rows <= own.heights[MOST_VECTORS - 1] && plan.path != Path::Packed;
    let mut first_column = 0;
    while first_column < product.columns {
        let columns = plan.panel_columns.min(product.columns - first_column);
        let vectors = columns.div_ceil(own.lanes);
        let panels = if narrow {
            Parts::new(vectors, MOST_VECTORS)
        } else if plan.path == Path::Packed || own.heights[own.vectors] == 0 {
            // Packed row tiles have one height for all panels: no panel may be wider than the main width.
            Parts::new(vectors, own.vectors)
        } else {
            // An odd vector widens its panel: three vectors keep the machine busier than one.
            Parts { length: vectors, count: (vectors / own.vectors).max(1) }
        };
        let mut first_step = 0;
        loop {
            let depth = plan.depth.min(product.depth - first_step);
            let block = Block {
                own,
                plan,
                product,
                narrow,
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
    /// Whether C has so few rows that one tile of the greatest width holds them all.
    narrow: bool,
    first_column: usize,
    first_step: usize,
    is_first: bool,
    is_last: bool,
}

impl<T: Scalar> Block<'_, T> {
    /// Packs the block of B if the plan says so, and runs its tasks.
    ///
    /// # Safety
    /// That of [`run`].
    unsafe fn run(&self, columns: usize, depth: usize, panels: Parts) {
        let lanes = self.own.lanes;
        let b = &self.product.b;
        let in_place = Operand { data: b.at(self.first_step, self.first_column), ..*b };
        // In place, a last vector that isn't full must be packed where a masked load would slow down the inner loop.
        let packed_from = if self.plan.path != Path::InPlace {
            0
        } else if self.own.masks_are_free || columns.is_multiple_of(lanes) {
            usize::MAX
        } else {
            panels.start(panels.count - 1) * lanes
        };
        let mut buffer = if packed_from < columns {
            Buffer::take::<T>(Side::B, (columns.next_multiple_of(lanes) - packed_from) * depth)
        } else {
            Buffer::none(Side::B)
        };
        if packed_from < columns {
            let target = Shared(buffer.start::<T>());
            let pack = |panel: usize| {
                let (start, end) = (panels.start(panel) * lanes, panels.start(panel + 1) * lanes);
                if start < packed_from {
                    return;
                }
                let strip = Strip {
                    source: in_place.at(0, start),
                    across: b.column,
                    along: b.row,
                    count: end.min(columns) - start,
                    depth,
                    target: target.get().wrapping_add((start - packed_from) * depth),
                    width: end - start,
                };
                // SAFETY: the strip lies in B; its target is this panel's own part of the buffer, full vectors wide.
                unsafe { (self.own.pack)(&strip) }
            };
            if columns * depth > PACKED_ALONE {
                for_each_task(panels.count, pack)
            } else {
                (0..panels.count).for_each(pack)
            }
        }
        let block = Columns { in_place, packed: buffer.start(), packed_from, depth, panels, columns };
        let across = Parts::new(panels.count, (self.plan.columns / (self.own.vectors * lanes)).max(1));
        let down = Parts::new(self.product.rows, self.plan.rows);
        for_each_task(across.count * down.count, |task| {
            let (i, j) = (task % down.count, task / down.count);
            let rows = (down.start(i), down.start(i + 1));
            // SAFETY: passed on; each task has its own part of C.
            unsafe { self.task(&block, rows, (across.start(j), across.start(j + 1))) }
        });
    }

    /// Computes a block of C: some rows, some panels.
    ///
    /// # Safety
    /// That of [`run`]; nobody else works on this block.
    unsafe fn task(&self, block: &Columns<T>, rows: (usize, usize), panels: (usize, usize)) {
        let Self { own, product, .. } = *self;
        let count = rows.1 - rows.0;
        let a = Operand { data: product.a.at(rows.0, self.first_step), ..product.a };
        let packs = self.plan.path == Path::Packed;
        let mut buffer = if packs { Buffer::take::<T>(Side::A, count * block.depth) } else { Buffer::none(Side::A) };
        let packed = buffer.start::<T>();
        if packs {
            let tiles = Parts::new(count, own.heights[own.vectors - 1]);
            for tile in 0..tiles.count {
                let (start, end) = (tiles.start(tile), tiles.start(tile + 1));
                let strip = Strip {
                    source: a.at(start, 0),
                    across: a.row,
                    along: a.column,
                    count: end - start,
                    depth: block.depth,
                    target: packed.wrapping_add(start * block.depth),
                    width: end - start,
                };
                // SAFETY: the strip lies in A, its target in this task's buffer, which has the slack that the last tile may need.
                unsafe { (own.pack)(&strip) }
            }
        }
        for panel in panels.0..panels.1 {
            let (start, end) = (block.panels.start(panel), block.panels.start(panel + 1));
            let vectors = end - start;
            let column = start * own.lanes;
            let columns = (vectors * own.lanes).min(block.columns - column);
            let (b, b_step) = block.panel(column, vectors * own.lanes);
            let height = if packs { own.heights[own.vectors - 1] } else { own.heights[vectors - 1] };
            debug_assert!(!self.narrow || count <= height);
            let tiles = Parts::new(count, height);
            for tile in 0..tiles.count {
                let (top, bottom) = (tiles.start(tile), tiles.start(tile + 1));
                let (a, a_row, a_step) = if packs {
                    (packed.cast_const().wrapping_add(top * block.depth), 1, (bottom - top) as isize)
                } else {
                    (a.at(top, 0), a.row, a.column)
                };
                let work = Tile {
                    a,
                    a_row,
                    a_step,
                    b,
                    b_step,
                    c: std::ptr::null_mut(),
                    c_row: 0,
                    depth: block.depth,
                    last: columns - (vectors - 1) * own.lanes,
                    accumulate: product.accumulate || !self.is_first,
                };
                // SAFETY: the tile lies in this task's block; its part of A and of B is packed, or in place and valid.
                unsafe {
                    self.tile(work, (rows.0 + top, self.first_column + column), (bottom - top, columns), vectors);
                }
            }
        }
    }

    /// Runs the micro-kernel on a tile of C: in place if the columns of C are adjacent, else in a scratch tile that is then scattered.
    ///
    /// # Safety
    /// `work` describes valid parts of A and B, `corner` and `shape` a part of C that nobody else works on.
    #[inline(always)]
    unsafe fn tile(&self, mut work: Tile<T>, corner: (usize, usize), shape: (usize, usize), vectors: usize) {
        let kernel = self.own.tiles[vectors - 1][shape.0 - 1].expect("the heights say which tiles there are");
        let finish = self.product.finish;
        let finish = (self.is_last && finish.is_needed()).then(|| finish.at(corner.0, corner.1));
        let c = Target { data: self.product.c.at(corner.0, corner.1), ..self.product.c };
        if c.column == 1 {
            work.c = c.data;
            work.c_row = c.row;
            // SAFETY: the tile of C is valid, and its columns are adjacent.
            unsafe {
                kernel(&work);
                if let Some(finish) = finish {
                    (self.own.finish)(&finish, c.data, c.row, shape);
                }
            }
        } else {
            // SAFETY: passed on.
            unsafe { self.scattered(work, c, shape, vectors, finish) }
        }
    }

    /// The same through a scratch tile, for a C of any strides.
    ///
    /// # Safety
    /// That of [`Self::tile`].
    #[inline(never)]
    unsafe fn scattered(
        &self,
        mut work: Tile<T>,
        c: Target<T>,
        shape: (usize, usize),
        vectors: usize,
        finish: Option<Finish<T>>,
    ) {
        let kernel = self.own.tiles[vectors - 1][shape.0 - 1].expect("the heights say which tiles there are");
        let mut scratch = Scratch::<T>([MaybeUninit::uninit(); MOST_NUMBERS]);
        let start = scratch.0.as_mut_ptr().cast::<T>();
        let width = vectors * self.own.lanes;
        work.c = start;
        work.c_row = width as isize;
        // SAFETY: the scratch tile has room for the greatest tile; what is read from it was written before; C's tile is valid.
        unsafe {
            if work.accumulate {
                for row in 0..shape.0 {
                    for column in 0..shape.1 {
                        *start.add(row * width + column) = *c.at(row, column);
                    }
                }
            }
            kernel(&work);
            if let Some(finish) = finish {
                (self.own.finish)(&finish, start, width as isize, shape);
            }
            for row in 0..shape.0 {
                for column in 0..shape.1 {
                    *c.at(row, column) = *start.add(row * width + column);
                }
            }
        }
    }
}

/// A tile outside C.
#[repr(C, align(64))]
struct Scratch<T>([MaybeUninit<T>; MOST_NUMBERS]);
