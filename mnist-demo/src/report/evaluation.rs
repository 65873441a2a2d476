//! The evaluation of a network on the test images: confusion matrix, precision, recall and mistakes.

use nn::Layer;
use nn::metrics::ConfusionMatrix;

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
    /// Images by label and by what they were taken for.
    pub confusion: ConfusionMatrix,
    /// The images that were read wrongly, the surest first.
    pub mistakes: Vec<Mistake>,
}

impl Evaluation {
    /// Reads the images.
    pub fn new(model: &impl Layer, images: &Images, classes: usize) -> Self {
        let mut evaluation = Evaluation { confusion: ConfusionMatrix::new(classes), mistakes: Vec::new() };
        let mut image = 0;
        evaluate(model, images, |scores, labels| {
            let (found, probabilities) = (scores.argmax(1, false), scores.softmax(1).to_vec());
            evaluation.confusion.add(&found, labels);
            for (row, (&label, &found)) in labels.as_slice().iter().zip(found.as_slice()).enumerate() {
                let (label, found) = (label as usize, found as usize);
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
}
