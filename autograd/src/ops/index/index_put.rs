//! Elements at positions that several indices name together.

use super::part::position;
use crate::error::shape_error;
use crate::float::Float;
use crate::graph::broadcast;
use crate::indices::Indices;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// What indices name: the positions in the first dimensions as one, and the extents.
struct Named {
    positions: Vec<i64>,
    /// Of the indices together.
    shape: Shape,
    /// Of the dimensions that they are for, as one.
    count: usize,
    /// Of the other dimensions.
    rest: Shape,
}

impl Named {
    #[track_caller]
    fn new(op: &str, indices: &[Indices], own: &Shape) -> Named {
        if indices.is_empty() || indices.len() > own.rank() {
            shape_error(op, format_args!("{} indices into shape {own}: wanted 1 to {}", indices.len(), own.rank()));
        }
        let mut shape = Shape::default();
        for index in indices {
            let Some(common) = shape.broadcast(index.shape()) else {
                let shapes: Vec<&Shape> = indices.iter().map(Indices::shape).collect();
                shape_error(op, format_args!("indices of shapes {shapes:?} do not broadcast"));
            };
            shape = common;
        }
        let mut positions = vec![0; shape.numel_for(op)];
        for (dim, index) in indices.iter().enumerate() {
            let mut aligned = index.shape().clone();
            (index.shape().rank()..shape.rank()).for_each(|_| aligned.insert(0, 1));
            for (all, &own_index) in positions.iter_mut().zip(index.reshape(aligned).expand(&shape).as_slice()) {
                *all = *all * own[dim] as i64 + position(op, own_index as isize, dim, own) as i64;
            }
        }
        let (first, rest) = own.split_at(indices.len());
        Named { positions, shape, count: first.iter().product(), rest: Shape::from(rest) }
    }

    /// The tensor with the dimensions of the indices as its first one, and all others as its second.
    #[track_caller]
    fn rows<T: Float>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.reshape([self.count, self.rest.numel()])
    }

    /// The shape of what is named.
    fn whole(&self) -> Shape {
        self.shape.iter().chain(&*self.rest).copied().collect()
    }
}

/// # Indexing: elements at positions that several indices name together
impl<T: Float> Tensor<T> {
    /// The elements at positions that the indices name together: for a matrix and two indices, `y[k] = x[i[k]][j[k]]`.
    /// The indices are broadcast; dimensions that have none are whole.
    ///
    /// As [`x[i, j]`](https://docs.pytorch.org/docs/stable/notes/extending.html) of tensors in PyTorch; negative
    /// indices count from the end. An element that is taken several times gets the sum of the gradients.
    ///
    /// ```
    /// use autograd::{Indices, Tensor};
    /// let x = Tensor::arange(0.0, 6.0, 1.0).reshape([2, 3]);
    /// assert_eq!(x.index(&[Indices::from([0, 1]), Indices::from([-1, 0])]).to_vec(), [2.0, 3.0]);
    /// assert_eq!(x.index(&[Indices::from([1])]).to_vec(), [3.0, 4.0, 5.0]);
    /// ```
    ///
    /// # Panics
    /// If there are no indices or more than dimensions, they do not broadcast, or one is out of bounds.
    #[inline(never)]
    #[track_caller]
    pub fn index(&self, indices: &[Indices]) -> Tensor<T> {
        let named = Named::new("index", indices, self.shape());
        named.rows(self).index_select(0, &named.positions[..]).reshape(named.whole())
    }

    /// This tensor with `values` at the positions that the indices name together, or added there, if `accumulate` is
    /// true: for a matrix and two indices, `y[i[k]][j[k]] = values[k]`. The indices and the values are broadcast;
    /// dimensions that have no index are whole.
    ///
    /// As [`torch.Tensor.index_put`](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.index_put_.html);
    /// negative indices count from the end. Of several values for one position the last one stays, or all are added.
    /// The gradient of what is replaced is 0, that of a value that stays is its position's.
    ///
    /// ```
    /// use autograd::{Indices, Tensor};
    /// let (rows, columns) = (Indices::from([0, 1, 0]), Indices::from([2, 0, 2]));
    /// let values = Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]);
    /// let put = Tensor::zeros([2, 3]).index_put(&[rows, columns], &values, true);
    /// assert_eq!(put.to_vec(), [0.0, 0.0, 4.0, 2.0, 0.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// As [`index`](Tensor::index), and if the values do not broadcast to what the indices name.
    #[inline(never)]
    #[track_caller]
    pub fn index_put(&self, indices: &[Indices], values: &Tensor<T>, accumulate: bool) -> Tensor<T> {
        let named = Named::new("index_put", indices, self.shape());
        let whole = named.whole();
        let Some(values) = broadcast::expand(values, &whole) else {
            let given = values.shape();
            shape_error(
                "index_put",
                format_args!("values of shape {given} do not broadcast to the {whole} that are named"),
            );
        };
        let (rows, width) = (named.rows(self), named.rest.numel());
        let values = values.reshape([named.positions.len(), width]);
        let put = if accumulate {
            rows.index_add(0, &named.positions[..], &values, T::ONE)
        } else {
            let column = Indices::new(named.positions, [values.size(0), 1]);
            rows.scatter(0, &column.expand(values.shape()), &values)
        };
        put.reshape(self.shape())
    }
}

instances!(index index_put);

#[cfg(test)]
mod tests {
    use crate::{Indices, Tensor};

    fn column() -> Indices {
        Indices::new(vec![0, -1], [2, 1])
    }

    gradients!(index: |x| x.index(&[column(), Indices::from([2, 0, 2])]).powf(2.0), [2, 3]; fixed);
    gradients!(index_of_rows: |x| x.index(&[column()]).powf(2.0), [3, 2, 2]; fixed);
    gradients!(
        index_put: |x, v| x.index_put(&[column(), Indices::from([2, 0])], v, false).powf(2.0),
        [2, 3], [2]; fixed
    );
    gradients!(
        index_put_twice: |x, v| x.index_put(&[Indices::from([1, 1])], v, false).powf(2.0),
        [2, 3], [2, 3]; fixed
    );
    gradients!(
        index_put_added: |x, v| x.index_put(&[Indices::from([1, 1, 0])], v, true).powf(2.0),
        [2, 3], [3, 1]; fixed
    );

    #[test]
    fn the_last_value_stays_or_all_are_added() {
        let (x, values) = (Tensor::<f64>::ones([2]), Tensor::from_vec(vec![5.0, 6.0, 7.0], [3]));
        let indices = [Indices::from([1, -1, 0])];
        assert_eq!(x.index_put(&indices, &values, false).to_vec(), [7.0, 6.0]);
        assert_eq!(x.index_put(&indices, &values, true).to_vec(), [8.0, 12.0]);
        let none = Indices::new(vec![], [0]);
        assert_eq!(x.index_put(std::slice::from_ref(&none), &Tensor::ones([]), true).to_vec(), [1.0; 2]);
        assert_eq!(*x.index(&[none]).shape(), [0]);
    }
}
