//! The extents of a tensor, stored without an allocation up to four dimensions.

use std::fmt;
use std::ops::Deref;

use smallvec::SmallVec;

use crate::dimensions::Dimensions;
use crate::error::{argument_error, shape_error};

/// The extents of a tensor, outermost first. `[]` is the shape of a scalar.
///
/// Arrays, slices and vectors of `usize` can be converted to a shape.
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
    ///
    /// # Panics
    /// If that is more than `isize::MAX`.
    #[inline]
    #[track_caller]
    pub fn numel(&self) -> usize {
        self.numel_for("shape")
    }

    /// The number of elements; error messages name the operation `op`.
    #[inline]
    #[track_caller]
    pub(crate) fn numel_for(&self, op: &str) -> usize {
        match self.checked_numel() {
            Some(count) => count,
            None => self.too_large(op),
        }
    }

    /// The number of elements; `None` if the product of the extents other than 0 is more than `isize::MAX`. Such a
    /// tensor does not fit into memory; and even if it has no elements, its strides, which are such products, would
    /// overflow.
    #[inline]
    pub(crate) fn checked_numel(&self) -> Option<usize> {
        let (mut product, mut is_empty) = (1_usize, false);
        for &extent in &*self.0 {
            product = product.checked_mul(extent.max(1))?;
            is_empty |= extent == 0;
        }
        let fits = product <= isize::MAX as usize;
        fits.then_some(if is_empty { 0 } else { product })
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn too_large(&self, op: &str) -> ! {
        shape_error(op, format_args!("shape {self} has more elements than any memory holds"))
    }

    /// The number of dimensions.
    #[inline]
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The shape that two operands broadcast to. They are aligned at the last dimension, and in each dimension the
    /// extents must be equal or one of them 1. `None` if they are not.
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

    /// The shape of `count` elements for these extents, of which one may be -1 and is then computed; `None` if they do
    /// not fit `count`.
    pub(crate) fn resolve(written: &[isize], count: usize) -> Option<Shape> {
        let known = written.iter().filter(|&&extent| extent != -1).map(|&extent| usize::try_from(extent).ok());
        let known = known.collect::<Option<Shape>>()?.checked_numel()?;
        let rest = match written.iter().filter(|&&extent| extent == -1).count() {
            0 => 1,
            1 => count.checked_div(known)?,
            _ => return None,
        };
        let shape: Shape = written.iter().map(|&extent| usize::try_from(extent).unwrap_or(rest)).collect();
        (shape.checked_numel()? == count).then_some(shape)
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

/// The result has one dimension.
impl From<usize> for Shape {
    fn from(extent: usize) -> Self {
        Shape::from([extent])
    }
}

/// The shape of a scalar.
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

/// The arguments of `reshape` and `expand`: integers of any type. -1 means "compute this extent" in `reshape` and "keep
/// this extent" in `expand`.
pub trait Extents {
    /// The extents as given, -1 included.
    fn extents(&self) -> SmallVec<[isize; 4]>;
}

/// An integer type for extents and indices.
pub trait Integer: Copy {
    /// The same value as `isize`.
    ///
    /// # Panics
    /// If it is larger than `isize::MAX`, the largest possible extent or index.
    #[track_caller]
    fn to_isize(self) -> isize;
}

macro_rules! integer {
    ($($integer:ty),*) => {$(
        impl Integer for $integer {
            #[inline]
            fn to_isize(self) -> isize {
                match isize::try_from(self) {
                    Ok(integer) => integer,
                    Err(_) => argument_error("integer", format_args!("{self} is larger than any extent or index")),
                }
            }
        }
    )*};
}
integer!(u8, u32, usize, i32, i64, isize);

impl<I: Integer, const RANK: usize> Extents for [I; RANK] {
    #[track_caller]
    fn extents(&self) -> SmallVec<[isize; 4]> {
        self[..].extents()
    }
}

impl<I: Integer> Extents for [I] {
    #[track_caller]
    fn extents(&self) -> SmallVec<[isize; 4]> {
        // A loop, because in a closure `#[track_caller]` would report the line of the closure.
        let mut extents = SmallVec::new();
        for extent in self {
            extents.push(extent.to_isize());
        }
        extents
    }
}

impl<I: Integer> Extents for Vec<I> {
    #[track_caller]
    fn extents(&self) -> SmallVec<[isize; 4]> {
        self.as_slice().extents()
    }
}

impl Extents for Shape {
    #[track_caller]
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
    #[track_caller]
    fn extents(&self) -> SmallVec<[isize; 4]> {
        (*self).extents()
    }
}

/// A set of dimensions to reduce over or to permute: one integer, or an array, slice or vector of them. Negative ones
/// count from the end.
pub trait Dims {
    /// The dimensions as given.
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
    fn a_product_that_no_memory_holds_is_not_a_count() {
        const HALF: usize = 1 << 62;
        for (extents, count) in [
            (&[HALF][..], Some(HALF)),
            (&[isize::MAX as usize], Some(isize::MAX as usize)),
            (&[usize::MAX], None),
            (&[HALF, 2], None),
            (&[1 << 32, 1 << 32], None),
            (&[1 << 33, 1 << 33], None),
            (&[0, 1 << 32, 1 << 32], None),
            (&[1 << 32, 1 << 32, 0], None),
            (&[0, HALF], Some(0)),
            (&[1, 1, 1, 1, HALF], Some(HALF)),
            (&[2, 2, 2, 2, HALF], None),
        ] {
            assert_eq!(Shape::from(extents).checked_numel(), count, "{extents:?}");
        }
    }

    #[test]
    fn an_extent_of_minus_one_is_computed() {
        for (written, count, shape) in [
            (&[2, -1][..], 6, Some(&[2_usize, 3][..])),
            (&[-1], 0, Some(&[0])),
            (&[], 1, Some(&[])),
            (&[4, -1], 6, None),
            (&[-1, -1], 6, None),
            (&[-2, -3], 6, None),
            (&[-1, 0], 0, None),
            (&[1 << 32, 1 << 32], 0, None),
            (&[1 << 32, 1 << 32, -1], 1, None),
            (&[isize::MIN, 2], 0, None),
        ] {
            assert_eq!(Shape::resolve(written, count), shape.map(Shape::from), "{written:?} of {count}");
        }
    }

    #[test]
    #[should_panic(expected = "shape: shape [4294967296, 4294967296] has more elements than any memory holds")]
    fn a_shape_gives_no_wrong_count() {
        Shape::from([1_usize << 32, 1 << 32]).numel();
    }

    #[test]
    #[should_panic(expected = "integer: 18446744073709551615 is larger than any extent or index")]
    fn an_extent_does_not_become_negative() {
        [usize::MAX, 3].extents();
    }

    #[test]
    fn five_dimensions_work_as_four_do() {
        let shape = Shape::from([1, 2, 3, 4, 5]);
        assert_eq!(shape.numel(), 120);
        assert_eq!(shape.broadcast(&Shape::from([5])), Some(shape.clone()));
    }
}
