//! The largest element of each window.

use std::fmt::{self, Debug};
use std::sync::Arc;

use super::{Sliding, as_planes, both, given, plane, with_plane};
use crate::float::Float;
use crate::indices::Indices;
use crate::kernels::convolve::Pool;
use crate::kernels::windows::{Positions, Window, Windows};
use crate::ops::linear_map::LinearMap;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The options of [`Tensor::max_pool1d`] and [`Tensor::max_pool2d`], with PyTorch's names and defaults; one value for
/// each dimension.
///
/// ```
/// use autograd::MaxPool;
/// let pool = MaxPool { stride: Some([2, 2]), ..MaxPool::new([3, 3]) };
/// assert_eq!(pool.padding, [0, 0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool<const DIMS: usize> {
    /// The extents of a window.
    pub kernel_size: [usize; DIMS],
    /// The step from one window to the next: the window's extents if none is given.
    pub stride: Option<[usize; DIMS]>,
    /// Positions around the input that a window may cover, at most half of it; they are never the largest.
    pub padding: [usize; DIMS],
    /// The step from one element of a window to the next.
    pub dilation: [usize; DIMS],
    /// Whether windows may reach beyond the end of the padded input.
    pub ceil_mode: bool,
}

impl<const DIMS: usize> MaxPool<DIMS> {
    /// Windows of these extents, side by side.
    #[track_caller]
    pub fn new(kernel_size: [usize; DIMS]) -> Self {
        MaxPool { kernel_size, stride: None, padding: [0; DIMS], dilation: [1; DIMS], ceil_mode: false }
    }
}

/// y = one element of each window of a plane        adjoint: each is added where it was taken from
#[derive(Clone)]
struct Pick {
    windows: Arc<Windows>,
    positions: Arc<Positions>,
    from: Shape,
}

impl Debug for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the largest of windows of {}", self.from)
    }
}

impl Pick {
    fn to(&self) -> Shape {
        with_plane(&self.from, [self.windows.rows.len(), self.windows.columns.len()])
    }
}

impl<T: Float> LinearMap<T> for Pick {
    const NAME: &'static str = "max_pool";
    const ADJOINT: &'static str = "max_pool_put_back";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        let dense = x.dense();
        let values = dense.as_slice().expect("dense");
        Tensor::build(self.to(), |out| self.windows.pick(values, &self.positions, out))
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        let dense = y.dense();
        let grads = dense.as_slice().expect("dense");
        Tensor::build(self.from.clone(), |out| self.windows.put_back(grads, &self.positions, out))
    }
}

/// The windows of a pool, one beside the other.
fn windows_of(pool: &Pool) -> Windows {
    let along = |dim: usize| {
        let extent = pool.window[dim];
        let window = |index: usize| Window { first: index * extent, count: extent, step: 1, padded: extent };
        (0..pool.to()[dim]).map(window).collect()
    };
    Windows { rows: along(0), columns: along(1), from: pool.from }
}

/// Gradients of the largest elements of windows, as planes: each where its element was, zero elsewhere.
#[track_caller]
pub(in crate::ops) fn put_back<T: Float>(grad: &Tensor<T>, pool: &Pool, winners: &[u8]) -> Tensor<T> {
    let windows = windows_of(pool);
    let plane = windows.result();
    let positions = winners.iter().enumerate().map(|(index, &winner)| pool.position(index % plane, winner) as u32);
    let positions = Arc::new(Positions::new(winners.len(), positions));
    let from = with_plane(grad.shape(), pool.from);
    Pick { windows: Arc::new(windows), positions, from }.adjoint_of(grad)
}

/// # Pools: the largest element of each window
impl<T: Float> Tensor<T> {
    /// The largest element of each window of signals `[N, C, L]` or `[C, L]`. The gradient goes to that element, the
    /// first of ties.
    ///
    /// As
    /// [`torch.nn.functional.max_pool1d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool1d.html).
    ///
    /// ```
    /// use autograd::{MaxPool, Tensor};
    /// let x = Tensor::from_vec(vec![1.0, 3.0, 2.0, 5.0], [1, 4]);
    /// assert_eq!(x.max_pool1d(&MaxPool::new([2])).to_vec(), [3.0, 5.0]);
    /// ```
    ///
    /// # Panics
    /// As [`max_pool2d`](Tensor::max_pool2d).
    #[inline(never)]
    #[track_caller]
    pub fn max_pool1d(&self, options: &MaxPool<1>) -> Tensor<T> {
        pooled("max_pool1d", &as_planes::<T, 1>("max_pool1d", self), options).0.squeeze(-2)
    }

    /// [`max_pool1d`](Tensor::max_pool1d), and the position of each of these elements along the last dimension.
    ///    dx = dy at those elements, else 0
    ///
    /// # Panics
    /// As [`max_pool2d`](Tensor::max_pool2d).
    #[inline(never)]
    #[track_caller]
    pub fn max_pool1d_with_indices(&self, options: &MaxPool<1>) -> (Tensor<T>, Indices) {
        let (largest, positions) = pooled("max_pool1d", &as_planes::<T, 1>("max_pool1d", self), options);
        let largest = largest.squeeze(-2);
        let positions = indices(&positions, largest.shape());
        (largest, positions)
    }

    /// The largest element of each window of images `[N, C, H, W]` or `[C, H, W]`. The gradient goes to that element,
    /// the first of ties.
    ///
    /// As
    /// [`torch.nn.functional.max_pool2d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool2d.html).
    /// A NaN counts as largest.
    ///
    /// ```
    /// use autograd::{MaxPool, Tensor};
    /// let x = Tensor::arange(0.0, 16.0, 1.0).reshape([1, 4, 4]);
    /// assert_eq!(x.max_pool2d(&MaxPool::new([2, 2])).to_vec(), [5.0, 7.0, 13.0, 15.0]);
    /// ```
    ///
    /// # Panics
    /// If the input has another number of dimensions, a window, stride or dilation is 0, a padding is more than half
    /// of a window, or a window meets no
    /// element.
    #[inline(never)]
    #[track_caller]
    pub fn max_pool2d(&self, options: &MaxPool<2>) -> Tensor<T> {
        pooled("max_pool2d", &as_planes::<T, 2>("max_pool2d", self), options).0
    }

    /// [`max_pool2d`](Tensor::max_pool2d), and the position of each of these elements in its plane, counted row by row.
    ///    dx = dy at those elements, else 0
    ///
    /// # Panics
    /// As [`max_pool2d`](Tensor::max_pool2d).
    #[inline(never)]
    #[track_caller]
    pub fn max_pool2d_with_indices(&self, options: &MaxPool<2>) -> (Tensor<T>, Indices) {
        let (largest, positions) = pooled("max_pool2d", &as_planes::<T, 2>("max_pool2d", self), options);
        let positions = indices(&positions, largest.shape());
        (largest, positions)
    }
}

#[track_caller]
fn pooled<T: Float, const DIMS: usize>(
    op: &str,
    x: &Tensor<T>,
    options: &MaxPool<DIMS>,
) -> (Tensor<T>, Arc<Positions>) {
    let from = plane(x.shape());
    let (kernel, stride) = (both(1, options.kernel_size), both(1, options.stride.unwrap_or(options.kernel_size)));
    let (padding, dilation) = (both(0, options.padding), both(1, options.dilation));
    let sliding = |dim: usize| {
        let (kernel, stride, padding) = (kernel[dim], stride[dim], padding[dim]);
        Sliding { kernel, stride, padding, dilation: dilation[dim], ceil_mode: options.ceil_mode }
    };
    let given = given::<DIMS>(x.shape());
    let (rows, columns) = (sliding(0).windows(op, from[0], &given), sliding(1).windows(op, from[1], &given));
    let windows = Windows { rows, columns, from };
    let to = with_plane(x.shape(), [windows.rows.len(), windows.columns.len()]);
    let dense = x.dense();
    let mut positions = None;
    let y = Tensor::build_for(op, to, |out| {
        positions = Some(windows.largest(dense.as_slice().expect("dense"), out));
    });
    let positions = Arc::new(positions.expect("written with the elements"));
    let pick = || Pick { windows: Arc::new(windows), positions: Arc::clone(&positions), from: x.shape().clone() };
    (Pick::record(pick, x, y), positions)
}

fn indices(positions: &Positions, shape: &Shape) -> Indices {
    Indices::new(positions.as_slice().iter().map(|&position| i64::from(position)).collect::<Vec<_>>(), shape)
}

instances!(max_pool1d max_pool1d_with_indices max_pool2d max_pool2d_with_indices);

#[cfg(test)]
mod tests {
    use crate::{MaxPool, Tensor};

    fn overlapping() -> MaxPool<2> {
        MaxPool { stride: Some([2, 1]), padding: [1, 0], dilation: [1, 2], ceil_mode: true, ..MaxPool::new([3, 2]) }
    }

    gradients!(max_pool1d: |x| (x * x * x).max_pool1d(&MaxPool::new([2])), [2, 3, 5]; fixed);
    gradients!(max_pool1d_with_indices: |x| (x * x * x).max_pool1d_with_indices(&MaxPool::new([2])).0, [3, 4]; fixed);
    gradients!(max_pool2d: |x| (x * x * x).max_pool2d(&MaxPool::new([2, 2])), [1, 2, 4, 3]; fixed);
    gradients!(max_pool2d_with_indices: |x| (x * x * x).max_pool2d_with_indices(&overlapping()).0, [1, 5, 4]; fixed);

    #[test]
    fn of_ties_the_first_is_taken_and_of_nan_the_last_as_in_pytorch() {
        let nan = f32::NAN;
        let x = Tensor::from_vec(vec![2.0, 2.0, nan, nan, f32::NEG_INFINITY, f32::NEG_INFINITY], [1, 6]);
        let (y, indices) = x.max_pool1d_with_indices(&MaxPool::new([2]));
        assert_eq!(indices.as_slice(), [0, 3, 4]);
        assert!(y.to_vec()[0] == 2.0 && y.to_vec()[1].is_nan() && y.to_vec()[2] == f32::NEG_INFINITY);
    }

    #[test]
    fn a_window_may_reach_beyond_the_end() {
        let x = Tensor::arange(0.0_f32, 5.0, 1.0).reshape([1, 5]);
        let pool = MaxPool { ceil_mode: true, ..MaxPool::new([2]) };
        assert_eq!(x.max_pool1d(&pool).to_vec(), [1.0, 3.0, 4.0]);
        assert_eq!(x.max_pool1d(&MaxPool::new([2])).to_vec(), [1.0, 3.0]);
        let pool = MaxPool { stride: Some([2]), padding: [1], ceil_mode: true, ..MaxPool::new([3]) };
        assert_eq!(x.max_pool1d(&pool).to_vec(), [1.0, 3.0, 4.0]);
    }

    #[test]
    fn no_images_have_no_windows() {
        assert_eq!(*Tensor::<f32>::zeros([0, 2, 4, 4]).max_pool2d(&MaxPool::new([2, 2])).shape(), [0, 2, 2, 2]);
    }

    #[test]
    #[should_panic(expected = "max_pool2d: a padding of 2: wanted at most half of the window, which spans 3")]
    fn a_padding_is_at_most_half_of_the_window() {
        Tensor::<f32>::zeros([1, 4, 4]).max_pool2d(&MaxPool { padding: [2, 1], ..MaxPool::new([3, 3]) });
    }

    #[test]
    #[should_panic(
        expected = "max_pool1d: a window that spans 5 does not fit 4 elements with a padding of 0: shape [1, 4]"
    )]
    fn a_window_fits_the_input() {
        Tensor::<f32>::zeros([1, 4]).max_pool1d(&MaxPool::new([5]));
    }
}
