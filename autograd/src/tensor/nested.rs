//! Tensors from nested arrays, whose shape is known, and from nested vectors, whose rows must agree.

use std::error::Error;
use std::fmt;

use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

macro_rules! from_arrays {
    ($($Array:ty, [$($extent:ident),+], |$rows:ident| $flat:expr;)*) => {$(
        /// ```
        /// use autograd::Tensor;
        /// let x = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        /// assert_eq!(*x.shape(), [2, 3]);
        /// ```
        impl<T: Float, $(const $extent: usize),+> From<$Array> for Tensor<T> {
            fn from($rows: $Array) -> Self {
                Tensor::from_slice($flat, [$($extent),+])
            }
        }
    )*};
}
from_arrays! {
    [T; A], [A], |rows| &rows;
    [[T; B]; A], [A, B], |rows| rows.as_flattened();
    [[[T; C]; B]; A], [A, B, C], |rows| rows.as_flattened().as_flattened();
    [[[[T; D]; C]; B]; A], [A, B, C, D], |rows| rows.as_flattened().as_flattened().as_flattened();
}

/// One dimension.
impl<T: Float> From<Vec<T>> for Tensor<T> {
    fn from(values: Vec<T>) -> Self {
        let count = values.len();
        Tensor::from_vec(values, [count])
    }
}

/// Nested vectors whose lengths differ, so that no tensor has their shape.
#[derive(Clone, PartialEq, Eq)]
pub struct RaggedError {
    position: Vec<usize>,
    found: usize,
    expected: usize,
}

/// The sentence of its `Display`: `unwrap()` prints what `Debug` writes.
impl fmt::Debug for RaggedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for RaggedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RaggedError { position, found, expected } = self;
        write!(f, "the vector at {position:?} has length {found}, the first one {expected}")
    }
}

impl Error for RaggedError {}

/// Values in vectors in vectors.
trait Nested<T> {
    /// The extents, by the first vector of each depth, after those that are known.
    fn extents(&self, into: &mut Vec<usize>);
    /// Appends the values, if the lengths are the extents.
    fn collect(&self, extents: &[usize], position: &mut Vec<usize>, into: &mut Vec<T>) -> Result<(), RaggedError>;
}

impl<T: Float> Nested<T> for T {
    fn extents(&self, _: &mut Vec<usize>) {}

    fn collect(&self, _: &[usize], _: &mut Vec<usize>, into: &mut Vec<T>) -> Result<(), RaggedError> {
        into.push(*self);
        Ok(())
    }
}

impl<T, N: Nested<T>> Nested<T> for Vec<N> {
    fn extents(&self, into: &mut Vec<usize>) {
        into.push(self.len());
        if let Some(first) = self.first() {
            first.extents(into);
        }
    }

    fn collect(&self, extents: &[usize], position: &mut Vec<usize>, into: &mut Vec<T>) -> Result<(), RaggedError> {
        let (expected, inner) = extents.split_first().map_or((0, extents), |(&own, inner)| (own, inner));
        if self.len() != expected {
            return Err(RaggedError { position: position.clone(), found: self.len(), expected });
        }
        for (index, part) in self.iter().enumerate() {
            position.push(index);
            part.collect(inner, position, into)?;
            position.pop();
        }
        Ok(())
    }
}

fn collected<T: Float>(nested: &impl Nested<T>, rank: usize) -> Result<Tensor<T>, RaggedError> {
    let (mut extents, mut values) = (Vec::new(), Vec::new());
    nested.extents(&mut extents);
    // Behind an empty vector nothing has an extent.
    extents.resize(rank, 0);
    nested.collect(&extents, &mut Vec::new(), &mut values)?;
    Ok(Tensor::from_vec(values, Shape::from(extents)))
}

macro_rules! try_from_vectors {
    ($($Vectors:ty, $rank:literal;)*) => {$(
        /// ```
        /// use autograd::Tensor;
        /// let x = Tensor::try_from(vec![vec![1.0, 2.0], vec![3.0, 4.0]]).unwrap();
        /// assert_eq!(*x.shape(), [2, 2]);
        /// let error = Tensor::try_from(vec![vec![1.0, 2.0], vec![3.0]]).unwrap_err();
        /// assert_eq!(error.to_string(), "the vector at [1] has length 1, the first one 2");
        /// ```
        impl<T: Float> TryFrom<$Vectors> for Tensor<T> {
            type Error = RaggedError;

            fn try_from(vectors: $Vectors) -> Result<Self, RaggedError> {
                collected(&vectors, $rank)
            }
        }
    )*};
}
try_from_vectors! {
    Vec<Vec<T>>, 2;
    Vec<Vec<Vec<T>>>, 3;
    Vec<Vec<Vec<Vec<T>>>>, 4;
}

#[cfg(test)]
mod tests {
    use crate::Tensor;

    #[test]
    fn arrays_of_up_to_four_dimensions_have_their_shape() {
        assert_eq!(Tensor::from([1.0_f32, 2.0]).to_vec(), [1.0, 2.0]);
        assert_eq!(*Tensor::from([[1.0_f64, 2.0, 3.0], [4.0, 5.0, 6.0]]).shape(), [2, 3]);
        let x = Tensor::from([[[1.0], [2.0]], [[3.0], [4.0]], [[5.0], [6.0_f32]]]);
        assert_eq!((&x.shape()[..], x.to_vec()), (&[3, 2, 1][..], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        assert_eq!(*Tensor::from([[[[1.0_f32; 5]; 4]; 3]; 2]).shape(), [2, 3, 4, 5]);
        assert_eq!(*Tensor::from([[0.0_f32; 0]; 3]).shape(), [3, 0]);
        assert_eq!(*Tensor::from(vec![1.0_f32, 2.0]).shape(), [2]);
    }

    #[test]
    fn nested_vectors_must_agree() {
        let x = Tensor::try_from(vec![vec![vec![1.0_f64, 2.0]], vec![vec![3.0, 4.0]]]).unwrap();
        assert_eq!((&x.shape()[..], x.to_vec()), (&[2, 1, 2][..], vec![1.0, 2.0, 3.0, 4.0]));
        assert_eq!(*Tensor::<f32>::try_from(vec![vec![Vec::<f32>::new(); 2]; 3]).unwrap().shape(), [3, 2, 0]);
        assert_eq!(*Tensor::<f32>::try_from(Vec::<Vec<Vec<Vec<f32>>>>::new()).unwrap().shape(), [0, 0, 0, 0]);
        let error = Tensor::try_from(vec![vec![vec![1.0_f32], vec![2.0]], vec![vec![3.0], vec![]]]).unwrap_err();
        assert_eq!(error.to_string(), "the vector at [1, 1] has length 0, the first one 1");
    }
}
