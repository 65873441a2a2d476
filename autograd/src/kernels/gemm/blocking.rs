//! Into which blocks a product is cut. It follows from the whole product and the caches, never from the number of
//! threads.

use super::caches::{Caches, LINE, PAGE, caches, collides};
use super::kernel_set::TileKernels;
use super::microkernel::{MAX_ROWS, MAX_VECTORS};
use super::partition::{Partition, even};
use super::path::{MANY_ROWS, Path, steps_of_few_rows};
use super::product::{Extents, Product};
use super::task_grid::{TaskCut, TaskSize, WORTH_A_FORK, forks_to_pack};

/// Whether the steps of a row of A, so many bytes if they were adjacent, are so far apart that the first-level cache
/// does not hold what lies between them.
fn is_wide(step: isize, bytes: usize) -> bool {
    step != 1 && step.unsigned_abs().saturating_mul(bytes) > caches().first
}

/// In which order the tiles of a product are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Panel by panel: see `loops`.
    FiveLoops,
    /// Row tile by row tile along blocks of B that stay in the second-level cache: see `passing`.
    PassedBlocks,
    /// Some whole rows of B after the other: see `few_rows`.
    FewRows,
}

/// The sizes of a product's blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocking {
    pub(super) path: Path,
    /// The block of depth that is gone through before C is touched again.
    pub(super) depth: usize,
    /// The rows and columns of a task.
    pub(super) task: TaskSize,
    /// The columns of B that are packed at a time.
    pub(super) panel_columns: usize,
    /// Whether A is packed once for all tasks, because its few rows are met by many columns or by several blocks of B,
    /// rather than by each task for its own rows.
    pub(super) shares_a: bool,
    pub(super) order: Order,
    /// The most rows of a tile that reads A in place.
    pub(super) max_rows: usize,
    /// Whether packing is worth a fork.
    pub(super) forks_to_pack: bool,
}

/// Bytes of a row of A, or of a column of B, in a block of depth.
pub(in crate::kernels) const DEPTH_BYTES: usize = 4096;

/// Bytes of a row of A in a block of depth of a B that stays in the second-level cache: the rows of a tile, and the
/// part of a panel that they meet next, share the first level. Half of it where tasks pack their rows of A. (Measured
/// on a Granite Rapids, 1024 bytes and 2048: 1000³ 3 % faster, 1024³ 2 % and 1009×1013 times 1013×997 4 %; with a
/// transposed A that is packed for all tasks, 1024³ 3 %.)
const PASSING_ROW_BYTES: usize = 2048;

/// Steps of a block of depth whose A is transposed and read in place: each step meets another line of A and of B, and
/// lines that are a power of two apart evict each other from the caches before the next tile reads them again.
/// (Measured on an Emerald Rapids, the gradient of a 512×128 weight from 1,024 rows: 1.55 ms at once, 1.01 in blocks;
/// 256×256 with depth 4,096: 17 ms and 4.)
const STEPS_ACROSS_ROWS: usize = 256;

/// The depth up to which panels of a packed B are as wide as those that are read in place: they fit the first-level
/// cache with the rows of A that they meet, and the lines of C that a tile writes are adjacent. (64 products of 64×32
/// with 64×32 transposed on a Zen 4: 94 GFLOP/s with two panels of two vectors, 98 with one of four.)
const SHALLOW: usize = 64;

impl Blocking {
    /// Cuts a product into blocks.
    #[inline(always)] // Blocking that is handed back through memory costs a small product a tenth of its time.
    pub(super) fn new<T>(kernels: &TileKernels<T>, product: &Product<T>, path: Path) -> Self {
        let (depth, size) = (product.extents.depth, size_of::<T>());
        if product.extents.multiply_adds() < WORTH_A_FORK && depth * size <= DEPTH_BYTES {
            return Self::within_task(product, path);
        }
        let mut blocking = Self::within_task(product, path);
        blocking.cut_large(kernels, product, &caches());
        blocking
    }

    /// A product that is a part of a task, and so is not cut: nothing is packed for all of it.
    #[inline(always)]
    pub(super) fn within_task<T>(product: &Product<T>, path: Path) -> Self {
        let Extents { rows, columns, depth } = product.extents;
        Self {
            path,
            depth,
            task: TaskSize { rows, columns },
            panel_columns: columns,
            shares_a: false,
            max_rows: max_rows_in_place(product).min(max_rows_written(product)),
            order: Order::FiveLoops,
            forks_to_pack: false,
        }
    }

    /// Cuts a product that may be too large for the caches, or worth a second thread.
    #[inline(never)]
    pub(super) fn cut_large<T>(&mut self, kernels: &TileKernels<T>, product: &Product<T>, caches: &Caches) {
        let Extents { rows, columns, depth } = product.extents;
        let size = size_of::<T>();
        let tile = self.tile(kernels);
        // The depth of a block: a panel of B, `depth` steps of a tile's width, is read once for each row tile, and C
        // once for each block. The panel may be larger than the first-level cache: a step's two vectors then come from
        // the second level while the step's products are formed, and that costs less than to touch C more often.
        match steps_of_few_rows(product, caches) {
            Some(steps) if self.path == Path::InPlace => {
                (self.depth, self.order) = (depth.min(steps), Order::FewRows);
                return;
            }
            _ => {}
        }
        // Each step of one or two rows meets little of A: lines that evict each other are not read again much.
        if self.path == Path::InPlace && rows > 2 && is_wide(product.a.column_stride, depth * size) {
            self.depth = even(depth, STEPS_ACROSS_ROWS, 1);
        }
        if self.path.packs_b() {
            self.depth = even(depth, DEPTH_BYTES / size, 1);
        }
        // Rows that are read in place for each panel of B, and do not stay in the second level. (Of half this size they
        // come from the third as fast as they are needed. On a Zen 4, all rows at once and in blocks, GFLOP/s: 1000³ in
        // `f64` 52 and 54, on two threads 100 and 106; 2000³ in `f32` 107 and 111, 211 and 222.)
        let rows_come_far = self.path == Path::PackedB && rows * self.depth * size > 2 * caches.second;
        match caches.block_of_b {
            Some(bytes) if self.keeps_b(kernels.lanes, product, bytes, caches) => {
                self.cut_around_b(product, tile, kernels.lanes, bytes)
            }
            _ => {
                if self.path == Path::Packed || rows_come_far {
                    // The rows of a block: its part of A stays in half of the second level, while the panels of B pass
                    // through the other half.
                    self.task.rows = even(rows, (caches.second / 2 / (self.depth * size)).max(tile.rows), 1);
                    self.shares_a = self.path == Path::Packed && rows <= 2 * self.task.rows;
                }
                self.panel_columns = panel_columns(columns, self.depth * size, tile.columns, kernels.lanes);
                self.task.columns = self.panel_columns;
            }
        }
        let work = product.extents.multiply_adds();
        self.forks_to_pack = forks_to_pack(self.panel_columns * self.depth, work);
        if work >= WORTH_A_FORK {
            self.cut_into_tasks(product, tile, kernels.lanes);
        }
    }

    /// Whether a packed B is gone through in blocks of so many bytes, each of which all rows of A meet: it is not
    /// smaller than one of them, there are many rows, and C's are written as they lie.
    ///
    /// A panel of vectors that are half a line wide stays in the first-level cache, and the rows of A that pass it may
    /// come from the second. (AVX2 on a Granite Rapids, GFLOP/s by panels and by blocks: 512×512 times 512×784 119 and
    /// 112, 600³ 113 and 111, but 1000×700 times 700×700 98 and 110.)
    fn keeps_b<T>(&self, lanes: usize, product: &Product<T>, bytes: usize, caches: &Caches) -> bool {
        let Extents { rows, columns, depth } = product.extents;
        let size = size_of::<T>();
        let panels_stay = lanes * size < LINE && rows * self.depth * size <= caches.second;
        let is_large = depth * columns * size >= bytes && !panels_stay;
        self.path.packs_b() && is_large && rows > MANY_ROWS && product.c.column_stride == 1
    }

    /// Cuts B into blocks of so many bytes, which stay in the second-level cache while the row tiles pass, each of them
    /// along all panels: C is then written in the order of its addresses.
    fn cut_around_b<T>(&mut self, product: &Product<T>, tile: TaskSize, lanes: usize, bytes: usize) {
        let Extents { rows, columns, depth } = product.extents;
        self.order = Order::PassedBlocks;
        // (In `f64` on two threads of a Granite Rapids, 512³ with a transposed A, packed for all 8 % slower.)
        let fits_third = rows.saturating_mul(PASSING_ROW_BYTES) <= caches().third / 2;
        self.shares_a = self.path == Path::Packed && size_of::<T>() <= 4 && fits_third;
        let row_bytes = if self.packs_rows() { PASSING_ROW_BYTES / 2 } else { PASSING_ROW_BYTES };
        self.depth = even(depth, row_bytes / size_of::<T>(), 1);
        self.task.columns = even(columns, (bytes / (self.depth * size_of::<T>())).max(tile.columns), lanes);
    }

    /// Cuts the blocks of C into tasks.
    fn cut_into_tasks<T>(&mut self, product: &Product<T>, tile: TaskSize, lanes: usize) {
        let passes_blocks = self.order == Order::PassedBlocks;
        // Dot products by parts read each row of A for all columns at once; few rows would be one task, so their
        // columns are cut.
        let (by_parts, rows) = (self.path == Path::DotsByParts, product.extents.rows);
        let rows_only = passes_blocks || self.packs_rows() || by_parts && rows > 4 * tile.rows;
        let columns_only = self.path == Path::Dots;
        let smallest = TaskSize {
            rows: match () {
                () if columns_only => usize::MAX,
                // A packed block of rows that is too low is left before its panels have paid for coming into the
                // first-level cache.
                () if rows_only || by_parts => 4 * tile.rows,
                () => tile.rows,
            },
            columns: if rows_only { usize::MAX } else { tile.columns },
        };
        let whole = TaskSize { rows, columns: self.panel_columns };
        let packs_columns = self.path == Path::PackedB && !passes_blocks;
        let cut = TaskCut { whole, depth: self.depth, tile, smallest, lanes, packs_columns };
        self.task =
            if product.c.row_stride == 1 && !rows_only { cut.cut_columns_first(self.task) } else { cut.cut(self.task) };
    }

    /// Whether each task packs its own rows of A.
    pub(super) fn packs_rows(&self) -> bool {
        self.path == Path::Packed && !self.shares_a
    }

    /// The tile of the main width.
    fn tile<T>(&self, kernels: &TileKernels<T>) -> TaskSize {
        let in_place = self.path == Path::InPlace;
        let vectors = if in_place { kernels.vectors_in_place } else { kernels.vectors_packed };
        TaskSize { rows: kernels.max_rows[kernels.vectors_packed - 1], columns: kernels.lanes * vectors }
    }

    /// The most rows of a tile of some vectors that reads A in place.
    #[inline(always)]
    pub(super) fn rows_in_place<T>(&self, kernels: &TileKernels<T>, vectors: usize) -> usize {
        kernels.max_rows[vectors - 1].min(self.max_rows)
    }

    /// Cuts columns of C into panels.
    #[inline(always)] // As `new`: what is handed back through memory is read in wider words than it was written in.
    pub(super) fn panels<T>(&self, kernels: &TileKernels<T>, rows: usize, columns: usize) -> Partition {
        let is_shallow = self.path == Path::PackedB && self.depth <= SHALLOW;
        let max_vectors = if self.path != Path::InPlace && !is_shallow {
            // Packed row tiles have one height for all panels: no panel may be wider than the main width.
            kernels.vectors_packed
        } else if rows <= kernels.max_rows[MAX_VECTORS - 1] {
            // So few rows that one tile of the greatest width holds them all.
            MAX_VECTORS
        } else {
            kernels.vectors_in_place
        };
        // Most products are one task: they are spared the division.
        let tasks = if columns <= self.task.columns { 1 } else { columns.div_ceil(self.task.columns) };
        panels(columns.div_ceil(kernels.lanes), max_vectors, tasks)
    }
}

/// Cuts vectors of columns into panels of at most `max_vectors`, as many for each of `tasks` tasks as for the others.
#[inline(always)]
pub(in crate::kernels) fn panels(vectors: usize, max_vectors: usize, tasks: usize) -> Partition {
    if tasks <= 1 {
        return Partition::of_at_most(vectors, max_vectors);
    }
    Partition::new(vectors, tasks * vectors.div_ceil(tasks * max_vectors))
}

/// The most rows of a tile that reads A in place: rows that collide are a page apart at least, and the first-level
/// cache has a line for each of its pages at such a distance; one of these is B's.
#[inline(always)]
pub(in crate::kernels) fn max_rows_in_place<T>(product: &Product<T>) -> usize {
    if !collides(product.a.row_stride, size_of::<T>()) {
        return MAX_ROWS;
    }
    (caches().first / PAGE).saturating_sub(1).clamp(1, MAX_ROWS)
}

/// Bytes of the depth up to which C is written so often that its lines count in the first-level cache.
const FEW_STEPS_BYTES: usize = 512;

/// The most rows of a tile whose rows of C collide: after few steps they are written, and each takes one of the ways of
/// the first-level cache, of which A and B need two. (Measured with eight ways, 4096×64 times 64×4096, GFLOP/s:
/// 90 with nine rows, 96 with eight, 100 with seven, 103 with six.)
#[inline(always)]
fn max_rows_written<T>(product: &Product<T>) -> usize {
    let size = size_of::<T>();
    if !collides(product.c.row_stride, size) || product.extents.depth * size > FEW_STEPS_BYTES {
        return MAX_ROWS;
    }
    (caches().first / PAGE).saturating_sub(2).clamp(1, MAX_ROWS)
}

/// The columns that are packed at a time, each `column_bytes` long: their block stays in half of the third-level cache.
pub(in crate::kernels) fn panel_columns(columns: usize, column_bytes: usize, width: usize, lanes: usize) -> usize {
    even(columns, (caches().third / 2 / column_bytes.max(1)).max(width), lanes)
}

/// A block of B: some columns and some steps of the depth.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Block {
    pub(in crate::kernels) first_column: usize,
    pub(in crate::kernels) columns: usize,
    pub(in crate::kernels) first_step: usize,
    pub(in crate::kernels) depth: usize,
    /// Whether the sums are complete afterwards.
    pub(in crate::kernels) is_last: bool,
}

/// The blocks of a product, in the order in which they are computed: for each block of columns, those along the depth.
pub(in crate::kernels) fn for_each_block(extents: Extents, columns: usize, depth: usize, mut body: impl FnMut(&Block)) {
    for first_column in (0..extents.columns).step_by(columns) {
        let columns = columns.min(extents.columns - first_column);
        let mut first_step = 0;
        // Once at least: a product of depth zero is zero.
        loop {
            let depth = depth.min(extents.depth - first_step);
            let is_last = first_step + depth == extents.depth;
            body(&Block { first_column, columns, first_step, depth, is_last });
            first_step += depth;
            if is_last {
                break;
            }
        }
    }
}
