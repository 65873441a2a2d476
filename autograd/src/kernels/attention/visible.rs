//! Which scores of a block count: the mask, the causal order and the dropped weights, as the row kernels need them.

use super::{Attention, Dropout, GROUP};
use crate::kernels::gemm::GemmKernels;
use crate::kernels::gemm::product::Operand;
use crate::random::Random;
use crate::scalar::Scalar;

/// A block of scores: its first query and key, and how many of each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) first_query: usize,
    pub(super) queries: usize,
    pub(super) first_key: usize,
    /// Those that one of the queries meets, at least.
    pub(super) keys: usize,
}

/// The groups of a row's scores.
#[derive(Clone, Copy, Debug)]
pub(super) struct Groups {
    /// Those that are visible as a whole, in each row.
    pub(super) whole: usize,
    /// All of the block's keys.
    pub(super) all: usize,
}

impl Groups {
    /// Cuts a row into the groups that are visible as a whole, and those at the edge, each with the number of its
    /// visible lanes.
    #[inline(always)]
    pub(super) fn split<T>(
        self,
        row: &mut [T],
        count: usize,
    ) -> (&mut [[T; GROUP]], impl Iterator<Item = (&mut [T; GROUP], usize)>) {
        let (whole, edge) = row.as_chunks_mut().0[..self.all].split_at_mut(self.whole);
        let count = count - self.whole * GROUP;
        let lanes = (0..).map(move |index: usize| count.saturating_sub(index * GROUP).min(GROUP));
        (whole, edge.iter_mut().zip(lanes))
    }
}

/// The rules for a block of one of the matrices.
pub(super) struct Visible<T> {
    block: Block,
    is_causal: bool,
    /// The mask from the block's first score on.
    mask: Option<Operand<T>>,
    dropped: Option<Dropped<T>>,
}

/// The dropped weights of a block.
struct Dropped<T> {
    random: Random,
    /// The position of the block's first weight, and how far it is to the next row's.
    start: u64,
    row_stride: u64,
    /// A weight is dropped if its 53 random bits are below this.
    threshold: u64,
    /// The factor of the others.
    scale: T,
}

impl<T: GemmKernels> Visible<T> {
    /// The rules of matrix number `index` for a block.
    pub(super) fn new(attention: &Attention<'_, T>, index: usize, block: Block) -> Self {
        let Block { first_query, first_key, .. } = block;
        let mask = attention.mask.as_ref().map(|mask| {
            let mask = mask.at(index);
            Operand { data: mask.at(first_query, first_key), ..mask }
        });
        let dropped = attention.dropout.as_ref().map(|Dropout { random, p }| {
            let (queries, keys) = (attention.query.extents().1[0], attention.key.extents().1[0]);
            Dropped {
                random: random.clone(),
                start: ((index * queries + first_query) * keys + first_key) as u64,
                row_stride: keys as u64,
                threshold: (p * (1_u64 << 53) as f64).ceil() as u64,
                scale: T::from_f64(1.0 / (1.0 - p)),
            }
        });
        Visible { block, is_causal: attention.is_causal, mask, dropped }
    }
}

impl<T: Scalar> Visible<T> {
    /// Whether a row may have no visible key, for which the result is then 0.
    pub(super) fn has_mask(&self) -> bool {
        self.mask.is_some()
    }

    /// Groups of a row's scores, and how many of them, from the first one on, are visible to all queries of the block.
    /// Both counts are those of all rows, so that the loops over them are as long for each row.
    #[inline(always)]
    pub(super) fn groups(&self) -> Groups {
        Groups { whole: self.count_of_row(0) / GROUP, all: self.block.keys.div_ceil(GROUP) }
    }

    /// How many keys of the block a row's query meets, a mask aside: the first ones.
    #[inline(always)]
    pub(super) fn count_of_row(&self, row: usize) -> usize {
        let Block { first_query, first_key, keys, .. } = self.block;
        if self.is_causal { keys.min((first_query + row + 1).saturating_sub(first_key)) } else { keys }
    }

    /// Adds the mask to a row of scores, and returns how many of them, the first ones, are visible.
    #[inline(always)]
    pub(super) fn prepare(&self, row: usize, scores: &mut [T]) -> usize {
        let count = self.count_of_row(row);
        if let Some(mask) = &self.mask {
            add_mask(mask, row, &mut scores[..count]);
        }
        count
    }

    /// Sets the dropped weights of a row to 0, and divides the others by the probability to be kept.
    #[inline(always)]
    pub(super) fn drop_weights(&self, row: usize, weights: &mut [T]) {
        if let Some(dropped) = &self.dropped {
            let start = dropped.start + row as u64 * dropped.row_stride;
            for (position, weight) in (start..).zip(weights) {
                let is_dropped = dropped.random.ahead(position) >> 11 < dropped.threshold;
                let scaled = *weight * dropped.scale;
                *weight = if is_dropped { T::ZERO } else { scaled };
            }
        }
    }

    pub(super) fn drops(&self) -> bool {
        self.dropped.is_some()
    }
}

/// Adds a row of the mask to the scores.
#[inline(always)]
fn add_mask<T: Scalar>(mask: &Operand<T>, row: usize, scores: &mut [T]) {
    if mask.column_stride == 1 {
        // SAFETY: the mask has as many columns as there are keys; they are adjacent.
        let mask = unsafe { std::slice::from_raw_parts(mask.at(row, 0), scores.len()) };
        for (score, &summand) in scores.iter_mut().zip(mask) {
            *score += summand;
        }
    } else {
        for (column, score) in scores.iter_mut().enumerate() {
            // SAFETY: the mask has as many columns as there are keys.
            *score += unsafe { *mask.at(row, column) };
        }
    }
}
