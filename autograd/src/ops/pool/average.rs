//! The mean of each window.

use super::{Sliding, as_planes, both, given, plane, with_plane};
use crate::error::argument_error;
use crate::float::Float;
use crate::kernels::windows::{Window, Windows};
use crate::ops::linear_map::LinearMap;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The options of [`Tensor::avg_pool1d`] and [`Tensor::avg_pool2d`], with PyTorch's names and defaults; one value for
/// each dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvgPool<const DIMS: usize> {
    /// The extents of a window.
    pub kernel_size: [usize; DIMS],
    /// The step from one window to the next: the window's extents if none is given.
    pub stride: Option<[usize; DIMS]>,
    /// Zeros around the input, at most half of a window.
    pub padding: [usize; DIMS],
    /// Whether windows may reach beyond the end of the padded input.
    pub ceil_mode: bool,
    /// Whether the zeros around the input count as elements of a window.
    pub count_include_pad: bool,
    /// What the sum of a window is divided by, if not by the number of its elements.
    pub divisor_override: Option<usize>,
}

impl<const DIMS: usize> AvgPool<DIMS> {
    /// Windows of these extents, side by side.
    #[track_caller]
    pub fn new(kernel_size: [usize; DIMS]) -> Self {
        AvgPool {
            kernel_size,
            stride: None,
            padding: [0; DIMS],
            ceil_mode: false,
            count_include_pad: true,
            divisor_override: None,
        }
    }
}

/// What the sum of a window is divided by.
#[derive(Clone, Copy, Debug)]
enum Divisor {
    /// The number of its elements.
    Elements,
    /// That with the zeros around the input.
    Padded,
    Given(usize),
}

impl Divisor {
    fn of<T: Float>(self, row: Window, column: Window) -> T {
        T::from_usize(match self {
            Divisor::Elements => row.count * column.count,
            Divisor::Padded => row.padded * column.padded,
            Divisor::Given(divisor) => divisor,
        })
    }
}

/// y = the sum of each window of a plane, divided        adjoint: each element, divided, is added to all of its window
#[derive(Clone, Debug)]
struct Means {
    windows: Windows,
    divisor: Divisor,
    from: Shape,
}

impl<T: Float> LinearMap<T> for Means {
    const NAME: &'static str = "avg_pool";
    const ADJOINT: &'static str = "avg_pool_spread";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        let dense = x.dense();
        let values = dense.as_slice().expect("dense");
        let to = with_plane(&self.from, [self.windows.rows.len(), self.windows.columns.len()]);
        Tensor::build(to, |out| self.windows.means(values, |row, column| self.divisor.of(row, column), out))
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        let dense = y.dense();
        let grads = dense.as_slice().expect("dense");
        let divisor = |row, column| self.divisor.of(row, column);
        Tensor::build(self.from.clone(), |out| self.windows.spread(grads, divisor, out))
    }
}

/// # Pools: the mean of each window
impl<T: Float> Tensor<T> {
    /// The mean of each window of signals `[N, C, L]` or `[C, L]`. Its gradient is shared by the window's elements.
    ///
    /// As
    /// [`torch.nn.functional.avg_pool1d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool1d.html).
    ///
    /// ```
    /// use autograd::{AvgPool, Tensor};
    /// let x = Tensor::from_vec(vec![1.0, 3.0, 2.0, 6.0], [1, 4]);
    /// assert_eq!(x.avg_pool1d(&AvgPool::new([2])).to_vec(), [2.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// As [`avg_pool2d`](Tensor::avg_pool2d).
    #[inline(never)]
    #[track_caller]
    pub fn avg_pool1d(&self, options: &AvgPool<1>) -> Tensor<T> {
        pooled("avg_pool1d", &as_planes::<T, 1>("avg_pool1d", self), options).squeeze(-2)
    }

    /// The mean of each window of images `[N, C, H, W]` or `[C, H, W]`. Its gradient is shared by the window's
    /// elements.
    ///
    /// As
    /// [`torch.nn.functional.avg_pool2d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool2d.html).
    ///
    /// ```
    /// use autograd::{AvgPool, Tensor};
    /// let x: Tensor = Tensor::ones([1, 2, 2]);
    /// let pool = AvgPool { padding: [1, 1], ..AvgPool::new([2, 2]) };
    /// assert_eq!(x.avg_pool2d(&pool).to_vec(), [0.25; 4]);
    /// assert_eq!(x.avg_pool2d(&AvgPool { count_include_pad: false, ..pool }).to_vec(), [1.0; 4]);
    /// ```
    ///
    /// # Panics
    /// If the input has another number of dimensions, a window, stride or divisor is 0, a padding is more than half
    /// of a window, or a window meets no
    /// element.
    #[inline(never)]
    #[track_caller]
    pub fn avg_pool2d(&self, options: &AvgPool<2>) -> Tensor<T> {
        pooled("avg_pool2d", &as_planes::<T, 2>("avg_pool2d", self), options)
    }

    /// The means of `output_size` windows of about equal length that cover signals `[N, C, L]` or `[C, L]`.
    ///    dx = dy / n of each window
    ///
    /// Window i begins at ⌊i L / `output_size`⌋ and ends before ⌈(i + 1) L / `output_size`⌉. As
    /// [`torch.nn.functional.adaptive_avg_pool1d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool1d.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 6.0], [1, 3]);
    /// assert_eq!(x.adaptive_avg_pool1d(2).to_vec(), [1.5, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If the input has another number of dimensions or no elements along the last one.
    #[inline(never)]
    #[track_caller]
    pub fn adaptive_avg_pool1d(&self, output_size: usize) -> Tensor<T> {
        let op = "adaptive_avg_pool1d";
        adapted(op, &as_planes::<T, 1>(op, self), [1, output_size]).squeeze(-2)
    }

    /// The means of windows of about equal extents that cover images `[N, C, H, W]` or `[C, H, W]`, `output_size` of
    /// them along each dimension: see
    /// [`adaptive_avg_pool1d`](Tensor::adaptive_avg_pool1d).        dx = dy / n of each window
    ///
    /// As
    /// [`torch.nn.functional.adaptive_avg_pool2d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool2d.html).
    ///
    /// # Panics
    /// If the input has another number of dimensions or no elements along the last two.
    #[inline(never)]
    #[track_caller]
    pub fn adaptive_avg_pool2d(&self, output_size: [usize; 2]) -> Tensor<T> {
        let op = "adaptive_avg_pool2d";
        adapted(op, &as_planes::<T, 2>(op, self), output_size)
    }
}

#[track_caller]
fn pooled<T: Float, const DIMS: usize>(op: &str, x: &Tensor<T>, options: &AvgPool<DIMS>) -> Tensor<T> {
    let from = plane(x.shape());
    let (kernel, stride) = (both(1, options.kernel_size), both(1, options.stride.unwrap_or(options.kernel_size)));
    let padding = both(0, options.padding);
    let sliding = |dim: usize| {
        let (kernel, stride, padding) = (kernel[dim], stride[dim], padding[dim]);
        Sliding { kernel, stride, padding, dilation: 1, ceil_mode: options.ceil_mode }
    };
    let given = given::<DIMS>(x.shape());
    let (rows, columns) = (sliding(0).windows(op, from[0], &given), sliding(1).windows(op, from[1], &given));
    let divisor = match options.divisor_override {
        Some(0) => argument_error(op, "a divisor of 0: wanted another number"),
        Some(divisor) => Divisor::Given(divisor),
        None if options.count_include_pad => Divisor::Padded,
        None => Divisor::Elements,
    };
    Means { windows: Windows { rows, columns, from }, divisor, from: x.shape().clone() }.of(x)
}

#[track_caller]
fn adapted<T: Float>(op: &str, x: &Tensor<T>, output_size: [usize; 2]) -> Tensor<T> {
    let from = plane(x.shape());
    if from.contains(&0) {
        argument_error(op, format_args!("the input has no elements to take the mean of: a plane is {from:?}"));
    }
    let windows = adapted_windows(from, output_size);
    Means { windows, divisor: Divisor::Elements, from: x.shape().clone() }.of(x)
}

/// Windows that cover a plane, as many as the output has elements.
fn adapted_windows(from: [usize; 2], output_size: [usize; 2]) -> Windows {
    let along = |dim: usize| {
        let (extent, count) = (from[dim], output_size[dim]);
        let window = |index: usize| {
            let (first, end) = (index * extent / count, ((index + 1) * extent).div_ceil(count));
            Window { first, count: end - first, step: 1, padded: end - first }
        };
        (0..count).map(window).collect()
    };
    Windows { rows: along(0), columns: along(1), from }
}

instances!(avg_pool1d avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d);

#[cfg(test)]
mod tests {
    use crate::{AvgPool, Tensor};

    fn overlapping(count_include_pad: bool) -> AvgPool<2> {
        let pool = AvgPool { stride: Some([2, 1]), padding: [1, 1], ceil_mode: true, ..AvgPool::new([3, 2]) };
        AvgPool { count_include_pad, ..pool }
    }

    gradients!(
        avg_pool1d: |x| (x * x).avg_pool1d(&AvgPool { divisor_override: Some(3), ..AvgPool::new([2]) }),
        [2, 3, 5]; fixed
    );
    gradients!(avg_pool2d: |x| (x * x).avg_pool2d(&overlapping(true)), [1, 2, 4, 3]; fixed);
    gradients!(avg_pool2d_without_padding: |x| (x * x).avg_pool2d(&overlapping(false)), [2, 4, 3]; fixed);
    gradients!(adaptive_avg_pool1d: |x| (x * x).adaptive_avg_pool1d(3), [2, 3, 5]; fixed);
    gradients!(adaptive_avg_pool2d: |x| (x * x).adaptive_avg_pool2d([2, 4]), [2, 3, 5]; fixed);

    #[test]
    fn windows_beyond_the_padding_count_only_what_they_cover() {
        let x = Tensor::<f64>::ones([1, 4]);
        let pool = AvgPool { stride: Some([2]), padding: [1], ceil_mode: true, ..AvgPool::new([3]) };
        // The third window covers the last element and the padding after it.
        let y = x.avg_pool1d(&pool).to_vec();
        assert_eq!(y, [2.0 / 3.0, 1.0, 0.5]);
        assert_eq!(x.avg_pool1d(&AvgPool { count_include_pad: false, ..pool }).to_vec(), [1.0; 3]);
    }

    #[test]
    fn the_mean_of_a_large_plane_is_accurate() {
        let x = Tensor::full([1, 1000, 1000], 0.1_f32);
        assert!((x.adaptive_avg_pool2d([1, 1]).item() / 0.1 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn no_windows_and_no_images_are_nothing() {
        let x = Tensor::<f32>::ones([2, 3, 4]).requires_grad();
        let y = x.adaptive_avg_pool1d(0);
        assert_eq!(*y.shape(), [2, 3, 0]);
        assert_eq!(y.sum().backward().get(&x).unwrap().to_vec(), [0.0; 24]);
        assert_eq!(*Tensor::<f32>::zeros([0, 2, 4, 4]).avg_pool2d(&AvgPool::new([2, 2])).shape(), [0, 2, 2, 2]);
    }
}
