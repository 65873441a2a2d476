//! The order in which the shards' values are added: one fixed tree, whoever computes which part of it.
//!
//! The leaves are the shards in order. Two blocks of 2ᵏ shards merge if they are buddies: the left one begins at a
//! multiple of 2ᵏ⁺¹ and the right one follows it. Any range of shards has one decomposition into blocks that are nodes
//! of this tree, so a rank can sum its own shards as far as the tree allows, and whoever gets the blocks of all ranks
//! adds them as one rank alone would have done.

use std::ops::Range;

/// The shards of a rank: all ranks have as many, or one more.
pub(crate) fn shards_of(rank: usize, ranks: usize, shards: usize) -> Range<usize> {
    rank * shards / ranks..(rank + 1) * shards / ranks
}

/// The largest blocks of the tree that make up a range of shards: their first shards and lengths.
pub(crate) fn blocks(shards: Range<usize>) -> Vec<(usize, usize)> {
    let (mut start, mut blocks) = (shards.start, Vec::new());
    while start < shards.end {
        let rest = shards.end - start;
        let largest = 1 << rest.ilog2();
        let aligned = if start == 0 { largest } else { 1 << start.trailing_zeros() };
        let length = largest.min(aligned);
        blocks.push((start, length));
        start += length;
    }
    blocks
}

/// A sum along the tree, to which blocks are added from left to right.
#[derive(Debug)]
pub(crate) struct TreeSum<V> {
    blocks: Vec<Block<V>>,
}

#[derive(Debug)]
struct Block<V> {
    start: usize,
    length: usize,
    sum: V,
}

impl<V> TreeSum<V> {
    pub(crate) fn new() -> Self {
        TreeSum { blocks: Vec::new() }
    }

    /// Takes out the left buddy of a block, if it has been added: the new block may be added to it in place, and the
    /// sum pushed.
    pub(crate) fn take_buddy(&mut self, start: usize, length: usize) -> Option<V> {
        let is_buddy = |left: &mut Block<V>| {
            left.length == length && left.start + length == start && left.start.is_multiple_of(2 * length)
        };
        self.blocks.pop_if(is_buddy).map(|left| left.sum)
    }

    /// Adds the block that begins at the shard `start`, merging buddies; `add(left, right)` adds to the left one.
    pub(crate) fn push(&mut self, start: usize, length: usize, sum: V, mut add: impl FnMut(&mut V, V)) {
        let mut block = Block { start, length, sum };
        while let Some(mut left) = self.take_buddy(block.start, block.length) {
            add(&mut left, block.sum);
            block = Block { start: block.start - block.length, length: 2 * block.length, sum: left };
        }
        self.blocks.push(block);
    }

    /// The sums of the blocks that have no buddy, from left to right.
    pub(crate) fn into_blocks(self) -> Vec<V> {
        self.blocks.into_iter().map(|block| block.sum).collect()
    }

    /// The sum of all; `None` without blocks. Those without a buddy, where the shards are no power of two, are added
    /// from the right: the short ones first.
    pub(crate) fn finish(mut self, mut add: impl FnMut(&mut V, V)) -> Option<V> {
        let mut sum = self.blocks.pop()?.sum;
        while let Some(mut left) = self.blocks.pop() {
            add(&mut left.sum, sum);
            sum = left.sum;
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_and_cover_the_range() {
        assert_eq!(blocks(0..8), [(0, 8)]);
        assert_eq!(blocks(0..7), [(0, 4), (4, 2), (6, 1)]);
        assert_eq!(blocks(3..13), [(3, 1), (4, 4), (8, 4), (12, 1)]);
        assert_eq!(blocks(5..5), []);
        for (start, end) in (0..40).flat_map(|start| (start..40).map(move |end| (start, end))) {
            let blocks = blocks(start..end);
            assert_eq!(blocks.iter().map(|block| block.1).sum::<usize>(), end - start);
            assert!(blocks.windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0));
            assert!(blocks.iter().all(|(start, length)| length.is_power_of_two() && start % length == 0));
        }
    }

    /// The sum as text, which shows in which order it was computed.
    fn sum_of(shards: usize, ranks: usize) -> String {
        let add = |left: &mut String, right: String| *left = format!("({left}+{right})");
        let mut whole = TreeSum::new();
        for rank in 0..ranks {
            let own = shards_of(rank, ranks, shards);
            let mut sum = TreeSum::new();
            own.clone().for_each(|shard| sum.push(shard, 1, shard.to_string(), add));
            let sums = sum.into_blocks();
            assert_eq!(sums.len(), blocks(own.clone()).len());
            blocks(own).into_iter().zip(sums).for_each(|((start, length), sum)| whole.push(start, length, sum, add));
        }
        whole.finish(add).unwrap()
    }

    #[test]
    fn the_order_of_additions_does_not_depend_on_the_ranks() {
        assert_eq!(sum_of(6, 1), "(((0+1)+(2+3))+(4+5))");
        for shards in 1..=33 {
            assert!((1..=shards).all(|ranks| sum_of(shards, ranks) == sum_of(shards, 1)), "{shards} shards");
        }
    }
}
