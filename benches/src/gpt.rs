//! The small GPT of the benchmarks: the same text in the same order and the same first weights for all contenders, and
//! Gradus as one of them. `benches/python/gpt.py` has the same in Python.

use std::sync::Arc;

use autograd::{Indices, Stream, Tensor, with_threads};
use nn::{
    AttentionMask, CrossEntropyLoss, Embedding, FeedForwardActivation, Layer, LayerNorm, Linear, Mode, Module,
    TransformerEncoderLayer, TransformerOptions,
};
use optim::Adam;

use crate::benchmark::Work;
use crate::problem::LEARNING_RATE;

/// Characters of a sequence.
pub const CONTEXT: usize = 64;
/// Different characters: the most frequent ones of the text; the last index stands for all others.
pub const CHARACTERS: usize = 65;
/// The width of a character's vector, heads, blocks.
const WIDTH: usize = 128;
const HEADS: usize = 4;
const BLOCKS: usize = 2;
/// The first weights of matrices are uniform between minus and plus this.
const BOUND: f64 = 0.035;

const TEXT: &str = include_str!("../../nn/examples/data/shakespeare.txt");

/// Floating-point operations of a training step for each character: six for each weight of a matrix product, and those
/// of the scores and the weighted values, as if every key was visible.
pub fn operations_per_character() -> f64 {
    let weights = BLOCKS * 12 * WIDTH * WIDTH + WIDTH * CHARACTERS;
    let attention = BLOCKS * 2 * CONTEXT * WIDTH;
    (6 * (weights + attention)) as f64
}

/// An integer that looks random: the last steps of MurmurHash3 on 32 bits.
fn hash(index: u32) -> u32 {
    let mut bits = index;
    bits = (bits ^ (bits >> 16)).wrapping_mul(0x85eb_ca6b);
    bits = (bits ^ (bits >> 13)).wrapping_mul(0xc2b2_ae35);
    bits ^ (bits >> 16)
}

/// The first weights of matrix number `matrix`.
fn first_weights(matrix: usize, out: &mut [f32]) {
    for (index, weight) in out.iter_mut().enumerate() {
        let unit = f64::from(hash((matrix << 20 | index) as u32)) / 2_f64.powi(32);
        *weight = ((2.0 * unit - 1.0) * BOUND) as f32;
    }
}

/// The text as indices of its characters, which are sorted by how frequent they are, then by their code.
fn text() -> Vec<i64> {
    let mut counts = [0_usize; 256];
    TEXT.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let mut bytes: Vec<usize> = (0..256).collect();
    bytes.sort_by_key(|&byte| (std::cmp::Reverse(counts[byte]), byte));
    let mut indices = [0; 256];
    for (index, &byte) in bytes.iter().enumerate() {
        indices[byte] = index.min(CHARACTERS - 1) as i64;
    }
    TEXT.bytes().map(|byte| indices[usize::from(byte)]).collect()
}

/// The sequences of a step, `[batch, CONTEXT]`, and the character after each of theirs, `[batch · CONTEXT]`.
fn batch(text: &[i64], step: usize, batch: usize) -> (Indices, Indices) {
    let start = |row: usize| hash((step * batch + row) as u32) as usize % (text.len() - CONTEXT);
    let sequences = |shift: usize| -> Vec<i64> {
        (0..batch).flat_map(|row| text[start(row) + shift..][..CONTEXT].iter().copied()).collect()
    };
    (Indices::new(sequences(0), [batch, CONTEXT]), Indices::new(sequences(1), [batch * CONTEXT]))
}

/// The network: layers of `nn` as a user puts them together.
struct Gpt {
    characters: Embedding,
    positions: Embedding,
    blocks: Vec<TransformerEncoderLayer>,
    norm: LayerNorm,
    head: Linear,
}
nn::module!(Gpt { characters, positions, blocks, norm, head });

impl Gpt {
    /// The network with the benchmark's first weights: hashed ones in matrices, 1 and 0 elsewhere.
    fn new() -> Self {
        let options = TransformerOptions {
            dim_feedforward: 4 * WIDTH,
            dropout: 0.0,
            activation: FeedForwardActivation::GeluTanh,
            norm_first: true,
        };
        let gpt = Gpt {
            characters: Embedding::new(CHARACTERS, WIDTH, 0),
            positions: Embedding::new(CONTEXT, WIDTH, 0),
            blocks: (0..BLOCKS).map(|_| TransformerEncoderLayer::new(WIDTH, HEADS, options, 0)).collect(),
            norm: LayerNorm::new([WIDTH]),
            head: Linear::without_bias(WIDTH, CHARACTERS, 0),
        };
        let mut matrix = 0;
        for (name, parameter) in gpt.named_parameters() {
            let is_matrix = parameter.tensor().rank() == 2;
            parameter.update(|values| match is_matrix {
                true => first_weights(matrix, values),
                false => values.fill(if name.ends_with("weight") { 1.0 } else { 0.0 }),
            });
            matrix += usize::from(is_matrix);
        }
        gpt
    }

    fn forward(&self, characters: &Indices, mode: Mode<'_>) -> Tensor {
        let positions: Indices = (0..characters.shape()[1]).collect();
        let mut x = self.characters.forward(characters, mode) + self.positions.forward(&positions, mode);
        for block in &self.blocks {
            x = block.forward_masked(&x, &AttentionMask::causal(), mode);
        }
        self.head.forward(&self.norm.forward(&x, mode), mode)
    }
}

/// Training steps with so many sequences each.
pub fn train(sequences: usize, threads: usize) -> Work {
    let (model, text) = (Gpt::new(), Arc::new(text()));
    let criterion = CrossEntropyLoss::new();
    let mut adam = Adam::new(model.parameters(), LEARNING_RATE);
    let mut step = 0;
    Box::new(move |repeats| {
        with_threads(threads, || {
            let (mut value, stream) = (f32::NAN, Stream::new(0));
            for _ in 0..repeats {
                let (seen, next) = batch(&text, step, sequences);
                let scores = model.forward(&seen, Mode::Train(&stream)).flatten(0, 1);
                let loss = criterion.forward(&scores, &next);
                value = loss.item();
                adam.step_taking(loss.backward());
                step += 1;
            }
            f64::from(value)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_becomes_easier() {
        let mut work = train(4, 1);
        let first = work(1);
        assert!((first - (CHARACTERS as f64).ln()).abs() < 0.1, "{first}");
        assert!(work(40) < first - 0.5);
    }

    #[test]
    fn the_loss_does_not_depend_on_the_number_of_threads() {
        let losses = [1, 2, 3].map(|threads| train(4, threads)(5));
        assert!(losses.iter().all(|loss| loss.to_bits() == losses[0].to_bits()), "{losses:?}");
    }
}
