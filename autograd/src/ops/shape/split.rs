//! Splits of a tensor into parts along a dimension. No element is copied.

use crate::error::shape_error;
use crate::float::Float;
use crate::tensor::Tensor;

/// # Shape: a tensor in parts along a dimension
impl<T: Float> Tensor<T> {
    /// Parts of `size` elements along `dim`; the last one is shorter if the extent is no multiple of it.
    ///    dx = the gradients of the parts, joined
    ///
    /// Like [`torch.split`](https://docs.pytorch.org/docs/stable/generated/torch.split.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let parts = Tensor::arange(0.0, 5.0, 1.0).split(2, 0);
    /// assert_eq!(parts.iter().map(|part| part.numel()).collect::<Vec<_>>(), [2, 2, 1]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, or `size` is 0 and the extent is not.
    #[inline(never)]
    #[track_caller]
    pub fn split(&self, size: usize, dim: isize) -> Vec<Tensor<T>> {
        let (_, extent) = self.dimension_of("split", dim);
        if size == 0 && extent > 0 {
            shape_error("split", format_args!("parts of 0 elements along dimension {dim} of shape {}", self.shape()));
        }
        self.in_parts(size, extent.checked_div(size).map_or(1, |_| extent.div_ceil(size).max(1)), dim)
    }

    /// Parts of the given numbers of elements along `dim`.        dx = the gradients of the parts, joined
    ///
    /// Like [`torch.split`](https://docs.pytorch.org/docs/stable/generated/torch.split.html) with a list.
    ///
    /// # Panics
    /// If there is no such dimension, or the sizes do not add up to its extent.
    #[inline(never)]
    #[track_caller]
    pub fn split_with_sizes(&self, sizes: &[usize], dim: isize) -> Vec<Tensor<T>> {
        let (_, extent) = self.dimension_of("split_with_sizes", dim);
        if sizes.iter().try_fold(0_usize, |sum, &size| sum.checked_add(size)) != Some(extent) {
            let message = format_args!("sizes {sizes:?} do not add up to dimension {dim} of shape {}", self.shape());
            shape_error("split_with_sizes", message);
        }
        let mut parts = Vec::with_capacity(sizes.len());
        let mut start = 0;
        for &size in sizes {
            parts.push(self.narrow(dim, start, size));
            start += size;
        }
        parts
    }

    /// At most `count` parts of one size along `dim`; the last one may be shorter.
    ///    dx = the gradients of the parts, joined
    ///
    /// Like [`torch.chunk`](https://docs.pytorch.org/docs/stable/generated/torch.chunk.html): there can be fewer parts,
    /// since their size is the extent divided by `count`, rounded up.
    ///
    /// # Panics
    /// If there is no such dimension, or `count` is 0.
    #[inline(never)]
    #[track_caller]
    pub fn chunk(&self, count: usize, dim: isize) -> Vec<Tensor<T>> {
        let (_, extent) = self.dimension_of("chunk", dim);
        if count == 0 {
            shape_error("chunk", format_args!("0 parts of shape {}", self.shape()));
        }
        let size = extent.div_ceil(count);
        self.in_parts(size, extent.checked_div(size).map_or(count, |_| extent.div_ceil(size)), dim)
    }

    /// `count` parts of at most `size` elements each.
    #[track_caller]
    fn in_parts(&self, size: usize, count: usize, dim: isize) -> Vec<Tensor<T>> {
        let (_, extent) = self.dimension_of("split", dim);
        let mut parts = Vec::with_capacity(count);
        for part in 0..count {
            let start = part * size;
            parts.push(self.narrow(dim, start, size.min(extent - start)));
        }
        parts
    }

    /// The parts at each index along `dim`, without that dimension.        dx = the gradients of the parts, stacked
    ///
    /// Like [`torch.unbind`](https://docs.pytorch.org/docs/stable/generated/torch.unbind.html).
    ///
    /// # Panics
    /// If there is no such dimension.
    #[inline(never)]
    #[track_caller]
    pub fn unbind(&self, dim: isize) -> Vec<Tensor<T>> {
        let (_, extent) = self.dimension_of("unbind", dim);
        let mut parts = Vec::with_capacity(extent);
        for index in 0..extent {
            parts.push(self.select(dim, index as isize));
        }
        parts
    }
}

instances!(split split_with_sizes chunk unbind);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    /// The product of the first and the last part.
    fn ends(parts: &[Tensor<f64>]) -> Tensor<f64> {
        &parts[0] * &parts[parts.len() - 1]
    }

    gradients!(split: |x| ends(&x.split(2, 1)), [3, 5]; fixed);
    gradients!(split_with_sizes: |x| ends(&x.split_with_sizes(&[3, 0, 1], 1)), [3, 4]; fixed);
    gradients!(chunk: |x| Tensor::cat(&x.chunk(3, 0), 1).powf(2.0), [6, 2]; fixed);
    gradients!(unbind: |x| Tensor::stack(&x.unbind(1), 0).powf(2.0), [3, 4]; fixed);

    #[test]
    fn the_parts_are_pytorchs() {
        let sizes = |parts: Vec<Tensor>| parts.iter().map(|part| part.size(0)).collect::<Vec<_>>();
        let x = Tensor::zeros([7, 2]);
        assert_eq!(sizes(x.split(3, 0)), [3, 3, 1]);
        assert_eq!(sizes(x.split(9, 0)), [7]);
        assert_eq!(sizes(x.chunk(4, 0)), [2, 2, 2, 1]);
        assert_eq!(sizes(x.chunk(5, 0)), [2, 2, 2, 1]);
        let empty = Tensor::zeros([0, 2]);
        assert_eq!(sizes(empty.split(0, 0)), [0]);
        assert_eq!(sizes(empty.split(2, 0)), [0]);
        assert_eq!(sizes(empty.chunk(3, 0)), [0, 0, 0]);
        assert!(empty.unbind(0).is_empty());
    }

    #[test]
    #[should_panic(expected = "split_with_sizes: sizes [2, 1] do not add up to dimension 0 of shape [4]")]
    fn the_parts_make_the_whole() {
        Tensor::<f32>::zeros([4]).split_with_sizes(&[2, 1], 0);
    }
}
