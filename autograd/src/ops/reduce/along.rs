//! The dimensions that an operation reduces, as rows of a matrix.

use smallvec::SmallVec;

use super::reduced_shapes;
use crate::float::Float;
use crate::kernels::parallel::ELEMENTS_PER_TASK;
use crate::ops::shape::distinct;
use crate::shape::{Dims, Shape};
use crate::tensor::Tensor;

/// Some dimensions of a shape.
#[derive(Clone, Debug)]
pub(super) struct Along {
    /// All dimensions, first those that are not reduced.
    order: SmallVec<[usize; 6]>,
    /// Where the reduced ones begin in `order`.
    first: usize,
    /// Elements of a row.
    pub(super) count: usize,
    /// The shape with extent 1 in the reduced dimensions.
    pub(super) kept: Shape,
    /// The shape without them.
    pub(super) dropped: Shape,
}

impl Along {
    /// The given dimensions, or all if none are given.
    #[track_caller]
    pub(super) fn new(op: &str, shape: &Shape, dims: &dyn Dims) -> Self {
        let named = distinct(op, dims, shape.rank());
        let is_reduced = |dim: &usize| named.is_empty() || named.contains(dim);
        let reduced: SmallVec<[usize; 4]> = (0..shape.rank()).filter(is_reduced).collect();
        let (kept, dropped) = reduced_shapes(shape, &reduced);
        let mut order: SmallVec<[usize; 6]> = (0..shape.rank()).filter(|dim| !reduced.contains(dim)).collect();
        let (first, count) = (order.len(), reduced.iter().map(|&dim| shape[dim]).product());
        order.extend(reduced);
        Along { order, first, count, kept, dropped }
    }

    /// The reduced dimensions.
    pub(super) fn dims(&self) -> SmallVec<[isize; 4]> {
        self.order[self.first..].iter().map(|&dim| dim as isize).collect()
    }

    /// Whether rows are so long that each should be shared by threads.
    pub(super) fn has_long_rows(&self) -> bool {
        self.count > 4 * ELEMENTS_PER_TASK
    }

    /// The elements row by row, a row for each element of the result: a constant, copied if they do not lie so.
    #[track_caller]
    pub(super) fn rows<T: Float>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.with_layout(x.layout.permute(&self.order)).dense()
    }

    /// A constant of the shape of `x`, whose rows `fill` makes of the rows of `x`.
    #[track_caller]
    pub(super) fn by_rows<T: Float>(&self, x: &Tensor<T>, fill: impl FnOnce(&[T], &mut [T])) -> Tensor<T> {
        let rows = self.rows(x);
        let made = Tensor::build(rows.shape(), |out| fill(rows.as_slice().expect("dense"), out));
        let mut back: SmallVec<[usize; 6]> = SmallVec::from_elem(0, self.order.len());
        self.order.iter().enumerate().for_each(|(index, &dim)| back[dim] = index);
        made.with_layout(made.layout.permute(&back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lie_side_by_side_and_go_back_to_where_they_were() {
        let x = Tensor::<f64>::arange(0.0, 24.0, 1.0).reshape([2, 3, 4]);
        for dims in [vec![], vec![2], vec![0], vec![1], vec![0, 2], vec![-1, 1]] {
            let along = Along::new("test", x.shape(), &dims);
            let sums: Vec<f64> =
                along.rows(&x).as_slice().unwrap().chunks(along.count).map(|row| row.iter().sum()).collect();
            assert_eq!(sums, x.sum_dim(&dims[..], true).to_vec());
            assert_eq!(*x.sum_dim(&dims[..], false).shape(), along.dropped);
            let same = along.by_rows(&x, |rows, out| out.copy_from_slice(rows));
            assert_eq!(same.to_vec(), x.to_vec());
        }
    }
}
