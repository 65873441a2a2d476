//! Normalization of channels over a batch.

use autograd::{Float, Param, Tensor};

use crate::layer::Layer;
use crate::mode::Mode;
use crate::tree::{python_bool, python_float};

/// What both layers consist of.
#[derive(Clone, Debug)]
struct Settings {
    features: usize,
    eps: f64,
    momentum: Option<f64>,
}

/// running ← (1 - m) running + m new, in place of the old values.
pub(crate) fn mix_in<T: Float>(running: &Param<T>, new: &Tensor<T>, momentum: f64) {
    let (new, old_share, new_share) = (new.to_vec(), T::from_f64(1.0 - momentum), T::from_f64(momentum));
    running.update(|running| {
        for (running, new) in running.iter_mut().zip(new) {
            *running = old_share * *running + new_share * new;
        }
    });
}

macro_rules! batch_norms {
    ($($(#[$example:meta])+ $name:ident, $ranks:expr, $wanted:literal;)+) => {$(
        #[doc = concat!("Each channel of a batch ", $wanted, " with mean 0 and variance 1, scaled and shifted.")]
        ///
        /// y = (x - μ) / √(v + ε) · weight + bias. In training μ and v are the batch's, and running statistics follow
        /// them: running ← (1 - m) running + m new, with the unbiased variance. Outside of training the running
        /// statistics are used. Settings and names are those of
        #[doc = concat!(
            "[`torch.nn.", stringify!($name), "`](https://docs.pytorch.org/docs/stable/generated/torch.nn.",
            stringify!($name), ".html): `weight`,"
        )]
        /// `bias`, and the buffers `running_mean` and `running_var`, all `[features]`, and `num_batches_tracked`, `[]`.
        ///
        /// A forward in training changes the buffers, so there can be one of a layer at a time: a second one on another
        /// thread panics.
        ///
        /// ```
        $(#[$example])+
        /// ```
        #[derive(Clone, Debug)]
        pub struct $name<T: Float = f32> {
            /// The scale of each channel, `[features]`.
            pub weight: Option<Param<T>>,
            /// The shift of each channel, `[features]`.
            pub bias: Option<Param<T>>,
            /// The running mean of each channel, a buffer `[features]`.
            pub running_mean: Option<Param<T>>,
            /// The running variance of each channel, a buffer `[features]`.
            pub running_var: Option<Param<T>>,
            /// How many batches are in the running statistics, a buffer `[]`.
            pub num_batches_tracked: Option<Param<T>>,
            settings: Settings,
        }

        impl<T: Float> $name<T> {
            /// So many channels, with PyTorch's settings: ε = 10⁻⁵, a momentum of 0.1, scale, shift and running
            /// statistics.
            pub fn new(num_features: usize) -> Self {
                let (ones, zeros) = (Tensor::ones([num_features]), Tensor::zeros([num_features]));
                $name {
                    weight: Some(Param::new(ones.clone())),
                    bias: Some(Param::new(zeros.clone())),
                    running_mean: Some(Param::buffer(zeros)),
                    running_var: Some(Param::buffer(ones)),
                    num_batches_tracked: Some(Param::buffer(Tensor::zeros(()))),
                    settings: Settings { features: num_features, eps: 1e-5, momentum: Some(0.1) },
                }
            }

            /// What is added to the variance.
            pub fn eps(mut self, eps: f64) -> Self {
                self.settings.eps = eps;
                self
            }

            /// The share of a batch in the running statistics; with `None` they are the mean of all batches.
            pub fn momentum(mut self, momentum: impl Into<Option<f64>>) -> Self {
                self.settings.momentum = momentum.into();
                self
            }

            /// Without scale and shift.
            pub fn without_affine(self) -> Self {
                $name { weight: None, bias: None, ..self }
            }

            /// Without running statistics: outside of training the batch's are used, too.
            pub fn without_running_stats(self) -> Self {
                $name { running_mean: None, running_var: None, num_batches_tracked: None, ..self }
            }

            /// Brings a batch's statistics into the running ones.
            fn track(&self, new_mean: &Tensor<T>, new_variance: &Tensor<T>) {
                let (Some(mean), Some(variance), Some(count)) =
                    (&self.running_mean, &self.running_var, &self.num_batches_tracked)
                else {
                    return;
                };
                let count = count.update(|count| {
                    count[0] += T::ONE;
                    count[0].to_f64()
                });
                let momentum = self.settings.momentum.unwrap_or(count.recip());
                mix_in(mean, new_mean, momentum);
                mix_in(variance, new_variance, momentum);
            }
        }

        crate::module!($name<T> { weight, bias, running_mean, running_var, num_batches_tracked }, |layer| {
            let Settings { features, eps, momentum } = layer.settings;
            let momentum = momentum.map_or("None".to_owned(), python_float);
            let [affine, tracks] = [layer.weight.is_some(), layer.running_mean.is_some()].map(python_bool);
            let eps = python_float(eps);
            let affine = format!("affine={affine}, bias={affine}");
            format!("{features}, eps={eps}, momentum={momentum}, {affine}, track_running_stats={tracks}")
        });

        impl<T: Float> Layer<T> for $name<T> {
            /// # Panics
            /// If the input has another rank or other channels, or, in training, one value alone in each channel.
            #[track_caller]
            fn forward(&self, x: &Tensor<T>, mode: Mode<'_>) -> Tensor<T> {
                let features = self.settings.features;
                assert!(
                    $ranks.contains(&x.rank()) && x.size(1) == features,
                    "{}: the input has shape {}: wanted {} with C = {features}",
                    stringify!($name), x.shape(), $wanted
                );
                let [weight, bias] = [&self.weight, &self.bias].map(|param| param.as_ref().map(Param::tensor));
                let (weight, bias, eps) = (weight.as_ref(), bias.as_ref(), self.settings.eps);
                match (&self.running_mean, &self.running_var) {
                    (Some(mean), Some(variance)) if !mode.is_training() => {
                        x.batch_norm_with(&mean.tensor(), &variance.tensor(), weight, bias, eps)
                    }
                    _ => {
                        let (y, mean, variance) = x.batch_norm(weight, bias, eps);
                        if mode.is_training() {
                            self.track(&mean, &variance);
                        }
                        y
                    }
                }
            }
        }
    )+};
}

batch_norms! {
    /// use autograd::{Stream, Tensor};
    /// use nn::{BatchNorm1d, Layer, Mode};
    /// let layer = BatchNorm1d::new(1);
    /// let x = Tensor::from_vec(vec![0.0, 2.0], [2, 1]);
    /// let y = layer.forward(&x, Mode::Train(&Stream::new(0)));
    /// assert!((y.to_vec()[1] - 1.0_f32).abs() < 1e-4);
    /// assert_eq!(layer.running_mean.unwrap().tensor().to_vec(), [0.1]);
    BatchNorm1d, [2, 3], "`[N, C]` or `[N, C, L]`";
    /// use autograd::{Stream, Tensor};
    /// use nn::{BatchNorm2d, Layer, Mode};
    /// let layer: BatchNorm2d = BatchNorm2d::new(3);
    /// let y = layer.forward(&Tensor::randn([4, 3, 5, 5], 0), Mode::Train(&Stream::new(0)));
    /// assert!(y.mean_dim([0, 2, 3], false).abs().max().item() < 1e-6);
    BatchNorm2d, [4], "`[N, C, H, W]`";
}

#[cfg(test)]
mod tests {
    use autograd::Stream;

    use super::*;

    fn statistics(layer: &BatchNorm1d<f64>) -> [f64; 3] {
        let value = |param: &Option<Param<f64>>| param.as_ref().unwrap().tensor().to_vec()[0];
        [&layer.running_mean, &layer.running_var, &layer.num_batches_tracked].map(value)
    }

    #[test]
    fn running_statistics_follow_by_momentum_or_are_the_mean_of_all() {
        let stream = Stream::new(0);
        let batches = [[1.0, 3.0], [5.0, 9.0]].map(|values| Tensor::from_vec(values.to_vec(), [2, 1]));
        let layer = BatchNorm1d::new(1).momentum(0.5);
        batches.iter().for_each(|x| drop(layer.forward(x, Mode::Train(&stream))));
        // Means 2 and 7, unbiased variances 2 and 8.
        assert_eq!(statistics(&layer), [0.5 * (0.5 * 2.0) + 0.5 * 7.0, 0.5 * (0.5 + 0.5 * 2.0) + 0.5 * 8.0, 2.0]);
        let layer = BatchNorm1d::new(1).momentum(None);
        batches.iter().for_each(|x| drop(layer.forward(x, Mode::Train(&stream))));
        assert_eq!(statistics(&layer), [4.5, 5.0, 2.0]);
        let wanted = (9.0 - 4.5) / (5.0_f64 + 1e-5).sqrt();
        assert!((layer.forward(&batches[1], Mode::Eval).to_vec()[1] - wanted).abs() < 1e-12);
        assert_eq!(statistics(&layer), [4.5, 5.0, 2.0], "using a layer changes nothing");
    }

    #[test]
    fn without_running_statistics_the_batch_decides() {
        let layer = BatchNorm1d::<f64>::new(2).without_running_stats().without_affine();
        let x = Tensor::randn([5, 2, 3], 0);
        let [eval, train] = [Mode::Eval, Mode::Train(&Stream::new(0))].map(|mode| layer.forward(&x, mode).to_vec());
        assert_eq!(eval, train);
        let wanted = "BatchNorm1d(2, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)";
        assert_eq!((layer.to_string(), layer.weight.is_none()), (wanted.to_owned(), true));
    }

    #[test]
    #[should_panic(expected = "BatchNorm2d: the input has shape [4, 3]: wanted `[N, C, H, W]` with C = 3")]
    fn an_input_of_another_rank_is_refused() {
        BatchNorm2d::<f32>::new(3).forward(&Tensor::zeros([4, 3]), Mode::Eval);
    }
}
