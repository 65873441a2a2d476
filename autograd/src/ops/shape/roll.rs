//! Cyclic shifts of the elements along dimensions.

use smallvec::SmallVec;

use super::distinct;
use crate::error::argument_error;
use crate::float::Float;
use crate::kernels::map::copy_into;
use crate::layout::Layout;
use crate::ops::linear_map::LinearMap;
use crate::shape::Dims;
use crate::tensor::Tensor;

/// y[.., (j + shift) mod n, ..] = x[.., j, ..] along each dimension        adjoint: the negated shift
#[derive(Clone, Debug)]
struct Roll {
    dims: SmallVec<[usize; 4]>,
    shifts: SmallVec<[isize; 4]>,
}

impl Roll {
    #[track_caller]
    fn moved<T: Float>(&self, x: &Tensor<T>, sign: isize) -> Tensor<T> {
        self.dims.iter().zip(&self.shifts).fold(x.detach(), |x, (&dim, &shift)| {
            let extent = x.shape()[dim];
            let first = (sign * shift).rem_euclid(extent.max(1) as isize) as usize;
            let whole = Layout::contiguous(x.shape().clone());
            Tensor::build(x.shape(), |out| {
                for (from, to, length) in [(0, first, extent - first), (extent - first, 0, first)] {
                    let part = x.with_layout(x.layout.slice(dim, from, length, 1));
                    copy_into(part.as_view(), out, &whole.slice(dim, to, length, 1));
                }
            })
        })
    }
}

impl<T: Float> LinearMap<T> for Roll {
    const NAME: &'static str = "roll";
    const ADJOINT: &'static str = "roll";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        self.moved(x, 1)
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        self.moved(y, -1)
    }
}

/// # Shape: the elements moved along some dimensions; those that leave at the end come back at the start
impl<T: Float> Tensor<T> {
    /// Moves the elements along each of the dimensions by its shift, negative ones towards the start; what leaves at
    /// one end comes back at the other. dx = dy, moved back
    ///
    /// Like [`torch.roll`](https://docs.pytorch.org/docs/stable/generated/torch.roll.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]).roll(1_isize, 0_isize).to_vec(), [3.0, 1.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If the numbers of shifts and dimensions differ, there is no such dimension, or one is given twice.
    #[track_caller]
    pub fn roll(&self, shifts: impl Dims, dims: impl Dims) -> Tensor<T> {
        let (shifts, named) = (shifts.dims(), dims.dims().len());
        if shifts.len() != named {
            argument_error("roll", format_args!("{} shifts and {named} dimensions: wanted as many", shifts.len()));
        }
        Roll { dims: distinct("roll", &dims, self.rank()), shifts }.of(self)
    }
}

instances!(|x| x.roll(1, 0));

#[cfg(test)]
mod tests {
    gradients!(roll: |x| (x * x).roll(-1_isize, 0_isize), [3, 4]);
    gradients!(roll_two: |x| (x * x).roll([5, 1], [-1, 0]), [2, 3, 4]);
}
