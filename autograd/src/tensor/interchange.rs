//! Conversions between tensors, `ndarray` arrays and vectors.

use ndarray::{Array, ArrayD, ArrayView2, ArrayViewD, Axis, Dimension, IxDyn, ShapeBuilder};

use crate::float::Float;
use crate::layout::Layout;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// # Values: copies and views
impl<T: Float> Tensor<T> {
    /// The elements in row-major order.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::arange(0.0, 4.0, 1.0).reshape([2, 2]).t().to_vec(), [0.0, 2.0, 1.0, 3.0]);
    /// ```
    #[inline(never)]
    #[track_caller]
    pub fn to_vec(&self) -> Vec<T> {
        let dense = self.dense();
        dense.as_slice().expect("dense").to_vec()
    }

    /// The numbers as an array of their own.
    #[inline(never)]
    pub fn to_array(&self) -> ArrayD<T> {
        self.as_array().to_owned()
    }

    /// The elements as a view of `ndarray`, without a copy, for any strides.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    /// assert_eq!(x.t().as_array()[[0, 1]], 3.0);
    /// ```
    #[inline(never)]
    pub fn as_array(&self) -> ArrayViewD<'_, T> {
        let (base, strides) = self.lowest_address();
        let shape = IxDyn(self.shape()).strides(IxDyn(&strides));
        let mut array = ArrayViewD::from_shape(shape, base).expect("a tensor's layout is inside its storage");
        for (dim, &stride) in self.strides().iter().enumerate() {
            if stride < 0 {
                array.invert_axis(Axis(dim));
            }
        }
        array
    }

    /// The storage from the lowest address that the tensor uses, and the absolute values of the strides: `ndarray`
    /// creates views only with positive strides.
    fn lowest_address(&self) -> (&[T], smallvec::SmallVec<[usize; 4]>) {
        if self.numel() == 0 {
            return (&[], smallvec::SmallVec::from_elem(0, self.rank()));
        }
        let (lowest, strides) = lowest_address(&self.layout);
        (&self.storage.as_slice()[lowest..], strides)
    }
}

fn lowest_address(layout: &Layout) -> (usize, smallvec::SmallVec<[usize; 4]>) {
    let back: isize = layout
        .shape
        .iter()
        .zip(&*layout.strides)
        .filter(|&(_, &stride)| stride < 0)
        .map(|(&extent, &stride)| stride * (extent as isize - 1))
        .sum();
    (layout.offset.wrapping_add_signed(back), layout.strides.iter().map(|stride| stride.unsigned_abs()).collect())
}

/// A matrix inside of a storage: its `extents` (rows, columns), its `strides`, of any sign, and its first element at
/// `offset`.
pub(crate) fn matrix<T>(
    elements: &[T],
    mut offset: isize,
    extents: [usize; 2],
    strides: [isize; 2],
) -> ArrayView2<'_, T> {
    if extents.contains(&0) {
        return ArrayView2::from_shape(extents, &[]).expect("no elements");
    }
    for (stride, extent) in strides.into_iter().zip(extents) {
        offset += (stride * (extent as isize - 1)).min(0);
    }
    let forwards = strides.map(isize::unsigned_abs);
    let shape = (extents[0], extents[1]).strides((forwards[0], forwards[1]));
    let mut view =
        ArrayView2::from_shape(shape, &elements[offset as usize..]).expect("a tensor's layout is inside its storage");
    for (axis, stride) in strides.into_iter().enumerate() {
        if stride < 0 {
            view.invert_axis(Axis(axis));
        }
    }
    view
}

/// Copies the array's elements, in row-major order.
///
/// ```
/// use autograd::{Tensor, ndarray::array};
/// let x = Tensor::from(array![[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(*x.shape(), [2, 2]);
/// ```
impl<T: Float, D: Dimension> From<Array<T, D>> for Tensor<T> {
    fn from(array: Array<T, D>) -> Self {
        let shape = Shape::from(array.shape());
        match array.as_slice() {
            Some(elements) => Tensor::from_slice(elements, shape),
            None => Tensor::build(shape, |out| {
                for (element, &value) in out.iter_mut().zip(array.iter()) {
                    *element = value;
                }
            }),
        }
    }
}

/// A scalar.
impl<T: Float> From<T> for Tensor<T> {
    fn from(value: T) -> Self {
        Tensor::scalar(value)
    }
}

instances!(to_vec to_array as_array);

#[cfg(test)]
mod tests {
    use crate::Tensor;
    use ndarray::Array2;

    #[test]
    fn a_view_of_any_strides_shows_the_same_elements() {
        let x: Tensor<f64> = Tensor::arange(0.0, 24.0, 1.0).reshape([2, 3, 4]);
        let views = [
            x.clone(),
            x.permute([2, 0, 1]),
            x.flip([0, 2]),
            x.slice(2, 1, 4, 2),
            x.narrow(0, 1, 1).expand([5, 3, 4]),
            x.narrow(1, 0, 0),
            x.flip(1_isize).transpose(0, 2).narrow(1, 1, 1),
        ];
        for view in views {
            let array = view.as_array();
            assert_eq!(array.shape(), &view.shape()[..]);
            assert_eq!(array.iter().copied().collect::<Vec<_>>(), view.to_vec());
            assert_eq!(Tensor::from(view.to_array()).to_vec(), view.to_vec());
        }
    }

    #[test]
    fn arrays_in_column_order_arrive_in_row_order() {
        let columns = Array2::from_shape_fn((2, 3), |(i, j)| (10 * i + j) as f32).reversed_axes();
        assert_eq!(Tensor::from(columns).to_vec(), [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
    }
}
