//! Which way a product goes, and into which blocks it is cut. Both follow from the whole product and the caches, never from the number of threads.

use std::sync::OnceLock;

use super::product::Product;
use super::table::Own;

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

/// What is copied before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Path {
    /// Neither operand: small and medium products.
    InPlace,
    /// B: it is read in vectors, and its vectors are not adjacent numbers.
    PackedColumns,
    /// Both: large products.
    Packed,
}

impl Path {
    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Path; 3] = [Path::InPlace, Path::PackedColumns, Path::Packed];

    /// Whether the product, as it stands, can be computed this way.
    pub(super) fn fits<T>(self, product: &Product<T>) -> bool {
        self != Path::InPlace || product.b.column == 1 || product.columns == 1
    }
}

/// How a product is computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) path: Path,
    /// The block of depth that is gone through before C is touched again.
    pub(super) depth: usize,
    /// The rows of a task, and the columns of a task.
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// The columns of B that are packed at a time.
    pub(super) panel_columns: usize,
}

/// Multiply-adds below which a product stays on one thread: a fork costs 2 µs when the other thread is awake, in which a core forms
/// 100,000 to 200,000 products; below four times that the fork eats what it wins.
const WORTH_A_FORK: usize = 1 << 19;
/// Multiply-adds of a task at least.
const TASK: usize = 1 << 18;
/// Tasks at most that one block is cut into.
const MOST_TASKS: usize = 32;

/// Whether a stride (in bytes) puts all rows of a matrix into a few sets of the cache.
fn collides(stride: isize, size: usize) -> bool {
    let bytes = stride.unsigned_abs() * size;
    bytes >= 4096 && bytes.is_multiple_of(4096)
}

/// Chooses the path of a product.
pub(super) fn path<T>(product: &Product<T>) -> Path {
    let size = size_of::<T>();
    let whole = product.depth * product.columns * size;
    let far = product.rows > 28 && whole > caches().second * 5 / 2;
    if far || collides(product.a.row, size) && product.rows > 14 && product.columns > 64 {
        Path::Packed
    } else if !Path::InPlace.fits(product) || collides(product.b.row, size) && product.rows > 28 {
        Path::PackedColumns
    } else {
        Path::InPlace
    }
}

/// Cuts a product into blocks.
pub(super) fn plan<T>(own: &Own<T>, product: &Product<T>, path: Path) -> Plan {
    let size = size_of::<T>();
    let caches = caches();
    let height = own.heights[own.vectors - 1];
    let lanes = own.lanes;
    // The depth of a block: a panel of B, `depth` steps of a tile's width, is read once for each row tile, and C once for each block. The
    // panel may be larger than the first-level cache: a step's two vectors then come from the second level while the step's products are formed,
    // and that costs less than to touch C more often.
    let depth = match path {
        Path::InPlace => product.depth,
        Path::PackedColumns | Path::Packed => even(product.depth, 2048 / size, 1),
    };
    // The rows of a block: its part of A stays in half of the second level, while the panels of B pass through the other half.
    let rows = even(product.rows, (caches.second / 2 / (depth.max(1) * size)).max(height), 1);
    // The columns that are packed at a time: their block stays in half of the third level.
    let panel_columns = even(product.columns, (caches.third / 2 / (depth.max(1) * size)).max(lanes * 4), lanes);
    let work = product.rows * product.columns.min(panel_columns) * depth;
    let mut plan = Plan { path, depth, rows, columns: panel_columns, panel_columns };
    if path != Path::Packed {
        plan.rows = product.rows;
    }
    if product.rows * product.columns * product.depth >= WORTH_A_FORK {
        let wanted = (work / TASK).clamp(2, MOST_TASKS);
        while product.rows.div_ceil(plan.rows) * panel_columns.div_ceil(plan.columns) < wanted {
            // Halve the longer side of a task; a packed block of A is read along all columns, so there only rows are cut.
            let by_rows = plan.rows >= 2 * height || plan.rows >= plan.columns;
            if plan.rows > 1 && (by_rows && plan.rows >= plan.columns || path == Path::Packed) && plan.rows > height {
                plan.rows = plan.rows.div_ceil(2);
            } else if path != Path::Packed && plan.columns > 2 * lanes {
                plan.columns = (plan.columns / 2).next_multiple_of(lanes);
            } else {
                break;
            }
        }
    }
    plan
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
