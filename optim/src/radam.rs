//! RAdam (Liu et al., *On the variance of the adaptive learning rate and beyond*, 2020), with PyTorch's details
//! ([`torch.optim.RAdam`](https://docs.pytorch.org/docs/stable/generated/torch.optim.RAdam.html)).

use autograd::Float;

use crate::driver::Driver;
use crate::moments::{HasMoments, Moments, correction};
use crate::parameter::IntoParameter;
use crate::rule::{Pass, Rule, Updated};
use crate::settings::{Decay, builders, momentum_is};

/// RAdam's formula.
///
/// With the means m̂ and v of the gradient (plus weight_decay · w) and of its square, as in [`Moments`]; at step t,
/// with ρ∞ = 2 / (1 - β₂) - 1 and ρ = ρ∞ - 2 t β₂ᵗ / (1 - β₂ᵗ), how many gradients the mean square is made of,
///
///   w ← w - lr · m̂ · r · √(1 - β₂ᵗ) / (√v + ε)        r² = (ρ - 4) (ρ - 2) ρ∞ / ((ρ∞ - 4) (ρ∞ - 2) ρ)
///
/// as long as ρ > 5, and w ← w - lr · m̂ before that: too few gradients tell nothing about their variance.
///
/// With `decoupled_weight_decay` the decay acts on the weight itself: w ← w (1 - lr · weight_decay) before that.
#[derive(Clone, Debug, PartialEq)]
pub struct RAdamRule {
    moments: Moments,
    decoupled_weight_decay: bool,
}

builders!(RAdamRule: decoupled_weight_decay);

impl HasMoments for RAdamRule {
    fn moments(&mut self) -> &mut Moments {
        &mut self.moments
    }
}

impl RAdamRule {
    /// r · √(1 - β₂ᵗ), if there are gradients enough.
    fn rectification(&self, step: u64) -> Option<f64> {
        let beta = self.moments.betas.1;
        let corrected = correction(beta, step);
        let most = 2.0 / (1.0 - beta) - 1.0;
        let count = most - 2.0 * step as f64 * (1.0 - corrected) / corrected;
        let squared = (count - 4.0) * (count - 2.0) * most / ((most - 4.0) * (most - 2.0) * count);
        (count > 5.0).then(|| (squared * corrected).sqrt())
    }
}

impl<T: Float> Rule<T> for RAdamRule {
    fn slots(&self) -> &'static [&'static str] {
        self.moments.slots()
    }

    momentum_is!(moments.betas.0);

    fn is_elementwise(&self) -> bool {
        true
    }

    fn update(&self, pass: Pass<'_, T>) -> Updated {
        let lr = pass.learning_rate();
        let rate = lr / correction(self.moments.betas.0, pass.step());
        let rectification = self.rectification(pass.step());
        let decay = Decay::<T>::new(self.moments.weight_decay, self.decoupled_weight_decay, lr);
        let means = self.moments.uncorrected::<T>(pass.step(), rate * (1.0 / self.moments.eps).max(1.0));
        let is_rectified = rectification.is_some();
        let rate = T::from_f64(rate * rectification.unwrap_or(1.0));
        pass.run(move |weight, gradient, state: &mut [T; 2]| {
            let (kept, gradient) = decay.apply(weight, gradient);
            let (mean, divisor) = means.advance::<2, false>(weight, gradient, state);
            kept - rate * if is_rectified { mean / divisor } else { mean }
        })
    }
}

/// Adam that trusts its mean square only when enough gradients have entered it. See [`RAdamRule`] for the formula. The
/// state is `exp_avg` (m) and `exp_avg_sq` (v).
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::RAdam;
/// let weight: Param = Param::new(Tensor::ones([1]));
/// let mut radam = RAdam::new([weight.clone()], 0.1);
/// radam.step(&weight.tensor().sum().backward());
/// assert!((weight.tensor().item() - 0.9).abs() < 1e-6);
/// ```
pub type RAdam<T = f32> = Driver<T, RAdamRule>;

impl<T: Float> RAdam<T> {
    /// RAdam of these parameters, or pairs of a name and a parameter, with PyTorch's defaults: betas 0.9 and 0.999, eps
    /// 10⁻⁸, no weight decay. PyTorch's learning rate is 0.001.
    ///
    /// # Panics
    /// As [`Driver::with_rule`].
    #[track_caller]
    pub fn new<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>, lr: f64) -> Self {
        let rule = RAdamRule { moments: Moments::new(1e-8, 0.0), decoupled_weight_decay: false };
        Driver::with_rule(parameters, lr, rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::follows;

    #[test]
    fn it_follows_the_formula() {
        for decoupled in [false, true] {
            let build = |weights| {
                let radam = RAdam::new(weights, 0.3).betas(0.8, 0.9).eps(1e-3).weight_decay(0.1);
                radam.decoupled_weight_decay(decoupled)
            };
            follows(build, || {
                let (mut m, mut v) = (0.0, 0.0);
                move |w, g, t| {
                    let (w, g) = if decoupled { (w - 0.3 * 0.1 * w, g) } else { (w, g + 0.1 * w) };
                    m = 0.8 * m + 0.2 * g;
                    v = 0.9 * v + 0.1 * g * g;
                    let (m_hat, power) = (m / (1.0 - 0.8_f64.powi(t)), 0.9_f64.powi(t));
                    let rho = 19.0 - 2.0 * f64::from(t) * power / (1.0 - power);
                    // Of 20 steps the first five are plain.
                    assert_eq!(rho > 5.0, t > 5);
                    if rho <= 5.0 {
                        return w - 0.3 * m_hat;
                    }
                    let r = f64::sqrt((rho - 4.0) * (rho - 2.0) * 19.0 / (15.0 * 17.0 * rho));
                    w - 0.3 * m_hat * r * f64::sqrt(1.0 - power) / (f64::sqrt(v) + 1e-3)
                }
            });
        }
    }
}
