//! Convolutions.

use autograd::{Convolution, Float, PadMode, Padding, Param, Seed, Shape, Tensor};

use crate::extents::PerDimension;
use crate::init::{kaiming_uniform, uniform_for_fan_in};
use crate::layer::Layer;
use crate::mode::Mode;
use crate::pool::MaxPool2d;
use crate::tree::python_tuple;

/// The extents of a weight; the product is checked, at the line of the layer's caller.
#[track_caller]
pub(crate) fn weight_shape(name: &str, channels: [usize; 2], groups: usize, kernel: &[usize]) -> Shape {
    let is_divided = groups > 0 && channels.iter().all(|&count| count.is_multiple_of(groups));
    assert!(is_divided, "{name}: {} and {} channels do not make {groups} groups", channels[0], channels[1]);
    let shape: Shape = [channels[0], channels[1] / groups].iter().chain(kernel).copied().collect();
    shape.numel();
    shape
}

/// What PyTorch prints of a convolution.
pub(crate) fn printed_settings(channels: [usize; 2], [kernel, stride, padding]: [String; 3], more: &str) -> String {
    let [inputs, outputs] = channels;
    let padding = if padding.is_empty() { padding } else { format!(", padding={padding}") };
    format!("{inputs}, {outputs}, kernel_size={kernel}, stride={stride}{padding}{more}")
}

/// Settings that PyTorch prints only where they are not the default.
pub(crate) fn printed_more(dilation: &[usize], output_padding: &[usize], groups: usize, has_bias: bool) -> String {
    let mut more = String::new();
    if dilation.iter().any(|&step| step != 1) {
        more += &format!(", dilation={}", python_tuple(dilation));
    }
    if output_padding.iter().any(|&extent| extent != 0) {
        more += &format!(", output_padding={}", python_tuple(output_padding));
    }
    if groups != 1 {
        more += &format!(", groups={groups}");
    }
    if !has_bias {
        more += ", bias=False";
    }
    more
}

macro_rules! convolutions {
    ($(
        $(#[$example:meta])+
        $name:ident, $dims:literal, $operation:ident, $input:literal, $output:literal, $weight:literal;
    )+) => {$(
        #[doc = concat!("Convolution of ", $input, ", with outputs ", $output, ".")]
        ///
        #[doc = concat!("The weight is ", $weight, ", the bias `[out]`; both start uniform in ±1/√n, where n is the")]
        /// number of elements that an output is made of. Layout, names and start are those of
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
            options: Convolution<$dims>,
            padding_mode: PadMode<T>,
        }

        impl<T: Float> $name<T> {
            /// A layer with a bias, with windows side by side and nothing around the input; the methods below change
            /// that.
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

            /// A layer whose channels and filters are divided into `groups` parts, each of which sees its own part of
            /// the channels.
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
                let channels = [out_channels, in_channels];
                let shape = weight_shape(stringify!($name), channels, groups, &kernel_size.each());
                let fan_in = shape[1..].iter().product();
                seed.draw(|random| $name {
                    // A negative slope of √5 makes the bound 1/√n: PyTorch's default.
                    weight: Param::new(kaiming_uniform(shape, 5.0_f64.sqrt(), &mut *random)),
                    bias: Some(Param::new(uniform_for_fan_in([out_channels], fan_in, random))),
                    options: Convolution { groups, ..Convolution::default() },
                    padding_mode: PadMode::Constant(T::ZERO),
                })
            }

            /// Without the bias.
            pub fn without_bias(self) -> Self {
                $name { bias: None, ..self }
            }

            /// The step from one window to the next; 1 by default.
            pub fn stride(mut self, stride: impl PerDimension<$dims>) -> Self {
                self.options.stride = stride.each();
                self
            }

            /// So many elements around the input on both sides of each dimension; none by default.
            pub fn padding(mut self, padding: impl PerDimension<$dims>) -> Self {
                self.options.padding = Padding::Zeros(padding.each());
                self
            }

            /// As many elements around the input as make the output as large as the input, where the stride is 1.
            pub fn padding_same(mut self) -> Self {
                self.options.padding = Padding::Same;
                self
            }

            /// What the elements around the input are; zeros by default.
            pub fn padding_mode(mut self, mode: PadMode<T>) -> Self {
                self.padding_mode = mode;
                self
            }

            /// The step from one element of a window to the next; 1 by default.
            pub fn dilation(mut self, dilation: impl PerDimension<$dims>) -> Self {
                self.options.dilation = dilation.each();
                self
            }
        }

        crate::module!($name<T> { weight, bias }, |layer| {
            let (weight, Convolution { stride, padding, dilation, groups }) = (layer.weight.tensor(), layer.options);
            let padding = match padding {
                Padding::Zeros([0, ..]) if padding == Padding::Zeros([0; $dims]) => String::new(),
                Padding::Zeros(padding) => python_tuple(&padding),
                Padding::Same => "same".to_owned(),
            };
            let more = printed_more(&dilation, &[], groups, layer.bias.is_some());
            let mode = match layer.padding_mode {
                PadMode::Constant(_) => "",
                PadMode::Reflect => ", padding_mode=reflect",
                PadMode::Replicate => ", padding_mode=replicate",
                PadMode::Circular => ", padding_mode=circular",
            };
            let extents = [python_tuple(&weight.shape()[2..]), python_tuple(&stride), padding];
            printed_settings([weight.size(1) * groups, weight.size(0)], extents, &(more + mode))
        });

        impl<T: Float> $name<T> {
            /// The input with the padding that the operation does not add itself, and the options for it.
            #[track_caller]
            fn padded(&self, x: &Tensor<T>, weight: &Tensor<T>) -> (Tensor<T>, Convolution<$dims>) {
                if self.padding_mode == PadMode::Constant(T::ZERO) {
                    return (x.clone(), self.options);
                }
                assert!(
                    self.options.padding != Padding::Same || self.options.stride == [1; $dims],
                    "{}: a stride of {:?} with Padding::Same: wanted 1",
                    stringify!($name), self.options.stride
                );
                let amounts = pad_amounts(&self.options, &weight.shape()[2..]);
                let options = Convolution { padding: Padding::Zeros([0; $dims]), ..self.options };
                (x.pad(amounts, self.padding_mode), options)
            }
        }

        impl<T: Float> Layer<T> for $name<T> {
            /// # Panics
            /// If the input does not have the layer's channels, or is smaller than a window.
            #[track_caller]
            fn forward(&self, x: &Tensor<T>, _: Mode<'_>) -> Tensor<T> {
                let (weight, bias) = (self.weight.tensor(), self.bias.as_ref().map(Param::tensor));
                let (x, options) = self.padded(x, &weight);
                x.$operation(&weight, bias.as_ref(), &options)
            }
        }
    )+};
}

/// What is added before and after each dimension, the last one first, as [`Tensor::pad`] takes it.
fn pad_amounts<const DIMS: usize>(options: &Convolution<DIMS>, kernel: &[usize]) -> Vec<isize> {
    let amounts = |dim: usize| match options.padding {
        Padding::Zeros(padding) => [padding[dim]; 2],
        Padding::Same => {
            let sum = options.dilation[dim] * (kernel[dim] - 1);
            [sum / 2, sum - sum / 2]
        }
    };
    (0..DIMS).rev().flat_map(amounts).map(|amount| amount as isize).collect()
}

convolutions! {
    /// use autograd::Tensor;
    /// use nn::{Conv1d, Layer, Mode};
    /// let layer = Conv1d::new(4, 8, 3, 0).stride(2).padding(1);
    /// assert_eq!(*layer.forward(&Tensor::<f32>::zeros([2, 4, 10]), Mode::Eval).shape(), [2, 8, 5]);
    Conv1d, 1, conv1d, "signals `[N, in, L]` or `[in, L]`", "`[N, out, L']`", "`[out, in / groups, K]`";
    /// use autograd::Tensor;
    /// use nn::{Conv2d, Layer, Mode};
    /// let layer = Conv2d::new(1, 8, 3, 0).padding([1, 0]);
    /// assert_eq!(*layer.forward(&Tensor::<f32>::zeros([2, 1, 9, 9]), Mode::Eval).shape(), [2, 8, 9, 7]);
    Conv2d, 2, conv2d, "images `[N, in, H, W]` or `[in, H, W]`", "`[N, out, H', W']`",
        "`[out, in / groups, KH, KW]`";
}

impl<T: Float> Conv2d<T> {
    /// [`forward`](Layer::forward) and then [`ReLU`](crate::ReLU), and the pool if there is one, in one pass. The values
    /// are the same.
    ///
    /// # Panics
    /// As [`forward`](Layer::forward), and as the pool.
    #[track_caller]
    pub fn forward_relu(&self, x: &Tensor<T>, pool: Option<&MaxPool2d>) -> Tensor<T> {
        let (weight, bias) = (self.weight.tensor(), self.bias.as_ref().map(Param::tensor));
        let (x, options) = self.padded(x, &weight);
        match pool {
            Some(pool) => x.conv2d_relu_max_pool2d(&weight, bias.as_ref(), &options, &pool.options),
            None => x.conv2d_relu(&weight, bias.as_ref(), &options),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_printed_as_pytorch_prints_them() {
        let layer: Conv2d = Conv2d::new(1, 4, 3, 0).padding(1);
        assert_eq!(layer.to_string(), "Conv2d(1, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))");
        let layer: Conv1d = Conv1d::grouped(4, 6, 3, 2, 0).dilation(2).padding_mode(PadMode::Reflect).without_bias();
        let wanted =
            "Conv1d(4, 6, kernel_size=(3,), stride=(1,), dilation=(2,), groups=2, bias=False, padding_mode=reflect)";
        assert_eq!(layer.to_string(), wanted);
    }

    #[test]
    fn other_paddings_are_put_around_first() {
        let layer = Conv2d::<f64>::new(2, 3, [3, 2], 0).padding([1, 2]).padding_mode(PadMode::Circular);
        let x = Tensor::randn([1, 2, 4, 5], 1);
        let padded = x.pad([2, 2, 1, 1], PadMode::Circular);
        let wanted = padded.conv2d(
            &layer.weight.tensor(),
            layer.bias.as_ref().map(Param::tensor).as_ref(),
            &Convolution::default(),
        );
        assert_eq!(layer.forward(&x, Mode::Eval).to_vec(), wanted.to_vec());
        let zeros = Conv2d::<f64>::new(2, 3, [3, 2], 0).padding_same();
        let same = Conv2d::<f64>::new(2, 3, [3, 2], 0).padding_same().padding_mode(PadMode::Replicate);
        let shapes = [zeros, same].map(|layer| layer.forward(&x, Mode::Eval).shape().clone());
        assert!(shapes.iter().all(|shape| *shape == [1, 3, 4, 5]));
    }

    #[test]
    #[should_panic(expected = "Conv1d: a stride of [2] with Padding::Same: wanted 1")]
    fn the_same_extents_need_a_stride_of_1_in_every_padding_mode() {
        let layer = Conv1d::<f32>::new(1, 1, 3, 0).stride(2).padding_same().padding_mode(PadMode::Replicate);
        layer.forward(&Tensor::zeros([1, 1, 8]), Mode::Eval);
    }

    #[test]
    #[should_panic(expected = "Conv2d: 6 and 4 channels do not make 4 groups")]
    fn channels_are_multiples_of_the_groups() {
        let _ = Conv2d::<f32>::grouped(4, 6, 3, 4, 0);
    }
}
