//! Pooling: windows of a signal or an image, each made one value.

use std::ops::Range;

use autograd::{AvgPool, Float, Indices, MaxPool, Tensor};

use crate::extents::{PerDimension, shortened};
use crate::stateless::stateless;
use crate::tree::{python_bool, python_tuple};

macro_rules! pools {
    ($(
        $name:ident, $dims:literal, $kind:ident, $operation:ident, $what:literal,
        { $($(#[$doc:meta])+ $setting:ident: $type:ty, $value:ident => $stored:expr;)+ },
        |$options:ident| $printed:expr;
    )+) => {$(
        #[doc = concat!($what, ". As")]
        #[doc = concat!(
            "[`torch.nn.", stringify!($name), "`](https://docs.pytorch.org/docs/stable/generated/torch.nn.",
            stringify!($name), ".html); see"
        )]
        #[doc = concat!("[`Tensor::", stringify!($operation), "`](autograd::Tensor::", stringify!($operation), ").")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name {
            pub(crate) options: $kind<$dims>,
        }

        impl $name {
            /// Windows of these extents, side by side; the methods below change that.
            pub fn new(kernel_size: impl PerDimension<$dims>) -> Self {
                $name { options: $kind::new(kernel_size.each()) }
            }

            $(
                $(#[$doc])+
                pub fn $setting(mut self, $value: $type) -> Self {
                    self.options.$setting = $stored;
                    self
                }
            )+
        }

        stateless!(
            $name,
            |layer| {
                let $options = &layer.options;
                $printed
            },
            |layer, x, _| x.$operation(&layer.options)
        );
    )+};
}

/// The extents, steps and margins of windows as PyTorch prints them.
fn printed<const DIMS: usize>(
    kernel: [usize; DIMS],
    stride: Option<[usize; DIMS]>,
    padding: [usize; DIMS],
    show: fn(&[usize]) -> String,
) -> String {
    let stride = stride.unwrap_or(kernel);
    format!("kernel_size={}, stride={}, padding={}", show(&kernel), show(&stride), show(&padding))
}

fn printed_max<const DIMS: usize>(pool: &MaxPool<DIMS>) -> String {
    let windows = printed(pool.kernel_size, pool.stride, pool.padding, shortened);
    format!("{windows}, dilation={}, ceil_mode={}", shortened(&pool.dilation), python_bool(pool.ceil_mode))
}

pools! {
    MaxPool1d, 1, MaxPool, max_pool1d, "The largest element of each window of signals `[N, C, L]` or `[C, L]`", {
        /// The step from one window to the next; the window's extent by default.
        stride: impl PerDimension<1>, stride => Some(stride.each());
        /// Positions around the input that a window may cover; none by default.
        padding: impl PerDimension<1>, padding => padding.each();
        /// The step from one element of a window to the next; 1 by default.
        dilation: impl PerDimension<1>, dilation => dilation.each();
        /// Whether windows may reach beyond the end of the padded input; not by default.
        ceil_mode: bool, is_on => is_on;
    }, |options| printed_max(options);
    MaxPool2d, 2, MaxPool, max_pool2d, "The largest element of each window of images `[N, C, H, W]` or `[C, H, W]`", {
        /// The step from one window to the next; the window's extents by default.
        stride: impl PerDimension<2>, stride => Some(stride.each());
        /// Positions around the input that a window may cover; none by default.
        padding: impl PerDimension<2>, padding => padding.each();
        /// The step from one element of a window to the next; 1 by default.
        dilation: impl PerDimension<2>, dilation => dilation.each();
        /// Whether windows may reach beyond the end of the padded input; not by default.
        ceil_mode: bool, is_on => is_on;
    }, |options| printed_max(options);
    AvgPool1d, 1, AvgPool, avg_pool1d, "The mean of each window of signals `[N, C, L]` or `[C, L]`", {
        /// The step from one window to the next; the window's extent by default.
        stride: impl PerDimension<1>, stride => Some(stride.each());
        /// Zeros around the input; none by default.
        padding: impl PerDimension<1>, padding => padding.each();
        /// Whether windows may reach beyond the end of the padded input; not by default.
        ceil_mode: bool, is_on => is_on;
        /// Whether the zeros around the input count as elements; they do by default.
        count_include_pad: bool, is_on => is_on;
    }, |options| printed(options.kernel_size, options.stride, options.padding, python_tuple);
    AvgPool2d, 2, AvgPool, avg_pool2d, "The mean of each window of images `[N, C, H, W]` or `[C, H, W]`", {
        /// The step from one window to the next; the window's extents by default.
        stride: impl PerDimension<2>, stride => Some(stride.each());
        /// Zeros around the input; none by default.
        padding: impl PerDimension<2>, padding => padding.each();
        /// Whether windows may reach beyond the end of the padded input; not by default.
        ceil_mode: bool, is_on => is_on;
        /// Whether the zeros around the input count as elements; they do by default.
        count_include_pad: bool, is_on => is_on;
        /// What the sum of a window is divided by, if not by the number of its elements.
        divisor_override: usize, divisor => Some(divisor);
    }, |options| printed(options.kernel_size, options.stride, options.padding, shortened);
}

/// The means of as many windows as there are to be outputs, of signals `[N, C, L]` or `[C, L]`. As
/// [`torch.nn.AdaptiveAvgPool1d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool1d.html); see
/// [`Tensor::adaptive_avg_pool1d`](autograd::Tensor::adaptive_avg_pool1d).
#[derive(Clone, Copy, Debug)]
pub struct AdaptiveAvgPool1d {
    output_size: usize,
}

impl AdaptiveAvgPool1d {
    /// So many outputs.
    pub fn new(output_size: usize) -> Self {
        AdaptiveAvgPool1d { output_size }
    }
}

stateless!(AdaptiveAvgPool1d, |layer| format!("output_size={}", layer.output_size), |layer, x, _| x
    .adaptive_avg_pool1d(layer.output_size));

/// The means of as many windows as there are to be outputs, of images `[N, C, H, W]` or `[C, H, W]`. As
/// [`torch.nn.AdaptiveAvgPool2d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html); see
/// [`Tensor::adaptive_avg_pool2d`](autograd::Tensor::adaptive_avg_pool2d).
///
/// ```
/// use autograd::Tensor;
/// use nn::{AdaptiveAvgPool2d, Layer, Mode};
/// let y = AdaptiveAvgPool2d::new([1, 2]).forward(&Tensor::<f32>::ones([2, 3, 5, 7]), Mode::Eval);
/// assert_eq!(*y.shape(), [2, 3, 1, 2]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AdaptiveAvgPool2d {
    output_size: [usize; 2],
}

impl AdaptiveAvgPool2d {
    /// So many outputs in each dimension.
    pub fn new(output_size: impl PerDimension<2>) -> Self {
        AdaptiveAvgPool2d { output_size: output_size.each() }
    }
}

stateless!(AdaptiveAvgPool2d, |layer| format!("output_size={}", shortened(&layer.output_size)), |layer, x, _| x
    .adaptive_avg_pool2d(layer.output_size));

/// The largest element of each of `output_size` windows of about equal extents that cover signals `[N, C, L]` or
/// `[C, L]`. As
/// [`torch.nn.AdaptiveMaxPool1d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool1d.html).
///
/// ```
/// use autograd::Tensor;
/// use nn::{AdaptiveMaxPool1d, Layer, Mode};
/// let x = Tensor::from_vec(vec![1.0, 4.0, 2.0, 3.0, 0.0], [1, 5]);
/// assert_eq!(AdaptiveMaxPool1d::new(2).forward(&x, Mode::Eval).to_vec(), [4.0, 3.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AdaptiveMaxPool1d {
    output_size: usize,
}

impl AdaptiveMaxPool1d {
    /// So many outputs.
    pub fn new(output_size: usize) -> Self {
        AdaptiveMaxPool1d { output_size }
    }
}

stateless!(AdaptiveMaxPool1d, |layer| format!("output_size={}", layer.output_size), |layer, x, _| {
    let shape = x.shape();
    let fits = (2..=3).contains(&x.rank()) && x.size(-1) > 0;
    assert!(fits, "AdaptiveMaxPool1d: the input has shape {shape}: wanted [N, C, L] or [C, L], with elements");
    largest(&x.unsqueeze(-2), [1, layer.output_size]).squeeze(-2)
});

/// The largest element of each of `output_size` windows of about equal extents that cover images `[N, C, H, W]` or
/// `[C, H, W]`. As
/// [`torch.nn.AdaptiveMaxPool2d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool2d.html).
#[derive(Clone, Copy, Debug)]
pub struct AdaptiveMaxPool2d {
    output_size: [usize; 2],
}

impl AdaptiveMaxPool2d {
    /// So many outputs along each dimension.
    pub fn new(output_size: impl PerDimension<2>) -> Self {
        AdaptiveMaxPool2d { output_size: output_size.each() }
    }
}

stateless!(AdaptiveMaxPool2d, |layer| format!("output_size={}", shortened(&layer.output_size)), |layer, x, _| {
    let shape = x.shape();
    let fits = (3..=4).contains(&x.rank()) && x.size(-1) > 0 && x.size(-2) > 0;
    assert!(fits, "AdaptiveMaxPool2d: the input has shape {shape}: wanted [N, C, H, W] or [C, H, W], with elements");
    largest(x, layer.output_size)
});

/// The largest elements of as many windows along each of the last two dimensions: chosen by their positions, so that
/// the gradient goes where they come from. Of equal ones it is the first, of NaNs too.
#[track_caller]
fn largest<T: Float>(x: &Tensor<T>, output_size: [usize; 2]) -> Tensor<T> {
    let (rows, columns) = (x.size(-2), x.size(-1));
    let (of_rows, of_columns) = (windows(rows, output_size[0]), windows(columns, output_size[1]));
    let mut positions = Vec::new();
    for plane in x.to_vec().chunks(rows * columns) {
        for window_rows in &of_rows {
            for window_columns in &of_columns {
                let inside = window_rows.clone().flat_map(|row| window_columns.clone().map(move |c| row * columns + c));
                let is_larger = |value: T, best: T| value > best || (is_nan(value) && !is_nan(best));
                let first = inside.reduce(|best, here| if is_larger(plane[here], plane[best]) { here } else { best });
                positions.push(first.expect("a window has elements") as i64);
            }
        }
    }
    let planes = &x.shape()[..x.rank() - 2];
    let shape: Vec<usize> = planes.iter().copied().chain([output_size[0] * output_size[1]]).collect();
    let chosen = x.flatten(-2, -1).gather(-1, &Indices::new(positions, shape));
    chosen.reshape(planes.iter().chain(&output_size).copied().collect::<Vec<usize>>())
}

/// Windows of about equal extents that cover `extent` elements: window i of n begins at ⌊i · extent / n⌋ and ends
/// before ⌈(i + 1) · extent / n⌉.
fn windows(extent: usize, count: usize) -> Vec<Range<usize>> {
    (0..count).map(|index| index * extent / count..((index + 1) * extent).div_ceil(count)).collect()
}

fn is_nan<T: Float>(value: T) -> bool {
    value.to_f64().is_nan()
}

#[cfg(test)]
mod tests {
    use autograd::check::gradcheck;

    use super::*;
    use crate::{Layer, Mode};

    #[test]
    fn settings_reach_the_operation_and_are_printed_as_pytorch_prints_them() {
        let x: Tensor = Tensor::randn([1, 2, 7, 7], 0);
        let layer = MaxPool2d::new(3).stride(2).padding(1).ceil_mode(true);
        let options = MaxPool { stride: Some([2, 2]), padding: [1, 1], ceil_mode: true, ..MaxPool::new([3, 3]) };
        assert_eq!(layer.forward(&x, Mode::Eval).to_vec(), x.max_pool2d(&options).to_vec());
        assert_eq!(layer.to_string(), "MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=True)");
        let layer = AvgPool2d::new([3, 2]).padding([1, 0]).count_include_pad(false);
        let options = AvgPool { padding: [1, 0], count_include_pad: false, ..AvgPool::new([3, 2]) };
        assert_eq!(layer.forward(&x, Mode::Eval).to_vec(), x.avg_pool2d(&options).to_vec());
        assert_eq!(layer.to_string(), "AvgPool2d(kernel_size=(3, 2), stride=(3, 2), padding=(1, 0))");
        assert_eq!(AvgPool1d::new(2).to_string(), "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))");
        assert_eq!(AdaptiveAvgPool2d::new(1).to_string(), "AdaptiveAvgPool2d(output_size=1)");
        assert_eq!(AdaptiveMaxPool2d::new([2, 3]).to_string(), "AdaptiveMaxPool2d(output_size=(2, 3))");
        assert_eq!(AdaptiveMaxPool1d::new(3).to_string(), "AdaptiveMaxPool1d(output_size=3)");
    }

    /// PyTorch's values and gradients, of windows that overlap and have their largest element more than once.
    #[test]
    fn the_largest_of_windows_of_about_equal_extents_are_those_of_pytorch() {
        let elements = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4].map(f64::from).to_vec();
        let x = Tensor::from_vec(elements, [1, 4, 5]).requires_grad();
        let layer = AdaptiveMaxPool2d::new([3, 2]);
        let y = layer.forward(&x, Mode::Eval);
        assert_eq!((y.to_vec(), y.shape()), (vec![9.0, 6.0, 9.0, 9.0, 9.0, 9.0], &[1, 3, 2].into()));
        let weights = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1, 3, 2]);
        let mut wanted = [0.0; 20];
        (wanted[5], wanted[7], wanted[12]) = (4.0, 2.0, 15.0);
        assert_eq!((y * weights).sum().backward().get(&x).unwrap().to_vec(), wanted);
        let nan = Tensor::from_vec(vec![1.0, f64::NAN, 2.0, 0.0, 0.0], [1, 5]).requires_grad();
        let y = AdaptiveMaxPool1d::new(3).forward(&nan, Mode::Eval);
        assert!(y.to_vec()[0].is_nan() && y.to_vec()[1].is_nan() && y.to_vec()[2] == 0.0);
        assert_eq!(y.sum().backward().get(&nan).unwrap().to_vec(), [0.0, 2.0, 0.0, 1.0, 0.0]);
        let batch = Tensor::<f64>::randn([2, 3, 7, 5], 0);
        gradcheck(|x| layer.forward(&x[0], Mode::Eval), std::slice::from_ref(&batch)).unwrap();
        let all = AdaptiveMaxPool2d::new(1).forward(&batch, Mode::Eval);
        assert_eq!(all.to_vec(), batch.flatten(2, 3).max_dim(2, false).0.to_vec());
    }

    #[test]
    #[should_panic(
        expected = "AdaptiveMaxPool2d: the input has shape [3, 0, 2]: wanted [N, C, H, W] or [C, H, W], with"
    )]
    fn a_plane_without_elements_has_no_largest_one() {
        AdaptiveMaxPool2d::new(1).forward(&Tensor::<f32>::zeros([3, 0, 2]), Mode::Eval);
    }
}
