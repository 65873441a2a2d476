//! A trained network at work: one digit in, its probabilities and what the layers thought out.

use std::path::Path;

use autograd::{Random, Tensor, no_grad, with_threads};
use nn::checkpoint::CheckpointError;
use nn::{Linear, Mode, Module};
use serde_json::{Value, json};

use crate::dataset::Dataset;
use crate::idx::DataError;
use crate::model::{self, perceptron_for};
use crate::picture::SIDE;
use crate::train::{Epoch, Settings, Trainer};

/// Passes over the training images when there are no weights: about as many as a person likes to wait for.
pub const QUICK_EPOCHS: usize = 3;

/// The classes of MNIST.
const DIGITS: usize = 10;

/// A perceptron that reads digits of 28 × 28 pixels. It holds handles to its parameters, not copies: if somebody trains them meanwhile, it reads better
/// and better.
#[derive(Clone)]
pub struct Reader {
    /// The layers with their names; a rectifier follows each but the last.
    layers: Vec<(String, Linear)>,
}

/// What a network made of one digit.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The most probable class.
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
        Reader { layers }
    }

    /// With weights from a file.
    ///
    /// # Errors
    /// If the file cannot be read, or its weights are not those of the perceptron for 28 × 28 pixels and 10 classes,
    /// or not finite.
    pub fn load(weights: &Path) -> Result<Self, CheckpointError> {
        let model = perceptron_for(SIDE * SIDE, DIGITS, &mut Random::new(0));
        model::load(&model, weights)?;
        Ok(Reader::new(&model))
    }

    /// With weights learnt now, in [`QUICK_EPOCHS`] epochs of the classic program on MNIST; and how the last of them went.
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
                x = layer.forward_relu(&x, Mode::Eval);
                hidden.push((name.clone(), x.to_vec()));
            }
            let probabilities = last.forward(&x, Mode::Eval).softmax(1).to_vec();
            let digit = (0..probabilities.len()).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
            Reading { digit: digit.expect("there are classes"), probabilities, hidden }
        })
    }
}

impl Reading {
    /// The class and the probabilities, rounded to six decimals.
    pub fn to_json(&self) -> Value {
        json!({ "digit": self.digit, "probabilities": rounded(&self.probabilities) })
    }

    /// The same, with the hidden layers' activations.
    pub fn to_json_with_hidden(&self) -> Value {
        let mut value = self.to_json();
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
