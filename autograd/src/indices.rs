//! Whole numbers that name places: class labels, rows to select, results of argmax.

use std::sync::Arc;

use crate::error::mistake;
use crate::shape::Shape;

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
        if numbers.len() != shape.numel() {
            let expected = shape.numel();
            mistake(
                "Indices",
                format_args!("shape {shape} has {expected} elements, but there are {} numbers", numbers.len()),
            );
        }
        Indices { shape, numbers }
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

    /// The same numbers under another shape.
    ///
    /// # Panics
    /// If the shape has not as many elements.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Self {
        Indices::new(Arc::clone(&self.numbers), shape)
    }
}

impl From<Vec<i64>> for Indices {
    fn from(numbers: Vec<i64>) -> Self {
        let shape = Shape::from([numbers.len()]);
        Indices::new(numbers, shape)
    }
}

impl From<&[i64]> for Indices {
    fn from(numbers: &[i64]) -> Self {
        Indices::new(numbers, [numbers.len()])
    }
}

impl From<&[usize]> for Indices {
    fn from(numbers: &[usize]) -> Self {
        numbers.iter().copied().collect()
    }
}

impl From<Vec<usize>> for Indices {
    fn from(numbers: Vec<usize>) -> Self {
        numbers.into_iter().collect()
    }
}

impl<const COUNT: usize> From<[usize; COUNT]> for Indices {
    fn from(numbers: [usize; COUNT]) -> Self {
        numbers.into_iter().collect()
    }
}

/// Labels as data sets hold them.
impl From<&[u8]> for Indices {
    fn from(numbers: &[u8]) -> Self {
        Indices::from(numbers.iter().map(|&number| i64::from(number)).collect::<Vec<_>>())
    }
}

impl From<&Indices> for Indices {
    fn from(indices: &Indices) -> Self {
        indices.clone()
    }
}

impl FromIterator<usize> for Indices {
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> Self {
        let number = |index: usize| i64::try_from(index).expect("an index is below 2^63");
        Indices::from(numbers.into_iter().map(number).collect::<Vec<_>>())
    }
}
