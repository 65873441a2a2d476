//! What elements there are, and where: results without gradients, and one-hot vectors.

use std::cmp::Ordering;

use crate::error::argument_error;
use crate::float::Float;
use crate::indices::Indices;
use crate::tensor::Tensor;

/// Which values a tensor has: the result of [`Tensor::unique`].
#[derive(Clone, Debug)]
pub struct Unique<T> {
    /// The distinct values in ascending order; each NaN is one of its own, at the end.
    pub values: Vec<T>,
    /// For each element, in the tensor's shape, the position of its value.
    pub inverse: Indices,
    /// How often each value comes.
    pub counts: Indices,
}

/// # Indexing: what elements there are, and where: results without gradients, and one-hot vectors
impl<T: Float> Tensor<T> {
    /// The distinct values of all elements, where they come, and how often. No gradient flows through them.
    ///
    /// As [`torch.unique`](https://docs.pytorch.org/docs/stable/generated/torch.unique.html) with `sorted`,
    /// `return_inverse` and `return_counts`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let unique = Tensor::from_vec(vec![3.0, 1.0, 3.0], [3]).unique();
    /// assert_eq!(unique.values, [1.0, 3.0]);
    /// assert_eq!(unique.inverse.as_slice(), [1, 0, 1]);
    /// assert_eq!(unique.counts.as_slice(), [1, 2]);
    /// ```
    #[inline(never)]
    pub fn unique(&self) -> Unique<T> {
        let elements = self.to_vec();
        let order = self.reshape([-1]).argsort(0, false);
        let (mut values, mut counts): (Vec<T>, Vec<i64>) = (Vec::new(), Vec::new());
        let mut inverse = vec![0; elements.len()];
        for &position in order.as_slice() {
            let value = elements[position as usize];
            match counts.last_mut() {
                Some(count) if values.last().map(|last| last.partial_cmp(&value)) == Some(Some(Ordering::Equal)) => {
                    *count += 1;
                }
                _ => {
                    values.push(value);
                    counts.push(1);
                }
            }
            inverse[position as usize] = values.len() as i64 - 1;
        }
        let inverse = Indices::new(inverse, self.shape());
        Unique { values, inverse, counts: counts.into_iter().collect() }
    }

    /// The indices of the elements other than 0, a row for each element, a column for each dimension. NaN is other
    /// than 0.
    ///
    /// As [`torch.nonzero`](https://docs.pytorch.org/docs/stable/generated/torch.nonzero.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![0.0, 2.0, 3.0, 0.0], [2, 2]);
    /// assert_eq!(x.nonzero().as_slice(), [0, 1, 1, 0]);
    /// ```
    #[inline(never)]
    pub fn nonzero(&self) -> Indices {
        let (shape, rank) = (self.shape(), self.rank());
        let strides = crate::layout::row_major(shape);
        let (mut found, mut count) = (Vec::new(), 0);
        for (position, value) in self.to_vec().into_iter().enumerate() {
            if value != T::ZERO {
                count += 1;
                found.extend((0..rank).map(|dim| (position / strides[dim] as usize % shape[dim]) as i64));
            }
        }
        Indices::new(found, [count, rank])
    }

    /// For each index a vector of `classes` elements: 1 at the index, 0 elsewhere. From shape `[..]` to `[..,
    /// classes]`.
    ///
    /// As
    /// [`torch.nn.functional.one_hot`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.one_hot.html),
    /// in this element type. A constant.
    ///
    /// ```
    /// use autograd::{Indices, Tensor};
    /// let vectors = Tensor::<f32>::one_hot(&Indices::from([2, 0]), 3);
    /// assert_eq!(vectors.to_vec(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If an index is negative, or not less than `classes`.
    #[inline(never)]
    #[track_caller]
    pub fn one_hot(index: &Indices, classes: usize) -> Tensor<T> {
        if let Some(wrong) = index.as_slice().iter().find(|&&class| class < 0 || class as u64 >= classes as u64) {
            argument_error("one_hot", format_args!("index {wrong} is none of {classes} classes"));
        }
        let mut shape = index.shape().clone();
        shape.insert(shape.rank(), classes);
        Tensor::build_for("one_hot", shape, |out| {
            out.fill(T::ZERO);
            (0..).zip(index.as_slice()).for_each(|(row, &class)| out[row * classes + class as usize] = T::ONE);
        })
    }
}

instances!(unique nonzero one_hot);

#[cfg(test)]
mod tests {
    use crate::{Indices, Tensor};

    gradients!(one_hot: |x| x * Tensor::one_hot(&Indices::from([3, 0, 3]), 4), [3, 4]; fixed);

    #[test]
    fn each_nan_is_a_value_of_its_own() {
        let nan = f32::NAN;
        let unique = Tensor::from_vec(vec![nan, 0.0, -0.0, nan], [2, 2]).unique();
        assert_eq!(unique.values[0], 0.0);
        assert_eq!(unique.inverse, Indices::new(vec![1, 0, 0, 2], [2, 2]));
        assert_eq!(unique.counts.as_slice(), [2, 1, 1]);
        assert!(Tensor::<f32>::zeros([0]).unique().values.is_empty());
    }

    #[test]
    fn of_a_single_number_there_is_a_row_without_columns() {
        assert_eq!(*Tensor::scalar(2.0_f32).nonzero().shape(), [1, 0]);
        assert_eq!(*Tensor::from_vec(vec![f32::NAN, 0.0], [2]).nonzero().shape(), [1, 1]);
    }

    #[test]
    #[should_panic(expected = "one_hot: index 3 is none of 3 classes")]
    fn a_class_is_below_the_number_of_classes() {
        Tensor::<f32>::one_hot(&Indices::from([0, 3]), 3);
    }
}
