//! A small GPT that reads Shakespeare letter by letter, and then writes some lines.
//!
//! `cargo run --release -p nn --example 11_shakespeare` (a minute and a half on two cores; a number of steps may follow
//! `--`)
//!
//! Two blocks of causal attention with 4 heads over 128 numbers for each letter, 64 letters at a time (Radford et al.,
//! 2019, much smaller). The text is six plays in `nn/examples/data`, in the public domain.

use std::collections::BTreeSet;

use autograd::{Indices, Random, Stream, Tensor, no_grad, with_threads};
use nn::{
    AttentionMask, CrossEntropyLoss, Embedding, FeedForwardActivation, KeyValueCache, Layer, LayerNorm, Linear, Mode,
    Module, TransformerEncoderLayer, TransformerOptions,
};
use optim::schedule::{CosineAnnealingLR, LinearLR, Schedule};
use optim::{AdamW, Optimizer};

const TEXT: &str = include_str!("data/shakespeare.txt");
const CONTEXT: usize = 64;
const BATCH: usize = 16;

struct Gpt {
    letters: Embedding,
    positions: Embedding,
    blocks: Vec<TransformerEncoderLayer>,
    norm: LayerNorm,
    head: Linear,
}
nn::module!(Gpt { letters, positions, blocks, norm, head });

impl Gpt {
    fn new(letters: usize, width: usize, random: &mut Random) -> Self {
        let options = TransformerOptions {
            dim_feedforward: 4 * width,
            dropout: 0.0,
            activation: FeedForwardActivation::GeluTanh,
            norm_first: true,
        };
        Gpt {
            letters: Embedding::new(letters, width, &mut *random),
            positions: Embedding::new(CONTEXT, width, &mut *random),
            blocks: (0..2).map(|_| TransformerEncoderLayer::new(width, 4, options, &mut *random)).collect(),
            norm: LayerNorm::new([width]),
            head: Linear::without_bias(width, letters, random),
        }
    }

    /// The scores of the letter that follows each of `letters`, `[N, L]`: `[N, L, letters]`.
    fn forward(&self, letters: &Indices, mode: Mode<'_>) -> Tensor {
        let places: Indices = (0..letters.shape()[1]).collect();
        let mut x = self.letters.forward(letters, mode) + self.positions.forward(&places, mode);
        for block in &self.blocks {
            x = block.forward_masked(&x, &AttentionMask::causal(), mode);
        }
        self.head.forward(&self.norm.forward(&x, mode), mode)
    }

    /// The same for letters after those in the caches, one of which each block has.
    fn forward_cached(&self, letters: &Indices, caches: &mut [KeyValueCache]) -> Tensor {
        let (seen, mode) = (caches[0].len(), Mode::Eval);
        let places: Indices = (seen..seen + letters.shape()[1]).collect();
        let mut x = self.letters.forward(letters, mode) + self.positions.forward(&places, mode);
        for (block, cache) in self.blocks.iter().zip(caches) {
            x = block.forward_cached(&x, cache);
        }
        self.head.forward(&self.norm.forward(&x, mode), mode)
    }
}

/// Some stretches of the text, and the same a letter further.
fn batch(text: &[i64], random: &mut Random) -> (Indices, Indices) {
    let starts: Vec<usize> = (0..BATCH).map(|_| random.below((text.len() - CONTEXT) as u64) as usize).collect();
    let stretch = |shift: usize| {
        let letters: Vec<i64> =
            starts.iter().flat_map(|&start| text[start + shift..][..CONTEXT].iter().copied()).collect();
        letters
    };
    (Indices::new(stretch(0), [BATCH, CONTEXT]), Indices::new(stretch(1), [BATCH * CONTEXT]))
}

/// Goes on from a text by drawing each next letter by its probability. The keys and values of the letters so far are
/// kept; when there are as many as the model has positions, they are computed anew for the last half of them.
fn write(model: &Gpt, start: &[i64], count: usize, random: &mut Random) -> Vec<i64> {
    let mut text = start.to_vec();
    let mut caches = vec![KeyValueCache::new(); model.blocks.len()];
    let mut unread = text.len();
    for _ in 0..count {
        if caches[0].len() + unread > CONTEXT {
            caches.fill(KeyValueCache::new());
            unread = CONTEXT / 2;
        }
        let letters = Indices::new(text[text.len() - unread..].to_vec(), [1, unread]);
        let scores = model.forward_cached(&letters, &mut caches);
        unread = 1;
        let shares = (scores.select(1, -1) / 0.8).softmax(1).to_vec();
        let mut left = random.uniform() as f32;
        let drawn = shares.iter().position(|share| {
            left -= share;
            left <= 0.0
        });
        text.push(drawn.unwrap_or(0) as i64);
    }
    text
}

fn main() {
    let steps: usize = std::env::args().nth(1).map_or(4000, |text| text.parse().expect("a number of steps"));
    let letters: Vec<char> = TEXT.chars().collect::<BTreeSet<char>>().into_iter().collect();
    let number = |letter: char| letters.binary_search(&letter).expect("a letter of the text") as i64;
    let text: Vec<i64> = TEXT.chars().map(number).collect();
    let mut random = Random::new(0);
    let model = Gpt::new(letters.len(), 128, &mut random);
    println!("{} letters of {} kinds; {} parameters", text.len(), letters.len(), model.parameter_count());
    let mut adam = AdamW::new(model.parameters(), 0.002);
    let rate = LinearLR::new(0.05, 1.0, 50).then(50, CosineAnnealingLR::new(steps as u64).min_factor(0.1));
    let criterion = CrossEntropyLoss::new();
    let mut losses = Vec::new();
    with_threads(0, || {
        let stream = Stream::new(1);
        for step in 0..steps {
            adam.follow(&rate, step as u64);
            let (seen, next) = batch(&text, &mut random);
            let loss = criterion.forward(&model.forward(&seen, Mode::Train(&stream)).flatten(0, 1), &next);
            losses.push(loss.item());
            if step % (steps / 10).max(1) == 0 {
                println!("step {step:4}  loss {:.3}", losses[step]);
            }
            adam.step(&loss.backward());
        }
    });
    let start: Vec<i64> = "\n".chars().map(number).collect();
    let written = no_grad(|| write(&model, &start, 400, &mut random));
    println!("{}", written.into_iter().map(|letter| letters[letter as usize]).collect::<String>());
    let late = losses[losses.len() - losses.len() / 10 - 1..].iter().sum::<f32>() / (losses.len() / 10 + 1) as f32;
    assert!(late < losses[0] - 1.0, "the loss only fell from {} to {late}", losses[0]);
}
