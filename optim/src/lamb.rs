//! LAMB (You et al., *Large batch optimization for deep learning: training BERT in 76 minutes*, 2020, algorithm 2 with
//! φ(z) = z). PyTorch has none.

use autograd::Float;

use crate::driver::Driver;
use crate::moments::{Formula, HasAmsgrad, HasMoments, Moments, correction};
use crate::parameter::IntoParameter;
use crate::rule::{Pass, Rule, Updated};
use crate::settings::{decayed, momentum_is};

/// LAMB's formula: Adam, with a length of the step for each parameter as a whole.
///
/// With the means m̂ and v̂ of the gradient and of its square, as in [`Moments`], and the norms of the whole parameter:
///
///   u = m̂ / (√v̂ + ε) + weight_decay · w        w ← w - lr · ‖w‖ / ‖u‖ · u
///
/// The trust ratio ‖w‖ / ‖u‖ is 1 where either norm is 0.
///
/// The trust ratio shows an m of any size, if all of the parameter's are so small. So only denormal ones are cleared:
/// without weight decay, a parameter with no others is at rest.
#[derive(Clone, Debug, PartialEq)]
pub struct LambRule(Moments);

impl HasMoments for LambRule {
    fn moments(&mut self) -> &mut Moments {
        &mut self.0
    }
}

impl HasAmsgrad for LambRule {}

impl<T: Float> Rule<T> for LambRule {
    fn slots(&self) -> &'static [&'static str] {
        self.0.slots()
    }

    momentum_is!(0.betas.0);

    #[inline(never)]
    fn update(&self, pass: Pass<'_, T>) -> Updated {
        self.0.run(pass, self)
    }
}

impl<T: Float> Formula<T> for &LambRule {
    fn run<const SLOTS: usize, const HIDDEN: bool>(self, pass: Pass<'_, T>) -> Updated {
        let means = self.0.at_step::<T>(pass.step(), f64::INFINITY);
        let corrected = T::from_f64(correction(self.0.betas.0, pass.step()).recip());
        let weight_decay = T::from_f64(self.0.weight_decay);
        let update = move |weight, gradient, state: &mut [T; SLOTS]| {
            decayed(corrected * means.next::<SLOTS, HIDDEN>(weight, gradient, state), weight, weight_decay)
        };
        // The state is advanced twice, of which the first time is on a copy: cheaper than to store the update.
        let [weights, updates] = pass.norms(move |weight, gradient, state| [weight, update(weight, gradient, state)]);
        let trust_ratio = if weights == 0.0 || updates == 0.0 { 1.0 } else { weights / updates };
        let step_size = T::from_f64(pass.learning_rate() * trust_ratio);
        pass.run(move |weight, gradient, state| weight - step_size * update(weight, gradient, state))
    }
}

/// LAMB, for large batches: the steps of each parameter are in proportion to its norm. See [`LambRule`] for the
/// formula. The state is that of [`Adam`](crate::Adam).
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::Lamb;
/// let weight: Param = Param::new(Tensor::full([4], 10.0));
/// let mut lamb = Lamb::new([weight.clone()], 0.1);
/// lamb.step(&weight.tensor().sum().backward());
/// // A tenth of its norm, since all gradients are the same.
/// assert!((weight.tensor().to_vec()[0] - 9.0).abs() < 1e-5);
/// ```
pub type Lamb<T = f32> = Driver<T, LambRule>;

impl<T: Float> Lamb<T> {
    /// LAMB of these parameters, or pairs of a name and a parameter: betas 0.9 and 0.999, eps 10⁻⁶, weight decay 0.01.
    ///
    /// # Panics
    /// As [`Driver::with_rule`].
    #[track_caller]
    pub fn new<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Driver::with_rule(parameters, lr, LambRule(Moments::new(1e-6, 0.01)))
    }
}

instances!(LambRule);

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::{Param, Tensor, with_threads};

    /// The formula, read once more, in f64: the weights after steps on the loss ½ Σ (cᵢ wᵢ)².
    fn by_hand(mut w: Vec<f64>, c: &[f64], steps: i32, amsgrad: bool) -> Vec<f64> {
        let (mut m, mut v, mut largest) = (vec![0.0; w.len()], vec![0.0; w.len()], vec![0.0_f64; w.len()]);
        let norm = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>().sqrt();
        for t in 1..=steps {
            let mut u = Vec::new();
            for i in 0..w.len() {
                let g = c[i] * c[i] * w[i];
                m[i] = 0.8 * m[i] + 0.2 * g;
                v[i] = 0.9 * v[i] + 0.1 * g * g;
                largest[i] = largest[i].max(v[i]);
                let v_hat = if amsgrad { largest[i] } else { v[i] } / (1.0 - 0.9_f64.powi(t));
                u.push(m[i] / (1.0 - 0.8_f64.powi(t)) / (v_hat.sqrt() + 1e-3) + 0.1 * w[i]);
            }
            let ratio = if norm(&w) == 0.0 || norm(&u) == 0.0 { 1.0 } else { norm(&w) / norm(&u) };
            w.iter_mut().zip(&u).for_each(|(w, u)| *w -= 0.3 * ratio * u);
        }
        w
    }

    fn path<T: Float>(start: &[f64], c: &[f64], steps: i32, amsgrad: bool) -> Vec<f64> {
        let tensor =
            |values: &[f64]| Tensor::<T>::from_vec(values.iter().map(|&x| T::from_f64(x)).collect(), [values.len()]);
        let (weight, c) = (Param::new(tensor(start)), tensor(c));
        let lamb = Lamb::new([weight.clone()], 0.3).betas(0.8, 0.9).eps(1e-3).weight_decay(0.1);
        let mut lamb = lamb.amsgrad(amsgrad);
        for _ in 0..steps {
            let scaled = weight.tensor() * &c;
            lamb.step(&((&scaled * &scaled).sum() * T::from_f64(0.5)).backward());
        }
        weight.tensor().to_vec().into_iter().map(T::to_f64).collect()
    }

    #[test]
    fn it_follows_the_formula() {
        let (start, c) = ([2.0, -1.0, 0.5], [1.0, 3.0, 0.1]);
        for amsgrad in [false, true] {
            for (found, wanted) in
                path::<f64>(&start, &c, 20, amsgrad).iter().zip(by_hand(start.into(), &c, 20, amsgrad))
            {
                assert!((found - wanted).abs() < 1e-12, "amsgrad {amsgrad}: found {found}, expected {wanted}");
            }
        }
    }

    #[test]
    fn where_a_norm_is_zero_the_trust_ratio_is_one() {
        // No gradient and no weight: an update of 0. A weight of 0: the step of Adam.
        assert_eq!(path::<f64>(&[0.0, 0.0], &[1.0, 1.0], 3, false), [0.0, 0.0]);
        let weight: Param<f64> = Param::new(Tensor::zeros([2]));
        let mut lamb = Lamb::new([weight.clone()], 0.25).eps(0.0);
        lamb.step(&weight.tensor().sum().backward());
        assert!(weight.tensor().to_vec().iter().all(|w| (w + 0.25).abs() < 1e-15));
        // No update, but a weight.
        let weight = Param::new(Tensor::full([2], 3.0_f64));
        let mut lamb = Lamb::new([weight.clone()], 0.25).weight_decay(0.0);
        lamb.step(&(weight.tensor() * 0.0).sum().backward());
        assert_eq!(weight.tensor().to_vec(), [3.0, 3.0]);
    }

    #[test]
    fn long_norms_are_exact_and_their_bits_independent_of_the_threads() {
        let length = 100_003;
        let start: Vec<f64> = (0..length).map(|i| f64::from((i * 7 % 1009) as f32) / 500.0 - 1.0).collect();
        let c: Vec<f64> = (0..length).map(|i| 0.5 + f64::from((i * 13 % 101) as f32) / 100.0).collect();
        let one = with_threads(1, || path::<f32>(&start, &c, 3, false));
        for (found, wanted) in one.iter().zip(by_hand(start.clone(), &c, 3, false)) {
            assert!((found - wanted).abs() < 1e-4, "found {found}, expected {wanted}");
        }
        assert!([2, 3].into_iter().all(|threads| with_threads(threads, || path::<f32>(&start, &c, 3, false)) == one));
    }
}
