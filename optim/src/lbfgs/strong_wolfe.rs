//! A line search for the strong Wolfe conditions, with PyTorch's details.

use autograd::{Float, Tensor};

/// How much of what the slope promises the loss has to fall.
const DECREASE: f64 = 1e-4;
/// The share of the first slope that may be left.
const CURVATURE: f64 = 0.9;
/// An interval in which no weight moves by more is not cut further.
const SHORTEST: f64 = 1e-9;
const MAX_EVALUATIONS: usize = 25;

/// A loss and its gradient.
#[derive(Clone, Debug)]
pub(super) struct Point<T: Float> {
    pub(super) loss: f64,
    pub(super) gradient: Tensor<T>,
}

/// A point along the direction.
#[derive(Clone, Debug)]
pub(super) struct Trial<T: Float> {
    /// How far along the direction.
    pub(super) t: f64,
    pub(super) point: Point<T>,
    /// The derivative of the loss by t.
    slope: f64,
}

/// Where the conditions hold, or the best point that was tried. `slope` is that at the `start`; `t` is tried first;
/// `largest` is the largest magnitude in the direction.
pub(super) fn search<T: Float>(
    evaluate: &mut dyn FnMut(f64) -> (Point<T>, f64),
    start: Point<T>,
    slope: f64,
    t: f64,
    largest: f64,
) -> Trial<T> {
    let start = Trial { t: 0.0, point: start, slope };
    let mut search = Search { evaluate, start, evaluations: 0 };
    match search.bracket(t) {
        Found::Point(trial) => trial,
        Found::Interval(ends) => search.zoom(ends, largest),
    }
}

enum Found<T: Float> {
    Point(Trial<T>),
    /// Between these the conditions hold somewhere.
    Interval([Trial<T>; 2]),
}

struct Search<'a, T: Float> {
    evaluate: &'a mut dyn FnMut(f64) -> (Point<T>, f64),
    start: Trial<T>,
    /// After the first one.
    evaluations: usize,
}

impl<T: Float> Search<'_, T> {
    fn at(&mut self, t: f64) -> Trial<T> {
        let (point, slope) = (self.evaluate)(t);
        Trial { t, point, slope }
    }

    fn has_fallen_too_little(&self, trial: &Trial<T>) -> bool {
        trial.point.loss > self.start.point.loss + DECREASE * trial.t * self.start.slope
    }

    fn is_flat(&self, trial: &Trial<T>) -> bool {
        trial.slope.abs() <= -CURVATURE * self.start.slope
    }

    /// Goes further and further, until the loss rises again.
    fn bracket(&mut self, t: f64) -> Found<T> {
        let (mut before, mut trial) = (self.start.clone(), self.at(t));
        while self.evaluations < MAX_EVALUATIONS {
            let rises = self.evaluations > 1 && trial.point.loss >= before.point.loss;
            if self.has_fallen_too_little(&trial) || rises {
                return Found::Interval([before, trial]);
            }
            if self.is_flat(&trial) {
                return Found::Point(trial);
            }
            if trial.slope >= 0.0 {
                return Found::Interval([before, trial]);
            }
            let bounds = (trial.t + 0.01 * (trial.t - before.t), trial.t * 10.0);
            let t = minimum_of_cubic(&before, &trial, bounds);
            self.evaluations += 1;
            let next = self.at(t);
            before = std::mem::replace(&mut trial, next);
        }
        Found::Interval([self.start.clone(), trial])
    }

    /// Cuts an interval until the conditions hold.
    fn zoom(&mut self, mut ends: [Trial<T>; 2], largest: f64) -> Trial<T> {
        let lower = |ends: &[Trial<T>; 2]| usize::from(ends[0].point.loss > ends[1].point.loss);
        let (mut low, mut was_slow) = (lower(&ends), false);
        while self.evaluations < MAX_EVALUATIONS && (ends[1].t - ends[0].t).abs() * largest >= SHORTEST {
            let (least, most) = (ends[0].t.min(ends[1].t), ends[0].t.max(ends[1].t));
            let mut t = minimum_of_cubic(&ends[0], &ends[1], (least, most));
            // Too near to an end for the second time, t is moved away from it.
            let margin = 0.1 * (most - least);
            let is_near = (most - t).min(t - least) < margin;
            let moves = is_near && (was_slow || t >= most || t <= least);
            if moves {
                t = if (t - most).abs() < (t - least).abs() { most - margin } else { least + margin };
            }
            was_slow = is_near && !moves;
            self.evaluations += 1;
            let trial = self.at(t);
            if self.has_fallen_too_little(&trial) || trial.point.loss >= ends[low].point.loss {
                ends[1 - low] = trial;
                low = lower(&ends);
                continue;
            }
            if self.is_flat(&trial) {
                return trial;
            }
            if trial.slope * (ends[1 - low].t - ends[low].t) >= 0.0 {
                ends[1 - low] = ends[low].clone();
            }
            ends[low] = trial;
        }
        let [first, second] = ends;
        if low == 0 { first } else { second }
    }
}

/// Where the cubic with these values and slopes has its minimum, within bounds (Nocedal and Wright, equation 3.59).
fn minimum_of_cubic<T: Float>(a: &Trial<T>, b: &Trial<T>, (least, most): (f64, f64)) -> f64 {
    let [a, b] = if a.t <= b.t { [a, b] } else { [b, a] };
    let sum = a.slope + b.slope - 3.0 * (a.point.loss - b.point.loss) / (a.t - b.t);
    let square = sum * sum - a.slope * b.slope;
    if square < 0.0 || square.is_nan() {
        return (least + most) / 2.0;
    }
    let root = square.sqrt();
    let t = b.t - (b.t - a.t) * ((b.slope + root - sum) / (b.slope - a.slope + 2.0 * root));
    t.max(least).min(most)
}
