//! Losses of probabilities of yes and no.

use autograd::{BinaryCrossEntropy, BinaryCrossEntropyWithLogits, Float, Reduction, Tensor};

macro_rules! binary_losses {
    ($($name:ident, $options:ident, $operation:ident, $input:literal, { $($more:ident, $doc:literal)? };)+) => {$(
        #[doc = concat!("Cross-entropy of ", $input, " against targets from 0 to 1, with the options of")]
        #[doc = concat!(
            "[`torch.nn.", stringify!($name), "`](https://docs.pytorch.org/docs/stable/generated/torch.nn.",
            stringify!($name), ".html); see"
        )]
        #[doc = concat!("[`Tensor::", stringify!($operation), "`].")]
        ///
        /// ```
        /// use autograd::Tensor;
        #[doc = concat!("let criterion = nn::", stringify!($name), "::new();")]
        /// let loss = criterion.forward(&Tensor::from_vec(vec![0.5_f32], [1]), &Tensor::ones([1]));
        /// assert!(loss.item() > 0.4 && loss.item() < 0.7);
        /// ```
        #[derive(Clone, Debug, Default)]
        pub struct $name<T: Float = f32> {
            options: $options<T>,
        }

        impl<T: Float> $name<T> {
            /// The mean over all elements.
            pub fn new() -> Self {
                $name { options: $options::default() }
            }

            /// Mean, sum, or each element's own loss.
            pub fn reduction(mut self, reduction: Reduction) -> Self {
                self.options.reduction = reduction;
                self
            }

            /// A factor for each element's loss, which broadcasts to the input's shape.
            pub fn weight(mut self, weight: Tensor<T>) -> Self {
                self.options.weight = Some(weight);
                self
            }

            $(
                #[doc = $doc]
                pub fn $more(mut self, $more: Tensor<T>) -> Self {
                    self.options.$more = Some($more);
                    self
                }
            )?

            /// The loss; input and target have the same shape.
            ///
            /// # Panics
            /// If the shapes differ.
            #[track_caller]
            pub fn forward(&self, input: &Tensor<T>, target: &Tensor<T>) -> Tensor<T> {
                input.$operation(target, &self.options)
            }
        }
    )+};
}

binary_losses! {
    BCELoss, BinaryCrossEntropy, binary_cross_entropy, "probabilities", {};
    BCEWithLogitsLoss, BinaryCrossEntropyWithLogits, binary_cross_entropy_with_logits,
        "scores, which a logistic function makes probabilities,",
        { pos_weight, "A factor for the loss of targets of 1, `[classes]`." };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_reach_the_operation() {
        let (x, t) = (Tensor::<f64>::randn([4, 2], 0), Tensor::rand([4, 2], 1));
        let weight = Tensor::from_vec(vec![2.0, 3.0], [2]);
        let criterion = BCEWithLogitsLoss::new().reduction(Reduction::None).pos_weight(weight.clone());
        let wanted = &t * x.log_sigmoid() * &weight + (1.0 - &t) * (-&x).log_sigmoid();
        assert!((criterion.forward(&x, &t) + wanted).abs().max().item() < 1e-12);
        let plain = BCELoss::new().reduction(Reduction::Sum);
        let weighted = BCELoss::new().reduction(Reduction::Sum).weight(Tensor::full([1], 2.0));
        let p = x.sigmoid();
        assert!((weighted.forward(&p, &t).item() - 2.0 * plain.forward(&p, &t).item()).abs() < 1e-12);
    }
}
