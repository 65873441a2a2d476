//! Permutations of the dimensions.

use smallvec::SmallVec;

use super::distinct;
use crate::error::{argument_error, dimension, shape_error};
use crate::float::Float;
use crate::ops::linear_map::LinearMap;
use crate::shape::Dims;
use crate::tensor::Tensor;

/// y = x with its dimensions in another order        adjoint: the inverse permutation
#[derive(Clone, Debug)]
struct Permute {
    order: SmallVec<[usize; 4]>,
}

impl<T: Float> LinearMap<T> for Permute {
    const NAME: &'static str = "permute";
    const ADJOINT: &'static str = "permute";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        x.with_layout(x.layout.permute(&self.order))
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        let mut inverse: SmallVec<[usize; 4]> = SmallVec::from_elem(0, self.order.len());
        for (to, &from) in self.order.iter().enumerate() {
            inverse[from] = to;
        }
        y.with_layout(y.layout.permute(&inverse))
    }
}

/// # Shape: the dimensions in another order
impl<T: Float> Tensor<T> {
    /// Swaps two dimensions. No number moves.        dx = dy, swapped back
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::<f32>::zeros([2, 3, 4]);
    /// assert_eq!(*x.transpose(0, -1).shape(), [4, 3, 2]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension.
    #[inline(never)]
    #[track_caller]
    pub fn transpose(&self, first: isize, second: isize) -> Tensor<T> {
        let rank = self.rank();
        let (first, second) = (dimension("transpose", first, rank), dimension("transpose", second, rank));
        let mut order: SmallVec<[usize; 4]> = (0..rank).collect();
        if rank > 0 {
            order.swap(first, second);
        }
        Permute { order }.of(self)
    }

    /// The transpose of a matrix; a vector or a single number as it is.        dx = dyᵀ
    ///
    /// # Panics
    /// If there are more than two dimensions.
    #[inline(never)]
    #[track_caller]
    pub fn t(&self) -> Tensor<T> {
        match self.rank() {
            0 | 1 => self.clone(),
            2 => self.transpose(0, 1),
            _ => shape_error("t", format_args!("shape {} is not a matrix: use transpose or permute", self.shape())),
        }
    }

    /// Puts the dimensions into another order: the result's dimension `i` is this one's `order[i]`. No number moves.
    ///    dx = dy in the order of x
    ///
    /// # Panics
    /// If `order` does not have each dimension exactly once.
    #[track_caller]
    pub fn permute(&self, order: impl Dims) -> Tensor<T> {
        let named = order.dims().len();
        if named != self.rank() {
            shape_error(
                "permute",
                format_args!("{named} dimensions are named, shape {} has {}", self.shape(), self.rank()),
            );
        }
        Permute { order: distinct("permute", &order, self.rank()) }.of(self)
    }

    /// Moves dimensions to other positions; the others keep their order. No element is copied.
    ///    dx = dy, moved back
    ///
    /// Like [`torch.movedim`](https://docs.pytorch.org/docs/stable/generated/torch.movedim.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(*Tensor::<f32>::zeros([2, 3, 4]).movedim(0_isize, -1_isize).shape(), [3, 4, 2]);
    /// ```
    ///
    /// # Panics
    /// If the numbers of sources and destinations differ, there is no such dimension, or one is given twice.
    #[track_caller]
    pub fn movedim(&self, source: impl Dims, destination: impl Dims) -> Tensor<T> {
        self.moved(&source, &destination)
    }

    #[inline(never)]
    #[track_caller]
    fn moved(&self, source: &dyn Dims, destination: &dyn Dims) -> Tensor<T> {
        let sources = distinct("movedim", source, self.rank());
        let destinations = distinct("movedim", destination, self.rank());
        if sources.len() != destinations.len() {
            let counts = [sources.len(), destinations.len()];
            argument_error(
                "movedim",
                format_args!("{} sources and {} destinations: wanted as many", counts[0], counts[1]),
            );
        }
        Permute { order: moved_order(self.rank(), &sources, &destinations) }.of(self)
    }
}

/// The order of dimensions after some have been moved.
fn moved_order(rank: usize, sources: &[usize], destinations: &[usize]) -> SmallVec<[usize; 4]> {
    let mut order: SmallVec<[usize; 4]> = (0..rank).filter(|dim| !sources.contains(dim)).collect();
    for to in 0..rank {
        if let Some(index) = destinations.iter().position(|&destination| destination == to) {
            order.insert(to, sources[index]);
        }
    }
    order
}

instances!(transpose t);
instances!(|x| x.permute(0), x.movedim(0, 1));

#[cfg(test)]
mod tests {
    use crate::tensor::Tensor;

    gradients!(transpose: |x| x.transpose(0, 1) * x.transpose(0, 1), [3, 4]);
    gradients!(t: |x| x.t() * x.t(), [3, 4]);
    gradients!(movedim: |x| x.movedim([0, 2], [-1, 0]).powf(2.0), [2, 3, 4]);
    gradients!(permute: |x| x.permute([2, 0, 1]).powf(2.0), [2, 3, 4]);

    #[test]
    #[should_panic(expected = "permute: dimension 0 is named twice")]
    fn an_order_names_each_dimension_once() {
        Tensor::<f32>::zeros([3, 4]).permute([0, 0]);
    }
}
