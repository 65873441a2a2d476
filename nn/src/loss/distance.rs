//! Losses of a distance between values and what they should be.

use autograd::{Float, Reduction, Tensor};

macro_rules! distances {
    ($(
        $name:ident, $operation:ident, { $($setting:ident: $default:literal, $doc:literal)? }, $formula:literal;
    )+) => {$(
        #[doc = concat!($formula, ", of values x against targets t of the same shape. As")]
        #[doc = concat!(
            "[`torch.nn.", stringify!($name), "`](https://docs.pytorch.org/docs/stable/generated/torch.nn.",
            stringify!($name), ".html); see"
        )]
        #[doc = concat!("[`Tensor::", stringify!($operation), "`].")]
        ///
        /// ```
        /// use autograd::Tensor;
        #[doc = concat!("let loss = nn::", stringify!($name), "::new();")]
        /// assert_eq!(loss.forward(&Tensor::<f32>::ones([3]), &Tensor::ones([3])).item(), 0.0);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name {
            reduction: Reduction,
            $($setting: f64,)?
        }

        impl Default for $name {
            fn default() -> Self {
                $name { reduction: Reduction::Mean, $($setting: $default)? }
            }
        }

        impl $name {
            /// The mean over all elements.
            pub fn new() -> Self {
                $name::default()
            }

            /// Mean, sum, or each element's own loss.
            pub fn reduction(self, reduction: Reduction) -> Self {
                #[allow(clippy::needless_update)] // Some have no other setting.
                $name { reduction, ..self }
            }

            $(
                #[doc = $doc]
                pub fn $setting(self, $setting: f64) -> Self {
                    $name { $setting, ..self }
                }
            )?

            /// The loss.
            ///
            /// # Panics
            /// If the shapes differ.
            #[track_caller]
            pub fn forward<T: Float>(&self, input: &Tensor<T>, target: &Tensor<T>) -> Tensor<T> {
                input.$operation(target, $(self.$setting,)? self.reduction)
            }
        }
    )+};
}

distances! {
    MSELoss, mse_loss, {}, "(x - t)²";
    L1Loss, l1_loss, {}, "|x - t|";
    SmoothL1Loss, smooth_l1_loss, { beta: 1.0, "The distance from which on the loss is linear." },
        "(x - t)² / 2β where |x - t| < β, |x - t| - β / 2 elsewhere";
    HuberLoss, huber_loss, { delta: 1.0, "The distance from which on the loss is linear." },
        "(x - t)² / 2 where |x - t| < δ, δ (|x - t| - δ / 2) elsewhere";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_reach_the_operation() {
        let (x, t) = (Tensor::<f64>::randn([3, 2], 0), Tensor::randn([3, 2], 1) * 3.0);
        let sum = Reduction::Sum;
        let pairs = [
            (MSELoss::new().reduction(sum).forward(&x, &t), x.mse_loss(&t, sum)),
            (L1Loss::new().reduction(sum).forward(&x, &t), x.l1_loss(&t, sum)),
            (SmoothL1Loss::new().beta(0.5).forward(&x, &t), x.smooth_l1_loss(&t, 0.5, Reduction::Mean)),
            (HuberLoss::new().delta(2.0).forward(&x, &t), x.huber_loss(&t, 2.0, Reduction::Mean)),
        ];
        assert!(pairs.iter().all(|(got, want)| got.item() == want.item()));
    }
}
