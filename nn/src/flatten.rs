//! Dimensions merged.

use autograd::{Float, Tensor};

use crate::layer::Layer;
use crate::mode::Mode;
use crate::module::{Member, Module};

/// All dimensions but the first merged into one: pictures to rows.
///
/// ```
/// use autograd::Tensor;
/// use nn::{Flatten, Layer, Mode};
/// let rows = Flatten.forward(&Tensor::<f32>::zeros([16, 1, 28, 28]), Mode::Eval);
/// assert_eq!(*rows.shape(), [16, 784]);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Flatten;

impl<T: Float> Module<T> for Flatten {
    fn kind(&self) -> &'static str {
        "Flatten"
    }

    fn settings(&self) -> String {
        "start_dim=1, end_dim=-1".to_owned()
    }

    fn members(&self, _: &mut dyn FnMut(&str, Member<'_, T>)) {}
}

impl<T: Float> Layer<T> for Flatten {
    /// # Panics
    /// If there is but one dimension, or none.
    #[track_caller]
    fn forward(&self, x: &Tensor<T>, _: Mode<'_>) -> Tensor<T> {
        x.flatten(1, -1)
    }
}
