//! Normalization of each channel of each example.

use autograd::{Float, Param, Tensor};

use crate::batch_norm::mix_in;
use crate::layer::Layer;
use crate::mode::Mode;
use crate::norm::tensor;
use crate::tree::{python_bool, python_float};

macro_rules! instance_norms {
    ($($name:ident, $rank:literal, $wanted:literal;)+) => {$(
        #[doc = concat!("Each channel of each example ", $wanted, " with mean 0 and variance 1.")]
        ///
        /// y = (x - μ) / √(v + ε), with the mean and the variance of the channel of the example itself, and
        /// y · weight + bias with [`affine`](Self::affine). With [`track_running_stats`](Self::track_running_stats)
        /// the layer has running statistics: in training they follow the means of μ and of the unbiased variances
        /// over the batch, running ← (1 - m) running + m new, and outside of training they are what normalizes.
        ///
        /// Settings and names are those of
        #[doc = concat!(
            "[`torch.nn.", stringify!($name), "`](https://docs.pytorch.org/docs/stable/generated/torch.nn.",
            stringify!($name), ".html):"
        )]
        /// `weight`, `bias`, and the buffers `running_mean` and `running_var`, all `[C]`, and `num_batches_tracked`,
        /// `[]`, which stays 0, as in PyTorch. The operation is [`Tensor::instance_norm`].
        ///
        /// A forward in training changes the buffers, if there are any, so there can be one of a layer at a time: a
        /// second one on another thread panics.
        ///
        /// ```
        /// use autograd::{Stream, Tensor};
        #[doc = concat!("use nn::{", stringify!($name), ", Layer, Mode};")]
        #[doc = concat!("let layer: ", stringify!($name), " = ", stringify!($name), "::new(1).track_running_stats();")]
        #[doc = concat!("let x = Tensor::full([2; ", stringify!($rank), "], 2.0).narrow(1, 0, 1);")]
        /// layer.forward(&x, Mode::Train(&Stream::new(0)));
        /// assert_eq!(layer.running_mean.unwrap().tensor().to_vec(), [0.2]);
        /// ```
        #[derive(Clone, Debug)]
        pub struct $name<T: Float = f32> {
            /// The scale of each channel, `[C]`.
            pub weight: Option<Param<T>>,
            /// The shift of each channel, `[C]`.
            pub bias: Option<Param<T>>,
            /// The running mean of each channel, a buffer `[C]`.
            pub running_mean: Option<Param<T>>,
            /// The running variance of each channel, a buffer `[C]`.
            pub running_var: Option<Param<T>>,
            /// A buffer `[]`, which PyTorch's layer has too and does not change.
            pub num_batches_tracked: Option<Param<T>>,
            features: usize,
            eps: f64,
            momentum: f64,
        }

        impl<T: Float> $name<T> {
            /// So many channels, with PyTorch's settings: ε = 10⁻⁵, neither scale and shift nor running statistics.
            pub fn new(num_features: usize) -> Self {
                $name {
                    weight: None,
                    bias: None,
                    running_mean: None,
                    running_var: None,
                    num_batches_tracked: None,
                    features: num_features,
                    eps: 1e-5,
                    momentum: 0.1,
                }
            }

            /// With a scale and a shift for each channel.
            pub fn affine(self) -> Self {
                let weight = Some(Param::new(Tensor::ones([self.features])));
                $name { weight, bias: Some(Param::new(Tensor::zeros([self.features]))), ..self }
            }

            /// With running statistics, which begin as a mean of 0 and a variance of 1.
            pub fn track_running_stats(self) -> Self {
                $name {
                    running_mean: Some(Param::buffer(Tensor::zeros([self.features]))),
                    running_var: Some(Param::buffer(Tensor::ones([self.features]))),
                    num_batches_tracked: Some(Param::buffer(Tensor::zeros(()))),
                    ..self
                }
            }

            /// What is added to the variance.
            pub fn eps(self, eps: f64) -> Self {
                $name { eps, ..self }
            }

            /// The share of a batch in the running statistics; 0.1 by default.
            pub fn momentum(self, momentum: f64) -> Self {
                $name { momentum, ..self }
            }
        }

        crate::module!($name<T> { weight, bias, running_mean, running_var, num_batches_tracked }, |layer| {
            let [eps, momentum] = [layer.eps, layer.momentum].map(python_float);
            let [affine, tracks] = [layer.weight.is_some(), layer.running_mean.is_some()].map(python_bool);
            let affine = format!("affine={affine}, bias={affine}");
            format!("{}, eps={eps}, momentum={momentum}, {affine}, track_running_stats={tracks}", layer.features)
        });

        impl<T: Float> Layer<T> for $name<T> {
            /// # Panics
            /// If the input has another rank or other channels, or one value alone in each channel that its own
            /// statistics are to normalize.
            #[track_caller]
            fn forward(&self, x: &Tensor<T>, mode: Mode<'_>) -> Tensor<T> {
                let batched = if x.rank() + 1 == $rank { x.unsqueeze(0) } else { x.clone() };
                assert!(
                    batched.rank() == $rank && batched.size(1) == self.features,
                    "{}: the input has shape {}: wanted {} with C = {}",
                    stringify!($name), x.shape(), $wanted, self.features
                );
                let (weight, bias) = (tensor(&self.weight), tensor(&self.bias));
                let (weight, bias) = (weight.as_ref(), bias.as_ref());
                let y = match (&self.running_mean, &self.running_var) {
                    (Some(mean), Some(variance)) if !mode.is_training() => {
                        batched.batch_norm_with(&mean.tensor(), &variance.tensor(), weight, bias, self.eps)
                    }
                    (mean, variance) => {
                        let y = batched.instance_norm(weight, bias, self.eps);
                        if let (Some(mean), Some(variance)) = (mean, variance) {
                            track(&batched, [mean, variance], self.momentum);
                        }
                        y
                    }
                };
                if x.rank() + 1 == $rank { y.squeeze(0) } else { y }
            }
        }
    )+};
}

/// Brings the statistics of a batch `[N, C, ...]` into the running ones: the means over its examples.
fn track<T: Float>(x: &Tensor<T>, [mean, variance]: [&Param<T>; 2], momentum: f64) {
    let channels = x.detach().flatten(2, -1);
    mix_in(mean, &channels.mean_dim(2, false).mean_dim(0, false), momentum);
    mix_in(variance, &channels.var(2, 1, false).mean_dim(0, false), momentum);
}

instance_norms! {
    InstanceNorm1d, 3, "`[N, C, L]` or `[C, L]`";
    InstanceNorm2d, 4, "`[N, C, H, W]` or `[C, H, W]`";
}

#[cfg(test)]
mod tests {
    use autograd::Stream;

    use super::*;

    #[test]
    fn settings_are_printed_as_pytorch_prints_them() {
        let shown = [
            InstanceNorm1d::<f32>::new(4).to_string(),
            InstanceNorm2d::<f32>::new(3).affine().track_running_stats().eps(1e-3).momentum(0.5).to_string(),
        ];
        let wanted = [
            "InstanceNorm1d(4, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)",
            "InstanceNorm2d(3, eps=0.001, momentum=0.5, affine=True, bias=True, track_running_stats=True)",
        ];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn an_example_alone_is_as_one_of_a_batch() {
        let layer = InstanceNorm2d::<f64>::new(3).affine();
        let x = Tensor::randn([2, 3, 4, 5], 0);
        let (batch, alone) = (layer.forward(&x, Mode::Eval), layer.forward(&x.select(0, 1), Mode::Eval));
        assert_eq!(batch.select(0, 1).to_vec(), alone.to_vec());
    }

    /// PyTorch's values for two batches in training, and then one outside of it.
    #[test]
    fn running_statistics_are_those_of_pytorch() {
        let layer = InstanceNorm1d::<f64>::new(2).track_running_stats().momentum(0.25);
        let stream = Stream::new(0);
        let x = Tensor::from_vec(vec![1.0, 2.0, 6.0, 0.0, -1.0, 3.0, 4.0, 4.5, 5.0, -2.0, 2.0, 9.0], [2, 2, 3]);
        let y = layer.forward(&x, Mode::Train(&stream));
        let alone = InstanceNorm1d::new(2).forward(&x, Mode::Eval);
        assert_eq!(y.to_vec(), alone.to_vec(), "in training an example's own statistics count");
        layer.forward(&(&x * 2.0), Mode::Train(&stream));
        let values = |param: &Option<Param<f64>>| param.as_ref().unwrap().tensor().to_vec();
        let statistics = [&layer.running_mean, &layer.running_var, &layer.num_batches_tracked].map(values);
        close(&statistics[0], &RUNNING_MEAN);
        close(&statistics[1], &RUNNING_VAR);
        assert_eq!(statistics[2], [0.0]);
        close(&layer.forward(&x.narrow(0, 0, 1), Mode::Eval).to_vec(), &OUTPUT);
        assert_eq!([&layer.running_mean, &layer.running_var].map(values), statistics[..2], "using it changes nothing");
    }

    fn close(found: &[f64], wanted: &[f64]) {
        let are_close = found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-12);
        assert!(found.len() == wanted.len() && are_close, "{found:?}, expected {wanted:?}");
    }

    const RUNNING_MEAN: [f64; 2] = [2.578125, 1.2604166666666665];
    const RUNNING_VAR: [f64; 2] = [4.8671875, 21.541666666666664];
    const OUTPUT: [f64; 6] = [
        -0.715322548492062,
        -0.2620488543980821,
        1.5510459219778374,
        -0.271565368655525,
        -0.48702219006817293,
        0.3748050955824189,
    ];

    #[test]
    #[should_panic(expected = "InstanceNorm2d: the input has shape [2, 4, 3, 3]: wanted `[N, C, H, W]` or `[C, H, W]`")]
    fn other_channels_are_refused() {
        InstanceNorm2d::<f32>::new(3).forward(&Tensor::zeros([2, 4, 3, 3]), Mode::Eval);
    }
}
