//! A learning rate that falls when a metric stops getting better.

use autograd::{Load, State, StateDict, StateError};

use crate::settings::{fraction, not_negative};

/// Which values of a metric are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Smaller ones, as of a loss.
    Smaller,
    /// Larger ones, as of an accuracy.
    Larger,
}

impl Better {
    /// What every number is better than.
    fn worst(self) -> f64 {
        match self {
            Better::Smaller => f64::INFINITY,
            Better::Larger => f64::NEG_INFINITY,
        }
    }
}

/// How much better a value has to be than the best one so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// By this share of the best one: PyTorch's `rel`.
    Relative(f64),
    /// By this much: PyTorch's `abs`.
    Absolute(f64),
}

/// A factor of the learning rate that falls when a metric has not become better for some time
/// ([`ReduceLROnPlateau`](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html),
/// with its defaults). It has a memory, so it is no [`Schedule`](super::Schedule) but a [`State`] that is saved with
/// the optimizer's.
///
/// ```
/// use optim::schedule::{Better, ReduceLROnPlateau};
/// let mut plateau = ReduceLROnPlateau::new(Better::Smaller).patience(1);
/// // Better, worse once, worse for the second time.
/// assert_eq!([3.0, 2.0, 2.5, 2.1].map(|loss| plateau.factor(loss)), [1.0, 1.0, 1.0, 0.1]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ReduceLROnPlateau {
    better: Better,
    decay: f64,
    patience: u64,
    threshold: Threshold,
    cooldown: u64,
    min_factor: f64,
    eps: f64,
    factor: f64,
    best: f64,
    /// Calls without an improvement since the last one, or since the last decay.
    bad: u64,
    /// Calls in which the metric does not count.
    cooling: u64,
}

impl ReduceLROnPlateau {
    /// A decay by 0.1 when the metric has not become better by a ten-thousandth for more than 10 calls.
    pub fn new(better: Better) -> Self {
        ReduceLROnPlateau {
            better,
            decay: 0.1,
            patience: 10,
            threshold: Threshold::Relative(1e-4),
            cooldown: 0,
            min_factor: 0.0,
            eps: 1e-8,
            factor: 1.0,
            best: better.worst(),
            bad: 0,
            cooling: 0,
        }
    }

    /// What a decay multiplies the factor by, in [0, 1): PyTorch's `factor`.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    pub fn decay(mut self, decay: f64) -> Self {
        self.decay = fraction("decay", decay);
        self
    }

    /// The calls without an improvement that change nothing yet.
    pub fn patience(mut self, patience: u64) -> Self {
        self.patience = patience;
        self
    }

    /// How much better a value has to be than the best one so far: PyTorch's `threshold` and `threshold_mode`.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn threshold(mut self, threshold: Threshold) -> Self {
        let (Threshold::Relative(value) | Threshold::Absolute(value)) = threshold;
        not_negative("threshold", value);
        self.threshold = threshold;
        self
    }

    /// The calls after a decay in which no worse value counts.
    pub fn cooldown(mut self, cooldown: u64) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// The least factor: PyTorch's `min_lr`, as a share of the first learning rate.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn min_factor(mut self, min_factor: f64) -> Self {
        self.min_factor = not_negative("least factor", min_factor);
        self
    }

    /// A decay that changes the factor by no more than this is left out: PyTorch's `eps`, as a share of the first
    /// learning rate.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = not_negative("eps", eps);
        self
    }

    fn is_better(&self, metric: f64) -> bool {
        match (self.better, self.threshold) {
            (Better::Smaller, Threshold::Relative(share)) => metric < self.best * (1.0 - share),
            (Better::Smaller, Threshold::Absolute(margin)) => metric < self.best - margin,
            (Better::Larger, Threshold::Relative(share)) => metric > self.best * (1.0 + share),
            (Better::Larger, Threshold::Absolute(margin)) => metric > self.best + margin,
        }
    }

    /// Takes the metric's next value, and returns the factor for
    /// [`scale_learning_rate`](crate::Optimizer::scale_learning_rate). NaN is no improvement.
    pub fn factor(&mut self, metric: f64) -> f64 {
        if self.is_better(metric) {
            (self.best, self.bad) = (metric, 0);
        } else {
            self.bad += 1;
        }
        if self.cooling > 0 {
            (self.cooling, self.bad) = (self.cooling - 1, 0);
        }
        if self.bad > self.patience {
            let next = (self.factor * self.decay).max(self.min_factor);
            if self.factor - next > self.eps {
                self.factor = next;
            }
            (self.cooling, self.bad) = (self.cooldown, 0);
        }
        self.factor
    }
}

impl State for ReduceLROnPlateau {
    fn state_dict(&self) -> StateDict {
        let mut state = StateDict::new();
        state.insert_f64("factor", self.factor);
        state.insert_f64("best", self.best);
        state.insert_u64("num_bad_epochs", self.bad);
        state.insert_u64("cooldown_counter", self.cooling);
        state
    }

    fn prepare_load<'a>(&'a mut self, state: &StateDict) -> Result<Load<'a>, StateError> {
        let mut reader = state.reader();
        let (factor, best) = (reader.not_negative("factor"), reader.f64("best"));
        let (bad, cooling) = (reader.u64("num_bad_epochs"), reader.u64("cooldown_counter"));
        reader.finish()?;
        Ok(Box::new(move || {
            (self.factor, self.best) = (factor, best);
            (self.bad, self.cooling) = (bad, cooling);
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path<const N: usize>(mut plateau: ReduceLROnPlateau, metrics: [f64; N]) -> [f64; N] {
        metrics.map(|metric| plateau.factor(metric))
    }

    #[test]
    fn it_decays_when_nothing_gets_better() {
        let half = |better| ReduceLROnPlateau::new(better).decay(0.5).patience(1);
        let falls = [1.0, 1.0, 0.5, 0.5, 0.25];
        assert_eq!(path(half(Better::Smaller), [2.0; 5]), falls);
        assert_eq!(path(half(Better::Larger), [2.0, 1.0, f64::NAN, 2.0, 1.9]), falls);
        assert_eq!(path(half(Better::Larger), [1.0, 2.0, 3.0, 4.0, 5.0]), [1.0; 5]);
        // Better by less than a hundredth is no better.
        let coarse = half(Better::Smaller).threshold(Threshold::Relative(0.01));
        assert_eq!(path(coarse, [2.0, 1.99, 1.985, 1.9, 1.899]), [1.0, 1.0, 0.5, 0.5, 0.5]);
        // Nor by less than 2.
        let coarse = half(Better::Larger).threshold(Threshold::Absolute(2.0));
        assert_eq!(path(coarse, [-3.0, -1.5, -1.0, -0.5, 1.0]), [1.0, 1.0, 0.5, 0.5, 0.5]);
        // From 0.25 on a decay would change too little.
        let stays = half(Better::Smaller).patience(0).eps(0.2);
        assert_eq!(path(stays, [2.0; 4]), [1.0, 0.5, 0.25, 0.25]);
        let floor = half(Better::Smaller).patience(0).min_factor(0.3);
        assert_eq!(path(floor, [2.0; 4]), [1.0, 0.5, 0.3, 0.3]);
        // After a decay two calls do not count.
        let cool = half(Better::Smaller).patience(0).cooldown(2);
        assert_eq!(path(cool, [2.0; 6]), [1.0, 0.5, 0.5, 0.5, 0.25, 0.25]);
    }

    #[test]
    fn it_goes_on_from_its_state() {
        let build = || ReduceLROnPlateau::new(Better::Larger).decay(0.5).patience(1).cooldown(1);
        let metrics = [1.0, 2.0, 1.0, 1.5, 1.0, 1.5, 1.5, 3.0, 1.0, 1.0];
        let mut whole = build();
        let expected = metrics.map(|metric| whole.factor(metric));
        for cut in 0..metrics.len() {
            let (mut first, mut second) = (build(), build());
            let before = metrics[..cut].iter().map(|&metric| first.factor(metric)).collect::<Vec<_>>();
            second.load_state_dict(&first.state_dict()).unwrap();
            let after = metrics[cut..].iter().map(|&metric| second.factor(metric));
            assert_eq!(before.iter().copied().chain(after).collect::<Vec<_>>(), expected);
        }
    }
}
