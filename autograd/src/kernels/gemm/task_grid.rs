//! Into which tasks a block of C is cut, for all threads together. It follows from the sizes, never from the number of
//! threads.

use super::partition::Partition;

/// Multiply-adds below which a product stays on one thread: a fork costs 2 µs when the other thread is awake, in which
/// a core forms 100,000 to 200,000 products; below four times that the fork costs what it saves.
pub(in crate::kernels) const WORTH_A_FORK: usize = 1 << 19;
/// Multiply-adds of a task, at most twice as many: enough that handing tasks out costs nothing, few enough that the
/// threads end together.
pub(in crate::kernels) const MULTIPLY_ADDS_PER_TASK: usize = 1 << 20;
/// Tasks from which on a product isn't cut any finer.
const MAX_TASKS: usize = 32;
/// Elements to pack from which packing is worth a fork of its own: about ten microseconds' worth where they are
/// transposed. (On two threads of a Granite Rapids, from 65,536 on and from half of it on: 128×784 times 784×256 with B
/// transposed, in `f64`, 99 GFLOP/s and 123; 512×256 times 256×128 with B transposed 277 and 293.)
const WORTH_A_FORK_TO_PACK: usize = 1 << 15;

/// Whether packing so many elements is worth a fork, for a product of so many multiply-adds.
pub(in crate::kernels) fn forks_to_pack(elements: usize, multiply_adds: usize) -> bool {
    elements >= WORTH_A_FORK_TO_PACK && multiply_adds >= 4 * WORTH_A_FORK
}

/// Rows and columns of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernels) struct TaskSize {
    pub(in crate::kernels) rows: usize,
    pub(in crate::kernels) columns: usize,
}

/// How tasks are cut.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct TaskCut {
    /// The block of C.
    pub(in crate::kernels) whole: TaskSize,
    pub(in crate::kernels) depth: usize,
    /// The tile in which a task's sides are measured.
    pub(in crate::kernels) tile: TaskSize,
    /// A side is not cut below this.
    pub(in crate::kernels) smallest: TaskSize,
    /// The unit of a task's columns.
    pub(in crate::kernels) lanes: usize,
    /// Whether columns are packed, each task its own, as long as there are enough of them: then they are cut before
    /// rows.
    pub(in crate::kernels) packs_columns: bool,
}

impl TaskCut {
    /// Halves tasks until they are small enough, and returns their size.
    pub(in crate::kernels) fn cut(&self, mut task: TaskSize) -> TaskSize {
        let Self { whole, tile, smallest, .. } = *self;
        let total = whole.rows * whole.columns * self.depth;
        let count = |task: TaskSize| whole.rows.div_ceil(task.rows) * whole.columns.div_ceil(task.columns);
        let enough_columns = whole.columns * 2 * MULTIPLY_ADDS_PER_TASK
            >= total.min(2 * MAX_TASKS * MULTIPLY_ADDS_PER_TASK) * tile.columns;
        while count(task) < 2 || total > 2 * MULTIPLY_ADDS_PER_TASK * count(task) && count(task) < MAX_TASKS {
            let (cuts_rows, cuts_columns) = (task.rows > smallest.rows, task.columns > smallest.columns);
            // Halve the longer side of a task, measured in tiles. The bits don't depend on it.
            let columns_first = self.packs_columns && enough_columns && task.rows == whole.rows;
            let rows_are_longer = task.rows * tile.columns >= task.columns * tile.rows;
            if cuts_rows && (!cuts_columns || !columns_first && rows_are_longer) {
                task.rows = task.rows.div_ceil(2);
            } else if cuts_columns {
                task.columns = (task.columns / 2).next_multiple_of(self.lanes);
            } else {
                break;
            }
        }
        task
    }

    /// The same for a C whose columns are contiguous: its tasks are first cut along the columns. A thread begins with
    /// its own part of them, and mostly meets the same part of C again in the operation that follows, then in its own
    /// cache. (As long as each half has more than one panel.)
    pub(in crate::kernels) fn cut_columns_first(&self, mut task: TaskSize) -> TaskSize {
        if task.columns >= 4 * self.tile.columns {
            task.columns = (task.columns / 2).next_multiple_of(self.lanes);
        }
        self.cut(task)
    }
}

/// The tasks of a block of C: all combinations of a range of rows and a range of panels. The rows of a range of panels
/// follow each other.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct TaskGrid {
    pub(in crate::kernels) rows: Partition,
    pub(in crate::kernels) panels: Partition,
}

impl TaskGrid {
    pub(in crate::kernels) fn count(&self) -> usize {
        self.rows.count * self.panels.count
    }

    /// The row block and the panel range of a task.
    #[inline]
    pub(in crate::kernels) fn position(&self, task: usize) -> (usize, usize) {
        if self.rows.count == 1 { (0, task) } else { (task % self.rows.count, task / self.rows.count) }
    }
}
