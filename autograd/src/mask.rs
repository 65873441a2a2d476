//! Tensors of booleans: the results of comparisons, and the conditions of selections.

use std::ops::{BitAnd, BitOr, BitXor, Not};
use std::sync::Arc;

use crate::error::shape_error;
use crate::layout::{Layout, StridedIter};
use crate::shape::Shape;
use crate::storage::no_memory;

/// A multi-dimensional array of booleans: the result of a comparison, and the condition of
/// [`where_`](crate::Tensor::where_), [`masked_fill`](crate::Tensor::masked_fill) and
/// [`masked_select`](crate::Tensor::masked_select).
///
/// Masks are combined with `!`, `&`, `|` and `^`; the last three broadcast their operands. Cloning a mask copies no
/// element. No gradient flows through a mask.
///
/// ```
/// use autograd::{Mask, Tensor};
/// let x = Tensor::from_vec(vec![-1.0, 0.5, 3.0], [3]);
/// let inside = x.ge(0.0) & x.le(1.0);
/// assert_eq!(inside, Mask::from([false, true, false]));
/// assert_eq!((!inside).count(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    shape: Shape,
    elements: Arc<[bool]>,
}

impl Mask {
    /// A mask of the given shape, from its elements in row-major order.
    ///
    /// # Panics
    /// If the number of elements does not fit the shape.
    #[track_caller]
    pub fn new(elements: impl Into<Arc<[bool]>>, shape: impl Into<Shape>) -> Self {
        let (elements, shape) = (elements.into(), shape.into());
        let expected = shape.numel_for("Mask");
        if elements.len() != expected {
            shape_error(
                "Mask",
                format_args!("shape {shape} has {expected} elements, but {} are given", elements.len()),
            );
        }
        Mask { shape, elements }
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
    pub fn as_slice(&self) -> &[bool] {
        &self.elements
    }

    /// The same elements with another shape.
    ///
    /// # Panics
    /// If the shape has another number of elements.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Self {
        Mask::new(Arc::clone(&self.elements), shape)
    }

    /// Whether at least one element is true; false if there are no elements.
    pub fn any(&self) -> bool {
        self.elements.contains(&true)
    }

    /// Whether every element is true; true if there are no elements.
    pub fn all(&self) -> bool {
        !self.elements.contains(&false)
    }

    /// The number of elements that are true.
    pub fn count(&self) -> usize {
        self.elements.iter().filter(|&&element| element).count()
    }

    /// The mask, broadcast to `shape`.
    ///
    /// # Panics
    /// If the mask's shape does not broadcast to `shape`, or the system does not have enough memory.
    #[track_caller]
    pub(crate) fn broadcast_to(&self, op: &str, shape: &Shape) -> Mask {
        if self.shape == *shape {
            return self.clone();
        }
        let own = Layout::contiguous(self.shape.clone());
        let iter = StridedIter::new(shape, [&own]);
        let [step] = iter.row_strides();
        let mut elements = Vec::new();
        if elements.try_reserve_exact(shape.numel()).is_err() {
            let no_memory = no_memory(shape.numel(), "bool", size_of::<bool>());
            shape_error(op, format_args!("the mask's shape {shape}: {no_memory}"));
        }
        for band in iter.bands(0, shape.numel(), 1) {
            let [start] = band.offsets;
            elements.extend((0..band.length as isize).map(|i| self.elements[(start + i * step) as usize]));
        }
        Mask { shape: shape.clone(), elements: elements.into() }
    }

    #[track_caller]
    fn combine(&self, op: &str, other: &Mask, formula: fn(bool, bool) -> bool) -> Mask {
        let Some(shape) = self.shape.broadcast(&other.shape) else {
            shape_error(op, format_args!("mask shapes {} and {} do not broadcast", self.shape, other.shape));
        };
        shape.numel_for(op);
        let (left, right) = (self.broadcast_to(op, &shape), other.broadcast_to(op, &shape));
        let elements = left.elements.iter().zip(&*right.elements).map(|(&a, &b)| formula(a, b)).collect();
        Mask { shape, elements }
    }
}

impl Not for &Mask {
    type Output = Mask;

    fn not(self) -> Mask {
        Mask { shape: self.shape.clone(), elements: self.elements.iter().map(|element| !element).collect() }
    }
}

impl Not for Mask {
    type Output = Mask;

    fn not(self) -> Mask {
        !&self
    }
}

/// Implements the operator for values and references on either side.
macro_rules! operator {
    ($Operator:ident::$method:ident, $name:literal, $formula:expr) => {
        operator!(@between &Mask, &Mask, $Operator::$method, $name, $formula);
        operator!(@between &Mask, Mask, $Operator::$method, $name, $formula);
        operator!(@between Mask, &Mask, $Operator::$method, $name, $formula);
        operator!(@between Mask, Mask, $Operator::$method, $name, $formula);
    };
    (@between $Left:ty, $Right:ty, $Operator:ident::$method:ident, $name:literal, $formula:expr) => {
        impl $Operator<$Right> for $Left {
            type Output = Mask;
            #[track_caller]
            fn $method(self, other: $Right) -> Mask {
                self.combine($name, &other, $formula)
            }
        }
    };
}
operator!(BitAnd::bitand, "and", |a, b| a & b);
operator!(BitOr::bitor, "or", |a, b| a | b);
operator!(BitXor::bitxor, "xor", |a, b| a ^ b);

/// The result has one dimension.
impl From<Vec<bool>> for Mask {
    fn from(elements: Vec<bool>) -> Self {
        Mask { shape: Shape::from([elements.len()]), elements: elements.into() }
    }
}

/// The result has one dimension.
impl From<&[bool]> for Mask {
    fn from(elements: &[bool]) -> Self {
        Mask::from(elements.to_vec())
    }
}

/// The result has one dimension.
impl<const COUNT: usize> From<[bool; COUNT]> for Mask {
    fn from(elements: [bool; COUNT]) -> Self {
        Mask::from(elements.to_vec())
    }
}

/// The result has one dimension.
impl FromIterator<bool> for Mask {
    fn from_iter<N: IntoIterator<Item = bool>>(elements: N) -> Self {
        Mask::from(elements.into_iter().collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_broadcast() {
        let (row, column) = (Mask::from([true, false]), Mask::new(vec![true, false], [2, 1]));
        assert_eq!(&row & &column, Mask::new(vec![true, false, false, false], [2, 2]));
        assert_eq!(&row | &column, Mask::new(vec![true, true, true, false], [2, 2]));
        assert_eq!(&column ^ &row, Mask::new(vec![false, true, true, false], [2, 2]));
        assert_eq!(!&row, Mask::from([false, true]));
        assert_eq!((Mask::new(vec![], [0, 1]) & row).shape(), &Shape::from([0, 2]));
    }

    #[test]
    fn no_elements_are_all_true_and_none_is() {
        let none = Mask::from(vec![]);
        assert!(none.all() && !none.any() && none.count() == 0);
        let some = Mask::from([true, false, true]);
        assert!(!some.all() && some.any() && some.count() == 2);
        assert_eq!(some.reshape([3, 1]).as_slice(), [true, false, true]);
    }

    #[test]
    #[should_panic(expected = "or: mask shapes [2] and [3] do not broadcast")]
    fn shapes_that_do_not_broadcast_are_named() {
        let _ = Mask::from([true, false]) | Mask::from([true, false, true]);
    }

    #[test]
    #[should_panic(expected = "Mask: shape [2, 2] has 4 elements, but 3 are given")]
    fn a_mask_has_as_many_elements_as_its_shape() {
        Mask::new(vec![true; 3], [2, 2]);
    }
}
