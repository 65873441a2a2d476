//! A program to begin with: it reads a table, trains a network on it, saves the weights, loads them, and predicts.
//!
//! `cargo run` in this folder, or `cargo run -- TABLE.csv`. The table that comes with it was drawn from a formula: the
//! length, width and mass of nails, screws and washers.

use std::error::Error;
use std::path::Path;

use autograd::ndarray::Array2;
use autograd::prelude::*;
use nn::prelude::*;
use optim::prelude::*;

const KINDS: [&str; 3] = ["nail", "screw", "washer"];
const INPUTS: usize = 3;

/// The model: parameters, layers, and the scale of the inputs, which is saved with the weights but not trained.
struct Net {
    mean: Param,
    deviation: Param,
    hidden: Linear,
    dropout: Dropout,
    output: Linear,
}
nn::module!(Net { mean, deviation, hidden, dropout, output });

impl Net {
    fn new(seeds: &Stream) -> Self {
        Net {
            mean: Param::buffer(Tensor::zeros([INPUTS])),
            deviation: Param::buffer(Tensor::ones([INPUTS])),
            hidden: Linear::new(INPUTS, 32, seeds),
            dropout: Dropout::new(0.1),
            output: Linear::new(32, KINDS.len(), seeds),
        }
    }

    /// Takes the scale of these inputs for all that come.
    fn fit_scale(&self, inputs: &Tensor) {
        self.mean.set(&inputs.mean_dim(0, false));
        self.deviation.set(&inputs.std(0, 1, false));
    }
}

impl Layer for Net {
    /// From `[N, 3]` measurements to `[N, 3]` scores of the kinds.
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Tensor {
        let x = (x - &self.mean) / &self.deviation;
        let x = self.hidden.forward(&x, mode).relu();
        self.output.forward(&self.dropout.forward(&x, mode), mode)
    }
}

/// Reads rows of measurements and a kind.
fn read(path: &Path) -> Result<(Tensor, Indices), Box<dyn Error>> {
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for (row, record) in csv::Reader::from_path(path)?.deserialize().enumerate() {
        let (length, width, mass, kind): (f32, f32, f32, String) = record?;
        let label = KINDS.iter().position(|known| *known == kind);
        values.extend([length, width, mass]);
        labels.push(label.ok_or_else(|| format!("{}: row {}: unknown kind {kind}", path.display(), row + 1))?);
    }
    let inputs = Array2::from_shape_vec((labels.len(), INPUTS), values)?; // data that is an array already starts here
    Ok((Tensor::from(inputs), labels.into_iter().collect()))
}

fn train(net: &Net, data: &(Tensor, Indices), validation: &(Tensor, Indices)) {
    let batches = Batches::new(32).shuffled(Random::new(1));
    let (criterion, stream) = (CrossEntropyLoss::new(), Stream::new(2));
    let mut optimizer = AdamW::new(net.named_parameters(), 0.01);
    for epoch in 0..40 {
        let mut loss_sum = 0.0;
        for (inputs, labels) in batches.epoch(data, epoch) {
            let loss = criterion.forward(&net.forward(&inputs, Mode::Train(&stream)), &labels);
            loss_sum += loss.item() * labels.numel() as f32;
            optimizer.step(&loss.backward());
        }
        if (epoch + 1) % 10 == 0 {
            let right = no_grad(|| accuracy(&net.forward(&validation.0, Mode::Eval), &validation.1));
            let loss = loss_sum / data.count() as f32;
            println!("epoch {:2}  loss {loss:.4}  validation accuracy {:.1}%", epoch + 1, 100.0 * right);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let table = std::env::args().nth(1).unwrap_or(concat!(env!("CARGO_MANIFEST_DIR"), "/data/parts.csv").to_owned());
    let data = read(Path::new(&table))?;

    // Four fifths of the rows, in a random order, are trained on; the rest shows what was learned.
    let order = Batches::new(1).shuffled(Random::new(0)).order(data.count(), 0);
    let (first, rest) = order.split_at(order.len() * 4 / 5);
    let (training, validation) = (data.batch(first), data.batch(rest));

    let net = Net::new(&Stream::new(0));
    net.fit_scale(&training.0);
    println!("{net}");
    train(&net, &training, &validation);

    let weights = Path::new("weights.safetensors");
    checkpoint::save(&net, weights)?;
    println!("saved weights: {}", weights.display());
    let loaded = Net::new(&Stream::new(3));
    checkpoint::load(&loaded, weights)?;

    let part = Tensor::from([[40.0, 5.2, 5.6]]);
    let scores = no_grad(|| loaded.forward(&part, Mode::Eval));
    let kind = KINDS[scores.argmax(1, false).as_slice()[0] as usize];
    println!("A part 40 mm long, 5.2 mm wide, of 5.6 g: {kind}");
    Ok(())
}
