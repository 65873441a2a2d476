//! Transposed convolutions: the gradients of convolutions, as operations of their own.

use super::{Kind, as_images, both, check_operands, finished, product};
use crate::error::{argument_error, shape_error};
use crate::float::Float;
use crate::kernels::convolve::Geometry;
use crate::tensor::Tensor;

/// The options of [`Tensor::conv_transpose1d`] and [`Tensor::conv_transpose2d`], with PyTorch's names and defaults;
/// one value for each dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransposedConvolution<const DIMS: usize> {
    /// The step from one window of the output to the next.
    pub stride: [usize; DIMS],
    /// Elements that are cut off on both sides of the output.
    pub padding: [usize; DIMS],
    /// Elements more at the end of the output: a convolution with a stride has the same output for several extents of
    /// its input.
    pub output_padding: [usize; DIMS],
    /// The step from one element of a window to the next.
    pub dilation: [usize; DIMS],
    /// Parts into which the channels of input and output are divided.
    pub groups: usize,
}

impl<const DIMS: usize> Default for TransposedConvolution<DIMS> {
    fn default() -> Self {
        let (zeros, ones) = ([0; DIMS], [1; DIMS]);
        TransposedConvolution { stride: ones, padding: zeros, output_padding: zeros, dilation: ones, groups: 1 }
    }
}

/// # Convolutions: transposed convolutions: the gradients of convolutions, as operations of their own
impl<T: Float> Tensor<T> {
    /// Transposed convolution of signals `[N, C, L]`, or `[C, L]`, with a weight `[C, F / groups, K]`: see
    /// [`conv_transpose2d`](Tensor::conv_transpose2d).        dx = w ∗ dy
    ///
    /// As
    /// [`torch.nn.functional.conv_transpose1d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose1d.html).
    ///
    /// ```
    /// use autograd::{Tensor, TransposedConvolution};
    /// let x = Tensor::from_vec(vec![1.0, 2.0], [1, 1, 2]);
    /// let options = TransposedConvolution { stride: [2], ..TransposedConvolution::default() };
    /// let y = x.conv_transpose1d(&Tensor::ones([1, 1, 3]), None, &options);
    /// assert_eq!(y.to_vec(), [1.0, 1.0, 3.0, 2.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// As [`conv_transpose2d`](Tensor::conv_transpose2d).
    #[inline(never)]
    #[track_caller]
    pub fn conv_transpose1d(
        &self,
        weight: &Tensor<T>,
        bias: Option<&Tensor<T>>,
        options: &TransposedConvolution<1>,
    ) -> Tensor<T> {
        transposed("conv_transpose1d", self, weight, bias, options)
    }

    /// Transposed convolution of images `[N, C, H, W]`, or `[C, H, W]`, with a weight `[C, F / groups, KH,
    /// KW]`.    y = wᵀ ∗ x + bias        dx = w ∗ dy, dw = x ∗ dy
    ///
    /// That is what the gradient of a [convolution](Tensor::conv2d) with that weight is of its output's gradient x:
    /// each element is spread over the window that it
    /// would come from. An extent becomes (extent - 1) · stride - 2 · padding + dilation · (kernel - 1) +
    /// `output_padding` + 1. The gradient of x is
    /// the convolution of y's with w. As
    /// [`torch.nn.functional.conv_transpose2d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose2d.html).
    ///
    /// # Panics
    /// If the shapes do not fit, the channels are not a multiple of the groups, a stride or dilation is 0, an output
    /// padding is larger than both, or the output
    /// would have no elements along a dimension.
    #[inline(never)]
    #[track_caller]
    pub fn conv_transpose2d(
        &self,
        weight: &Tensor<T>,
        bias: Option<&Tensor<T>>,
        options: &TransposedConvolution<2>,
    ) -> Tensor<T> {
        transposed("conv_transpose2d", self, weight, bias, options)
    }
}

#[track_caller]
fn transposed<T: Float, const DIMS: usize>(
    op: &str,
    input: &Tensor<T>,
    weight: &Tensor<T>,
    bias: Option<&Tensor<T>>,
    options: &TransposedConvolution<DIMS>,
) -> Tensor<T> {
    let groups = options.groups;
    let steps = [("stride", options.stride), ("dilation", options.dilation)];
    check_operands(op, [input.shape(), weight.shape()], groups, steps);
    let (y, w) = (as_images::<T, DIMS>(input), as_images::<T, DIMS>(weight));
    let (shape, weights) = (y.shape(), w.shape());
    if weights[0] != shape[1] || !shape[1].is_multiple_of(groups) {
        let (own, other) = (input.shape(), weight.shape());
        shape_error(
            op,
            format_args!("the input has shape {own}, the weight {other}: they do not fit for {groups} groups"),
        );
    }
    let (stride, dilation) = (both(1, options.stride), both(1, options.dilation));
    let (padding, more) = (both(0, options.padding), both(0, options.output_padding));
    let (to, kernel) = ([shape[2], shape[3]], [weights[2], weights[3]]);
    let mut from = [0, 0];
    // A loop, as a closure would be the caller whose line a refusal shows.
    for dim in 0..2 {
        if more[dim] >= stride[dim].max(dilation[dim]) {
            let message = format_args!(
                "an output padding of {:?}: wanted less than the stride {:?} or the dilation {:?}",
                options.output_padding, options.stride, options.dilation
            );
            argument_error(op, message);
        }
        let whole = to[dim].saturating_sub(1) * stride[dim] + dilation[dim] * (kernel[dim] - 1) + more[dim] + 1;
        from[dim] = match whole.checked_sub(2 * padding[dim]) {
            Some(extent) if extent > 0 && to[dim] > 0 => extent,
            _ => shape_error(
                op,
                format_args!(
                    "shapes {} and {} with a padding of {:?} leave no output",
                    input.shape(),
                    weight.shape(),
                    options.padding
                ),
            ),
        };
    }
    let (channels, filters) = (weights[1] * groups, shape[1]);
    let images = shape[0];
    let geometry = Geometry { images, channels, filters, groups, from, kernel, to, stride, padding, dilation };
    finished::<T, DIMS>(op, product(Kind::ToInput, geometry, &y, &w), input, bias)
}

instances!(conv_transpose1d conv_transpose2d);

#[cfg(test)]
mod tests {
    use crate::{Tensor, TransposedConvolution};

    fn strided() -> TransposedConvolution<2> {
        TransposedConvolution { stride: [2, 3], padding: [1, 0], output_padding: [1, 2], dilation: [1, 2], groups: 2 }
    }

    gradients!(
        conv_transpose1d: |x, w, b| {
            let options = TransposedConvolution { stride: [2], ..Default::default() };
            x.conv_transpose1d(w, Some(b), &options)
        },
        [2, 3, 4], [3, 2, 3], [2]; fixed
    );
    gradients!(
        conv_transpose2d: |x, w, b| x.conv_transpose2d(w, Some(b), &TransposedConvolution::default()),
        [1, 2, 2, 2], [2, 2, 2, 2], [2]; fixed
    );
    gradients!(
        conv_transpose2d_strided: |x, w| x.conv_transpose2d(w, None, &strided()),
        [1, 2, 2, 2], [2, 1, 2, 2]; fixed
    );

    #[test]
    fn an_extent_is_that_of_the_formula() {
        let y = Tensor::<f32>::ones([1, 4, 5, 6]).conv_transpose2d(&Tensor::ones([4, 2, 3, 2]), None, &strided());
        assert_eq!(*y.shape(), [1, 4, (4 * 2) - 2 + 2 + 1 + 1, 5 * 3 + 2 + 2 + 1]);
    }

    #[test]
    #[should_panic(expected = "conv_transpose2d: an output padding of [1, 0]: wanted less than the stride [1, 1]")]
    fn an_output_padding_is_smaller_than_a_step() {
        let options = TransposedConvolution { output_padding: [1, 0], ..TransposedConvolution::default() };
        Tensor::<f32>::ones([1, 1, 2, 2]).conv_transpose2d(&Tensor::ones([1, 1, 2, 2]), None, &options);
    }
}
