//! What is remembered of a run: a line for each epoch, and a curve of bounded length.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

/// Sums over training images, each as it was at its step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// How many images.
    pub images: usize,
    /// How many of them the network read rightly.
    pub right: usize,
    /// The sum of their losses.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
}

impl Tally {
    /// Adds what another has.
    pub fn add(&mut self, other: Tally) {
        self.images += other.images;
        self.right += other.right;
        self.loss += other.loss;
    }

    /// The mean loss; NaN of no images.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.images as f64
    }

    /// The share read rightly; NaN of no images.
    pub fn accuracy(&self) -> f64 {
        self.right as f64 / self.images as f64
    }
}

/// JSON has no NaN and no infinity: `null` stands for them.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Option::deserialize(deserializer).map(|number| number.unwrap_or(f64::NAN))
}

/// How an epoch went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its number, from 1.
    pub number: usize,
    /// The mean of the training images' losses, each as it was at its step.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// The share of training images that were read rightly, each at its step.
    pub train_accuracy: f64,
    /// The share of test images that were read rightly after it.
    pub test_accuracy: f64,
    /// The time of its steps, without the evaluation.
    pub duration: Duration,
    /// Its images.
    pub images: usize,
}

impl Epoch {
    /// Training images in a second.
    pub fn speed(&self) -> f64 {
        self.images as f64 / self.duration.as_secs_f64()
    }
}

/// Loss and accuracy over the images of a run. However long the run, it has at most [`Curve::POINTS`] points: where there would be more, neighbours join.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Steps that a point stands for.
    width: usize,
    /// Whole points, in order.
    points: Vec<Tally>,
    /// The steps in `open`.
    steps: usize,
    /// The point in the making.
    open: Tally,
}

impl Default for Curve {
    fn default() -> Self {
        Curve { width: 1, points: Vec::new(), steps: 0, open: Tally::default() }
    }
}

impl Curve {
    /// The most points that a curve has.
    pub const POINTS: usize = 512;

    /// Adds a step.
    pub fn push(&mut self, step: Tally) {
        self.open.add(step);
        self.steps += 1;
        if self.steps < self.width {
            return;
        }
        self.points.push(std::mem::take(&mut self.open));
        self.steps = 0;
        if self.points.len() == Self::POINTS {
            self.width *= 2;
            let joined = self.points.chunks_exact(2).map(|pair| {
                let mut sum = pair[0];
                sum.add(pair[1]);
                sum
            });
            self.points = joined.collect();
        }
    }

    /// The points: images seen up to the middle of each, and what was seen there.
    pub fn points(&self) -> impl Iterator<Item = (f64, Tally)> + '_ {
        self.points.iter().scan(0, |before, point| {
            let middle = *before as f64 + point.images as f64 / 2.0;
            *before += point.images;
            Some((middle, *point))
        })
    }
}

/// All that is remembered of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The whole epochs, in order.
    pub epochs: Vec<Epoch>,
    /// Loss and accuracy in training.
    pub curve: Curve,
    /// The time of all steps and evaluations.
    pub elapsed: Duration,
}

impl History {
    /// The time of the steps of whole epochs.
    pub fn training_time(&self) -> Duration {
        self.epochs.iter().map(|epoch| epoch.duration).sum()
    }

    /// Whether its counts and times leave room to go on counting, which those of a real run always do.
    pub(crate) fn has_room(&self) -> bool {
        const MAX_COUNT: usize = usize::MAX / 4;
        const MAX_TIME: Duration = Duration::from_secs(u64::MAX / 4);
        let Curve { width, points, steps, open } = &self.curve;
        let tallies = points.iter().chain([open]).flat_map(|tally| [tally.images, tally.right]);
        let counts = self.epochs.iter().map(|epoch| epoch.images).chain(tallies).chain([*width]);
        let count = counts.into_iter().try_fold(0, usize::checked_add);
        let time = self.epochs.iter().map(|epoch| epoch.duration).try_fold(self.elapsed, Duration::checked_add);
        let curve_goes_on = points.len() < Curve::POINTS && steps < width;
        curve_goes_on && count.is_some_and(|count| count <= MAX_COUNT) && time.is_some_and(|time| time <= MAX_TIME)
    }

    /// Training images in a second, over the whole epochs; NaN before the first.
    pub fn speed(&self) -> f64 {
        self.epochs.iter().map(|epoch| epoch.images).sum::<usize>() as f64 / self.training_time().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_stays_short_and_loses_no_image() {
        let mut curve = Curve::default();
        let steps = 10 * Curve::POINTS + 3;
        (0..steps).for_each(|step| curve.push(Tally { images: 2, right: step % 2, loss: step as f64 }));
        let points: Vec<(f64, Tally)> = curve.points().collect();
        assert!(points.len() < Curve::POINTS && points.len() >= Curve::POINTS / 2 - 1);
        let mut sum = curve.open;
        points.iter().for_each(|(_, point)| sum.add(*point));
        assert_eq!((sum.images, sum.right), (2 * steps, steps / 2));
        assert_eq!(sum.loss, (steps * (steps - 1) / 2) as f64);
        assert!(points.is_sorted_by(|a, b| a.0 < b.0 && a.1.mean_loss() < b.1.mean_loss()));
    }

    #[test]
    fn what_is_not_a_number_survives_json() {
        let tally = Tally { images: 1, right: 0, loss: f64::NAN };
        let text = serde_json::to_string(&tally).unwrap();
        let back: Tally = serde_json::from_str(&text).unwrap();
        assert!(back.loss.is_nan() && back.images == 1, "{text}");
    }
}
