//! Straight lines up and down, again and again.

use super::Schedule;
use super::momenta::builders_of_momenta;
use crate::settings::not_negative;

/// How the cycles of a [`CyclicLR`] become smaller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scaling {
    /// They do not: PyTorch's `triangular`.
    None,
    /// By half from cycle to cycle: `triangular2`.
    Halves,
    /// By this factor at each step: `exp_range`, with its `gamma`.
    Power(f64),
}

/// From 1 up to a largest factor and down again, in straight lines, again and again; the momentum goes from 0.9 down to
/// 0.8 and up again (Smith, *Cyclical learning rates for training neural networks*, 2017;
/// [`CyclicLR`](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CyclicLR.html)). The
/// optimizer's learning rate is the least one, PyTorch's `base_lr`.
///
/// ```
/// use optim::schedule::{CyclicLR, Schedule};
/// let schedule = CyclicLR::new(3.0, 2, 4);
/// assert_eq!([0, 1, 2, 4, 6, 7].map(|step| schedule.factor(step)), [1.0, 2.0, 3.0, 2.0, 1.0, 2.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CyclicLR {
    largest: f64,
    up: u64,
    down: u64,
    scaling: Scaling,
    momenta: Option<(f64, f64)>,
}

impl CyclicLR {
    /// Cycles that rise to the factor `largest` within `up` steps and fall within `down` steps: PyTorch's
    /// `max_lr / base_lr`, `step_size_up` and `step_size_down`.
    ///
    /// # Panics
    /// If the factor is negative or not finite, or one of the numbers of steps is 0.
    #[track_caller]
    pub fn new(largest: f64, up: u64, down: u64) -> Self {
        assert!(up > 0 && down > 0, "CyclicLR: {up} steps up and {down} steps down");
        let largest = not_negative("largest factor", largest);
        CyclicLR { largest, up, down, scaling: Scaling::None, momenta: Some((0.8, 0.9)) }
    }

    /// How the cycles become smaller: PyTorch's `mode`.
    ///
    /// # Panics
    /// If it is by a factor that is negative or not finite.
    #[track_caller]
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        if let Scaling::Power(gamma) = scaling {
            not_negative("gamma", gamma);
        }
        self.scaling = scaling;
        self
    }

    /// How high a step is, from 0 to 1 and smaller as the scaling goes on.
    fn height(&self, step: u64) -> f64 {
        let (cycle, step_in_cycle) = (step / (self.up + self.down), step % (self.up + self.down));
        let height = match step_in_cycle.checked_sub(self.up) {
            None => step_in_cycle as f64 / self.up as f64,
            Some(down) => 1.0 - down as f64 / self.down as f64,
        };
        match self.scaling {
            Scaling::None => height,
            Scaling::Halves => height * 0.5_f64.powf(cycle as f64),
            Scaling::Power(gamma) => height * gamma.powf(step as f64),
        }
    }
}

builders_of_momenta!(CyclicLR);

impl Schedule for CyclicLR {
    fn factor(&self, step: u64) -> f64 {
        1.0 + (self.largest - 1.0) * self.height(step)
    }

    fn momentum(&self, step: u64) -> Option<f64> {
        self.momenta.map(|(least, largest)| largest - (largest - least) * self.height(step))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::follows;
    use super::*;

    #[test]
    fn cycles_go_up_and_down_and_become_smaller() {
        // PyTorch's formula, with x from 0 to 1 within a cycle.
        let formula = |t: f64, scale: fn(f64, f64) -> f64| {
            let (cycle, share) = ((1.0 + t / 10.0).floor(), 0.4);
            let x = 1.0 + t / 10.0 - cycle;
            let height = if x <= share { x / share } else { (x - 1.0) / (share - 1.0) };
            height * scale(cycle, t)
        };
        let cyclic = || CyclicLR::new(5.0, 4, 6);
        follows(cyclic(), |t| 1.0 + 4.0 * formula(t, |_, _| 1.0));
        follows(cyclic().scaling(Scaling::Halves), |t| 1.0 + 4.0 * formula(t, |cycle, _| 0.5_f64.powf(cycle - 1.0)));
        follows(cyclic().scaling(Scaling::Power(0.9)), |t| 1.0 + 4.0 * formula(t, |_, t| 0.9_f64.powf(t)));
        let momentum = cyclic().momentum_between(0.5, 0.9).momentum(2).unwrap();
        assert!((momentum - 0.7).abs() < 1e-12);
    }
}
