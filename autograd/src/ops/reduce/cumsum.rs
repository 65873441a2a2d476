//! Cumulative sums.

use crate::error::dimension;
use crate::float::Float;
use crate::kernels::rowwise::around;
use crate::kernels::running_sum::row_sums;
use crate::kernels::scan::{From, scan};
use crate::ops::linear_map::LinearMap;
use crate::tensor::Tensor;

/// y_j = x_0 + ... + x_j along `dim`        adjoint: the cumulative sums from the other end
#[derive(Clone, Debug)]
struct RunningSum {
    dim: usize,
}

impl<T: Float> LinearMap<T> for RunningSum {
    const NAME: &'static str = "cumsum";
    const ADJOINT: &'static str = "cumsum_from_end";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        running_sums(x, self.dim, From::Start)
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        running_sums(y, self.dim, From::End)
    }
}

/// The running sums along `dim`. They are taken in `f64`, as in PyTorch.
#[track_caller]
fn running_sums<T: Float>(x: &Tensor<T>, dim: usize, from: From) -> Tensor<T> {
    let dense = x.dense();
    let values = dense.as_slice().expect("dense");
    let extents = if x.rank() == 0 { [1, 1, 1] } else { around(x.shape(), dim) };
    // Along rows a vector holds the sums of some of them; `scan` would compute them one element at a time.
    if extents[2] == 1 {
        return Tensor::build(x.shape(), |out| row_sums(values, extents[1], from, out));
    }
    let add = |sum: &mut f64, at: usize| {
        *sum += values[at].to_f64();
        T::from_f64(*sum)
    };
    Tensor::build(x.shape(), |out| scan(extents, from, 0.0, add, out))
}

/// # Reductions and cumulative sums: running sums
impl<T: Float> Tensor<T> {
    /// The sums of all elements up to each one along `dim`.    y_j = x_0 + ... + x_j        dx_i = dy_i + ... + dy_n
    ///
    /// As [`torch.cumsum`](https://docs.pytorch.org/docs/stable/generated/torch.cumsum.html): taken in `f64`, and
    /// rounded.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]).cumsum(0).to_vec(), [1.0, 3.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension.
    #[inline(never)]
    #[track_caller]
    pub fn cumsum(&self, dim: isize) -> Tensor<T> {
        RunningSum { dim: dimension("cumsum", dim, self.rank()) }.of(self)
    }
}

instances!(cumsum);

#[cfg(test)]
mod tests {
    gradients!(cumsum: |x| (x * x).cumsum(0), [3, 4]);
    gradients!(cumsum_of_the_last: |x| (x * x).cumsum(-1), [2, 3, 4]);
}
