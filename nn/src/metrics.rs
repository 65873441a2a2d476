//! How good a classifier is: [`accuracy`], [`top_k_accuracy`], and a [`ConfusionMatrix`] with precision, recall and F1.

use std::fmt;

use autograd::{Float, Indices, Tensor};

pub use autograd::accuracy;

/// The share of examples whose label is among the `k` largest scores. NaN of none. Of equal scores the first classes
/// count as larger.
///
/// ```
/// use autograd::{Indices, Tensor};
/// let scores = Tensor::from_vec(vec![3.0, 2.0, 1.0, 1.0, 2.0, 3.0], [2, 3]);
/// assert_eq!(nn::metrics::top_k_accuracy(&scores, &Indices::from([1, 0]), 2), 0.5);
/// ```
///
/// # Panics
/// If the scores are not `[N, C]` and the labels `[N]`, or there are fewer than `k` classes.
#[track_caller]
pub fn top_k_accuracy<T: Float>(scores: &Tensor<T>, labels: &Indices, k: usize) -> f64 {
    let shape = scores.shape();
    assert!(
        shape.rank() == 2 && labels.shape()[..] == shape[..1] && (1..=shape[1]).contains(&k),
        "top_k_accuracy: the scores have shape {shape}, the labels {}, k is {k}: wanted [N, C], [N] and 1 to C",
        labels.shape()
    );
    let (_, largest) = scores.topk(k, 1, true);
    let hits = largest.as_slice().chunks(k).zip(labels.as_slice()).filter(|(found, label)| found.contains(label));
    hits.count() as f64 / labels.numel() as f64
}

/// How many examples of each class (the true one) were taken for each class (the predicted one).
///
/// ```
/// use autograd::Indices;
/// use nn::metrics::ConfusionMatrix;
/// let mut matrix = ConfusionMatrix::new(2);
/// matrix.add(&Indices::from([0, 1, 1, 1]), &Indices::from([0, 0, 1, 1]));
/// assert_eq!((matrix.count(0, 1), matrix.accuracy()), (1, 0.75));
/// assert_eq!((matrix.precision(1), matrix.recall(1), matrix.f1(1)), (2.0 / 3.0, 1.0, 0.8));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    /// By true class and predicted class, row by row.
    counts: Vec<usize>,
}

impl ConfusionMatrix {
    /// Of so many classes, without examples yet.
    pub fn new(classes: usize) -> Self {
        ConfusionMatrix { classes, counts: vec![0; classes * classes] }
    }

    /// Adds examples by their predicted and true classes.
    ///
    /// # Panics
    /// If there are not as many of both, or one is no class.
    #[track_caller]
    pub fn add(&mut self, predicted: &Indices, labels: &Indices) {
        assert!(
            predicted.shape() == labels.shape(),
            "ConfusionMatrix: predicted classes of shape {}, labels of shape {}: wanted the same",
            predicted.shape(),
            labels.shape()
        );
        for (&predicted, &label) in predicted.as_slice().iter().zip(labels.as_slice()) {
            let class = |class: i64| usize::try_from(class).ok().filter(|&class| class < self.classes);
            let (Some(found), Some(label)) = (class(predicted), class(label)) else {
                panic!("ConfusionMatrix: class {predicted} for class {label}: wanted 0 to {}", self.classes - 1);
            };
            self.counts[label * self.classes + found] += 1;
        }
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How many examples of class `label` were taken for class `predicted`.
    ///
    /// # Panics
    /// If one is no class.
    #[track_caller]
    pub fn count(&self, label: usize, predicted: usize) -> usize {
        self.row(label)[predicted]
    }

    /// What the examples of a class were taken for.
    ///
    /// # Panics
    /// If it is no class.
    #[track_caller]
    pub fn row(&self, label: usize) -> &[usize] {
        &self.counts[label * self.classes..][..self.classes]
    }

    /// How many examples of a class were recognized.
    ///
    /// # Panics
    /// If it is no class.
    #[track_caller]
    pub fn hits(&self, class: usize) -> usize {
        self.count(class, class)
    }

    /// The share of all examples that were recognized. NaN of none.
    pub fn accuracy(&self) -> f64 {
        let hits: usize = (0..self.classes).map(|class| self.hits(class)).sum();
        share(hits, self.counts.iter().sum())
    }

    /// The share of those taken for a class that are of it. NaN if none was.
    pub fn precision(&self, class: usize) -> f64 {
        share(self.hits(class), (0..self.classes).map(|label| self.count(label, class)).sum())
    }

    /// The share of a class's examples that were recognized. NaN if there are none.
    pub fn recall(&self, class: usize) -> f64 {
        share(self.hits(class), self.row(class).iter().sum())
    }

    /// The harmonic mean of precision and recall: 2 hits / (2 hits + wrongly taken for it + missed). NaN if
    /// there are no such examples.
    pub fn f1(&self, class: usize) -> f64 {
        let taken: usize = (0..self.classes).map(|label| self.count(label, class)).sum();
        share(2 * self.hits(class), taken + self.row(class).iter().sum::<usize>())
    }

    /// The mean of a measure over the classes that have it: `matrix.mean(ConfusionMatrix::f1)`, the macro average.
    pub fn mean(&self, measure: impl Fn(&Self, usize) -> f64) -> f64 {
        let values = (0..self.classes).map(|class| measure(self, class)).filter(|value| !value.is_nan());
        let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
        sum / f64::from(count)
    }
}

/// A part of a whole; NaN of none.
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

impl fmt::Display for ConfusionMatrix {
    /// A row for each true class, a column for each predicted one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.counts.iter().max().map_or(1, |most| most.to_string().len());
        for label in 0..self.classes {
            let row: Vec<String> = self.row(label).iter().map(|count| format!("{count:>width$}")).collect();
            writeln!(f, "{}", row.join(" "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_of_three_classes_are_those_counted_by_hand() {
        let mut matrix = ConfusionMatrix::new(3);
        matrix.add(&Indices::from([0, 0, 1, 2]), &Indices::from([0, 1, 1, 0]));
        matrix.add(&Indices::from([1]), &Indices::from([1]));
        assert_eq!(matrix.to_string(), "1 0 1\n1 2 0\n0 0 0\n");
        assert_eq!([0, 1, 2].map(|class| matrix.precision(class)), [0.5, 1.0, 0.0]);
        assert_eq!([0, 1].map(|class| matrix.recall(class)), [0.5, 2.0 / 3.0]);
        assert!(matrix.recall(2).is_nan() && ConfusionMatrix::new(1).f1(0).is_nan());
        assert_eq!([0, 1, 2].map(|class| matrix.f1(class)), [0.5, 0.8, 0.0]);
        assert!((matrix.mean(ConfusionMatrix::f1) - 1.3 / 3.0).abs() < 1e-15);
        assert!((matrix.mean(ConfusionMatrix::recall) - 3.5 / 6.0).abs() < 1e-15);
        assert_eq!(matrix.accuracy(), 0.6);
        assert!(ConfusionMatrix::new(2).accuracy().is_nan());
    }

    #[test]
    #[should_panic(expected = "ConfusionMatrix: class 3 for class 0: wanted 0 to 2")]
    fn what_is_no_class_is_refused() {
        ConfusionMatrix::new(3).add(&Indices::from([3]), &Indices::from([0]));
    }
}
