//! The gradients of queries, keys and values.
//!
//! With the weights P, computed again from the logarithms of their sums, the gradient G of the result Y, and for each
//! row Δ = Σ G Y:
//!
//! dV = Pᵀ G,  dP = G Vᵀ,  dS = P (dP - Δ),  dQ = scale · dS K,  dK = scale · dSᵀ Q

use std::ops::Range;

use super::output::OutputStack;
use super::rows::{CopyScaled, RowDots, ScoreGradients};
use super::scratch::{Parts, Plan, operand, pack_transposed, target};
use super::visible::{Block, Visible};
use super::{Attention, Blocks, Extents, GROUP};
use crate::kernels::gemm::buffer::ThreadBuffers;
use crate::kernels::gemm::kernel_set::{KernelSet, TileKernels, selected, selected_tiles};
use crate::kernels::gemm::product::{self, Operand, Product};
use crate::kernels::gemm::{Epilogue, GemmKernels, MatrixStack, run_in_task};
use crate::kernels::parallel::for_each_task;
use crate::kernels::vectorize::vectorized;

/// What [`backward`] reads beside the operands.
#[derive(Clone, Debug)]
pub(crate) struct Known<'a, T> {
    /// The result, `L × W`, and its gradient; their columns are adjacent.
    pub(crate) result: MatrixStack<'a, T>,
    pub(crate) gradient: MatrixStack<'a, T>,
    /// The logarithm of each row's sum.
    pub(crate) log_sums: &'a [T],
}

/// Writes the gradients of queries, keys and values. A task is a matrix: the blocks' parts of a gradient are added in
/// order.
///
/// # Panics
/// If the extents do not fit.
pub(crate) fn backward<T: GemmKernels>(
    attention: &Attention<'_, T>,
    known: &Known<'_, T>,
    gradients: &[OutputStack<'_, T>; 3],
) {
    let blocks = Blocks::new::<T>(&attention.extents());
    backward_on((selected(), selected_tiles()), attention, &blocks, known, gradients);
}

/// The same on given kernels, with given blocks.
pub(super) fn backward_on<T: GemmKernels>(
    (set, kernels): (&'static KernelSet<T>, &'static TileKernels<T>),
    attention: &Attention<'_, T>,
    blocks: &Blocks,
    known: &Known<'_, T>,
    gradients: &[OutputStack<'_, T>; 3],
) {
    let extents = attention.extents();
    let Extents { matrices, queries, keys, width, value_width } = extents;
    let wanted = [[queries, width], [keys, width], [keys, value_width]];
    let fits = gradients.iter().zip(wanted).all(|(own, wanted)| own.extents() == (matrices, wanted));
    let rows = (matrices, [queries, value_width]);
    let is_known = known.result.extents() == rows && known.gradient.extents() == rows;
    assert!(fits && is_known && known.log_sums.len() == matrices * queries, "attention: the gradients do not fit");
    let plan = Plan::new::<T>(&extents, blocks);
    let count = Parts::<T>::elements(&parts_of(&plan, &extents));
    let buffers = ThreadBuffers::take::<T>(matrices, count);
    let backward = Backward { set, kernels, attention, blocks, extents, plan, known, gradients };
    for_each_task(matrices, |matrix| {
        // SAFETY: each task has a matrix of its own, and asks for its memory once.
        unsafe { buffers.with_slice(count, |memory| backward.task(matrix, memory)) }
    });
}

/// The elements of the parts of a task's memory.
fn parts_of(plan: &Plan, extents: &Extents) -> [usize; 6] {
    [plan.keys, plan.values, plan.queries, plan.scores, plan.scores, extents.queries]
}

struct Backward<'a, 'v, T: 'static> {
    set: &'static KernelSet<T>,
    kernels: &'static TileKernels<T>,
    attention: &'a Attention<'v, T>,
    blocks: &'a Blocks,
    extents: Extents,
    plan: Plan,
    known: &'a Known<'v, T>,
    gradients: &'a [OutputStack<'v, T>; 3],
}

/// The memory of a task.
struct Memory<'m, T> {
    keys: &'m mut [T],
    values: &'m mut [T],
    queries: &'m mut [T],
    scores: &'m mut [T],
    weight_gradients: &'m mut [T],
    /// Δ of each row.
    means: &'m mut [T],
}

impl<T: GemmKernels> Backward<'_, '_, T> {
    /// The gradients of a matrix.
    ///
    /// # Safety
    /// The instruction set is available; nobody else works on this matrix.
    unsafe fn task(&self, matrix: usize, memory: &mut [T]) {
        let Self { attention, blocks, extents, plan, known, .. } = self;
        let mut parts = Parts(memory);
        let [keys, values, queries, scores, weight_gradients, means] = parts_of(plan, extents);
        // In this order, which is that of the fields.
        let mut memory = Memory {
            keys: parts.next(keys),
            values: parts.next(values),
            queries: parts.next(queries),
            scores: parts.next(scores),
            weight_gradients: parts.next(weight_gradients),
            means: parts.next(means),
        };
        let rows = [known.gradient.at(matrix), known.result.at(matrix)];
        // SAFETY: both matrices may be read, and have as many rows as there are queries.
        vectorized(unsafe { RowDots::new(rows, extents.value_width, memory.means) });
        let (key, value) = (attention.key.at(matrix), attention.value.at(matrix));
        for first_key in (0..extents.keys).step_by(blocks.keys) {
            let count = blocks.keys.min(extents.keys - first_key);
            let from_first = |operand: Operand<T>| Operand { data: operand.at(first_key, 0), ..operand };
            let (key, value) = (from_first(key), from_first(value));
            // SAFETY: keys and values may be read, and the instruction set is available.
            unsafe {
                pack_transposed(self.kernels, key, [count, extents.width], plan.stride, memory.keys);
                pack_transposed(self.kernels, value, [count, extents.value_width], plan.stride, memory.values);
            }
            // From the last block on, which meets the most keys: the first product stores, and the others add to it.
            let mut met = 0;
            for index in (0..extents.queries.div_ceil(blocks.queries)).rev() {
                let first_query = index * blocks.queries;
                let queries = blocks.queries.min(extents.queries - first_query);
                let seen = if attention.is_causal { first_query + queries } else { extents.keys };
                let keys = count.min(seen.saturating_sub(first_key));
                if keys > 0 {
                    let block = Block { first_query, queries, first_key, keys };
                    // SAFETY: passed on; keys and values are packed.
                    unsafe { self.block(matrix, block, met == 0, &mut memory) }
                    met = met.max(keys);
                }
            }
            // SAFETY: the gradients are this task's.
            unsafe { self.clear(matrix, first_key + met..first_key + count) }
        }
    }

    /// Sets the gradients of keys and values that no query meets to zero.
    ///
    /// # Safety
    /// That of [`task`](Self::task).
    unsafe fn clear(&self, matrix: usize, keys: Range<usize>) {
        for gradient in &self.gradients[1..] {
            let (target, (_, [_, columns])) = (gradient.at(matrix), gradient.extents());
            for row in keys.clone() {
                // SAFETY: the row is this task's, and its columns are adjacent.
                unsafe { std::slice::from_raw_parts_mut(target.at(row, 0), columns) }.fill(T::ZERO);
            }
        }
    }

    /// Adds what a block is for the gradients; those of keys and values are stored if it is the first one of its keys,
    /// and those of queries with the first keys.
    ///
    /// # Safety
    /// That of [`task`](Self::task); the block's keys and values are packed.
    unsafe fn block(&self, matrix: usize, block: Block, is_first: bool, memory: &mut Memory<'_, T>) {
        let Self { attention, extents, plan, known, .. } = self;
        let Block { first_query, queries, first_key, keys } = block;
        let Extents { width, value_width, .. } = *extents;
        // SAFETY: passed on.
        unsafe { self.score_gradients(matrix, block, memory) }
        let weights = operand(memory.scores, plan.stride);
        let slopes = operand(memory.weight_gradients, plan.stride);
        let transposed = |operand: Operand<T>| Operand {
            row_stride: operand.column_stride,
            column_stride: operand.row_stride,
            ..operand
        };
        let query = from_row(attention.query.at(matrix), first_query);
        let key = from_row(attention.key.at(matrix), first_key);
        let gradient = from_row(known.gradient.at(matrix), first_query);
        let [to_query, to_key, to_value] = self.gradients;
        let (to_query, to_key) = (to_query.at(matrix).from(first_query, 0), to_key.at(matrix).from(first_key, 0));
        let of_keys = |columns: usize| product::Extents { rows: keys, columns, depth: queries };
        let of_queries = product::Extents { rows: queries, columns: width, depth: keys };
        let epilogue = |stores: bool| if stores { Epilogue::Store } else { Epilogue::Add };
        let (to_keys, to_queries) = (epilogue(is_first), epilogue(first_key == 0));
        let to_value = to_value.at(matrix).from(first_key, 0);
        let products = [
            Product::new(of_keys(value_width), transposed(weights), gradient, to_value, to_keys),
            Product::new(of_queries, slopes, key, to_query, to_queries),
            Product::new(of_keys(width), transposed(slopes), query, to_key, to_keys),
        ];
        for product in &products {
            // SAFETY: the operands are as large as the product, and the gradients are this task's.
            unsafe { run_in_task(self.set, product) }
        }
    }

    /// Computes the weights of a block, in the place of its scores, and the gradients of its scores, in the place of
    /// those of its weights.
    ///
    /// # Safety
    /// That of [`block`](Self::block).
    unsafe fn score_gradients(&self, matrix: usize, block: Block, memory: &mut Memory<'_, T>) {
        let Self { set, attention, extents, plan, known, .. } = self;
        let Block { first_query, queries, keys, .. } = block;
        let Extents { width, value_width, .. } = *extents;
        let (query, gradient) = (attention.query.at(matrix), known.gradient.at(matrix));
        let scaled = &mut memory.queries[..queries * width];
        // SAFETY: the block's queries may be read.
        vectorized(unsafe { CopyScaled::new(from_row(query, first_query), width, attention.scale, scaled) });
        let padded = |depth| product::Extents { rows: queries, columns: keys.next_multiple_of(GROUP), depth };
        let (scaled, gradient) = (operand(scaled, width), from_row(gradient, first_query));
        let (packed, packed_values) = (operand(memory.keys, plan.stride), operand(memory.values, plan.stride));
        let scores = target(memory.scores, plan.stride);
        let slopes = target(memory.weight_gradients, plan.stride);
        // SAFETY: the operands are as large as the products, whose results are this task's own memory.
        unsafe {
            run_in_task(set, &Product::new(padded(width), scaled, packed, scores, Epilogue::Store));
            run_in_task(set, &Product::new(padded(value_width), gradient, packed_values, slopes, Epilogue::Store));
        }
        let (rows, first_row) = (queries * plan.stride, matrix * extents.queries + first_query);
        vectorized(ScoreGradients {
            visible: &Visible::new(attention, matrix, block),
            scores: &mut memory.scores[..rows],
            weight_gradients: &mut memory.weight_gradients[..rows],
            stride: plan.stride,
            log_sums: &known.log_sums[first_row..][..queries],
            means: &memory.means[first_query..][..queries],
            scale: attention.scale,
        });
    }
}

/// A matrix from a row on.
fn from_row<T>(operand: Operand<T>, row: usize) -> Operand<T> {
    Operand { data: operand.at(row, 0), ..operand }
}
