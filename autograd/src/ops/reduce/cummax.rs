//! Cumulative maxima and minima.

use crate::error::dimension;
use crate::float::Float;
use crate::indices::Indices;
use crate::kernels::rowwise::around;
use crate::kernels::scan::{From, scan};
use crate::ops::index::gathered;
use crate::tensor::Tensor;

/// # Reductions and cumulative sums: running extremes
impl<T: Float> Tensor<T> {
    /// The cumulative maximum along `dim`, and the indices of the maxima; among equal elements the last. A NaN counts
    /// as largest. The gradient flows to the elements at these indices.
    ///
    /// Like [`torch.cummax`](https://docs.pytorch.org/docs/stable/generated/torch.cummax.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let (values, index) = Tensor::from_vec(vec![1.0, 3.0, 2.0, 3.0], [4]).cummax(0);
    /// assert_eq!(values.to_vec(), [1.0, 3.0, 3.0, 3.0]);
    /// assert_eq!(index.as_slice(), [0, 1, 1, 3]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension.
    #[inline(never)]
    #[track_caller]
    pub fn cummax(&self, dim: isize) -> (Tensor<T>, Indices) {
        self.running_extremes(dimension("cummax", dim, self.rank()), |new, old| new >= old)
    }

    /// The cumulative minimum along `dim`, and the indices of the minima; among equal elements the last. A NaN counts
    /// as smallest. The gradient flows to the elements at these indices.
    ///
    /// Like [`torch.cummin`](https://docs.pytorch.org/docs/stable/generated/torch.cummin.html).
    ///
    /// # Panics
    /// If there is no such dimension.
    #[inline(never)]
    #[track_caller]
    pub fn cummin(&self, dim: isize) -> (Tensor<T>, Indices) {
        self.running_extremes(dimension("cummin", dim, self.rank()), |new, old| new <= old)
    }

    #[track_caller]
    fn running_extremes(&self, dim: usize, replaces: impl Fn(T, T) -> bool + Sync) -> (Tensor<T>, Indices) {
        if self.rank() == 0 {
            return (self.clone(), Indices::new(vec![0], ()));
        }
        let dense = self.dense();
        let values = dense.as_slice().expect("dense");
        let extents @ [_, count, inner] = around(self.shape(), dim);
        // The extreme element so far, and its index.
        let next = |before: &mut Option<(T, i64)>, at: usize| {
            let new = values[at];
            let stays = before.filter(|&(old, _)| !(new.is_nan() || (!old.is_nan() && replaces(new, old))));
            let (value, index) = stays.unwrap_or((new, (at / inner % count) as i64));
            *before = Some((value, index));
            index
        };
        let mut found = vec![0; values.len()];
        scan(extents, From::Start, None, next, &mut found);
        let index = Indices::new(found, self.shape());
        (gathered(self, dim, &index), index)
    }
}

instances!(cummax cummin);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(cummax: |x| x.cummax(1).0.powf(2.0), [2, 4, 3]; fixed);
    gradients!(cummin: |x| x.cummin(0).0.powf(2.0), [4, 2]; fixed);

    #[test]
    fn once_there_is_a_nan_it_stays() {
        let nan = f32::NAN;
        let x = Tensor::from_vec(vec![1.0, nan, 2.0, nan, 0.0], [5]);
        assert_eq!(x.cummax(0).1.as_slice(), [0, 1, 1, 3, 3]);
        assert_eq!(x.cummin(0).1.as_slice(), [0, 1, 1, 3, 3]);
        assert_eq!(*Tensor::<f32>::zeros([0, 2]).cummax(0).0.shape(), [0, 2]);
    }
}
