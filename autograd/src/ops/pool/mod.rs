//! The largest element, or the mean, of windows that slide over signals and images.

mod average;
mod max;

pub use average::AvgPool;
pub use max::MaxPool;
pub(in crate::ops) use max::put_back;

use crate::error::{argument_error, shape_error};
use crate::float::Float;
use crate::kernels::windows::Window;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// How the windows of a pool lie along one dimension.
struct Sliding {
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
    ceil_mode: bool,
}

/// The shape that the caller gave, of one with a dimension for each of the two of an image.
fn given<const DIMS: usize>(shape: &Shape) -> Shape {
    let mut given = shape.clone();
    if DIMS == 1 {
        given.remove(shape.rank() - 2);
    }
    given
}

impl Sliding {
    /// The windows over `extent` elements of a tensor of the given shape. Each meets one at least.
    #[track_caller]
    fn windows(&self, op: &str, extent: usize, shape: &Shape) -> Vec<Window> {
        let &Sliding { kernel, stride, padding, dilation, ceil_mode } = self;
        if kernel == 0 || stride == 0 || dilation == 0 {
            let message =
                format_args!("a window of {kernel}, a stride of {stride}, a dilation of {dilation}: wanted 1 at least");
            shape_error(op, message);
        }
        let span = dilation * (kernel - 1) + 1;
        if padding > span / 2 {
            argument_error(
                op,
                format_args!("a padding of {padding}: wanted at most half of the window, which spans {span}"),
            );
        }
        let rest = (extent + 2 * padding) as isize - span as isize + if ceil_mode { stride as isize - 1 } else { 0 };
        let mut count = rest.div_euclid(stride as isize) + 1;
        // The last window has to begin in the input or in the padding before it.
        if ceil_mode && count > 1 && (count - 1) as usize * stride >= extent + padding {
            count -= 1;
        }
        let windows: Vec<Window> = (0..count.max(0) as usize)
            .map(|index| {
                let start = index * stride;
                let first = if start >= padding { 0 } else { (padding - start).div_ceil(dilation) };
                let end = (extent + padding).saturating_sub(start).div_ceil(dilation).min(kernel);
                Window {
                    first: (start + first * dilation).saturating_sub(padding),
                    count: end.saturating_sub(first),
                    step: dilation,
                    padded: (start + span).min(extent + 2 * padding) - start.min(extent + 2 * padding),
                }
            })
            .collect();
        if windows.is_empty() || windows.iter().any(|window| window.count == 0) {
            shape_error(
                op,
                format_args!(
                    "a window that spans {span} does not fit {extent} elements with a padding of {padding}: \
                     shape {shape}"
                ),
            );
        }
        windows
    }
}

/// Signals `[N, C, L]` or `[C, L]`, or images `[N, C, H, W]` or `[C, H, W]`, with planes as the last two dimensions.
#[track_caller]
fn as_planes<T: Float, const DIMS: usize>(op: &str, x: &Tensor<T>) -> Tensor<T> {
    if x.rank() != DIMS + 1 && x.rank() != DIMS + 2 {
        let dims = if DIMS == 1 { "L" } else { "H, W" };
        shape_error(op, format_args!("the input has shape {}: wanted [N, C, {dims}] or [C, {dims}]", x.shape()));
    }
    if DIMS == 1 { x.unsqueeze(-2) } else { x.clone() }
}

/// The extents of a plane.
fn plane(shape: &Shape) -> [usize; 2] {
    [shape[shape.rank() - 2], shape[shape.rank() - 1]]
}

/// The shape with other planes.
fn with_plane(shape: &Shape, [rows, columns]: [usize; 2]) -> Shape {
    shape[..shape.rank() - 2].iter().copied().chain([rows, columns]).collect()
}

/// A value for each of one or two dimensions as one for rows and columns.
fn both<const DIMS: usize>(first: usize, values: [usize; DIMS]) -> [usize; 2] {
    if DIMS == 1 { [first, values[0]] } else { [values[0], values[DIMS - 1]] }
}
