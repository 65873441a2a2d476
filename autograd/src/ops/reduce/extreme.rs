//! Largest and smallest elements, and their indices.

use super::reduced_shapes;
use crate::error::{dimension, shape_error};
use crate::float::Float;
use crate::graph::Backward;
use crate::graph::broadcast::{reduce_to, sum_to};
use crate::indices::Indices;
use crate::kernels::argmax;
use crate::kernels::map::map;
use crate::kernels::rowwise::around;
use crate::op::{Op, Saved};
use crate::ops::index::gathered;
use crate::ops::shape::reshaped;
use crate::shape::{Dims, Shape};
use crate::tensor::Tensor;

/// y = the largest (or smallest) of x along some dimensions
/// dy/dx = 1 / (number of ties) for each element equal to y, else 0
///
/// PyTorch's `max` and its `amax` differ. If y is NaN, `max` gives the gradient to the NaN elements, but `amax` finds
/// no element equal to y and divides zero by zero. If the gradient is infinite or NaN, `max` gives 0 to the other
/// elements, but `amax` multiplies by 0, which gives NaN.
#[derive(Debug)]
struct Extreme<T: Float> {
    name: &'static str,
    of: Of,
    x: Saved<T>,
    y: Saved<T>,
}

/// What the extreme is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Everything: `max` and `min`.
    All,
    /// The elements along dimensions: `amax` and `amin`.
    Dimensions,
}

impl<T: Float> Op<T> for Extreme<T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, x, y) = (ctx.grad(), ctx.get(&self.x), ctx.get(&self.y));
        ctx.propagate(0, || {
            let (shape, kept) = (x.shape(), y.shape());
            let of_all = self.of == Of::All;
            // Constant wherever the gradient is differentiable.
            let attained: Tensor<T> = Tensor::build(shape, |out| {
                let attains = |[x, y]: [T; 2]| x == y || (of_all && x.is_nan() && y.is_nan());
                map([x.as_view(), y.as_view()], shape, out, |pair| if attains(pair) { T::ONE } else { T::ZERO });
            });
            let ties = sum_to(&attained, kept);
            if of_all { (grad / ties).expand(shape).gate(&attained) } else { attained * grad / ties }
        });
    }
}

/// # Reductions and cumulative sums: largest and smallest elements, and where they are
impl<T: Float> Tensor<T> {
    /// The largest element: shape `[]`. NaN if there is one. Ties share the gradient evenly.
    ///
    /// # Panics
    /// If there are no elements.
    #[inline(never)]
    #[track_caller]
    pub fn max(&self) -> Tensor<T> {
        self.extreme("max", Of::All, &Shape::default(), T::NEG_INFINITY, T::maximum)
    }

    /// The smallest element: shape `[]`. NaN if there is one. Ties share the gradient evenly.
    ///
    /// # Panics
    /// If there are no elements.
    #[inline(never)]
    #[track_caller]
    pub fn min(&self) -> Tensor<T> {
        self.extreme("min", Of::All, &Shape::default(), T::INFINITY, T::minimum)
    }

    /// The largest elements along the given dimensions, which are dropped, or kept with extent 1 if `keepdim`. Ties
    /// share the gradient evenly.
    ///
    /// Like [`torch.amax`](https://docs.pytorch.org/docs/stable/generated/torch.amax.html).
    ///
    /// # Panics
    /// If there is no such dimension, one is named twice, or one has extent 0.
    #[track_caller]
    pub fn amax(&self, dims: impl Dims, keepdim: bool) -> Tensor<T> {
        let (kept, dropped) = self.reduced("amax", &dims);
        let largest = self.extreme("amax", Of::Dimensions, &kept, T::NEG_INFINITY, T::maximum);
        if keepdim { largest } else { reshaped(&largest, &dropped) }
    }

    /// The smallest elements along the given dimensions, which are dropped, or kept with extent 1 if `keepdim`. Ties
    /// share the gradient evenly.
    ///
    /// # Panics
    /// If there is no such dimension, one is named twice, or one has extent 0.
    #[track_caller]
    pub fn amin(&self, dims: impl Dims, keepdim: bool) -> Tensor<T> {
        let (kept, dropped) = self.reduced("amin", &dims);
        let smallest = self.extreme("amin", Of::Dimensions, &kept, T::INFINITY, T::minimum);
        if keepdim { smallest } else { reshaped(&smallest, &dropped) }
    }

    /// The largest elements along one dimension and their indices. Of equal elements the first is taken and gets the
    /// gradient. A NaN counts as largest.
    ///
    /// Like [`torch.max`](https://docs.pytorch.org/docs/stable/generated/torch.max.html) with a dimension.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 5.0, 5.0, 2.0, 0.0, 1.0], [2, 3]);
    /// let (largest, indices) = x.max_dim(1, false);
    /// assert_eq!(largest.to_vec(), [5.0, 2.0]);
    /// assert_eq!(indices.as_slice(), [1, 0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, or it has extent 0.
    #[inline(never)]
    #[track_caller]
    pub fn max_dim(&self, dim: isize, keepdim: bool) -> (Tensor<T>, Indices) {
        let index = self.find("max_dim", dim, T::NEG_INFINITY, T::maximum);
        self.pick("max_dim", dim, index, keepdim)
    }

    /// The smallest elements along one dimension and their indices. Of equal elements the first is taken and gets the
    /// gradient. A NaN counts as smallest.
    ///
    /// # Panics
    /// If there is no such dimension, or it has extent 0.
    #[inline(never)]
    #[track_caller]
    pub fn min_dim(&self, dim: isize, keepdim: bool) -> (Tensor<T>, Indices) {
        let index = self.find("min_dim", dim, T::INFINITY, T::minimum);
        self.pick("min_dim", dim, index, keepdim)
    }

    /// The index of the largest element along `dim`; the first of equal elements. A NaN counts as largest. The result
    /// is integers, so no gradient flows through it.
    ///
    /// # Panics
    /// If there is no such dimension, or it has extent 0.
    #[inline(never)]
    #[track_caller]
    pub fn argmax(&self, dim: isize, keepdim: bool) -> Indices {
        let index = self.find("argmax", dim, T::NEG_INFINITY, T::maximum);
        if keepdim { index } else { self.dropped(index, dim) }
    }

    /// The index of the smallest element along `dim`; the first of equal elements. A NaN counts as smallest. The result
    /// is integers, so no gradient flows through it.
    ///
    /// # Panics
    /// If there is no such dimension, or it has extent 0.
    #[inline(never)]
    #[track_caller]
    pub fn argmin(&self, dim: isize, keepdim: bool) -> Indices {
        let index = self.find("argmin", dim, T::INFINITY, T::minimum);
        if keepdim { index } else { self.dropped(index, dim) }
    }

    #[inline(never)]
    #[track_caller]
    fn extreme(
        &self,
        name: &'static str,
        of: Of,
        shape: &Shape,
        identity: T,
        combine: impl Fn(T, T) -> T + Copy + Sync,
    ) -> Tensor<T> {
        let own = self.shape();
        let missing = own.rank() - shape.rank();
        let is_reduced = |dim: usize| dim < missing || shape[dim - missing] == 1;
        if (0..own.rank()).any(|dim| own[dim] == 0 && is_reduced(dim)) {
            shape_error(name, format_args!("shape {own} has no elements to choose from"));
        }
        reduce_to(self, shape, identity, combine).record(&[self], |y| Extreme {
            name,
            of,
            x: Saved::input(0, self),
            y: Saved::output(y),
        })
    }

    /// The index of the most extreme element along `dim`, with that dimension kept with extent 1.
    #[track_caller]
    fn find(&self, op: &str, dim: isize, least: T, more_extreme: impl Fn(T, T) -> T + Copy + Sync) -> Indices {
        let dim = dimension(op, dim, self.rank());
        if self.shape().get(dim) == Some(&0) {
            shape_error(op, format_args!("dimension {dim} of shape {} has no elements to choose from", self.shape()));
        }
        let dense = self.dense();
        let elements = dense.as_slice().expect("dense");
        let (middle, shape) = if self.rank() == 0 {
            ([1, 1, 1], Shape::default())
        } else {
            let (kept, _) = reduced_shapes(self.shape(), &[dim]);
            (around(self.shape(), dim), kept)
        };
        Indices::new(argmax::find(elements, middle, least, more_extreme), shape)
    }

    #[track_caller]
    fn dropped(&self, index: Indices, dim: isize) -> Indices {
        match self.rank() {
            0 => index,
            rank => index.reshape(reduced_shapes(self.shape(), &[dimension("argmax", dim, rank)]).1),
        }
    }

    #[track_caller]
    fn pick(&self, name: &'static str, dim: isize, index: Indices, keepdim: bool) -> (Tensor<T>, Indices) {
        if self.rank() == 0 {
            return (self.clone(), index);
        }
        let axis = dimension(name, dim, self.rank());
        let picked = gathered(self, axis, &index);
        if keepdim {
            return (picked, index);
        }
        let index = self.dropped(index, dim);
        (reshaped(&picked, index.shape()), index)
    }
}

instances!(max min max_dim min_dim argmax argmin);
instances!(|x| x.amax(0, true), x.amin(0, true));

#[cfg(test)]
mod tests {
    use crate::Tensor;
    use crate::graph::{Order, grad_with};

    gradients!(max: |x| (x * x * x).max(), [3, 4]; fixed);
    gradients!(min: |x| (x * x * x).min(), [3, 4]; fixed);
    gradients!(amax: |x| (x * x * x).amax([0, 2], false), [2, 3, 4]; fixed);
    gradients!(amax_kept: |x| (x * x * x).amax(1, true), [3, 4]; fixed);
    gradients!(amin_of_two: |x| (x * x * x).amin([0, -1], false), [2, 3, 4]; fixed);
    gradients!(max_dim_kept: |x| (x * x * x).max_dim(0, true).0, [3, 4]; fixed);
    gradients!(amin: |x| (x * x * x).amin(1, true), [2, 3, 4]; fixed);
    gradients!(max_dim: |x| (x * x * x).max_dim(1, false).0, [3, 4]; fixed);
    gradients!(min_dim: |x| (x * x * x).min_dim(-2, true).0, [2, 3, 4]; fixed);

    #[test]
    fn where_no_result_is_asked_for_nothing_is_missing() {
        assert_eq!(Tensor::<f32>::zeros([0, 3]).amax(1, false).numel(), 0);
    }

    #[test]
    #[should_panic(expected = "argmax: dimension 0 of shape [0, 3] has no elements to choose from")]
    fn there_is_no_largest_of_nothing() {
        Tensor::<f32>::zeros([0, 3]).argmax(0, false);
    }

    #[test]
    fn an_infinite_gradient_of_max_and_min_reaches_only_what_attains_them() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let bits = |values: &[f32]| values.iter().map(|x| if x.is_nan() { f32::NAN } else { *x }.to_bits()).collect();
        for order in [Order::First, Order::Higher] {
            let gradient = |values: [f32; 3], extreme: fn(&Tensor) -> Tensor, seed: f32| -> Vec<u32> {
                let x = Tensor::from_vec(values.to_vec(), [3]).requires_grad();
                bits(&grad_with(&extreme(&x), &[&x], &Tensor::scalar(seed), order)[0].to_vec())
            };
            for seed in [inf, -inf, nan, 4.0] {
                let share = if seed == 4.0 { 2.0 } else { seed };
                let expected: Vec<u32> = bits(&[0.0, share, share]);
                assert_eq!(gradient([1.0, 2.0, 2.0], |x| x.max(), seed), expected, "{seed}");
                assert_eq!(gradient([3.0, 2.0, 2.0], |x| x.min(), seed), expected, "{seed}");
                assert_eq!(gradient([1.0, nan, nan], |x| x.max(), seed), expected, "{seed}");
                assert_eq!(gradient([1.0, nan, nan], |x| x.min(), seed), expected, "{seed}");
            }
            assert_eq!(gradient([1.0, 2.0, 2.0], |x| x.amax(0, false), inf), bits(&[nan, inf, inf]));
            assert_eq!(gradient([1.0, nan, nan], |x| x.amin(0, false), 4.0), bits(&[nan, nan, nan]));
        }
    }
}
