//! A trained network at work: one digit in, its probabilities and what the layers thought out.

use std::path::Path;

use autograd::{Tensor, no_grad, with_threads};
use nn::{Layer, Linear, Mode, Module};
use serde_json::{Value, json};

use crate::dataset::Dataset;
use crate::failure::Failure;
use crate::idx::DataError;
use crate::labels::Labels;
use crate::picture::SIDE;
use crate::train::{Epoch, Settings, Trainer};
use crate::weights::Weights;

/// Passes over the training images when there are no weights: about as many as a person likes to wait for.
pub const QUICK_EPOCHS: usize = 3;

/// A perceptron that reads digits of 28 × 28 pixels. It holds handles to its parameters, not copies: if somebody trains
/// them meanwhile, it reads better and better.
#[derive(Clone)]
pub struct Reader {
    /// The layers with their names; a rectifier follows each but the last.
    layers: Vec<(String, Linear)>,
    labels: Labels,
}

/// What a network made of one digit.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The most probable class, by [`Tensor::argmax`] of the scores.
    pub digit: usize,
    /// The probability of each class.
    pub probabilities: Vec<f32>,
    /// The names and the outputs of the hidden layers, rectified.
    pub hidden: Vec<(String, Vec<f32>)>,
}

impl Reader {
    /// The reader that works with a perceptron's parameters.
    ///
    /// # Panics
    /// If the parameters are not weights and biases by turns, or the first weight is not for 28 × 28 pixels.
    #[track_caller]
    pub fn new(model: &impl Module) -> Self {
        let named = model.named_parameters();
        let layers: Vec<_> = named
            .chunks(2)
            .map(|layer| match layer {
                [(name, weight), (_, bias)] => {
                    let name = name.trim_end_matches(".weight").to_owned();
                    (name, Linear { weight: weight.clone(), bias: Some(bias.clone()) })
                }
                _ => panic!("Reader: a perceptron has weights and biases by turns"),
            })
            .collect();
        let inputs = layers.first().map(|(_, layer)| layer.weight.tensor().shape()[1]);
        assert_eq!(inputs, Some(SIDE * SIDE), "Reader: the first layer is not for 28 × 28 pixels");
        let classes = layers.last().map_or(0, |(_, layer)| layer.weight.tensor().shape()[0]);
        Reader { layers, labels: Labels::numbers(classes) }
    }

    /// The reader with other labels for its classes.
    ///
    /// # Panics
    /// If there are more or fewer labels than classes.
    #[track_caller]
    pub fn labelled(self, labels: Labels) -> Self {
        assert_eq!(labels.len(), self.labels.len(), "Reader::labelled: there is a label for each class");
        Reader { labels, ..self }
    }

    /// The labels of the classes: the class numbers, if there are no others.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// With trained weights, for as many classes as they are for. `labels` has the names of the classes; without it
    /// they are looked for where the weights are, and a file that is there and not right is reported as a note.
    ///
    /// # Errors
    /// If the weights cannot be read, are not those of the perceptron for 28 × 28 pixels, or not finite, or the labels
    /// are wrong.
    pub fn load(weights: &Weights, labels: Option<&Path>) -> Result<(Self, Option<DataError>), Failure> {
        let reader = Reader::new(&weights.network(SIDE * SIDE)?);
        let classes = reader.labels.len();
        let (labels, note) = match labels {
            Some(path) => (Labels::read(path, classes)?, None),
            None => weights.labels(classes)?,
        };
        Ok((reader.labelled(labels), note))
    }

    /// With weights learnt now, in [`QUICK_EPOCHS`] epochs of the classic program on MNIST; and how the last of them
    /// went.
    ///
    /// # Errors
    /// Only if the program itself is damaged.
    pub fn train() -> Result<(Self, Epoch), DataError> {
        let data = Dataset::embedded()?;
        let mut trainer = Trainer::new(&data, Settings { epochs: QUICK_EPOCHS, ..Settings::default() });
        with_threads(0, || {
            while !trainer.is_done() {
                trainer.advance().expect("the classic program on MNIST does not diverge");
            }
        });
        let last = trainer.history().epochs.last().expect("there is an epoch");
        Ok((Reader::new(trainer.network()), last.clone()))
    }

    /// Reads 28 × 28 numbers from 0, the ground, to 1, the ink, row by row.
    ///
    /// # Panics
    /// If there are more or fewer.
    #[track_caller]
    pub fn read(&self, pixels: &[f32]) -> Reading {
        assert_eq!(pixels.len(), SIDE * SIDE, "Reader::read: a digit has 28 × 28 pixels");
        no_grad(|| {
            let ((_, last), before) = self.layers.split_last().expect("a perceptron has layers");
            let mut x = Tensor::from_vec(pixels.to_vec(), [1, pixels.len()]);
            let mut hidden = Vec::new();
            for (name, layer) in before {
                x = layer.forward_relu(&x);
                hidden.push((name.clone(), x.to_vec()));
            }
            let scores = last.forward(&x, Mode::Eval);
            // As `eval` counts: the first class of several with the same score, the first NaN if there is one.
            let digit = scores.argmax(1, false).as_slice()[0] as usize;
            Reading { digit, probabilities: scores.softmax(1).to_vec(), hidden }
        })
    }
}

impl Reading {
    /// The class, its label, and the labels and probabilities of all classes in their order, rounded to six decimals.
    pub fn to_json(&self, labels: &Labels) -> Value {
        json!({
            "class": self.digit,
            "label": labels.name(self.digit),
            "labels": labels,
            "probabilities": rounded(&self.probabilities),
        })
    }

    /// The same, with the hidden layers' activations.
    pub fn to_json_with_hidden(&self, labels: &Labels) -> Value {
        let mut value = self.to_json(labels);
        value["hidden"] = self
            .hidden
            .iter()
            .map(|(name, numbers)| json!({ "name": name, "activations": rounded(numbers) }))
            .collect();
        value
    }
}

/// Numbers as a reader of JSON likes them.
pub fn rounded(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&number| (f64::from(number) * 1e6).round() / 1e6).collect()
}

#[cfg(test)]
mod tests {
    use autograd::Random;

    use super::*;
    use crate::model::{DIGITS, perceptron_for};

    #[test]
    fn ties_and_nan_are_read_as_eval_counts_them() {
        let class = |bias: [f32; DIGITS]| {
            let model = perceptron_for(SIDE * SIDE, DIGITS, &mut Random::new(0));
            let parameters = model.named_parameters();
            for (_, parameter) in &parameters {
                parameter.set(&Tensor::zeros(parameter.tensor().shape()));
            }
            parameters.last().unwrap().1.set(&Tensor::from_vec(bias.to_vec(), [DIGITS]));
            let images = Tensor::from_vec(vec![0.5; SIDE * SIDE], [1, SIDE * SIDE]);
            let counted = no_grad(|| model.forward(&images, Mode::Eval).argmax(1, false).as_slice()[0]);
            let reading = Reader::new(&model).read(&[0.5; SIDE * SIDE]);
            assert_eq!(reading.digit as i64, counted, "{bias:?}");
            reading.digit
        };
        assert_eq!(class([0.0; DIGITS]), 0);
        assert_eq!(class([0.0, 0.0, 7.0, 0.0, 7.0, 0.0, 0.0, 7.0, 0.0, 0.0]), 2);
        assert_eq!(class([f32::NAN; DIGITS]), 0);
        assert_eq!(class([0.0, 9.0, 0.0, f32::NAN, 0.0, f32::NAN, 0.0, 0.0, 0.0, 0.0]), 3);
        assert_eq!(class([-f32::INFINITY; DIGITS]), 0);
    }
}
