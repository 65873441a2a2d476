//! Signals and images resampled.

use autograd::Interpolation;

use crate::stateless::stateless;
use crate::tree::{python_float, python_tuple};

/// What a resampled dimension is to be.
#[derive(Clone, Debug, PartialEq)]
enum Target {
    Size(Vec<usize>),
    Scale(f64),
}

/// Signals `[N, C, L]` or images `[N, C, H, W]` resampled to another size. As
/// [`torch.nn.Upsample`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Upsample.html), with the modes nearest
/// and (bi)linear; the operation is [`Tensor::interpolate`](autograd::Tensor::interpolate).
///
/// ```
/// use autograd::{Interpolation, Tensor};
/// use nn::{Layer, Mode, Upsample};
/// let x = Tensor::<f32>::zeros([2, 3, 4, 5]);
/// assert_eq!(*Upsample::by(2.0).forward(&x, Mode::Eval).shape(), [2, 3, 8, 10]);
/// let layer = Upsample::to([6, 6]).mode(Interpolation::Linear { align_corners: false });
/// assert_eq!(*layer.forward(&x, Mode::Eval).shape(), [2, 3, 6, 6]);
/// ```
#[derive(Clone, Debug)]
pub struct Upsample {
    target: Target,
    mode: Interpolation,
}

impl Upsample {
    /// To these extents of the last dimensions: one for signals, two for images.
    pub fn to(size: impl Into<Vec<usize>>) -> Self {
        Upsample { target: Target::Size(size.into()), mode: Interpolation::Nearest }
    }

    /// To so many times the extent of each dimension behind the channels, rounded down.
    pub fn by(scale_factor: f64) -> Self {
        Upsample { target: Target::Scale(scale_factor), mode: Interpolation::Nearest }
    }

    /// How values between the input's elements are made; the nearest element by default.
    pub fn mode(self, mode: Interpolation) -> Self {
        Upsample { mode, ..self }
    }
}

stateless!(
    Upsample,
    |layer| {
        let target = match &layer.target {
            Target::Size(size) => format!("size={}", python_tuple(size)),
            Target::Scale(factor) => format!("scale_factor={}", python_float(*factor)),
        };
        let mode = match layer.mode {
            Interpolation::Nearest => "nearest",
            Interpolation::Linear { .. } => "linear",
        };
        format!("{target}, mode='{mode}'")
    },
    |layer, x, _| match &layer.target {
        Target::Size(size) => x.interpolate(size, layer.mode),
        Target::Scale(factor) => x.interpolate_by(&vec![*factor; x.rank().saturating_sub(2)], layer.mode),
    }
);
