//! Sums, and other combinations of many values, along a tree: the error of a sum grows with the logarithm of their
//! count.

use std::ops::Add;

use crate::scalar::Scalar;

/// Values whose sum is taken one by one.
const BLOCK: usize = 64;

/// Combines values one after another in a binary tree of which only one node a level is kept, so that the error of a
/// sum grows with the logarithm of their count.
pub(crate) struct Tree<T> {
    /// A binary counter: level l holds the total of 2^l values. 52 levels of the smallest blocks are more than memory
    /// holds.
    levels: [T; 52],
    /// The levels in use, a bit for each.
    filled: u64,
}

impl<T: Scalar> Tree<T> {
    #[inline(always)]
    pub(crate) fn new(identity: T) -> Self {
        Tree { levels: [identity; 52], filled: 0 }
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, value: T, combine: impl Fn(T, T) -> T) {
        let (mut total, mut level) = (value, 0);
        while self.filled & (1 << level) != 0 {
            total = combine(self.levels[level], total);
            self.filled &= !(1 << level);
            level += 1;
        }
        self.levels[level] = total;
        self.filled |= 1 << level;
    }

    #[inline(always)]
    pub(crate) fn total(&self, identity: T, combine: impl Fn(T, T) -> T) -> T {
        let (mut total, mut filled) = (identity, self.filled);
        while filled != 0 {
            total = combine(self.levels[filled.trailing_zeros() as usize], total);
            filled &= filled - 1;
        }
        total
    }
}

/// The sum of values that lie in no array: in blocks of [`BLOCK`], which are summed in pairs.
pub(crate) fn sum<T: Scalar>(mut values: impl Iterator<Item = T>) -> T {
    let mut tree = Tree::new(T::ZERO);
    while let Some(first) = values.next() {
        tree.push(values.by_ref().take(BLOCK - 1).fold(first, |sum, value| sum + value), Add::add);
    }
    tree.total(T::ZERO, Add::add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sum_of_values_without_an_array_is_accurate() {
        for count in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 3, 1 << 22] {
            let exact = f64::from(0.1_f32) * count as f64;
            let depth = (BLOCK + count.max(1).ilog2() as usize) as f64;
            let found = f64::from(sum(std::iter::repeat_n(0.1_f32, count)));
            assert!((found - exact).abs() <= exact * depth * f64::from(f32::EPSILON) / 2.0, "{count}: {found}");
        }
    }
}
