//! A variational autoencoder that draws digits.
//!
//! `cargo run --release -p mnist-demo --example 13_autoencoder` (a number of steps may follow `--`)
//!
//! An encoder says with which mean and spread a digit lies in a plane, a decoder draws it from a point that is taken at
//! random there. After training, any point of the plane is a drawing (Kingma and Welling,
//! [arXiv:1312.6114](https://arxiv.org/abs/1312.6114)).

use autograd::{BinaryCrossEntropyWithLogits, Random, Reduction, Stream, Tensor, no_grad, with_threads};
use mnist_demo::dataset::Dataset;
use nn::data::Batches;
use nn::{Layer, Linear, Mode, Module, ReLU, Sequential};
use optim::Adam;

struct Autoencoder {
    encoder: Sequential,
    decoder: Sequential,
}
nn::module!(Autoencoder { encoder, decoder });

impl Autoencoder {
    fn new(random: &mut Random) -> Self {
        let mut linear = |inputs, outputs| Linear::new(inputs, outputs, &mut *random);
        Autoencoder {
            encoder: Sequential::new().add(linear(784, 256)).add(ReLU).add(linear(256, 4)),
            decoder: Sequential::new().add(linear(2, 256)).add(ReLU).add(linear(256, 784)),
        }
    }

    /// How badly the images are drawn again, and how far the points lie from a normal distribution: for each image.
    fn loss(&self, images: &Tensor, mode: Mode<'_>) -> Tensor {
        let code = self.encoder.forward(images, mode);
        let (mean, log_variance) = (code.narrow(1, 0, 2), code.narrow(1, 2, 2));
        let noise = match mode.stream() {
            Some(stream) => Tensor::randn(mean.shape(), stream),
            None => Tensor::zeros(mean.shape()),
        };
        let point = &mean + (&log_variance * 0.5).exp() * noise;
        let options = BinaryCrossEntropyWithLogits { reduction: Reduction::Sum, ..Default::default() };
        let drawing = self.decoder.forward(&point, mode).binary_cross_entropy_with_logits(images, &options);
        let distance = (log_variance.exp() + mean.square() - 1.0 - log_variance).sum() * 0.5;
        (drawing + distance) / images.size(0) as f32
    }
}

/// Drawings of points of the plane, side by side, two rows of pixels in a line.
fn draw(model: &Autoencoder, points: &[[f32; 2]]) {
    let flat = points.iter().flatten().copied().collect();
    let drawings = model.decoder.forward(&Tensor::from_vec(flat, [points.len(), 2]), Mode::Eval).sigmoid().to_vec();
    for line in 1..13 {
        let mut text = String::new();
        for drawing in drawings.chunks(784) {
            for column in 4..24 {
                let [above, below] = [2 * line, 2 * line + 1].map(|row| drawing[row * 28 + column] > 0.4);
                text.push(match (above, below) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
        }
        println!("{}", text.trim_end());
    }
}

fn main() {
    println!("Shows: a variational autoencoder that draws digits from points of a plane");
    println!("Uses:  Tensor::randn, binary_cross_entropy_with_logits, narrow, sigmoid, module!, Adam\n");
    let steps: usize = std::env::args().nth(1).map_or(6000, |text| text.parse().expect("a number of steps"));
    let data = Dataset::embedded().expect("the digits are part of the program");
    let mut random = Random::new(0);
    let model = Autoencoder::new(&mut random);
    println!("{model}");
    let mut adam = Adam::new(model.parameters(), 0.001);
    let batches = Batches::new(128).shuffled(Random::new(2));
    let (mut first, mut last) = (0.0, 0.0);
    with_threads(0, || {
        let stream = Stream::new(1);
        let epochs = (0..).flat_map(|epoch| batches.epoch(&data.train, epoch));
        for (step, (images, _)) in epochs.take(steps).enumerate() {
            let loss = model.loss(&images, Mode::Train(&stream));
            last = loss.item();
            if step == 0 {
                first = last;
            }
            if step % (steps / 8).max(1) == 0 {
                println!("step {step:5}  loss {last:.1}");
            }
            adam.step(&loss.backward());
        }
    });
    println!("along two lines through the plane:");
    no_grad(|| {
        draw(&model, &[-2.0, -1.2, -0.4, 0.4, 1.2, 2.0].map(|at| [at, 0.6]));
        draw(&model, &[-2.0, -1.2, -0.4, 0.4, 1.2, 2.0].map(|at| [at, -0.6]));
    });
    assert!(last < 0.45 * first, "the loss only fell from {first} to {last}");
}
