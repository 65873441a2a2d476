//! A cycle of the learning rate, and of the momentum the other way round.

use super::Schedule;
use super::cosine::half_wave;
use super::momenta::builders_of_momenta;
use crate::settings::{fraction, not_negative};

/// How a schedule gets from one value to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Annealing {
    /// Along half a wave of a cosine.
    Cosine,
    /// In a straight line.
    Linear,
}

impl Annealing {
    /// From `start` to `end`, of which the share `done` is done.
    fn value(self, start: f64, end: f64, done: f64) -> f64 {
        match self {
            Annealing::Cosine => half_wave(start, end, done),
            Annealing::Linear => start + (end - start) * done,
        }
    }
}

/// One cycle: half a wave up from 1 / 25 to 1, and one down to 1 / 250000, while the momentum falls from 0.95 to 0.85
/// and rises again (Smith and Topin, *Super-convergence: very fast training of neural networks using large learning
/// rates*, 2018;
/// [`OneCycleLR`](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html)). The
/// optimizer's learning rate is the largest one, PyTorch's `max_lr`.
///
/// ```
/// use optim::schedule::{OneCycleLR, Schedule};
/// let schedule = OneCycleLR::new(10);
/// assert!((schedule.factor(0) - 1.0 / 25.0).abs() < 1e-15);
/// assert_eq!((schedule.factor(2), schedule.momentum(2)), (1.0, Some(0.85)));
/// assert!(schedule.factor(9) < 1e-5);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct OneCycleLR {
    steps: u64,
    rise: f64,
    start: f64,
    end: f64,
    annealing: Annealing,
    three_phases: bool,
    /// The least and the largest momentum.
    momenta: Option<(f64, f64)>,
}

/// From the factor and the momentum at the step where the phase before ends, to those at its own end.
struct Phase {
    end: f64,
    factors: (f64, f64),
    momenta: (f64, f64),
}

impl OneCycleLR {
    /// A cycle of `steps` steps, of which three tenths rise; then the last factor stays.
    ///
    /// # Panics
    /// If `steps` is 0.
    #[track_caller]
    pub fn new(steps: u64) -> Self {
        assert!(steps > 0, "OneCycleLR: 0 steps");
        OneCycleLR {
            steps,
            rise: 0.3,
            start: 1.0 / 25.0,
            end: 1.0 / 25.0 / 1e4,
            annealing: Annealing::Cosine,
            three_phases: false,
            momenta: Some((0.85, 0.95)),
        }
    }

    /// The share of the steps that rises, in [0, 1): PyTorch's `pct_start`.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    pub fn rise(mut self, share: f64) -> Self {
        self.rise = fraction("share of rising steps", share);
        self
    }

    /// The first and the last factor: PyTorch's 1 / `div_factor` and 1 / (`div_factor` · `final_div_factor`).
    ///
    /// # Panics
    /// If one is negative or not finite.
    #[track_caller]
    pub fn between(mut self, start: f64, end: f64) -> Self {
        (self.start, self.end) = (not_negative("start", start), not_negative("end", end));
        self
    }

    /// How to rise and fall: PyTorch's `anneal_strategy`.
    pub fn annealing(mut self, annealing: Annealing) -> Self {
        self.annealing = annealing;
        self
    }

    /// Whether to fall in two phases: one as long as the rise, back to the first factor, and the rest to the last one.
    pub fn three_phase(mut self, three_phase: bool) -> Self {
        self.three_phases = three_phase;
        self
    }

    fn phases(&self) -> Vec<Phase> {
        let (least, largest) = self.momenta.unwrap_or_default();
        let (risen, last) = (self.rise * self.steps as f64, (self.steps - 1) as f64);
        let phase = |end, factors, momenta| Phase { end, factors, momenta };
        let rise = phase(risen - 1.0, (self.start, 1.0), (largest, least));
        if !self.three_phases {
            return vec![rise, phase(last, (1.0, self.end), (least, largest))];
        }
        let fall = phase(2.0 * risen - 2.0, (1.0, self.start), (least, largest));
        vec![rise, fall, phase(last, (self.start, self.end), (largest, largest))]
    }

    /// The factor and the momentum.
    fn at(&self, step: u64) -> (f64, f64) {
        let step = (step as f64).min((self.steps - 1) as f64);
        let (mut start, phases) = (0.0, self.phases());
        let count = phases.len();
        for (index, Phase { end, factors, momenta }) in phases.into_iter().enumerate() {
            if step <= end || index + 1 == count {
                // A phase of no length is at its end.
                let done = if end == start { 1.0 } else { (step - start) / (end - start) };
                let value = |(from, to)| self.annealing.value(from, to, done);
                return (value(factors), value(momenta));
            }
            start = end;
        }
        unreachable!("the last phase takes all steps that are left")
    }
}

builders_of_momenta!(OneCycleLR);

impl Schedule for OneCycleLR {
    fn factor(&self, step: u64) -> f64 {
        self.at(step).0
    }

    fn momentum(&self, step: u64) -> Option<f64> {
        self.momenta.map(|_| self.at(step).1)
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::super::tests::follows;
    use super::*;

    #[test]
    fn a_cycle_rises_and_falls() {
        // The top is at 0.25 · 20 - 1 = 4, the end at 19.
        follows(OneCycleLR::new(20).rise(0.25).between(0.5, 0.1), |t| match t {
            0.0..4.0 => 1.0 - 0.5 * (1.0 + (PI * t / 4.0).cos()) / 2.0,
            4.0..19.0 => 0.1 + 0.9 * (1.0 + (PI * (t - 4.0) / 15.0).cos()) / 2.0,
            _ => 0.1,
        });
        // Without a rise the fall begins a step before the first one, as in PyTorch.
        let line = OneCycleLR::new(3).annealing(Annealing::Linear).between(0.5, 0.1);
        follows(line.rise(0.0), |t| 1.0 - 0.3 * (t.min(2.0) + 1.0));
        // A single step, and a rise of no length.
        follows(OneCycleLR::new(1).between(0.5, 0.25), |_| 0.25);
        assert_eq!(OneCycleLR::new(2).rise(0.5).factor(0), 1.0);
    }

    #[test]
    fn three_phases_end_below_the_start() {
        let cycle = OneCycleLR::new(21).rise(3.0 / 7.0).between(0.5, 0.0).annealing(Annealing::Linear);
        follows(cycle.three_phase(true), |t| match t {
            0.0..8.0 => 0.5 + t / 16.0,
            8.0..16.0 => 1.0 - (t - 8.0) / 16.0,
            16.0..20.0 => 0.5 - (t - 16.0) / 8.0,
            _ => 0.0,
        });
    }

    #[test]
    fn the_momentum_falls_where_the_factor_rises() {
        let cycle = OneCycleLR::new(20).rise(0.25).annealing(Annealing::Linear).momentum_between(0.5, 0.9);
        for (step, expected) in [(0, 0.9), (2, 0.7), (4, 0.5), (9, 0.5 + 0.4 / 3.0), (19, 0.9), (30, 0.9)] {
            let found = cycle.momentum(step).unwrap();
            assert!((found - expected).abs() < 1e-12, "step {step}: {found}");
        }
        assert_eq!(cycle.without_momentum().momentum(3), None);
    }
}
