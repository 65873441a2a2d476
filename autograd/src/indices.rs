//! Tensors of integers: class labels, rows to select, results of argmax.

use std::sync::Arc;

use crate::error::{argument_error, shape_error};
use crate::layout::{Layout, StridedIter, row_major};
use crate::random::Seed;
use crate::shape::{Integer, Shape};

/// A multi-dimensional array of `i64`: class labels, the index of `gather` and `index_select`, the result of `argmax`.
///
/// Indices are integers, so they have no gradient.
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
    elements: Arc<[i64]>,
}

impl Indices {
    /// Indices of the given shape, in row-major order.
    ///
    /// # Panics
    /// If the number of elements does not fit the shape.
    #[track_caller]
    pub fn new(elements: impl Into<Arc<[i64]>>, shape: impl Into<Shape>) -> Self {
        let (elements, shape) = (elements.into(), shape.into());
        let expected = shape.numel_for("Indices");
        if elements.len() != expected {
            shape_error(
                "Indices",
                format_args!("shape {shape} has {expected} elements, but there are {} numbers", elements.len()),
            );
        }
        Indices { shape, elements }
    }

    /// Random integers from `low` on below `high`, each equally likely. `seed` is a number, or a
    /// [`Random`](crate::Random) to go on drawing from.
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
            argument_error("randint", format_args!("there is no integer from {low} on below {high}"));
        }
        let shape = shape.into();
        let (count, span) = (shape.numel_for("randint"), high.abs_diff(low));
        let drawn =
            seed.draw(|random| (0..count).map(|_| low.wrapping_add_unsigned(random.below(span))).collect::<Vec<i64>>());
        Indices::new(drawn, shape)
    }

    /// The integers 0 to `count` - 1 in random order. `seed` is a number, or a [`Random`](crate::Random) to go on
    /// drawing from.
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
        self.elements.len()
    }

    /// The elements in row-major order.
    pub fn as_slice(&self) -> &[i64] {
        &self.elements
    }

    /// The elements at the given positions along the first dimension. For two dimensions these are rows.
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
            shape_error("Indices::index_select", message);
        };
        let width: usize = inner.iter().product();
        let mut chosen = Vec::with_capacity(positions.numel().saturating_mul(width));
        for &position in positions.as_slice() {
            match usize::try_from(position) {
                Ok(row) if row < count => chosen.extend_from_slice(&self.elements[row * width..][..width]),
                _ => shape_error(
                    "Indices::index_select",
                    format_args!("position {position} is not in shape {}", self.shape),
                ),
            }
        }
        let mut shape = self.shape.clone();
        shape.set(0, positions.numel());
        Indices::new(chosen, shape)
    }

    /// The elements, repeated along dimensions of extent 1. `shape` has the same number of dimensions.
    pub(crate) fn expand(&self, shape: &Shape) -> Self {
        let strides = row_major(&self.shape);
        let elements: Vec<i64> = (0..shape.numel())
            .map(|index| {
                let (mut rest, mut position) = (index, 0);
                for dim in (0..shape.rank()).rev() {
                    if self.shape[dim] != 1 {
                        position += rest % shape[dim] * strides[dim] as usize;
                    }
                    rest /= shape[dim];
                }
                self.elements[position]
            })
            .collect();
        Indices::new(elements, shape)
    }

    /// With two dimensions exchanged.
    pub(crate) fn transposed(&self, first: usize, second: usize) -> Self {
        let mut order: Vec<usize> = (0..self.shape.rank()).collect();
        order.swap(first, second);
        let layout = Layout::contiguous(self.shape.clone()).permute(&order);
        let iter = StridedIter::new(&layout.shape, [&layout]);
        let [step] = iter.row_strides();
        let mut elements = Vec::with_capacity(self.numel());
        for band in iter.bands(0, self.numel(), 1) {
            let [start] = band.offsets;
            elements.extend((0..band.length as isize).map(|i| self.elements[(start + i * step) as usize]));
        }
        Indices::new(elements, layout.shape.clone())
    }

    /// The same elements with another shape.
    ///
    /// # Panics
    /// If the shape has another number of elements.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Self {
        Indices::new(Arc::clone(&self.elements), shape)
    }
}

impl<I: Integer> From<Vec<I>> for Indices {
    #[track_caller]
    fn from(elements: Vec<I>) -> Self {
        Indices::from_iter(elements)
    }
}

impl<I: Integer> From<&[I]> for Indices {
    #[track_caller]
    fn from(elements: &[I]) -> Self {
        Indices::from_iter(elements.iter().copied())
    }
}

impl<I: Integer, const COUNT: usize> From<[I; COUNT]> for Indices {
    #[track_caller]
    fn from(elements: [I; COUNT]) -> Self {
        Indices::from_iter(elements)
    }
}

impl From<&Indices> for Indices {
    fn from(indices: &Indices) -> Self {
        indices.clone()
    }
}

/// The result has one dimension.
///
/// # Panics
/// If an integer is larger than any index: see [`Integer`].
impl<I: Integer> FromIterator<I> for Indices {
    #[track_caller]
    fn from_iter<N: IntoIterator<Item = I>>(elements: N) -> Self {
        let elements = elements.into_iter();
        let mut converted = Vec::with_capacity(elements.size_hint().0);
        // A loop, because in a closure `#[track_caller]` would report the line of the closure.
        for element in elements {
            converted.push(element.to_isize() as i64);
        }
        let shape = Shape::from([converted.len()]);
        Indices { shape, elements: converted.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "integer: 18446744073709551615 is larger than any extent or index")]
    fn an_index_does_not_become_negative() {
        let _ = Indices::from([0, usize::MAX]);
    }

    #[test]
    #[should_panic(expected = "Indices: shape [4294967296, 4294967296] has more elements than any memory holds")]
    fn a_product_that_wraps_is_not_a_count() {
        Indices::new(vec![], [1_usize << 32, 1 << 32]);
    }
}
