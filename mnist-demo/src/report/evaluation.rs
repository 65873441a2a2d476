//! How a network reads the test images, class by class.

use nn::Layer;

use crate::dataset::Images;
use crate::train::evaluate;

/// An image that was read wrongly.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistake {
    /// Its number in the test set.
    pub image: usize,
    /// What it is.
    pub label: usize,
    /// What the network takes it for.
    pub found: usize,
    /// With which probability.
    pub confidence: f32,
}

/// What became of the test images.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    classes: usize,
    /// Images by label and by what they were taken for, row by row.
    confusion: Vec<usize>,
    /// The images that were read wrongly, the surest first.
    pub mistakes: Vec<Mistake>,
}

impl Evaluation {
    /// Reads the images.
    pub fn new(model: &impl Layer, images: &Images, classes: usize) -> Self {
        let mut evaluation = Evaluation { classes, confusion: vec![0; classes * classes], mistakes: Vec::new() };
        let mut image = 0;
        evaluate(model, images, |scores, labels| {
            let (found, probabilities) = (scores.argmax(1, false), scores.softmax(1).to_vec());
            for (row, (&label, &found)) in labels.as_slice().iter().zip(found.as_slice()).enumerate() {
                let (label, found) = (label as usize, found as usize);
                evaluation.confusion[label * classes + found] += 1;
                if label != found {
                    let confidence = probabilities[row * classes + found];
                    evaluation.mistakes.push(Mistake { image: image + row, label, found, confidence });
                }
            }
            image += labels.numel();
        });
        evaluation.mistakes.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.image.cmp(&b.image)));
        evaluation
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// What the images of a class were taken for.
    pub fn row(&self, label: usize) -> &[usize] {
        &self.confusion[label * self.classes..][..self.classes]
    }

    /// The images of a class that were read rightly.
    pub fn right(&self, class: usize) -> usize {
        self.row(class)[class]
    }

    /// Of the images that were taken for a class, the share that is of it; NaN of none.
    pub fn precision(&self, class: usize) -> f64 {
        let taken: usize = (0..self.classes).map(|label| self.row(label)[class]).sum();
        self.right(class) as f64 / taken as f64
    }

    /// Of the images of a class, the share that was taken for it; NaN of none.
    pub fn recall(&self, class: usize) -> f64 {
        self.right(class) as f64 / self.row(class).iter().sum::<usize>() as f64
    }

    /// The share of images read rightly.
    pub fn accuracy(&self) -> f64 {
        let right: usize = (0..self.classes).map(|class| self.right(class)).sum();
        right as f64 / self.confusion.iter().sum::<usize>() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_goes_by_columns_and_recall_by_rows() {
        let evaluation = Evaluation { classes: 2, confusion: vec![6, 2, 1, 3], mistakes: Vec::new() };
        assert_eq!((evaluation.right(0), evaluation.row(1)), (6, &[1, 3][..]));
        assert_eq!((evaluation.precision(0), evaluation.precision(1)), (6.0 / 7.0, 3.0 / 5.0));
        assert_eq!((evaluation.recall(0), evaluation.recall(1)), (0.75, 0.75));
        assert_eq!(evaluation.accuracy(), 0.75);
    }
}
