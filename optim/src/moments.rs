//! What the optimizers of Adam's family share: their settings and builders, and the running means of the gradient and
//! of its square.

use autograd::Float;

use crate::driver::Driver;
use crate::rule::{Pass, Rule, Updated};
use crate::settings::{fraction, not_negative};
use crate::tiny::{Squares, Sums, divisor, next_normal_sum};

/// The settings of Adam's family, and its running means: at step t, with the gradient g,
///
///   m ← β₁ m + (1 - β₁) g        v ← β₂ v + (1 - β₂) g²
///
///   m̂ = m / (1 - β₁ᵗ)        v̂ = v / (1 - β₂ᵗ)
///
/// With `amsgrad` the largest v so far takes v's place in v̂ (Reddi, Kale and Kumar, *On the convergence of Adam and
/// beyond*, 2018).
///
/// Of m, v and g², values near the denormals are cleared where the weights do not show it, whatever ε is: late in
/// training most are so small, and arithmetic on denormal values is many times slower. With an ε below some 10⁻¹⁴ (for
/// `f32`) v may matter while it is denormal, and is kept. Where the divisor √v̂ + ε is 0 (ε is 0, and v too small for
/// its type) a gradient of 0 leaves the weight as it is, where PyTorch's formula divides 0 by 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    pub(crate) betas: (f64, f64),
    pub(crate) eps: f64,
    pub(crate) weight_decay: f64,
    amsgrad: bool,
}

/// A rule of Adam's family: its optimizer has the builders `betas`, `eps` and `weight_decay`.
pub trait HasMoments {
    /// The settings of the family.
    fn moments(&mut self) -> &mut Moments;
}

/// A rule that knows `amsgrad`: its optimizer has the builder of that name.
pub trait HasAmsgrad: HasMoments {}

impl Moments {
    /// Betas of 0.9 and 0.999, no `amsgrad`.
    pub(crate) fn new(eps: f64, weight_decay: f64) -> Self {
        Moments { betas: (0.9, 0.999), eps, weight_decay, amsgrad: false }
    }

    /// The slots of the state.
    pub(crate) fn slots(&self) -> &'static [&'static str] {
        if self.amsgrad { &["exp_avg", "exp_avg_sq", "max_exp_avg_sq"] } else { &["exp_avg", "exp_avg_sq"] }
    }

    /// Runs the formula over the slots that there are.
    pub(crate) fn run<T: Float>(&self, pass: Pass<'_, T>, formula: impl Formula<T>) -> Updated {
        match (self.amsgrad, Squares::<T>::new(self.betas.1, self.eps).is_hidden) {
            (false, true) => formula.run::<2, true>(pass),
            (false, false) => formula.run::<2, false>(pass),
            (true, true) => formula.run::<3, true>(pass),
            (true, false) => formula.run::<3, false>(pass),
        }
    }

    /// The values at a step for a formula in which v̂ is v itself.
    pub(crate) fn uncorrected<T: Float>(&self, step: u64, reach: f64) -> Means<T> {
        Means { root: T::ONE, ..self.at_step(step, reach) }
    }

    /// `reach` is how far an m of 1 moves a weight at this step, at most.
    pub(crate) fn at_step<T: Float>(&self, step: u64, reach: f64) -> Means<T> {
        let (beta1, beta2) = self.betas;
        Means {
            beta1: (T::from_f64(beta1), T::from_f64(1.0 - beta1)),
            sums: Sums::new(reach),
            squares: Squares::new(beta2, self.eps),
            root: T::from_f64(correction(beta2, step).sqrt().recip()),
            eps: T::from_f64(self.eps),
        }
    }
}

/// How much of a running mean is there after so many steps; the rest is the 0 from which it started.
pub(crate) fn correction(beta: f64, step: u64) -> f64 {
    1.0 - beta.powf(step as f64)
}

/// A step's formula over either number of slots: m and v, or these and the largest v; and for an eps that hides
/// denormal values (`HIDDEN`), as all usual ones do, or for any.
pub(crate) trait Formula<T: Float> {
    fn run<const SLOTS: usize, const HIDDEN: bool>(self, pass: Pass<'_, T>) -> Updated;
}

/// The running means at a step, their bias corrections taken in f64 once for all weights.
#[derive(Clone, Copy)]
pub(crate) struct Means<T> {
    beta1: (T, T),
    sums: Sums<T>,
    squares: Squares<T>,
    root: T,
    eps: T,
}

impl<T: Float> Means<T> {
    /// [`advance`](Means::advance), and then m / (√v̂ + ε).
    #[inline(always)]
    pub(crate) fn next<const SLOTS: usize, const HIDDEN: bool>(
        &self,
        weight: T,
        gradient: T,
        state: &mut [T; SLOTS],
    ) -> T {
        let (m, divisor) = self.advance::<SLOTS, HIDDEN>(weight, gradient, state);
        m / divisor
    }

    /// Advances m, v and the largest v, if there is a slot for it, and returns m and √v̂ + ε. The weight, as it is
    /// before the step, shows which m are too small to move it.
    #[inline(always)]
    pub(crate) fn advance<const SLOTS: usize, const HIDDEN: bool>(
        &self,
        weight: T,
        gradient: T,
        state: &mut [T; SLOTS],
    ) -> (T, T) {
        let (m, v) = if HIDDEN {
            let m = next_normal_sum(state[0], self.beta1.0, gradient, self.beta1.1);
            (m, self.squares.next_hidden(state[1], gradient))
        } else {
            let m = self.sums.next(weight, state[0], self.beta1.0, gradient, self.beta1.1);
            (m, self.squares.next(state[1], gradient, m))
        };
        (state[0], state[1]) = (m, v);
        let mut largest = v;
        for slot in &mut state[2..] {
            largest = slot.maximum(v);
            *slot = largest;
        }
        let root_and_eps = largest.sqrt() * self.root + self.eps;
        (m, if HIDDEN { root_and_eps } else { divisor(root_and_eps) })
    }
}

impl<T: Float, R: Rule<T> + HasMoments> Driver<T, R> {
    /// How slowly the means of the gradient and of its square forget, each in [0, 1).
    ///
    /// # Panics
    /// If one is not.
    #[track_caller]
    pub fn betas(self, first: f64, second: f64) -> Self {
        let betas = (fraction("beta", first), fraction("beta", second));
        self.with(|rule| rule.moments().betas = betas)
    }

    /// What is added to the root of the mean square, outside of the root.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn eps(self, eps: f64) -> Self {
        let eps = not_negative("eps", eps);
        self.with(|rule| rule.moments().eps = eps)
    }

    /// How strongly the weights decay: [`Adam`](crate::Adam) adds so many times the weight to its gradient,
    /// [`AdamW`](crate::AdamW) takes this share times the learning rate from the weight itself,
    /// [`Lamb`](crate::Lamb) adds so many times the weight to its update.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        let weight_decay = not_negative("weight decay", weight_decay);
        self.with(|rule| rule.moments().weight_decay = weight_decay)
    }
}

impl<T: Float, R: Rule<T> + HasAmsgrad> Driver<T, R> {
    /// Whether to divide by the largest mean square so far. Takes a slot more, `max_exp_avg_sq`: a change after the
    /// first step starts from the beginning.
    #[track_caller]
    pub fn amsgrad(self, amsgrad: bool) -> Self {
        self.with(|rule| rule.moments().amsgrad = amsgrad)
    }
}
