//! Into which blocks a product is cut. It follows from the whole product and the caches, never from the number of threads.

use std::sync::OnceLock;

use super::product::Product;
use super::route::{Path, collides};
use super::table::{MOST_ROWS, MOST_VECTORS, Own};

/// The sizes of the caches in bytes: the first two levels of one core, and the third.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caches {
    pub(super) first: usize,
    pub(super) second: usize,
    pub(super) third: usize,
}

/// What is assumed where the system doesn't tell: a small machine of today.
const UNTOLD: Caches = Caches { first: 32 << 10, second: 512 << 10, third: 8 << 20 };

/// The caches of this machine, read once.
pub(super) fn caches() -> Caches {
    static CACHES: OnceLock<Caches> = OnceLock::new();
    *CACHES.get_or_init(|| Caches {
        first: told(1).unwrap_or(UNTOLD.first),
        second: told(2).unwrap_or(UNTOLD.second),
        third: told(3).unwrap_or(UNTOLD.third),
    })
}

/// The size of a level as Linux tells it.
fn told(level: usize) -> Option<usize> {
    if cfg!(miri) {
        return None; // Miri has no files.
    }
    (0..8).find_map(|index| {
        let read = |what: &str| {
            let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{what}");
            std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
        };
        let matches = read("level")?.parse() == Ok(level) && read("type")? != "Instruction";
        let size = read("size")?;
        let kibibytes: usize = size.strip_suffix('K')?.parse().ok()?;
        (matches && kibibytes > 0).then_some(kibibytes << 10)
    })
}

/// How a product is computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) path: Path,
    /// The block of depth that is gone through before C is touched again.
    pub(super) depth: usize,
    /// The rows of a task.
    pub(super) rows: usize,
    /// The columns of a task.
    pub(super) columns: usize,
    /// The columns of B that are packed at a time.
    pub(super) panel_columns: usize,
    /// Whether A is packed once for all tasks, because its few rows are met by many columns, rather than by each task for its own rows.
    pub(super) shares_a: bool,
    /// Whether C is gone through row tile by row tile rather than panel by panel: where all of B stays in the first-level cache, C is then
    /// written in the order in which it lies.
    pub(super) rows_first: bool,
    /// Whether steps at which a row tile of A is zero are left out.
    pub(super) seeks_zeros: bool,
    /// How high all tiles then are, and how many of them, one under the other, are written together.
    pub(super) sparse_height: usize,
    pub(super) together: usize,
    /// The most rows of a tile that reads A in place.
    pub(super) most_rows: usize,
    /// Whether packing pays a fork.
    pub(super) forks_to_pack: bool,
}

impl Plan {
    /// The most rows of a tile of some vectors that reads A in place.
    #[inline(always)]
    pub(super) fn height<T>(&self, own: &Own<T>, vectors: usize) -> usize {
        own.heights[vectors - 1].min(self.most_rows)
    }
}

/// Multiply-adds below which a product stays on one thread: a fork costs 2 µs when the other thread is awake, in which a core forms
/// 100,000 to 200,000 products; below four times that the fork eats what it wins.
const WORTH_A_FORK: usize = 1 << 19;
/// Multiply-adds of a task, at most twice as many: enough that handing tasks out costs nothing, few enough that the threads end together.
const TASK: usize = 1 << 20;
/// Tasks from which on a product isn't cut any finer.
const MOST_TASKS: usize = 32;
/// Numbers to pack from which packing pays a fork: about ten microseconds' worth.
const PACKED_ALONE: usize = 1 << 16;

/// Cuts a product into blocks.
#[inline(always)] // A plan that is handed back through memory costs a small product a tenth of its time.
pub(super) fn plan<T>(own: &Own<T>, product: &Product<T>, path: Path, seeks_zeros: bool) -> Plan {
    let &Product { rows, columns, depth, .. } = product;
    // Scalar products have no tiles.
    let seeks_zeros = seeks_zeros && path != Path::Dots && product.a.lies_along_a_dimension();
    let mut plan = Plan {
        path,
        depth,
        rows,
        columns,
        panel_columns: columns,
        shares_a: false,
        // Rows that collide share a set of the first-level cache, of eight lines on most machines; one is B's.
        most_rows: if collides(product.a.row, size_of::<T>()) { 7 } else { MOST_ROWS },
        seeks_zeros,
        sparse_height: 0,
        together: 1,
        rows_first: path == Path::InPlace && !seeks_zeros && depth * columns * size_of::<T>() <= caches().first / 2,
        forks_to_pack: false,
    };
    let work = rows.saturating_mul(columns).saturating_mul(depth);
    if work >= WORTH_A_FORK || depth * size_of::<T>() > DEPTH {
        plan_large(own, product, work, &mut plan);
    }
    if plan.seeks_zeros {
        let vectors = most_vectors(own, &plan, product).min(columns.div_ceil(own.lanes));
        let is_scattered = product.c.column != 1;
        let (height, half) = (plan.height(own, vectors), own.lanes / 2);
        // What is transposed on its way to C is written in whole vectors: of one tile, or of two.
        let over = if is_scattered && height > 4 * (height % half) { height % half } else { 0 };
        plan.sparse_height = height - over;
        plan.together = if is_scattered && plan.sparse_height == half { 2 } else { 1 };
        plan.rows = plan.rows.next_multiple_of(plan.together * plan.sparse_height);
    }
    plan
}

/// The most vectors of a panel.
#[inline]
fn most_vectors<T>(own: &Own<T>, plan: &Plan, product: &Product<T>) -> usize {
    if plan.seeks_zeros {
        // Wide and low: fewer rows are zero together more often. But what is transposed on its way to C had better be high.
        if product.c.column == 1 { own.vectors_in_place } else { own.vectors }
    } else if plan.path != Path::InPlace {
        // Packed row tiles have one height for all panels: no panel may be wider than the main width.
        own.vectors
    } else if product.rows <= own.heights[MOST_VECTORS - 1] {
        // So few rows that one tile of the greatest width holds them all.
        MOST_VECTORS
    } else {
        own.vectors_in_place
    }
}

/// Cuts columns into panels.
#[inline]
pub(super) fn panels<T>(own: &Own<T>, plan: &Plan, product: &Product<T>, columns: usize) -> Parts {
    let vectors = columns.div_ceil(own.lanes);
    let most = most_vectors(own, plan, product);
    if columns <= plan.columns {
        return Parts::of_at_most(vectors, most);
    }
    // As many panels for each task as for the others.
    let tasks = columns.div_ceil(plan.columns);
    Parts::new(vectors, tasks * vectors.div_ceil(tasks * most))
}

/// Bytes of a row of A, or of a column of B, in a block of depth.
pub(super) const DEPTH: usize = 4096;

/// Rows of a task of whose steps many are left out: fewer would not pay for its panels.
const LOWEST_SPARSE: usize = 64;

/// Rows of C up to which B is read along its rows.
const FEWEST_ROWS: usize = 2;

/// The same for a product that may be too large for the caches, or worth a second thread.
#[inline(never)]
fn plan_large<T>(own: &Own<T>, product: &Product<T>, work: usize, plan: &mut Plan) {
    let size = size_of::<T>();
    let caches = caches();
    let height = own.heights[own.vectors - 1];
    let width = own.lanes
        * match (plan.seeks_zeros, plan.path) {
            (true, _) => most_vectors(own, plan, product),
            (false, Path::InPlace) => own.vectors_in_place,
            (false, _) => own.vectors,
        };
    // The depth of a block: a panel of B, `depth` steps of a tile's width, is read once for each row tile, and C once for each block. The
    // panel may be larger than the first-level cache: a step's two vectors then come from the second level while the step's products are formed,
    // and that costs less than to touch C more often.
    if plan.path == Path::InPlace
        && product.rows <= FEWEST_ROWS
        && product.depth * product.columns * size > caches.third / 2
    {
        // Every number of B comes from memory, for one use or two: what counts is to read B as it lies, some whole rows at a time, and not in
        // columns a panel wide. (1×4096 times 4096×4096: 10.7 GFLOP/s with eight rows at a time, 4.9 with all.)
        plan.depth = product.depth.min(8);
    }
    if matches!(plan.path, Path::PackedColumns | Path::Packed) {
        plan.depth = even(product.depth, DEPTH / size, 1);
    }
    if plan.path == Path::Packed {
        // The rows of a block: its part of A stays in half of the second level, while the panels of B pass through the other half.
        plan.rows = even(product.rows, (caches.second / 2 / (plan.depth * size)).max(height), 1);
        plan.shares_a = product.rows <= 2 * plan.rows;
    }
    // The columns that are packed at a time: their block stays in half of the third level.
    plan.panel_columns = even(product.columns, (caches.third / 2 / (plan.depth.max(1) * size)).max(width), own.lanes);
    plan.columns = plan.panel_columns;
    // To look for zeros takes longer than to pack.
    let looked_at = if plan.seeks_zeros { 2 * product.rows * plan.depth } else { 0 };
    plan.forks_to_pack = (plan.panel_columns * plan.depth).max(looked_at) >= PACKED_ALONE && work >= 4 * WORTH_A_FORK;
    if work >= WORTH_A_FORK {
        let only_rows = plan.path == Path::Packed && !plan.shares_a;
        let only_columns = plan.path == Path::Dots;
        let total = product.rows * plan.panel_columns * plan.depth;
        let count = |plan: &Plan| product.rows.div_ceil(plan.rows) * plan.panel_columns.div_ceil(plan.columns);
        // A packed block of rows that is too low is left before its panels have paid for coming into the first-level cache.
        let lowest = if only_rows {
            4 * height
        } else if plan.seeks_zeros {
            LOWEST_SPARSE
        } else {
            height
        };
        // Where C lies by columns, so do the tasks: a thread begins with its own part of them, and mostly meets the same part of C again in the
        // operation that follows, then in its own cache. (As long as each half has more than one panel.)
        if product.c.row == 1 && !only_rows && plan.columns >= 4 * width {
            plan.columns = (plan.columns / 2).next_multiple_of(own.lanes);
        }
        while count(plan) < 2 || total > 2 * TASK * count(plan) && count(plan) < MOST_TASKS {
            let (rows, columns) = (plan.rows > lowest && !only_columns, plan.columns > width && !only_rows);
            // Halve the longer side of a task, measured in tiles; but columns first if they are packed and there are enough of them: then each task
            // packs its own. The bits don't depend on it.
            let packs_its_own = plan.path == Path::PackedColumns
                && plan.rows == product.rows
                && plan.panel_columns * 2 * TASK >= total.min(2 * MOST_TASKS * TASK) * width;
            if rows && (!columns || !packs_its_own && plan.rows * width >= plan.columns * height) {
                plan.rows = plan.rows.div_ceil(2);
            } else if columns {
                plan.columns = (plan.columns / 2).next_multiple_of(own.lanes);
            } else {
                break;
            }
        }
    }
}

/// A length cut into `count` parts that differ by at most one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    pub(super) count: usize,
    /// The length of the shorter parts, and how many longer ones stand before them.
    pub(super) short: usize,
    longer: usize,
    length: usize,
}

impl Parts {
    #[inline(always)]
    pub(super) fn new(length: usize, count: usize) -> Self {
        // A division takes as long as a small tile's step: most parts are whole lengths, and lengths fit 32 bits.
        if count <= 1 {
            return Self { count: 1, short: length, longer: 0, length };
        }
        let (short, longer) = match (u32::try_from(length), u32::try_from(count)) {
            (Ok(length), Ok(count)) => ((length / count) as usize, (length % count) as usize),
            _ => (length / count, length % count),
        };
        Self { count, short, longer, length }
    }

    /// Parts of exactly `part`, but for the last one.
    pub(super) fn of(length: usize, part: usize) -> Self {
        Self { count: length.div_ceil(part).max(1), short: part, longer: 0, length }
    }

    /// Parts of at most `most`.
    #[inline(always)]
    pub(super) fn of_at_most(length: usize, most: usize) -> Self {
        Self::new(length, if length <= most { 1 } else { length.div_ceil(most) })
    }

    /// Where part `index` begins, which is where the one before it ends.
    #[inline(always)]
    pub(super) fn start(&self, index: usize) -> usize {
        (index * self.short + index.min(self.longer)).min(self.length)
    }
}

/// Cuts `length` into equal parts of at most `most`, and returns a part's length, a multiple of `unit`.
fn even(length: usize, most: usize, unit: usize) -> usize {
    let parts = length.div_ceil(most).max(1);
    length.div_ceil(parts).next_multiple_of(unit).max(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_parts_cover_the_length() {
        for length in 0..200 {
            for most in 1..50 {
                let part = even(length, most, 1);
                assert!(part <= most && part * length.div_ceil(most) >= length);
            }
        }
        assert_eq!(even(1000, 512, 1), 500);
        assert_eq!(even(100, 64, 16), 64);
    }

    #[test]
    fn caches_rise() {
        let caches = caches();
        assert!(caches.first >= 4 << 10 && caches.second >= caches.first && caches.third >= 1 << 20);
    }
}
