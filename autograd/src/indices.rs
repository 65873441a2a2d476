//! Whole numbers that name places: class labels, rows to select, results of argmax.

use std::sync::Arc;

use crate::error::mistake;
use crate::layout::row_major;
use crate::random::Seed;
use crate::shape::{Integer, Shape};

/// A multi-dimensional array of `i64`: class labels, the index of `gather` and `index_select`, the result of `argmax`.
///
/// Indices are integers, so no gradient is ever asked of them.
///
/// ```
/// use autograd::Indices;
/// let labels = Indices::from(vec![3, 1, 4]);
/// assert_eq!(*labels.shape(), [3]);
/// assert_eq!(labels.reshape([3, 1]).as_slice(), [3, 1, 4]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indices {
    shape: Shape,
    numbers: Arc<[i64]>,
}

impl Indices {
    /// Indices of the given shape, in row-major order.
    ///
    /// # Panics
    /// If the shape's elements are not as many as the numbers.
    #[track_caller]
    pub fn new(numbers: impl Into<Arc<[i64]>>, shape: impl Into<Shape>) -> Self {
        let (numbers, shape) = (numbers.into(), shape.into());
        let expected = shape.numel_for("Indices");
        if numbers.len() != expected {
            mistake(
                "Indices",
                format_args!("shape {shape} has {expected} elements, but there are {} numbers", numbers.len()),
            );
        }
        Indices { shape, numbers }
    }

    /// Random integers from `low` on below `high`, each equally likely. `seed` is a number, or a [`Random`](crate::Random) to go on drawing from.
    ///
    /// As [`torch.randint`](https://docs.pytorch.org/docs/stable/generated/torch.randint.html).
    ///
    /// ```
    /// use autograd::Indices;
    /// let dice = Indices::randint(1, 7, [2, 3], 0);
    /// assert!(dice.as_slice().iter().all(|die| (1..7).contains(die)));
    /// ```
    ///
    /// # Panics
    /// If there is no integer from `low` on below `high`.
    #[track_caller]
    pub fn randint(low: i64, high: i64, shape: impl Into<Shape>, seed: impl Seed) -> Self {
        if low >= high {
            mistake("randint", format_args!("there is no integer from {low} on below {high}"));
        }
        let shape = shape.into();
        let (count, span) = (shape.numel_for("randint"), high.abs_diff(low));
        let drawn =
            seed.draw(|random| (0..count).map(|_| low.wrapping_add_unsigned(random.below(span))).collect::<Vec<i64>>());
        Indices::new(drawn, shape)
    }

    /// The integers 0 to `count` - 1 in random order. `seed` is a number, or a [`Random`](crate::Random) to go on drawing from.
    ///
    /// As [`torch.randperm`](https://docs.pytorch.org/docs/stable/generated/torch.randperm.html).
    ///
    /// ```
    /// use autograd::Indices;
    /// let mut order = Indices::randperm(4, 0).as_slice().to_vec();
    /// order.sort();
    /// assert_eq!(order, [0, 1, 2, 3]);
    /// ```
    pub fn randperm(count: usize, seed: impl Seed) -> Self {
        let mut order: Vec<i64> = (0..count as i64).collect();
        seed.draw(|random| random.shuffle(&mut order));
        Indices::from(order)
    }

    /// The extents.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The number of elements.
    pub fn numel(&self) -> usize {
        self.numbers.len()
    }

    /// The numbers in row-major order.
    pub fn as_slice(&self) -> &[i64] {
        &self.numbers
    }

    /// The indices at the given positions along the first dimension: rows, for two dimensions.
    ///
    /// ```
    /// use autograd::Indices;
    /// assert_eq!(Indices::from([5, 6, 7]).index_select([2, 0]).as_slice(), [7, 5]);
    /// ```
    ///
    /// # Panics
    /// If there is no dimension, the positions are not one-dimensional, or one is out of bounds.
    #[track_caller]
    pub fn index_select(&self, positions: impl Into<Indices>) -> Self {
        let positions = positions.into();
        let Some((&count, inner)) = self.shape.split_first().filter(|_| positions.shape.rank() == 1) else {
            let message = format_args!("positions of shape {} into shape {}", positions.shape, self.shape);
            mistake("Indices::index_select", message);
        };
        let width: usize = inner.iter().product();
        let mut chosen = Vec::with_capacity(positions.numel().saturating_mul(width));
        for &position in positions.as_slice() {
            match usize::try_from(position) {
                Ok(row) if row < count => chosen.extend_from_slice(&self.numbers[row * width..][..width]),
                _ => {
                    mistake("Indices::index_select", format_args!("position {position} is not in shape {}", self.shape))
                }
            }
        }
        let mut shape = self.shape.clone();
        shape.set(0, positions.numel());
        Indices::new(chosen, shape)
    }

    /// The same numbers, repeated along dimensions of extent 1: `shape` has as many dimensions.
    pub(crate) fn expand(&self, shape: &Shape) -> Self {
        let strides = row_major(&self.shape);
        let numbers: Vec<i64> = (0..shape.numel())
            .map(|place| {
                let (mut rest, mut position) = (place, 0);
                for dim in (0..shape.rank()).rev() {
                    if self.shape[dim] != 1 {
                        position += rest % shape[dim] * strides[dim] as usize;
                    }
                    rest /= shape[dim];
                }
                self.numbers[position]
            })
            .collect();
        Indices::new(numbers, shape)
    }

    /// The same numbers under another shape.
    ///
    /// # Panics
    /// If the shape has not as many elements.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Self {
        Indices::new(Arc::clone(&self.numbers), shape)
    }
}

impl<I: Integer> From<Vec<I>> for Indices {
    #[track_caller]
    fn from(numbers: Vec<I>) -> Self {
        Indices::from_iter(numbers)
    }
}

impl<I: Integer> From<&[I]> for Indices {
    #[track_caller]
    fn from(numbers: &[I]) -> Self {
        Indices::from_iter(numbers.iter().copied())
    }
}

impl<I: Integer, const COUNT: usize> From<[I; COUNT]> for Indices {
    #[track_caller]
    fn from(numbers: [I; COUNT]) -> Self {
        Indices::from_iter(numbers)
    }
}

impl From<&Indices> for Indices {
    fn from(indices: &Indices) -> Self {
        indices.clone()
    }
}

/// One dimension.
///
/// # Panics
/// If an integer is larger than any index: see [`Integer`].
impl<I: Integer> FromIterator<I> for Indices {
    #[track_caller]
    fn from_iter<N: IntoIterator<Item = I>>(numbers: N) -> Self {
        let numbers = numbers.into_iter();
        let mut converted = Vec::with_capacity(numbers.size_hint().0);
        // A loop, as a closure would be the caller whose line a refusal shows.
        for number in numbers {
            converted.push(number.to_isize() as i64);
        }
        let shape = Shape::from([converted.len()]);
        Indices { shape, numbers: converted.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "integer: 18446744073709551615 is larger than any extent or index")]
    fn an_index_does_not_turn_negative() {
        let _ = Indices::from([0, usize::MAX]);
    }

    #[test]
    #[should_panic(expected = "Indices: shape [4294967296, 4294967296] has more elements than any memory holds")]
    fn a_product_that_wraps_is_not_a_count() {
        Indices::new(vec![], [1_usize << 32, 1 << 32]);
    }
}
