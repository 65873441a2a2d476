//! Elements put or added at chosen positions of a tensor.

use super::gather::{gathered, positions};
use super::{check_bounds, scattered};
use crate::dimensions::pushed;
use crate::error::{dimension, shape_error};
use crate::float::Float;
use crate::graph::Backward;
use crate::indices::Indices;
use crate::op::{Op, Saved};
use crate::tensor::Tensor;

/// y = x, with the source's elements at chosen positions        dx = dy with zeros there, dsource = dy there, and 0
/// for an element that a later one has replaced
#[derive(Debug)]
struct Scatter<T: Float> {
    dim: usize,
    index: Indices,
    /// 1 for the elements that stayed, 0 for those that were replaced.
    stayed: Saved<T>,
}

impl<T: Float> Op<T> for Scatter<T> {
    fn name(&self) -> &'static str {
        "scatter"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || {
            let zeros = Tensor::scalar(T::ZERO).expand(self.index.shape().clone());
            scatter(&grad, self.dim, &self.index, &zeros)
        });
        let stayed = ctx.get(&self.stayed);
        ctx.propagate(1, || gathered(&grad, self.dim, &self.index).gate(&stayed));
    }
}

/// `scatter` of an index that is known to be right, and a source of its shape.
#[track_caller]
fn scatter<T: Float>(x: &Tensor<T>, dim: usize, index: &Indices, source: &Tensor<T>) -> Tensor<T> {
    let (x_dense, source_dense) = (x.dense(), source.dense());
    let elements = source_dense.as_slice().expect("dense");
    let chosen = positions(x.shape(), dim, index);
    let scattered = Tensor::build(x.shape(), |out| {
        out.copy_from_slice(x_dense.as_slice().expect("dense"));
        chosen.iter().zip(elements).for_each(|(&position, &element)| out[position as usize] = element);
    });
    scattered.record(&[x, source], |_| {
        let mut last = vec![0; x.numel()];
        (0..).zip(&chosen).for_each(|(entry, &position)| last[position as usize] = entry);
        let stays = |(entry, &position): (usize, &i64)| last[position as usize] == entry;
        let stayed = pushed((0..).zip(&chosen).map(|pair| if stays(pair) { T::ONE } else { T::ZERO }));
        Scatter { dim, index: index.clone(), stayed: Saved::aside(&Tensor::from_vec(stayed, index.shape())) }
    })
}

/// # Indexing: elements put or added at chosen positions of a tensor
impl<T: Float> Tensor<T> {
    /// This tensor with an element of `source` at the position that the index has for it along `dim`: for a matrix and
    /// `dim` 1, `y[i][index[i][j]] = source[i][j]`. Of several elements for one position the last one stays.
    ///
    /// As [`torch.scatter`](https://docs.pytorch.org/docs/stable/generated/torch.scatter.html). The gradient of what
    /// is replaced is 0, that of a source's element that stays is its position's.
    ///
    /// ```
    /// use autograd::{Indices, Tensor};
    /// let source = Tensor::from_vec(vec![5.0, 6.0], [2]);
    /// let y = Tensor::zeros([4]).scatter(0, &Indices::from([3, 1]), &source);
    /// assert_eq!(y.to_vec(), [0.0, 6.0, 0.0, 5.0]);
    /// ```
    ///
    /// # Panics
    /// If the numbers of dimensions differ, the index is larger than the source in a dimension, or than this tensor
    /// in a dimension other than `dim`, or an index is out of bounds.
    #[inline(never)]
    #[track_caller]
    pub fn scatter(&self, dim: isize, index: &Indices, source: &Tensor<T>) -> Tensor<T> {
        let (dim, source) = self.sources("scatter", dim, index, source);
        scatter(self, dim, index, &source)
    }

    /// This tensor with the elements of `source` added at the positions that the index has for them along `dim`: for a
    /// matrix and `dim` 1, `y[i][index[i][j]] += source[i][j]`.
    ///
    /// As [`torch.scatter_add`](https://docs.pytorch.org/docs/stable/generated/torch.scatter_add.html). The gradient
    /// of a source's element is its position's.
    ///
    /// ```
    /// use autograd::{Indices, Tensor};
    /// let source = Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]);
    /// let y = Tensor::ones([2]).scatter_add(0, &Indices::from([0, 1, 0]), &source);
    /// assert_eq!(y.to_vec(), [5.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// As [`scatter`](Tensor::scatter).
    #[inline(never)]
    #[track_caller]
    pub fn scatter_add(&self, dim: isize, index: &Indices, source: &Tensor<T>) -> Tensor<T> {
        let (dim, source) = self.sources("scatter_add", dim, index, source);
        self + scattered(&source, dim, index, self.shape())
    }

    /// The dimension, and the part of the source that the index has positions for.
    #[track_caller]
    fn sources(&self, op: &str, dim: isize, index: &Indices, source: &Tensor<T>) -> (usize, Tensor<T>) {
        let axis = dimension(op, dim, self.rank());
        let (own, chosen, given) = (self.shape(), index.shape(), source.shape());
        if own.rank() == 0 || chosen.rank() != own.rank() || given.rank() != own.rank() {
            shape_error(
                op,
                format_args!(
                    "the index has shape {chosen}, the source {given}, the tensor {own}: not as many dimensions"
                ),
            );
        }
        let is_too_large = |dim: usize| chosen[dim] > given[dim] || (dim != axis && chosen[dim] > own[dim]);
        if let Some(wrong) = (0..own.rank()).find(|&dim| is_too_large(dim)) {
            shape_error(
                op,
                format_args!(
                    "the index has shape {chosen}, the source {given}, the tensor {own}: \
                     dimension {wrong} of the index is larger"
                ),
            );
        }
        check_bounds(op, index, axis, own);
        let mut part = source.clone();
        for dim in 0..given.rank() {
            if chosen[dim] < given[dim] {
                part = part.narrow(dim as isize, 0, chosen[dim]);
            }
        }
        (axis, part)
    }
}

instances!(scatter scatter_add);

#[cfg(test)]
mod tests {
    use crate::{Indices, Tensor};

    /// Positions that are all different.
    fn once() -> Indices {
        Indices::new(vec![3, 0, 1, 2, 2, 1], [3, 2])
    }

    /// Positions that come several times.
    fn often() -> Indices {
        Indices::new(vec![1, 1, 0, 2, 3, 3, 1, 0, 0, 0], [2, 5])
    }

    gradients!(scatter: |x, y| x.scatter(1, &once(), y).powf(2.0), [3, 4], [3, 2]; fixed);
    gradients!(scatter_often: |x, y| x.scatter(1, &often(), y).powf(2.0), [3, 4], [2, 6]; fixed);
    gradients!(scatter_add: |x, y| x.scatter_add(1, &often(), y).powf(2.0), [3, 4], [2, 6]; fixed);
    gradients!(scatter_add_of_columns: |x, y| x.scatter_add(0, &once(), y).powf(2.0), [4, 2], [3, 2]; fixed);

    #[test]
    fn what_comes_last_stays() {
        let source = Tensor::from_vec(vec![1.0_f32, f32::NAN, 3.0], [3]).requires_grad();
        let y = Tensor::zeros([2]).scatter(0, &Indices::from([1, 1, 1]), &source);
        assert_eq!(y.to_vec(), [0.0, 3.0]);
        assert_eq!(y.sum().backward().get(&source).unwrap().to_vec(), [0.0, 0.0, 1.0]);
    }

    #[test]
    #[should_panic(expected = "the source [2, 2], the tensor [4, 2]: dimension 0 of the index is larger")]
    fn each_index_has_its_element() {
        Tensor::<f32>::zeros([4, 2]).scatter_add(0, &once(), &Tensor::ones([2, 2]));
    }
}
