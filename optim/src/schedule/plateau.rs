//! A learning rate that falls when a metric stops getting better.

use crate::settings::{fraction, not_negative};

/// Which values of a metric are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Smaller ones, as of a loss.
    Smaller,
    /// Larger ones, as of an accuracy.
    Larger,
}

/// A factor of the learning rate that falls when a metric has not become better for some time
/// ([`ReduceLROnPlateau`](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html),
/// with its defaults and its relative threshold). It has a state, so it is no [`Schedule`](super::Schedule).
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
    threshold: f64,
    cooldown: u64,
    min_factor: f64,
    factor: f64,
    best: Option<f64>,
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
            threshold: 1e-4,
            cooldown: 0,
            min_factor: 0.0,
            factor: 1.0,
            best: None,
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

    /// By which share of the best value a better one has to be better.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = not_negative("threshold", threshold);
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

    /// Takes the metric's next value, and returns the factor for
    /// [`scale_learning_rate`](crate::Optimizer::scale_learning_rate). NaN is no improvement.
    pub fn factor(&mut self, metric: f64) -> f64 {
        let is_better = match (self.best, self.better) {
            (None, _) => !metric.is_nan(),
            (Some(best), Better::Smaller) => metric < best * (1.0 - self.threshold),
            (Some(best), Better::Larger) => metric > best * (1.0 + self.threshold),
        };
        if is_better {
            (self.best, self.bad) = (Some(metric), 0);
        } else {
            self.bad += 1;
        }
        if self.cooling > 0 {
            (self.cooling, self.bad) = (self.cooling - 1, 0);
        }
        if self.bad > self.patience {
            self.factor = (self.factor * self.decay).max(self.min_factor.min(self.factor));
            (self.cooling, self.bad) = (self.cooldown, 0);
        }
        self.factor
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
        let coarse = half(Better::Smaller).threshold(0.01);
        assert_eq!(path(coarse, [2.0, 1.99, 1.985, 1.9, 1.899]), [1.0, 1.0, 0.5, 0.5, 0.5]);
        let floor = half(Better::Smaller).patience(0).min_factor(0.3);
        assert_eq!(path(floor, [2.0; 4]), [1.0, 0.5, 0.3, 0.3]);
        // After a decay two calls do not count.
        let cool = half(Better::Smaller).patience(0).cooldown(2);
        assert_eq!(path(cool, [2.0; 6]), [1.0, 0.5, 0.5, 0.5, 0.25, 0.25]);
    }
}
