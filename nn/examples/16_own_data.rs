//! A program of one's own: data, a model, training, a file, a prediction. What most programs begin as.
//!
//! `cargo run --release -p nn --example 16_own_data`

use autograd::{Random, Stream, Tensor, no_grad};
use nn::data::Batches;
use nn::{Dropout, Layer, LayerNorm, Linear, MSELoss, Mode, Module, checkpoint};
use optim::AdamW;

struct Net {
    hidden: Linear,
    norm: LayerNorm,
    drop: Dropout,
    output: Linear,
}
nn::module!(Net { hidden, norm, drop, output });

impl Layer for Net {
    fn forward(&self, x: &Tensor, mode: Mode<'_>) -> Tensor {
        let x = self.norm.forward(&self.hidden.forward(x, mode).relu(), mode);
        self.output.forward(&self.drop.forward(&x, mode), mode)
    }
}

fn main() {
    println!("Shows: the parts of a program of one's own: data, model, training, file, prediction");
    println!("Uses:  module!, Layer, data::Batches, AdamW, checkpoint::save and load\n");
    let (seeds, x) = (Stream::new(0), Tensor::<f32>::randn([512, 3], 1));
    let y = (x.square().sum_dim(1, true) + x.select(1, 0).sin().unsqueeze(1)) * 0.5;
    let net = Net {
        hidden: Linear::new(3, 64, &seeds),
        norm: LayerNorm::new([64]),
        drop: Dropout::new(0.05),
        output: Linear::new(64, 1, &seeds),
    };
    println!("{net}");
    let (mut optimizer, criterion) = (AdamW::new(net.parameters(), 0.01), MSELoss::new());
    let (data, batches) = ((x.clone(), y.clone()), Batches::new(64).shuffled(Random::new(2)));
    for epoch in 0..60 {
        for (x, y) in batches.epoch(&data, epoch) {
            optimizer.step(&criterion.forward(&net.forward(&x, Mode::Train(&seeds)), &y).backward());
        }
    }
    let path = std::env::temp_dir().join("own_data.safetensors");
    checkpoint::save(&net, &path).expect("the weights can be written");
    checkpoint::load(&net, &path).expect("the weights can be read");
    let error = no_grad(|| criterion.forward(&net.forward(&x, Mode::Eval), &y)).item();
    println!("mean squared error {error:.4} of a variance of {:.4}", y.var([0, 1], 1, false).item());
    assert!(error < 0.1, "the function was not learned");
}
