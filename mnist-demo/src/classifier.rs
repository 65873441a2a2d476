//! A trained network as a classifier: the input is one digit, the output its probabilities and the activations of the
//! hidden layers.

use std::path::Path;
use std::sync::Arc;

use autograd::{Tensor, no_grad, with_threads};
use nn::{Layer, Mode, Sequential};
use serde_json::{Value, json};

use crate::dataset::Dataset;
use crate::failure::Failure;
use crate::idx::DataError;
use crate::labels::Labels;
use crate::picture::SIDE;
use crate::train::{Epoch, Settings, Trainer};
use crate::weights::Weights;

/// The number of epochs when there are no saved weights: few, so that the user waits only some seconds.
pub const QUICK_EPOCHS: usize = 3;

/// A network that classifies digits of 28 × 28 pixels. It may still be trained by another owner; then its predictions
/// change.
#[derive(Clone)]
pub struct Classifier {
    network: Arc<Sequential>,
    labels: Labels,
}

/// The output of a network for one digit.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The most probable class, by [`Tensor::argmax`] of the scores.
    pub digit: usize,
    /// The probability of each class.
    pub probabilities: Vec<f32>,
    /// The names of the hidden layers of neurons and their outputs, after the ReLU.
    pub hidden: Vec<(String, Vec<f32>)>,
    /// The feature maps of the first layer, if that is a convolution.
    pub maps: Option<FeatureMaps>,
}

/// The output of a convolution for one digit, after the ReLU: an image for each filter.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureMaps {
    /// The name of the convolution.
    pub name: String,
    /// The height of a map.
    pub rows: usize,
    /// The width of a map.
    pub columns: usize,
    /// The values, map after map, row by row.
    pub values: Vec<f32>,
}

impl Classifier {
    /// A classifier that uses this network.
    ///
    /// # Panics
    /// If the network does not take 28 × 28 pixels.
    #[track_caller]
    pub fn new(network: impl Into<Arc<Sequential>>) -> Self {
        let network = network.into();
        let scores = no_grad(|| network.forward(&Tensor::zeros([1, SIDE * SIDE]), Mode::Eval));
        Classifier { network, labels: Labels::numbers(scores.numel()) }
    }

    /// The same classifier with other labels for its classes.
    ///
    /// # Panics
    /// If there are more or fewer labels than classes.
    #[track_caller]
    pub fn with_labels(self, labels: Labels) -> Self {
        assert_eq!(labels.len(), self.labels.len(), "Classifier::with_labels: there is a label for each class");
        Classifier { labels, ..self }
    }

    /// The labels of the classes: the class numbers, if no labels were given.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// A classifier with trained weights, which also give the number of classes. `labels` is a file with the names of
    /// the classes. Without it the labels are searched beside the weights; the second value is the error of a file
    /// that was found there and is wrong.
    ///
    /// # Errors
    /// If the weights cannot be read, are not those of a network for 28 × 28 pixels, or are not finite; or if the
    /// file `labels` is wrong.
    pub fn load(weights: &Weights, labels: Option<&Path>) -> Result<(Self, Option<DataError>), Failure> {
        let classifier = Classifier::new(weights.network([SIDE, SIDE])?);
        let classes = classifier.labels.len();
        let (labels, note) = match labels {
            Some(path) => (Labels::read(path, classes)?, None),
            None => weights.labels(classes)?,
        };
        Ok((classifier.with_labels(labels), note))
    }

    /// Trains a network now, for [`QUICK_EPOCHS`] epochs on MNIST with the plain recipe. Returns the classifier, and
    /// the loss and accuracy of the last epoch.
    ///
    /// # Errors
    /// Only if the embedded data set is damaged.
    pub fn train() -> Result<(Self, Epoch), DataError> {
        let data = Dataset::embedded()?;
        let mut trainer = Trainer::new(&data, Settings { epochs: QUICK_EPOCHS, ..Settings::default() });
        with_threads(0, || {
            while !trainer.is_done() {
                trainer.advance().expect("the plain recipe on MNIST does not diverge");
            }
        });
        let last = trainer.history().epochs.last().expect("there is an epoch");
        Ok((Classifier::new(trainer.shared_network()), last.clone()))
    }

    /// Classifies a digit of 28 × 28 pixels, row by row: 0 is background, 1 is ink.
    ///
    /// # Panics
    /// If `pixels` does not have 784 elements.
    #[track_caller]
    pub fn predict(&self, pixels: &[f32]) -> Prediction {
        assert_eq!(pixels.len(), SIDE * SIDE, "Classifier::predict: a digit has 28 × 28 pixels");
        no_grad(|| {
            let mut x = Tensor::from_vec(pixels.to_vec(), [1, pixels.len()]);
            let (mut hidden, mut maps, mut layer_before) = (Vec::new(), None, "");
            for (name, layer) in self.network.chain() {
                x = layer.forward(&x, Mode::Eval);
                match x.shape()[..] {
                    _ if layer.kind() != "ReLU" => layer_before = name,
                    [_, _, rows, columns] => {
                        let name = layer_before.to_owned();
                        maps.get_or_insert_with(|| FeatureMaps { name, rows, columns, values: x.to_vec() });
                    }
                    _ => hidden.push((layer_before.to_owned(), x.to_vec())),
                }
            }
            // The same rule as in `eval`: the first of several equal scores, or the first NaN if there is one.
            let digit = x.argmax(1, false).as_slice()[0] as usize;
            Prediction { digit, probabilities: x.softmax(1).to_vec(), hidden, maps }
        })
    }
}

impl Prediction {
    /// The class, its label, and the labels and probabilities of all classes, in the order of the classes. Rounded to
    /// six decimals.
    pub fn to_json(&self, labels: &Labels) -> Value {
        json!({
            "class": self.digit,
            "label": labels.name(self.digit),
            "labels": labels,
            "probabilities": rounded(&self.probabilities),
        })
    }

    /// The same, with the hidden layers' activations, and the feature maps if there are some.
    pub fn to_json_with_hidden(&self, labels: &Labels) -> Value {
        let mut value = self.to_json(labels);
        value["hidden"] =
            self.hidden.iter().map(|(name, values)| json!({ "name": name, "activations": rounded(values) })).collect();
        if let Some(FeatureMaps { name, rows, columns, values }) = &self.maps {
            let maps: Vec<_> = values.chunks(rows * columns).map(rounded).collect();
            value["maps"] = json!({ "name": name, "rows": rows, "columns": columns, "maps": maps });
        }
        value
    }
}

/// Values rounded to six decimals, for JSON.
pub fn rounded(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| (f64::from(value) * 1e6).round() / 1e6).collect()
}

#[cfg(test)]
mod tests {
    use autograd::Random;
    use nn::Module;

    use super::*;
    use crate::model::{DIGITS, perceptron_for};

    #[test]
    fn ties_and_nan_are_read_as_eval_counts_them() {
        let class = |bias: [f32; DIGITS]| {
            let model = Arc::new(perceptron_for(SIDE * SIDE, DIGITS, &mut Random::new(0)));
            let parameters = model.named_parameters();
            for (_, parameter) in &parameters {
                parameter.set(&Tensor::zeros(parameter.tensor().shape()));
            }
            parameters.last().unwrap().1.set(&Tensor::from_vec(bias.to_vec(), [DIGITS]));
            let images = Tensor::from_vec(vec![0.5; SIDE * SIDE], [1, SIDE * SIDE]);
            let counted = no_grad(|| model.forward(&images, Mode::Eval).argmax(1, false).as_slice()[0]);
            let prediction = Classifier::new(model).predict(&[0.5; SIDE * SIDE]);
            assert_eq!(prediction.digit as i64, counted, "{bias:?}");
            prediction.digit
        };
        assert_eq!(class([0.0; DIGITS]), 0);
        assert_eq!(class([0.0, 0.0, 7.0, 0.0, 7.0, 0.0, 0.0, 7.0, 0.0, 0.0]), 2);
        assert_eq!(class([f32::NAN; DIGITS]), 0);
        assert_eq!(class([0.0, 9.0, 0.0, f32::NAN, 0.0, f32::NAN, 0.0, 0.0, 0.0, 0.0]), 3);
        assert_eq!(class([-f32::INFINITY; DIGITS]), 0);
    }
}
