//! Transposed convolutions.

use autograd::{Float, Param, Seed, Tensor, TransposedConvolution};

use crate::conv::{printed_more, printed_settings, weight_shape};
use crate::extents::PerDimension;
use crate::init::{kaiming_uniform, uniform_for_fan_in};
use crate::layer::Layer;
use crate::mode::Mode;
use crate::tree::python_tuple;

macro_rules! transposed_convolutions {
    ($(
        $(#[$example:meta])+
        $name:ident, $dims:literal, $operation:ident, $input:literal, $output:literal, $weight:literal;
    )+) => {$(
        #[doc = concat!("Transposed convolution of ", $input, ", with outputs ", $output, ".")]
        ///
        #[doc = concat!("The weight is ", $weight, ", the bias `[out]`; both start uniform in ±1/√n, where n is the")]
        /// number of elements in the weight of one input channel. Layout, names and start are those of
        #[doc = concat!(
            "[`torch.nn.", stringify!($name), "`](https://docs.pytorch.org/docs/stable/generated/torch.nn.",
            stringify!($name), ".html); the operation is"
        )]
        #[doc = concat!("[`Tensor::", stringify!($operation), "`].")]
        ///
        /// ```
        $(#[$example])+
        /// ```
        #[derive(Clone, Debug)]
        pub struct $name<T: Float = f32> {
            #[doc = concat!("The weight, ", $weight, ".")]
            pub weight: Param<T>,
            /// The bias, `[out]`.
            pub bias: Option<Param<T>>,
            options: TransposedConvolution<$dims>,
        }

        impl<T: Float> $name<T> {
            /// A layer with a bias; the methods below change the other settings.
            ///
            /// # Panics
            /// If the weight has more elements than any memory holds.
            #[track_caller]
            pub fn new(
                in_channels: usize,
                out_channels: usize,
                kernel_size: impl PerDimension<$dims>,
                seed: impl Seed,
            ) -> Self {
                $name::grouped(in_channels, out_channels, kernel_size, 1, seed)
            }

            /// A layer whose input and output channels are divided into `groups` parts.
            ///
            /// # Panics
            /// If the channels are not multiples of the groups, or the weight has more elements than any memory holds.
            #[track_caller]
            pub fn grouped(
                in_channels: usize,
                out_channels: usize,
                kernel_size: impl PerDimension<$dims>,
                groups: usize,
                seed: impl Seed,
            ) -> Self {
                let channels = [in_channels, out_channels];
                let shape = weight_shape(stringify!($name), channels, groups, &kernel_size.each());
                // PyTorch counts the second extent as the inputs, for transposed convolutions too.
                let fan_in = shape[1..].iter().product();
                seed.draw(|random| $name {
                    weight: Param::new(kaiming_uniform(shape, 5.0_f64.sqrt(), &mut *random)),
                    bias: Some(Param::new(uniform_for_fan_in([out_channels], fan_in, random))),
                    options: TransposedConvolution { groups, ..TransposedConvolution::default() },
                })
            }

            /// Without the bias.
            pub fn without_bias(self) -> Self {
                $name { bias: None, ..self }
            }

            /// The step from one window of the output to the next; 1 by default.
            pub fn stride(mut self, stride: impl PerDimension<$dims>) -> Self {
                self.options.stride = stride.each();
                self
            }

            /// Elements that are cut off on both sides of the output; none by default.
            pub fn padding(mut self, padding: impl PerDimension<$dims>) -> Self {
                self.options.padding = padding.each();
                self
            }

            /// Elements more at the end of the output; none by default.
            pub fn output_padding(mut self, output_padding: impl PerDimension<$dims>) -> Self {
                self.options.output_padding = output_padding.each();
                self
            }

            /// The step from one element of a window to the next; 1 by default.
            pub fn dilation(mut self, dilation: impl PerDimension<$dims>) -> Self {
                self.options.dilation = dilation.each();
                self
            }
        }

        crate::module!($name<T> { weight, bias }, |layer| {
            let weight = layer.weight.tensor();
            let TransposedConvolution { stride, padding, output_padding, dilation, groups } = layer.options;
            let padding = if padding == [0; $dims] { String::new() } else { python_tuple(&padding) };
            let more = printed_more(&dilation, &output_padding, groups, layer.bias.is_some());
            let extents = [python_tuple(&weight.shape()[2..]), python_tuple(&stride), padding];
            printed_settings([weight.size(0), weight.size(1) * groups], extents, &more)
        });

        impl<T: Float> Layer<T> for $name<T> {
            /// # Panics
            /// If the input does not have the layer's channels.
            #[track_caller]
            fn forward(&self, x: &Tensor<T>, _: Mode<'_>) -> Tensor<T> {
                let bias = self.bias.as_ref().map(Param::tensor);
                x.$operation(&self.weight.tensor(), bias.as_ref(), &self.options)
            }
        }
    )+};
}

transposed_convolutions! {
    /// use autograd::Tensor;
    /// use nn::{ConvTranspose1d, Layer, Mode};
    /// let layer = ConvTranspose1d::new(4, 8, 2, 0).stride(2);
    /// assert_eq!(*layer.forward(&Tensor::<f32>::zeros([2, 4, 5]), Mode::Eval).shape(), [2, 8, 10]);
    ConvTranspose1d, 1, conv_transpose1d, "signals `[N, in, L]` or `[in, L]`", "`[N, out, L']`",
        "`[in, out / groups, K]`";
    /// use autograd::Tensor;
    /// use nn::{ConvTranspose2d, Layer, Mode};
    /// let layer = ConvTranspose2d::new(4, 1, 3, 0).stride(2).padding(1).output_padding(1);
    /// assert_eq!(*layer.forward(&Tensor::<f32>::zeros([2, 4, 7, 7]), Mode::Eval).shape(), [2, 1, 14, 14]);
    ConvTranspose2d, 2, conv_transpose2d, "images `[N, in, H, W]` or `[in, H, W]`", "`[N, out, H', W']`",
        "`[in, out / groups, KH, KW]`";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_printed_as_pytorch_prints_them() {
        let layer: ConvTranspose2d = ConvTranspose2d::grouped(4, 6, [3, 2], 2, 0).stride(2).output_padding(1);
        let wanted = "ConvTranspose2d(4, 6, kernel_size=(3, 2), stride=(2, 2), output_padding=(1, 1), groups=2)";
        assert_eq!(layer.to_string(), wanted);
    }
}
