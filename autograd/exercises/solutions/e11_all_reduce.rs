//! 11. A sum over machines whose bits do not depend on how many machines there are.

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

/// Adds a block on the right. While the last two are buddies, they become one: as long as each other, the left one at a
/// multiple of twice their length.
fn push(stack: &mut Vec<Block>, mut block: Block) {
    let is_buddy =
        |left: &mut Block, right: Block| left.length == right.length && left.start.is_multiple_of(2 * left.length);
    while let Some(left) = stack.pop_if(|left| is_buddy(left, block)) {
        block = Block { start: left.start, length: 2 * left.length, sum: left.sum + block.sum };
    }
    stack.push(block);
}

/// What a rank sends, that has the values of the shards from `first` on: as few blocks as possible, in order.
pub fn partial_sums(first: usize, values: &[f32]) -> Vec<Block> {
    let mut stack = Vec::new();
    for (index, &sum) in values.iter().enumerate() {
        push(&mut stack, Block { start: first + index, length: 1, sum });
    }
    stack
}

/// The sum of all shards, of the blocks of all ranks in order: the bits of the tree, however many ranks there were.
pub fn all_reduce(blocks: &[Block]) -> f32 {
    let mut stack = Vec::new();
    blocks.iter().for_each(|&block| push(&mut stack, block));
    // What has no buddy, where the shards are no power of two: the tree adds it from the right.
    stack.iter().rev().map(|block| block.sum).reduce(|right, left| left + right).unwrap_or(0.0)
}
