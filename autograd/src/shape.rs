//! The extents of a tensor, kept inline up to four dimensions.

use std::fmt;
use std::ops::Deref;

use smallvec::SmallVec;

use crate::dimensions::Dimensions;

/// The extents of a tensor, outermost first. `[]` is the shape of a single number.
///
/// Whatever names a shape converts: arrays, slices and vectors of `usize`.
///
/// ```
/// use autograd::Shape;
/// let shape = Shape::from([2, 3]);
/// assert_eq!(shape.numel(), 6);
/// assert_eq!(shape.to_string(), "[2, 3]");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Dimensions<usize>);

impl Shape {
    /// The number of elements: the product of the extents, 1 for `[]`.
    #[inline]
    pub fn numel(&self) -> usize {
        self.0.iter().product()
    }

    /// The number of dimensions.
    #[inline]
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The shape that two operands are stretched to: aligned at the last dimension, extents must be equal or one of them 1.
    /// `None` where they are neither.
    #[inline]
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        if self == other { Some(self.clone()) } else { self.stretched_with(other) }
    }

    fn stretched_with(&self, other: &Shape) -> Option<Shape> {
        let rank = self.rank().max(other.rank());
        let extent = |shape: &Shape, position: usize| match (position + shape.rank()).checked_sub(rank) {
            Some(index) => shape[index],
            None => 1,
        };
        (0..rank)
            .map(|position| match (extent(self, position), extent(other, position)) {
                (a, b) if a == b => Some(a),
                (1, b) => Some(b),
                (a, 1) => Some(a),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn insert(&mut self, position: usize, extent: usize) {
        self.0.insert(position, extent);
    }

    pub(crate) fn remove(&mut self, position: usize) -> usize {
        self.0.remove(position)
    }

    pub(crate) fn set(&mut self, position: usize, extent: usize) {
        self.0[position] = extent;
    }
}

impl Deref for Shape {
    type Target = [usize];
    #[inline]
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(extents: I) -> Self {
        Shape(extents.into_iter().collect())
    }
}

impl<const RANK: usize> From<[usize; RANK]> for Shape {
    #[inline]
    fn from(extents: [usize; RANK]) -> Self {
        Shape(Dimensions::from(&extents[..]))
    }
}

impl<const RANK: usize> From<&[usize; RANK]> for Shape {
    #[inline]
    fn from(extents: &[usize; RANK]) -> Self {
        Shape(Dimensions::from(&extents[..]))
    }
}

impl From<&[usize]> for Shape {
    #[inline]
    fn from(extents: &[usize]) -> Self {
        Shape(Dimensions::from(extents))
    }
}

impl From<Vec<usize>> for Shape {
    fn from(extents: Vec<usize>) -> Self {
        Shape(Dimensions::from(&extents[..]))
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        shape.clone()
    }
}

/// One dimension.
impl From<usize> for Shape {
    fn from(extent: usize) -> Self {
        Shape::from([extent])
    }
}

/// A single number.
impl From<()> for Shape {
    fn from((): ()) -> Self {
        Shape::default()
    }
}

impl PartialEq<[usize]> for Shape {
    fn eq(&self, other: &[usize]) -> bool {
        self[..] == *other
    }
}

impl<const RANK: usize> PartialEq<[usize; RANK]> for Shape {
    fn eq(&self, other: &[usize; RANK]) -> bool {
        self[..] == other[..]
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The shapes that `reshape` and `expand` take: integers of any kind, where -1 stands for "work it out" (`reshape`) or "as it is" (`expand`).
pub trait Extents {
    /// The extents as they were written, -1 included.
    fn extents(&self) -> SmallVec<[isize; 4]>;
}

/// An integer type that extents and indices may be written in.
pub trait Integer: Copy {
    /// The same number.
    fn to_isize(self) -> isize;
}

macro_rules! integer {
    ($($integer:ty),*) => {$(
        impl Integer for $integer {
            #[inline]
            fn to_isize(self) -> isize {
                self as isize
            }
        }
    )*};
}
integer!(u8, u32, usize, i32, i64, isize);

impl<I: Integer, const RANK: usize> Extents for [I; RANK] {
    fn extents(&self) -> SmallVec<[isize; 4]> {
        self.iter().map(|extent| extent.to_isize()).collect()
    }
}

impl<I: Integer> Extents for [I] {
    fn extents(&self) -> SmallVec<[isize; 4]> {
        self.iter().map(|extent| extent.to_isize()).collect()
    }
}

impl<I: Integer> Extents for Vec<I> {
    fn extents(&self) -> SmallVec<[isize; 4]> {
        self.as_slice().extents()
    }
}

impl Extents for Shape {
    fn extents(&self) -> SmallVec<[isize; 4]> {
        self[..].extents()
    }
}

impl Extents for () {
    fn extents(&self) -> SmallVec<[isize; 4]> {
        SmallVec::new()
    }
}

impl<E: Extents + ?Sized> Extents for &E {
    fn extents(&self) -> SmallVec<[isize; 4]> {
        (*self).extents()
    }
}

/// A set of dimensions to reduce over or to permute: one integer, or an array, slice or vector of them; negative ones count from the end.
pub trait Dims {
    /// The dimensions as they were written.
    fn dims(&self) -> SmallVec<[isize; 4]>;
}

impl Dims for isize {
    fn dims(&self) -> SmallVec<[isize; 4]> {
        SmallVec::from_slice(&[*self])
    }
}

impl<const COUNT: usize> Dims for [isize; COUNT] {
    fn dims(&self) -> SmallVec<[isize; 4]> {
        SmallVec::from_slice(self)
    }
}

impl Dims for [isize] {
    fn dims(&self) -> SmallVec<[isize; 4]> {
        SmallVec::from_slice(self)
    }
}

impl Dims for Vec<isize> {
    fn dims(&self) -> SmallVec<[isize; 4]> {
        SmallVec::from_slice(self)
    }
}

impl<D: Dims + ?Sized> Dims for &D {
    fn dims(&self) -> SmallVec<[isize; 4]> {
        (*self).dims()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_aligns_at_the_last_dimension() {
        let broadcast = |a: &[usize], b: &[usize]| Shape::from(a).broadcast(&Shape::from(b));
        assert_eq!(broadcast(&[3, 4], &[4]), Some(Shape::from([3, 4])));
        assert_eq!(broadcast(&[3, 1], &[1, 4]), Some(Shape::from([3, 4])));
        assert_eq!(broadcast(&[], &[2, 0]), Some(Shape::from([2, 0])));
        assert_eq!(broadcast(&[1], &[0]), Some(Shape::from([0])));
        assert_eq!(broadcast(&[3], &[4]), None);
        assert_eq!(broadcast(&[0], &[2]), None);
    }

    #[test]
    fn five_dimensions_work_as_four_do() {
        let shape = Shape::from([1, 2, 3, 4, 5]);
        assert_eq!(shape.numel(), 120);
        assert_eq!(shape.broadcast(&Shape::from([5])), Some(shape.clone()));
    }
}
