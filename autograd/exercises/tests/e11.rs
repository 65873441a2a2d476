use super::expect;
use crate::e11_all_reduce::{Block, all_reduce, partial_sums};

/// The sum along the tree, as the exercise defines it.
fn tree(values: &[f32]) -> f32 {
    match values {
        [] => 0.0,
        [value] => *value,
        _ => {
            let (left, right) = values.split_at(values.len().next_power_of_two() / 2);
            tree(left) + tree(right)
        }
    }
}

/// Values of many sizes, so that each order of additions has bits of its own.
fn values(count: usize) -> Vec<f32> {
    (0..count).map(|i| (1.0 + (i * 37 % 101) as f32 / 7.0) * 10.0_f32.powi(i as i32 * 5 % 7 - 3)).collect()
}

#[test]
fn a_rank_sends_as_few_blocks_as_the_tree_allows() {
    let blocks = |first: usize, count: usize, expected: &[(usize, usize)]| {
        let found = partial_sums(first, &values(count));
        let found: Vec<_> = found.iter().map(|block| (block.start, block.length)).collect();
        let call = format!("partial_sums({first}, ..) of {count} shards: (start, length) of the blocks");
        let think = "two blocks may be added if they have the same length and the left one starts at a multiple of \
                     twice that length";
        expect(&call, found, expected, think);
    };
    blocks(0, 8, &[(0, 8)]);
    blocks(0, 3, &[(0, 2), (2, 1)]);
    blocks(3, 3, &[(3, 1), (4, 2)]);
    blocks(6, 10, &[(6, 2), (8, 8)]);
    let expected = [Block { start: 4, length: 2, sum: 3.0 }];
    expect("partial_sums(4, &[1, 2])", partial_sums(4, &[1.0, 2.0]), expected, "the sum of the block's values");
}

#[test]
fn the_bits_do_not_depend_on_the_ranks() {
    for shards in 1..=20 {
        let values = values(shards);
        for ranks in 1..=shards {
            let own = |rank: usize| rank * shards / ranks..(rank + 1) * shards / ranks;
            let blocks: Vec<Block> =
                (0..ranks).flat_map(|rank| partial_sums(own(rank).start, &values[own(rank)])).collect();
            let (found, expected) = (all_reduce(&blocks), tree(&values));
            let call = format!("all_reduce of {shards} shards on {ranks} ranks: {found} and {expected}, as bits");
            let think = "join the blocks of all ranks as a rank joins its own; in which order does the tree add the \
                         blocks that are left, if the shards are no power of two?";
            expect(&call, found.to_bits(), expected.to_bits(), think);
        }
    }
}
