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

    /// Keys of the block: what is behind the visible ones of a row up to these has the weight 0.
    pub(super) fn keys(&self) -> usize {
        self.block.keys
    }

    /// Makes a row of scores ready: adds the mask, and hides what follows the visible keys up to a whole group, so that
    /// their exponentials are 0. Returns the elements up to there, and how many are visible.
    #[inline(always)]
    pub(super) fn prepare<'r>(&self, row: usize, scores: &'r mut [T]) -> (&'r mut [[T; GROUP]], usize) {
        let Block { first_query, first_key, keys, .. } = self.block;
        let count = if self.is_causal { keys.min((first_query + row + 1).saturating_sub(first_key)) } else { keys };
        let scores = &mut scores[..count.next_multiple_of(GROUP)];
        if let Some(mask) = &self.mask {
            add_mask(mask, row, &mut scores[..count]);
        }
        scores[count..].fill(T::NEG_INFINITY);
        (scores.as_chunks_mut().0, count)
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
