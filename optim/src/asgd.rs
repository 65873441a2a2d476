//! Averaged SGD (Polyak and Juditsky, *Acceleration of stochastic approximation by averaging*, 1992), with PyTorch's
//! details ([`torch.optim.ASGD`](https://docs.pytorch.org/docs/stable/generated/torch.optim.ASGD.html)).

use autograd::Float;

use crate::driver::Driver;
use crate::parameter::IntoParameter;
use crate::rule::{Pass, Rule, Updated};
use crate::settings::{builders, decayed, not_negative};

/// The formula of averaged SGD: at step t, with the gradient g (plus weight_decay · w),
///
///   w ← w (1 - λ η) - η g        a ← a + μ (w - a)
///
///   η ← lr / (1 + λ lr t)^α        μ ← 1 / max(1, t - t₀)
///
/// η begins as lr, μ as 1. Both are kept in `f32`, as in PyTorch, for weights of either type.
#[derive(Clone, Debug, PartialEq)]
pub struct AsgdRule {
    lambd: f64,
    alpha: f64,
    t0: f64,
    weight_decay: f64,
}

builders!(AsgdRule: weight_decay);

/// The nearest `f32`.
fn rounded(value: f64) -> f64 {
    f64::from(value as f32)
}

impl<T: Float> Rule<T> for AsgdRule {
    fn slots(&self) -> &'static [&'static str] {
        &["ax"]
    }

    fn scalars(&self) -> &'static [&'static str] {
        &["eta", "mu"]
    }

    fn update(&self, mut pass: Pass<'_, T>) -> Updated {
        let (step, lr) = (pass.step() as f64, pass.learning_rate());
        let is_first = pass.step() == 1;
        let eta = if is_first { rounded(lr) } else { pass.scalar(0).to_f64() };
        let mu = if is_first { 1.0 } else { pass.scalar(1).to_f64() };
        *pass.scalar(0) = T::from_f64(rounded(lr / (1.0 + self.lambd * lr * step).powf(self.alpha)));
        *pass.scalar(1) = T::from_f64(rounded(1.0 / (step - self.t0).max(1.0)));
        let (kept, eta) = (T::from_f64(1.0 - self.lambd * eta), T::from_f64(eta));
        let (mu, weight_decay) = (T::from_f64(mu), T::from_f64(self.weight_decay));
        pass.run(move |weight, gradient, [average]| {
            let gradient = decayed(gradient, weight, weight_decay);
            let next = weight * kept - eta * gradient;
            *average = if mu == T::ONE { next } else { *average + (next - *average) * mu };
            next
        })
    }
}

/// SGD with a learning rate that falls, and the average of the weights from step t₀ on beside them: read it with
/// [`state`](crate::Optimizer::state). See [`AsgdRule`] for the formula. The state is `ax` (a) and, for a whole
/// parameter,
/// `eta` (η) and `mu` (μ). For averages beside any optimizer there are [`AveragedWeights`](crate::AveragedWeights).
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::{Asgd, Optimizer};
/// let weight: Param = Param::new(Tensor::ones([1]));
/// let mut asgd = Asgd::new([weight.clone()], 0.25).lambd(0.0);
/// asgd.step(&weight.tensor().sum().backward());
/// assert_eq!(weight.tensor().item(), 0.75);
/// assert_eq!(asgd.state()[0].slots[0], ("ax", &[0.75][..]));
/// ```
pub type Asgd<T = f32> = Driver<T, AsgdRule>;

impl<T: Float> Asgd<T> {
    /// Averaged SGD of these parameters, or pairs of a name and a parameter, with PyTorch's defaults: λ 0.0001, α 0.75,
    /// averages from step 10⁶ on, no weight decay. PyTorch's learning rate is 0.01.
    ///
    /// # Panics
    /// As [`Driver::with_rule`].
    #[track_caller]
    pub fn new<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Driver::with_rule(parameters, lr, AsgdRule { lambd: 1e-4, alpha: 0.75, t0: 1e6, weight_decay: 0.0 })
    }

    /// How strongly the weights decay, and how fast the learning rate falls: λ.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn lambd(self, lambd: f64) -> Self {
        let lambd = not_negative("lambd", lambd);
        self.with(|rule| rule.lambd = lambd)
    }

    /// The power by which the learning rate falls.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn alpha(self, alpha: f64) -> Self {
        let alpha = not_negative("alpha", alpha);
        self.with(|rule| rule.alpha = alpha)
    }

    /// From which step on to average: before that the average is the weight itself.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn t0(self, t0: f64) -> Self {
        let t0 = not_negative("t0", t0);
        self.with(|rule| rule.t0 = t0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Optimizer;
    use crate::reference::follows;
    use autograd::{Param, Tensor};

    #[test]
    fn it_follows_the_formula() {
        follows(
            |weights| Asgd::new(weights, 0.25).lambd(0.125).alpha(0.5).weight_decay(0.1),
            || {
                let mut eta = 0.25;
                move |w, g, t| {
                    let next = w * (1.0 - 0.125 * eta) - eta * (g + 0.1 * w);
                    eta = rounded(0.25 / f64::sqrt(1.0 + 0.125 * 0.25 * f64::from(t)));
                    next
                }
            },
        );
    }

    #[test]
    fn the_average_is_the_mean_from_its_step_on() {
        let weight: Param<f64> = Param::new(Tensor::zeros([1]));
        let mut asgd = Asgd::new([&weight], 1.0).lambd(0.0).t0(2.0);
        // -1, -2, and from the third step on the mean of -3, -4, ...: μ is 1 / max(1, t - 3 + 1) at step t.
        for expected in [-1.0, -2.0, -3.0, -4.0, -4.5] {
            asgd.step(&weight.tensor().sum().backward());
            assert_eq!(asgd.state()[0].slots[0].1, [expected]);
        }
    }
}
