//! Pooling: windows of a signal or an image, each made one value.

use autograd::{AvgPool, MaxPool};

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

#[cfg(test)]
mod tests {
    use autograd::Tensor;

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
    }
}
