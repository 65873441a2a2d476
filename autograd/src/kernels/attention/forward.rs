//! Attention's result, and the logarithm of each row's sum.

use super::output::OutputStack;
use super::rows::{CopyScaled, Exponentials, Finish, RowState, ScaleRows};
use super::scratch::{Parts, Plan, operand, pack_transposed, target};
use super::visible::{Block, Visible};
use super::{Attention, Blocks, Extents, GROUP};
use crate::kernels::gemm::buffer::ThreadBuffers;
use crate::kernels::gemm::kernel_set::{KernelSet, TileKernels, selected, selected_tiles};
use crate::kernels::gemm::product::{self, Operand, Product, Target};
use crate::kernels::gemm::{Epilogue, GemmKernels, run_in_task};
use crate::kernels::parallel::for_each_task;
use crate::kernels::vectorize::vectorized;

/// Writes `L × W` results to `out`, and the logarithm of each row's sum to `log_sums`, `[matrices, L]`.
///
/// The bits do not depend on the number of threads.
///
/// # Panics
/// If the extents do not fit, or there are no keys.
pub(crate) fn forward<T: GemmKernels>(attention: &Attention<'_, T>, out: &OutputStack<'_, T>, log_sums: &mut [T]) {
    let blocks = Blocks::new::<T>(&attention.extents());
    forward_on((selected(), selected_tiles()), attention, &blocks, out, log_sums);
}

/// The same on given kernels, with given blocks.
pub(super) fn forward_on<T: GemmKernels>(
    (set, kernels): (&'static KernelSet<T>, &'static TileKernels<T>),
    attention: &Attention<'_, T>,
    blocks: &Blocks,
    out: &OutputStack<'_, T>,
    log_sums: &mut [T],
) {
    let extents = attention.extents();
    let Extents { matrices, queries, keys, value_width, .. } = extents;
    assert!(out.extents() == (matrices, [queries, value_width]), "attention: the results have other extents");
    assert!(log_sums.len() == matrices * queries && keys > 0, "attention: a sum for each query, of some keys");
    let (plan, tasks_of_matrix) = (Plan::new::<T>(&extents, blocks), queries.div_ceil(blocks.task));
    let count = Parts::<T>::elements(&[plan.keys, plan.queries, plan.scores]);
    let tasks = matrices * tasks_of_matrix;
    let buffers = ThreadBuffers::take::<T>(tasks, count);
    let shared = SharedSums(log_sums.as_mut_ptr());
    let forward = Forward { set, kernels, attention, blocks, extents, plan, out };
    for_each_task(tasks, |task| {
        let (matrix, first) = (task / tasks_of_matrix, task % tasks_of_matrix * blocks.task);
        let count_of_rows = blocks.task.min(queries - first);
        // SAFETY: each task has its own rows of the sums and of the results, and asks for its memory once.
        unsafe {
            let log_sums = std::slice::from_raw_parts_mut(shared.at(matrix * queries + first), count_of_rows);
            buffers.with_slice(count, |memory| forward.task(matrix, first, log_sums, memory));
        }
    });
}

/// The sums of all rows: each task writes its own.
struct SharedSums<T>(*mut T);
// SAFETY: what the tasks share is only the address.
unsafe impl<T: Send> Sync for SharedSums<T> {}

impl<T> SharedSums<T> {
    fn at(&self, index: usize) -> *mut T {
        self.0.wrapping_add(index)
    }
}

struct Forward<'a, 'v, T: 'static> {
    set: &'static KernelSet<T>,
    kernels: &'static TileKernels<T>,
    attention: &'a Attention<'v, T>,
    blocks: &'a Blocks,
    extents: Extents,
    plan: Plan,
    out: &'a OutputStack<'v, T>,
}

/// The memory of a task.
struct Memory<'m, T> {
    keys: &'m mut [T],
    queries: &'m mut [T],
    scores: &'m mut [T],
}

/// Up to so many queries, keys are not packed: each score is a dot product.
const FEW_QUERIES: usize = 4;
/// Queries of a task, at most.
const MAX_TASK_ROWS: usize = 256;

impl<T: GemmKernels> Forward<'_, '_, T> {
    /// Some rows of a matrix.
    ///
    /// # Safety
    /// The instruction set is available; nobody else works on these rows.
    unsafe fn task(&self, matrix: usize, first: usize, log_sums: &mut [T], memory: &mut [T]) {
        let Self { attention, blocks, extents, plan, .. } = self;
        let mut parts = Parts(memory);
        let (keys, queries) = (parts.next(plan.keys), parts.next(plan.queries));
        let mut memory = Memory { keys, queries, scores: parts.next(plan.scores) };
        let mut states = [RowState::new(); MAX_TASK_ROWS];
        let states = &mut states[..log_sums.len()];
        let end = first + log_sums.len();
        let seen_by_all = if attention.is_causal { end.min(extents.keys) } else { extents.keys };
        let key = attention.key.at(matrix);
        for first_key in (0..seen_by_all).step_by(blocks.keys) {
            let count = blocks.keys.min(seen_by_all - first_key);
            if log_sums.len() > FEW_QUERIES {
                let source = Operand { data: key.at(first_key, 0), ..key };
                // SAFETY: the keys may be read, and the instruction set is available.
                unsafe { pack_transposed(self.kernels, source, [count, extents.width], plan.stride, memory.keys) }
            }
            for (index, states) in states.chunks_mut(blocks.queries).enumerate() {
                let first_query = first + index * blocks.queries;
                let queries = states.len();
                let seen = if attention.is_causal { first_query + queries } else { extents.keys };
                let keys = count.min(seen.saturating_sub(first_key));
                let block = Block { first_query, queries, first_key, keys };
                if keys > 0 {
                    // SAFETY: passed on; the keys are packed if they are to be.
                    unsafe {
                        self.scores(matrix, block, log_sums.len() > FEW_QUERIES, &mut memory);
                        self.add(matrix, block, states, &mut memory);
                    }
                }
            }
        }
        // SAFETY: passed on.
        unsafe { self.finish(matrix, first, states, log_sums) }
    }

    /// Computes the scores of a block.
    ///
    /// # Safety
    /// That of [`task`](Self::task); if `is_packed`, the block's keys are.
    unsafe fn scores(&self, matrix: usize, block: Block, is_packed: bool, memory: &mut Memory<'_, T>) {
        let Self { set, attention, plan, .. } = self;
        let Block { first_query, queries, first_key, keys } = block;
        let (query, width) = (attention.query.at(matrix), self.extents.width);
        let source = Operand { data: query.at(first_query, 0), ..query };
        let scaled = &mut memory.queries[..queries * width];
        // SAFETY: the block's queries may be read.
        vectorized(unsafe { CopyScaled::new(source, width, attention.scale, scaled) });
        let (scaled, scores) = (operand(scaled, width), target(memory.scores, plan.stride));
        let product = if is_packed {
            let packed = operand(memory.keys, plan.stride);
            let padded = product::Extents { rows: queries, columns: keys.next_multiple_of(GROUP), depth: width };
            Product::new(padded, scaled, packed, scores, Epilogue::Store)
        } else {
            let key = attention.key.at(matrix);
            let key = Operand { data: key.at(first_key, 0), ..key }.transposed();
            let extents = product::Extents { rows: queries, columns: keys, depth: width };
            Product::new(extents, scaled, key, scores, Epilogue::Store)
        };
        // SAFETY: the operands are as large as the product, whose result is this task's own memory.
        unsafe { run_in_task(set, &product) }
    }

    /// Adds the keys of a block, whose scores are computed, to the results of its queries.
    ///
    /// # Safety
    /// That of [`task`](Self::task).
    unsafe fn add(&self, matrix: usize, block: Block, states: &mut [RowState<T>], memory: &mut Memory<'_, T>) {
        let Self { set, attention, plan, .. } = self;
        let Block { first_query, queries, first_key, keys } = block;
        let (value, result, value_width) = (attention.value.at(matrix), self.out.at(matrix), self.extents.value_width);
        let visible = Visible::new(attention, matrix, block);
        let scores = &mut memory.scores[..queries * plan.stride];
        vectorized(Exponentials { visible: &visible, scores, stride: plan.stride, states });
        let result = result.from(first_query, 0);
        let epilogue = if first_key == 0 { Epilogue::Store } else { Epilogue::Add };
        if first_key > 0 {
            let factor = |row: usize| states[row].correction;
            // SAFETY: the block's rows of the result are this task's, and hold the means of the keys before.
            vectorized(unsafe { ScaleRows::new(result, [queries, value_width], factor) });
        }
        let weights = operand(memory.scores, plan.stride);
        let values = Operand { data: value.at(first_key, 0), ..value };
        let extents = product::Extents { rows: queries, columns: value_width, depth: keys };
        // SAFETY: the operands are as large as the product, and the rows of the result are this task's.
        unsafe { run_in_task(set, &Product::new(extents, weights, values, result, epilogue)) }
    }

    /// Divides the results by the sums of the weights.
    ///
    /// # Safety
    /// That of [`task`](Self::task).
    unsafe fn finish(&self, matrix: usize, first: usize, states: &mut [RowState<T>], log_sums: &mut [T]) {
        let result: Target<T> = self.out.at(matrix).from(first, 0);
        vectorized(Finish { states, log_sums, has_mask: self.attention.mask.is_some() });
        let factor = |row: usize| states[row].correction;
        let extents = [states.len(), self.extents.value_width];
        // SAFETY: the rows of the result are this task's, and are written.
        vectorized(unsafe { ScaleRows::new(result, extents, factor) });
    }
}
