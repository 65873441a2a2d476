//! Attention in blocks: softmax(scale · Q Kᵀ + mask) V for each matrix of a stack, and its gradients, without ever
//! holding the matrix of weights.
//!
//! A block of queries meets a block of keys; the scores of the two fit into the second-level cache. The softmax of a
//! row goes on from one block of keys to the next: when a larger score turns up, what was summed before is multiplied
//! by exp(old largest - new largest) (Milakov and Gimelshein, [arXiv:1805.02867](https://arxiv.org/abs/1805.02867);
//! Dao et al., [arXiv:2205.14135](https://arxiv.org/abs/2205.14135)). Rows that are not longer than a block, some
//! thousand keys, are a plain softmax.
//!
//! ```text
//!                keys →           causal: the blocks above the diagonal are skipped
//!   queries   ┌────┬────┬────┐
//!      ↓      │ S  │    │    │    S = Q Kᵀ, a product;  P = exp(S - largest), by rows;  Y += P V, a product
//!             ├────┼────┼────┤
//!             │ S  │ S  │    │
//!             └────┴────┴────┘
//! ```
//!
//! Of each row the logarithm of its sum is kept, from which the gradients compute P again. The products are the tiles
//! of [`gemm`](super::gemm); K, and V for the gradients, are packed once for all blocks of queries of a task.

mod backward;
mod forward;
mod output;
mod rows;
mod scratch;
mod visible;

use super::gemm::GemmKernels;
use super::gemm::MatrixStack;
use crate::random::Random;

pub(crate) use backward::{Known, backward};
pub(crate) use forward::forward;
pub(crate) use output::{OutputStack, packed_layout};

/// What attention is computed from. The stacks have as many matrices each, and the columns of queries, keys and values
/// are adjacent.
#[derive(Clone, Debug)]
pub(crate) struct Attention<'a, T> {
    /// Queries, `L × E`.
    pub(crate) query: MatrixStack<'a, T>,
    /// Keys, `S × E`.
    pub(crate) key: MatrixStack<'a, T>,
    /// Values, `S × W`.
    pub(crate) value: MatrixStack<'a, T>,
    /// What is added to the scores, `L × S`. A row of -∞ hides all keys: the result is 0.
    pub(crate) mask: Option<MatrixStack<'a, T>>,
    /// Whether query i meets only the keys up to i.
    pub(crate) is_causal: bool,
    /// The factor of the scores.
    pub(crate) scale: T,
    pub(crate) dropout: Option<Dropout>,
}

/// Which weights are 0, by the position of a weight among all of them, and the factor of the others.
#[derive(Clone, Debug)]
pub(crate) struct Dropout {
    pub(crate) random: Random,
    pub(crate) p: f64,
}

/// The extents of the matrices.
#[derive(Clone, Copy, Debug)]
struct Extents {
    matrices: usize,
    queries: usize,
    keys: usize,
    /// Columns of queries and keys.
    width: usize,
    /// Columns of values.
    value_width: usize,
}

impl<T: GemmKernels> Attention<'_, T> {
    /// The extents, which must fit each other.
    ///
    /// # Panics
    /// If they do not.
    fn extents(&self) -> Extents {
        let (matrices, [queries, width]) = self.query.extents();
        let (keys, value_width) = (self.key.extents().1[0], self.value.extents().1[1]);
        let fits = self.key.extents() == (matrices, [keys, width])
            && self.value.extents() == (matrices, [keys, value_width])
            && self.mask.as_ref().is_none_or(|mask| mask.extents() == (matrices, [queries, keys]));
        assert!(fits, "attention: the stacks of queries, keys, values and mask do not fit each other");
        Extents { matrices, queries, keys, width, value_width }
    }
}

/// The sizes of blocks.
#[derive(Clone, Copy, Debug)]
struct Blocks {
    /// Queries of a block.
    queries: usize,
    /// Keys of a block, a multiple of [`GROUP`].
    keys: usize,
    /// Queries of a task of the forward pass.
    task: usize,
}

/// Elements that a row kernel takes at a time; the scores' rows are padded to a multiple of it. No vector is longer.
const GROUP: usize = 16;
/// Bytes of a block's scores, and of the keys and values that meet them: half of a usual second-level cache. It is the
/// same on all machines, as the bits of a long row's softmax depend on it.
const BLOCK_BYTES: usize = 1 << 20;

impl Blocks {
    fn new<T>(extents: &Extents) -> Self {
        let queries = 32;
        let columns = 2 * queries + extents.width + extents.value_width;
        let keys = (BLOCK_BYTES / size_of::<T>() / columns / (4 * GROUP)).max(1) * 4 * GROUP;
        Blocks { queries, keys: keys.min(extents.keys.next_multiple_of(GROUP)), task: 8 * queries }
    }
}

#[cfg(test)]
mod tests;
