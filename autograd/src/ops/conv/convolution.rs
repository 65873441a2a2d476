//! Convolutions of signals and images.

use super::layer::{Following, layer};
use super::{as_images, both, check_operands, image_extents};
use crate::error::{argument_error, shape_error};
use crate::float::Float;
use crate::kernels::convolve::Geometry;
use crate::tensor::Tensor;

/// The options of [`Tensor::conv1d`] and [`Tensor::conv2d`], with PyTorch's names and defaults; one value for each
/// dimension.
///
/// ```
/// use autograd::{Convolution, Padding};
/// let options = Convolution { padding: Padding::Zeros([1, 1]), ..Convolution::default() };
/// assert_eq!(options.stride, [1, 1]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution<const DIMS: usize> {
    /// The step from one window to the next.
    pub stride: [usize; DIMS],
    /// The zeros around the input.
    pub padding: Padding<DIMS>,
    /// The step from one element of a window to the next.
    pub dilation: [usize; DIMS],
    /// Parts into which channels and filters are divided; each part of the filters sees its own part of the channels.
    pub groups: usize,
}

/// The zeros around the input of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding<const DIMS: usize> {
    /// As many on both sides of each dimension. None are PyTorch's `"valid"`.
    Zeros([usize; DIMS]),
    /// As many as make the output as large as the input, where the stride is 1; one more at the end than at the
    /// beginning, if their number is odd.
    Same,
}

impl<const DIMS: usize> Default for Convolution<DIMS> {
    fn default() -> Self {
        Convolution { stride: [1; DIMS], padding: Padding::Zeros([0; DIMS]), dilation: [1; DIMS], groups: 1 }
    }
}

/// # Convolutions: convolutions of signals and images
impl<T: Float> Tensor<T> {
    /// Convolution of signals `[N, C, L]`, or `[C, L]`, with a weight `[F, C / groups, K]`.    y_f,i = bias_f + Σ
    /// w_f,c,j x_c,(i · stride + j · dilation - padding)        dx = wᵀ ∗ dy, dw = x ∗ dy, dbias = Σ dy
    ///
    /// As
    /// [`torch.nn.functional.conv1d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv1d.html).
    /// The derivatives are those of
    /// [`conv2d`](Tensor::conv2d).
    ///
    /// ```
    /// use autograd::{Convolution, Tensor};
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 4.0, 8.0], [1, 1, 4]);
    /// let difference = Tensor::from_vec(vec![-1.0, 1.0], [1, 1, 2]);
    /// assert_eq!(x.conv1d(&difference, None, &Convolution::default()).to_vec(), [1.0, 2.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// As [`conv2d`](Tensor::conv2d).
    #[inline(never)]
    #[track_caller]
    pub fn conv1d(&self, weight: &Tensor<T>, bias: Option<&Tensor<T>>, options: &Convolution<1>) -> Tensor<T> {
        convolved("conv1d", self, weight, bias, options)
    }

    /// Convolution of images `[N, C, H, W]`, or `[C, H, W]`, with a weight `[F, C / groups, KH, KW]`.    y = w ∗ x +
    /// bias        dx = wᵀ ∗ dy, dw = x ∗ dy, dbias = Σ dy
    ///
    /// Element (r, s) of filter f is the sum of w_f,c,i,j x_c,(r · stride + i · dilation - padding),(s · stride + j ·
    /// dilation - padding) over all channels c of its
    /// group and all i and j, and bias_f; what lies outside of x is 0. The gradient of x is the
    /// [transposed convolution](Tensor::conv_transpose2d) of y's with w, that of w the products of y's with the
    /// windows of x. As
    /// [`torch.nn.functional.conv2d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html).
    ///
    /// Windows of 3 × 3 with a stride of 1 and many channels are computed by Winograd's F(2 × 2, 3 × 3) (Lavin and
    /// Gray, *Fast Algorithms for Convolutional Neural Networks*, 2016). Its rounding errors were measured to be no
    /// larger than those of the sums above.
    ///
    /// ```
    /// use autograd::{Convolution, Padding, Tensor};
    /// let x: Tensor = Tensor::ones([1, 1, 3, 3]);
    /// let options = Convolution { padding: Padding::Same, ..Convolution::default() };
    /// let y = x.conv2d(&Tensor::ones([1, 1, 3, 3]), None, &options);
    /// assert_eq!(y.to_vec(), [4.0, 6.0, 4.0, 6.0, 9.0, 6.0, 4.0, 6.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, the channels or filters are not multiples of the groups, a stride or dilation is 0,
    /// a window is larger than the padded input,
    /// or a stride is not 1 with [`Padding::Same`].
    #[inline(never)]
    #[track_caller]
    pub fn conv2d(&self, weight: &Tensor<T>, bias: Option<&Tensor<T>>, options: &Convolution<2>) -> Tensor<T> {
        convolved("conv2d", self, weight, bias, options)
    }
}

#[track_caller]
fn convolved<T: Float, const DIMS: usize>(
    op: &str,
    input: &Tensor<T>,
    weight: &Tensor<T>,
    bias: Option<&Tensor<T>>,
    options: &Convolution<DIMS>,
) -> Tensor<T> {
    let geometry = convolution_geometry(op, [input, weight], options);
    let (x, w) = (as_images::<T, DIMS>(input), as_images::<T, DIMS>(weight));
    in_form_of::<T, DIMS>(input, layer(op, geometry, [&x, &w], bias, Following::default()))
}

/// The extents of a convolution, which are checked.
#[track_caller]
pub(super) fn convolution_geometry<T: Float, const DIMS: usize>(
    op: &str,
    [input, weight]: [&Tensor<T>; 2],
    options: &Convolution<DIMS>,
) -> Geometry {
    let steps = [("stride", options.stride), ("dilation", options.dilation)];
    check_operands(op, [input.shape(), weight.shape()], options.groups, steps);
    let (shape, weights) = (image_extents::<DIMS>(input.shape()), image_extents::<DIMS>(weight.shape()));
    let (channels, filters, groups) = (shape[1], weights[0], options.groups);
    if !channels.is_multiple_of(groups) || !filters.is_multiple_of(groups) || weights[1] != channels / groups {
        let (own, other) = (input.shape(), weight.shape());
        shape_error(
            op,
            format_args!("the input has shape {own}, the weight {other}: they do not fit for {groups} groups"),
        );
    }
    let (stride, dilation) = (both(1, options.stride), both(1, options.dilation));
    let (from, kernel) = ([shape[2], shape[3]], [weights[2], weights[3]]);
    let (images, padding) = (shape[0], [0; 2]);
    let mut geometry =
        Geometry { images, channels, filters, groups, from, kernel, to: from, stride, padding, dilation };
    let span = [dilation[0] * (kernel[0] - 1), dilation[1] * (kernel[1] - 1)];
    match options.padding {
        Padding::Same if options.stride != [1; DIMS] => {
            argument_error(op, format_args!("a stride of {:?} with Padding::Same: wanted 1", options.stride))
        }
        Padding::Same => geometry.padding = [span[0] / 2, span[1] / 2],
        Padding::Zeros(padding) => {
            geometry.padding = both(0, padding);
            for dim in 0..2 {
                let padded = from[dim] + 2 * geometry.padding[dim];
                let Some(rest) = padded.checked_sub(span[dim] + 1) else {
                    let (elements, own, other) = (span[dim] + 1, input.shape(), weight.shape());
                    shape_error(
                        op,
                        format_args!(
                            "a window of {elements} elements is larger than the padded input, {padded}: \
                             shapes {own} and {other}"
                        ),
                    )
                };
                geometry.to[dim] = rest / stride[dim] + 1;
            }
        }
    }
    geometry
}

/// The result without the dimensions that the input does not have.
#[track_caller]
pub(super) fn in_form_of<T: Float, const DIMS: usize>(input: &Tensor<T>, y: Tensor<T>) -> Tensor<T> {
    let y = if DIMS == 1 { y.squeeze(2) } else { y };
    if input.rank() == DIMS + 1 { y.squeeze(0) } else { y }
}

instances!(conv1d conv2d);

#[cfg(test)]
mod tests {
    use crate::{Convolution, Padding, Tensor, with_threads};

    fn strided() -> Convolution<2> {
        Convolution { stride: [2, 1], padding: Padding::Zeros([1, 2]), dilation: [1, 2], groups: 2 }
    }

    gradients!(conv1d: |x, w, b| x.conv1d(w, Some(b), &Convolution::default()), [2, 3, 5], [2, 3, 2], [2]; fixed);
    gradients!(
        conv1d_strided: |x, w| {
            let padding = Padding::Zeros([1]);
            x.conv1d(w, None, &Convolution { stride: [2], padding, dilation: [2], groups: 2 })
        },
        [1, 2, 6], [2, 1, 3]; fixed
    );
    gradients!(
        conv1d_of_one: |x, w| x.conv1d(w, None, &Convolution { padding: Padding::Same, ..Default::default() }),
        [2, 5], [3, 2, 2]; fixed
    );
    gradients!(conv2d: |x, w, b| x.conv2d(w, Some(b), &Convolution::default()), [1, 2, 3, 2], [2, 2, 2, 2], [2]; fixed);
    gradients!(conv2d_strided: |x, w| x.conv2d(w, None, &strided()), [1, 2, 3, 3], [2, 1, 2, 2]; fixed);
    gradients!(conv2d_of_points: |x, w| x.conv2d(w, None, &Convolution::default()), [2, 2, 2, 2], [3, 2, 1, 1]; fixed);

    /// Each element by its definition.
    fn expected(x: &Tensor<f64>, w: &Tensor<f64>, options: &Convolution<2>, padding: [usize; 2]) -> Vec<f64> {
        let extent = |shape: &[usize], dim: usize| {
            let span = options.dilation[dim] * (w.shape()[dim + 2] - 1) + 1;
            (shape[dim + 2] + 2 * padding[dim] - span) / options.stride[dim] + 1
        };
        let at = |values: &[f64], shape: &[usize], position: [usize; 4]| {
            values[((position[0] * shape[1] + position[1]) * shape[2] + position[2]) * shape[3] + position[3]]
        };
        let (a, b, mut out) = (x.to_vec(), w.to_vec(), Vec::new());
        let (own, filter) = (x.shape(), w.shape());
        let filters_per_group = filter[0] / options.groups;
        for position in 0..own[0] * filter[0] * extent(own, 0) * extent(own, 1) {
            let (rest, s) = (position / extent(own, 1), position % extent(own, 1));
            let (rest, r) = (rest / extent(own, 0), rest % extent(own, 0));
            let (n, f) = (rest / filter[0], rest % filter[0]);
            let mut sum = 0.0;
            for position in 0..filter[1..].iter().product() {
                let (rest, j) = (position / filter[3], position % filter[3]);
                let (c, i) = (rest / filter[2], rest % filter[2]);
                let y = (r * options.stride[0] + i * options.dilation[0]).wrapping_sub(padding[0]);
                let z = (s * options.stride[1] + j * options.dilation[1]).wrapping_sub(padding[1]);
                if y < own[2] && z < own[3] {
                    let channel = f / filters_per_group * filter[1] + c;
                    sum += at(&a, own, [n, channel, y, z]) * at(&b, filter, [f, c, i, j]);
                }
            }
            out.push(sum);
        }
        out
    }

    #[test]
    fn any_geometry_is_as_it_is_defined() {
        for (kernel, stride, padding, dilation, groups) in [
            ([3, 3], [1, 1], [0, 0], [1, 1], 1),
            ([1, 1], [1, 1], [0, 0], [1, 1], 2),
            ([1, 1], [2, 3], [0, 0], [1, 1], 1),
            ([2, 3], [2, 3], [1, 1], [1, 1], 2),
            ([3, 2], [1, 2], [2, 3], [2, 3], 4),
            ([5, 4], [3, 1], [4, 3], [1, 2], 1),
            ([1, 3], [1, 4], [5, 6], [1, 1], 1),
        ] {
            let x = Tensor::<f64>::randn([2, 4, 7, 6], 1);
            let w = Tensor::<f64>::randn([8, 4 / groups, kernel[0], kernel[1]], 2);
            let options = Convolution { stride, padding: Padding::Zeros(padding), dilation, groups };
            let (got, want) = (x.conv2d(&w, None, &options).to_vec(), expected(&x, &w, &options, padding));
            assert_eq!(got.len(), want.len(), "{options:?}");
            assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-12), "{options:?}");
        }
    }

    #[test]
    fn the_bits_do_not_depend_on_the_threads() {
        let x = Tensor::<f32>::randn([70, 3, 12, 12], 1).requires_grad();
        let w = Tensor::<f32>::randn([8, 3, 3, 3], 2).requires_grad();
        let run = || {
            let y = x.conv2d(&w, None, &Convolution::default());
            let values = y.to_vec();
            let gradients = y.powf(2.0).sum().backward();
            [values, gradients.get(&x).unwrap().to_vec(), gradients.get(&w).unwrap().to_vec()]
        };
        assert!(with_threads(1, run) == with_threads(3, run));
    }

    #[test]
    fn no_images_and_no_channels_are_convolved_to_nothing_and_zeros() {
        let empty = Tensor::<f32>::zeros([0, 2, 3, 3]);
        let w = Tensor::ones([4, 2, 2, 2]).requires_grad();
        let y = empty.conv2d(&w, None, &Convolution::default());
        assert_eq!(*y.shape(), [0, 4, 2, 2]);
        assert_eq!(y.sum().backward().get(&w).unwrap().to_vec(), [0.0; 32]);
        let without = Tensor::<f32>::zeros([1, 0, 3, 3]);
        let y = without.conv2d(&Tensor::ones([1, 0, 2, 2]), Some(&Tensor::ones([1])), &Convolution::default());
        assert_eq!(y.to_vec(), [1.0; 4]);
    }

    #[test]
    #[should_panic(
        expected = "conv2d: the input has shape [1, 3, 4, 4], the weight [2, 2, 2, 2]: they do not fit for 1 groups"
    )]
    fn channels_must_agree() {
        Tensor::<f32>::zeros([1, 3, 4, 4]).conv2d(&Tensor::zeros([2, 2, 2, 2]), None, &Convolution::default());
    }

    #[test]
    #[should_panic(
        expected = "conv1d: a window of 5 elements is larger than the padded input, 4: shapes [1, 1, 4] and [1, 1, 5]"
    )]
    fn a_window_fits_the_input() {
        Tensor::<f32>::zeros([1, 1, 4]).conv1d(&Tensor::zeros([1, 1, 5]), None, &Convolution::default());
    }
}
