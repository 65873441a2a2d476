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
    /// The images by true class and predicted class.
    pub confusion: ConfusionMatrix,
    /// The images that were classified wrongly, the most confident first.
    pub mistakes: Vec<Mistake>,
}

impl Evaluation {
    /// Classifies the images.
    pub fn new(model: &impl Layer, images: &Images, classes: usize) -> Self {
        let mut evaluation = Evaluation { confusion: ConfusionMatrix::new(classes), mistakes: Vec::new() };
        let mut image = 0;
        evaluate(model, images, |scores, labels| {
            let (predicted, probabilities) = (scores.argmax(1, false), scores.softmax(1).to_vec());
            evaluation.confusion.add(&predicted, labels);
            for (row, (&label, &predicted)) in labels.as_slice().iter().zip(predicted.as_slice()).enumerate() {
                let (label, predicted) = (label as usize, predicted as usize);
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
}
