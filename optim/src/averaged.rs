//! Averages of the weights over the steps, which often generalize better than the last weights, with PyTorch's formulas
//! ([`torch.optim.swa_utils`](https://docs.pytorch.org/docs/stable/optim.html#weight-averaging-swa-and-ema)).

use autograd::kernels::update::update;
use autograd::{Float, Load, Param, State, StateDict, StateError, Tensor};

use crate::parameter::{IntoParameter, Parameter, collected};
use crate::settings::fraction;

/// How the steps are weighted.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Weighting {
    /// All alike.
    Equal,
    /// Each by this factor less than the one after it.
    Exponential { decay: f64 },
}

/// An average of parameters over the steps, as PyTorch's
/// [`AveragedModel`](https://docs.pytorch.org/docs/stable/generated/torch.optim.swa_utils.AveragedModel.html):
/// exponential ([`ema`](AveragedWeights::ema)), or of all alike ([`swa`](AveragedWeights::swa)).
///
/// The averages are kept beside the parameters; [`swap`](AveragedWeights::swap) exchanges them, and
/// [`with_averages`](AveragedWeights::with_averages) does so for a while. It is a [`State`], which a checkpoint of a
/// run holds as `averages.NAME` and `n_averaged`.
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::{AveragedWeights, Sgd};
/// let weight: Param = Param::new(Tensor::zeros([1]));
/// let mut sgd = Sgd::new([&weight], 1.0);
/// let mut ema = AveragedWeights::ema([&weight], 0.75);
/// for _ in 0..3 {
///     sgd.step(&weight.tensor().sum().backward());
///     ema.update();
/// }
/// // -1, then 0.75 · (-1) - 0.25 · 2 = -1.25, then 0.75 · (-1.25) - 0.25 · 3
/// assert_eq!(ema.with_averages(|| weight.tensor().item()), -1.6875);
/// assert_eq!(weight.tensor().item(), -3.0);
/// ```
#[derive(Debug)]
pub struct AveragedWeights<T: Float = f32> {
    parameters: Vec<Parameter<T>>,
    averages: Vec<Tensor<T>>,
    weighting: Weighting,
    /// How many steps there were.
    count: u64,
}

impl<T: Float> AveragedWeights<T> {
    /// An exponential moving average, a ← decay · a + (1 - decay) · w, which starts with the weights at the first
    /// update. Buffers are left out. The closer `decay` is to 1, the more steps count: 1 / (1 - decay) of them, about.
    ///
    /// # Panics
    /// If `decay` is not in [0, 1), or a parameter comes twice.
    #[track_caller]
    pub fn ema<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>, decay: f64) -> Self {
        AveragedWeights::new(parameters, Weighting::Exponential { decay: fraction("decay", decay) })
    }

    /// The mean of the weights at all updates, a ← a + (w - a) / (n + 1) (Izmailov et al., *Averaging weights leads to
    /// wider optima and better generalization*, 2018). Buffers are left out.
    ///
    /// # Panics
    /// If a parameter comes twice.
    #[track_caller]
    pub fn swa<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>) -> Self {
        AveragedWeights::new(parameters, Weighting::Equal)
    }

    #[track_caller]
    fn new<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>, weighting: Weighting) -> Self {
        let parameters = collected(&[], parameters);
        let averages = parameters.iter().map(|parameter| parameter.param.tensor().detach()).collect();
        AveragedWeights { parameters, averages, weighting, count: 0 }
    }

    /// Takes the weights as they are now into the averages.
    pub fn update(&mut self) {
        // The first weights are the average.
        let share = match self.weighting {
            _ if self.count == 0 => 1.0,
            Weighting::Equal => 1.0 / (self.count + 1) as f64,
            Weighting::Exponential { decay } => 1.0 - decay,
        };
        let (share, kept) = (T::from_f64(share), T::from_f64(1.0 - share));
        for (parameter, average) in self.parameters.iter().zip(&mut self.averages) {
            let weights = parameter.param.tensor();
            if self.count == 0 {
                *average = weights.detach();
                continue;
            }
            let mut next = average.to_vec();
            let view = weights.as_array();
            let weights = view.as_slice().expect("a parameter is contiguous");
            update(&mut next, weights, [], move |average, weight, []| average * kept + weight * share);
            *average = Tensor::from_vec(next, average.shape());
        }
        self.count += 1;
    }

    /// How many updates there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The average of a parameter; `None` if it is not one of these.
    pub fn of(&self, param: &Param<T>) -> Option<&Tensor<T>> {
        let index = self.parameters.iter().position(|parameter| parameter.param.is(param))?;
        Some(&self.averages[index])
    }

    /// Exchanges the weights and the averages: a second call takes the first one back.
    pub fn swap(&mut self) {
        for (parameter, average) in self.parameters.iter().zip(&mut self.averages) {
            let weights = parameter.param.tensor().detach();
            parameter.param.set(average);
            *average = weights;
        }
    }

    /// Runs `f` with the averages in place of the weights, to evaluate or to save them, and puts the weights back, also
    /// if
    /// `f` panics.
    pub fn with_averages<R>(&mut self, f: impl FnOnce() -> R) -> R {
        struct Swapped<'a, T: Float>(&'a mut AveragedWeights<T>);
        impl<T: Float> Drop for Swapped<'_, T> {
            fn drop(&mut self) {
                self.0.swap();
            }
        }
        self.swap();
        let _swapped = Swapped(self);
        f()
    }
}

impl<T: Float> State for AveragedWeights<T> {
    fn state_dict(&self) -> StateDict {
        let mut state = StateDict::new();
        state.insert_u64("n_averaged", self.count);
        for (parameter, average) in self.parameters.iter().zip(&self.averages) {
            state.insert_elements(format!("averages.{}", parameter.name), average.shape().clone(), &average.to_vec());
        }
        state
    }

    fn prepare_load<'a>(&'a mut self, state: &StateDict) -> Result<Load<'a>, StateError> {
        let mut reader = state.reader();
        let count = reader.u64("n_averaged");
        let mut averages = Vec::new();
        for (parameter, average) in self.parameters.iter().zip(&self.averages) {
            let values: &[T] = reader.elements(&format!("averages.{}", parameter.name), average.shape());
            averages.push((values, average.shape().clone()));
        }
        reader.finish()?;
        let averages = averages.into_iter().map(|(values, shape)| Tensor::from_vec(values.to_vec(), shape)).collect();
        Ok(Box::new(move || (self.averages, self.count) = (averages, count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights() -> (Param<f64>, impl Fn(f64)) {
        let weight = Param::new(Tensor::zeros([2]));
        let held = weight.clone();
        (weight, move |value| held.set(&Tensor::from_vec(vec![value, -value], [2])))
    }

    #[test]
    fn averages_follow_their_formulas() {
        let (weight, set) = weights();
        let (mut ema, mut swa) = (AveragedWeights::ema([&weight], 0.9), AveragedWeights::swa([&weight]));
        let (mut average, mut sum) = (1.0, 0.0);
        for value in [1.0, 5.0, -2.0, 7.0] {
            set(value);
            ema.update();
            swa.update();
            average = average * 0.9 + value * 0.1;
            sum += value;
        }
        let close = |found: &Tensor<f64>, expected: f64| {
            found.to_vec().iter().zip([expected, -expected]).all(|(found, expected)| (found - expected).abs() < 1e-12)
        };
        assert!(close(ema.of(&weight).unwrap(), average));
        assert!(close(swa.of(&weight).unwrap(), sum / 4.0));
        assert_eq!(swa.count(), 4);
        assert!(swa.of(&Param::new(Tensor::zeros([1]))).is_none());
    }

    #[test]
    fn weights_come_back_also_after_a_panic() {
        let (weight, set) = weights();
        let mut swa = AveragedWeights::swa([&weight]);
        set(1.0);
        swa.update();
        set(3.0);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            swa.with_averages(|| panic!("with {}", weight.tensor().to_vec()[0]));
        }));
        assert_eq!(*panicked.unwrap_err().downcast::<String>().unwrap(), "with 1");
        assert_eq!(weight.tensor().to_vec(), [3.0, -3.0]);
        swa.swap();
        assert_eq!(weight.tensor().to_vec(), [1.0, -1.0]);
        swa.swap();
        assert_eq!(weight.tensor().to_vec(), [3.0, -3.0]);
    }

    #[test]
    fn they_go_on_from_their_state() {
        let (weight, set) = weights();
        let build = || AveragedWeights::ema([("w", weight.clone())], 0.7);
        let (mut whole, mut other) = (build(), build());
        for value in [1.0, 5.0] {
            set(value);
            whole.update();
        }
        other.load_state_dict(&whole.state_dict()).unwrap();
        set(-3.0);
        [&mut whole, &mut other].into_iter().for_each(AveragedWeights::update);
        assert_eq!(whole.of(&weight).unwrap().to_vec(), other.of(&weight).unwrap().to_vec());
        let wider: Param<f64> = Param::new(Tensor::zeros([3]));
        let error = AveragedWeights::swa([("w", wider)]).load_state_dict(&whole.state_dict()).unwrap_err();
        let words = "averages.w: found f64 of shape [2], expected f64 of shape [3]";
        assert_eq!(error.to_string(), words);
    }
}
