//! The evaluation of a network on the test images: confusion matrix, precision, recall and mistakes.

use nn::Module;

use crate::dataset::Images;
use crate::train::evaluate;

/// An image that was classified wrongly.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistake {
    /// Its index in the test set.
    pub image: usize,
    /// Its true class.
    pub label: usize,
    /// The class that the network predicts.
    pub predicted: usize,
    /// The predicted probability of that class.
    pub confidence: f32,
}

/// The predictions of a network for the test images.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    classes: usize,
    /// The confusion matrix, `[true class, predicted class]`, in row-major order: numbers of images.
    confusion: Vec<usize>,
    /// The images that were classified wrongly, the most confident first.
    pub mistakes: Vec<Mistake>,
}

impl Evaluation {
    /// Classifies the images.
    pub fn new(model: &impl Module, images: &Images, classes: usize) -> Self {
        let mut evaluation = Evaluation { classes, confusion: vec![0; classes * classes], mistakes: Vec::new() };
        let mut image = 0;
        evaluate(model, images, |scores, labels| {
            let (predicted, probabilities) = (scores.argmax(1, false), scores.softmax(1).to_vec());
            for (row, (&label, &predicted)) in labels.as_slice().iter().zip(predicted.as_slice()).enumerate() {
                let (label, predicted) = (label as usize, predicted as usize);
                evaluation.confusion[label * classes + predicted] += 1;
                if label != predicted {
                    let confidence = probabilities[row * classes + predicted];
                    evaluation.mistakes.push(Mistake { image: image + row, label, predicted, confidence });
                }
            }
            image += labels.numel();
        });
        evaluation.mistakes.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.image.cmp(&b.image)));
        evaluation
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The row of the confusion matrix for a true class: the number of its images for each predicted class.
    pub fn row(&self, label: usize) -> &[usize] {
        &self.confusion[label * self.classes..][..self.classes]
    }

    /// The number of images of a class that were classified correctly.
    pub fn correct(&self, class: usize) -> usize {
        self.row(class)[class]
    }

    /// The fraction of the images predicted as a class that belong to it; NaN if no image was.
    pub fn precision(&self, class: usize) -> f64 {
        let predicted: usize = (0..self.classes).map(|label| self.row(label)[class]).sum();
        self.correct(class) as f64 / predicted as f64
    }

    /// The fraction of the images of a class that were predicted as this class; NaN if it has no images.
    pub fn recall(&self, class: usize) -> f64 {
        self.correct(class) as f64 / self.row(class).iter().sum::<usize>() as f64
    }

    /// The fraction of all images that were classified correctly.
    pub fn accuracy(&self) -> f64 {
        let correct: usize = (0..self.classes).map(|class| self.correct(class)).sum();
        correct as f64 / self.confusion.iter().sum::<usize>() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_goes_by_columns_and_recall_by_rows() {
        let evaluation = Evaluation { classes: 2, confusion: vec![6, 2, 1, 3], mistakes: Vec::new() };
        assert_eq!((evaluation.correct(0), evaluation.row(1)), (6, &[1, 3][..]));
        assert_eq!((evaluation.precision(0), evaluation.precision(1)), (6.0 / 7.0, 3.0 / 5.0));
        assert_eq!((evaluation.recall(0), evaluation.recall(1)), (0.75, 0.75));
        assert_eq!(evaluation.accuracy(), 0.75);
    }
}
