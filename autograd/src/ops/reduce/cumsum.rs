//! Cumulative sums.

use crate::error::dimension;
use crate::float::Float;
use crate::kernels::rowwise::around;
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

    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        running_sums(x, self.dim, |position, _| position)
    }

    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        running_sums(y, self.dim, |position, count| count - 1 - position)
    }
}

/// The cumulative sums along `dim`, in the order of `at(0, count)`, `at(1, count)`, ... They are computed in `f64`, as
/// in PyTorch.
fn running_sums<T: Float>(x: &Tensor<T>, dim: usize, at: impl Fn(usize, usize) -> usize) -> Tensor<T> {
    let dense = x.dense();
    let values = dense.as_slice().expect("dense");
    let [outer, count, inner] = if x.rank() == 0 { [1, 1, 1] } else { around(x.shape(), dim) };
    Tensor::build(x.shape(), |out| {
        let mut sums = vec![0.0; inner];
        for row in 0..outer {
            sums.fill(0.0);
            for position in 0..count {
                let start = (row * count + at(position, count)) * inner;
                for ((sum, out), value) in sums.iter_mut().zip(&mut out[start..]).zip(&values[start..]) {
                    *sum += value.to_f64();
                    *out = T::from_f64(*sum);
                }
            }
        }
    })
}

impl<T: Float> Tensor<T> {
    /// The cumulative sums along `dim`.    y_j = x_0 + ... + x_j
    ///
    /// Like [`torch.cumsum`](https://docs.pytorch.org/docs/stable/generated/torch.cumsum.html): computed in `f64`, then
    /// rounded.
    ///
    /// ```
    /// use autograd::Tensor;
    /// assert_eq!(Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]).cumsum(0).to_vec(), [1.0, 3.0, 6.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension.
    #[track_caller]
    pub fn cumsum(&self, dim: isize) -> Tensor<T> {
        RunningSum { dim: dimension("cumsum", dim, self.rank()) }.of(self)
    }
}

#[cfg(test)]
mod tests {
    gradients!(cumsum: |x| (x * x).cumsum(0), [3, 4]);
    gradients!(cumsum_of_the_last: |x| (x * x).cumsum(-1), [2, 3, 4]);
}
