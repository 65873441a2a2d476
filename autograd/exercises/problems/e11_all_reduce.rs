//! 11. A sum over machines whose bits do not depend on how many machines there are.
//!
//! Floating-point addition is not associative: (a + b) + c and a + (b + c) round differently. A training that is shared
//! out among 2 or 3 machines therefore usually ends with other weights than on one. It need not: cut the batch into a
//! fixed number of shards, and let the order of additions depend on the shards alone.
//!
//! The tree: the sum of the shards `start..end` of one shard is its value; of more, it is the sum of a left and a right
//! part, of which the left one has the largest power of two of shards that is smaller than `end - start`. With six
//! shards: ((0 + 1) + (2 + 3)) + (4 + 5).
//!
//! A rank (a machine) has the values of a range of shards, and adds those that are added in the tree: it may send
//! several partial sums, of aligned blocks. Which blocks? With six shards on two ranks, rank 0 has 0 + 1 and 2, and may
//! not add these two.

/// A partial sum: of the shards `start..start + length`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    /// The first shard.
    pub start: usize,
    /// How many shards: a power of two, of which `start` is a multiple.
    pub length: usize,
    /// The sum of their values.
    pub sum: f32,
}

/// What a rank sends, that has the values of the shards from `first` on: as few blocks as possible, in order.
pub fn partial_sums(first: usize, values: &[f32]) -> Vec<Block> {
    panic!("exercise 11: write partial_sums")
}

/// The sum of all shards, of the blocks of all ranks in order: the bits of the tree, however many ranks there were.
pub fn all_reduce(blocks: &[Block]) -> f32 {
    panic!("exercise 11: write all_reduce")
}
