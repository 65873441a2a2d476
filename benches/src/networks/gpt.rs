//! The small GPT of the benchmarks, on characters of Shakespeare.

use std::sync::Arc;

use autograd::{Indices, Tensor};
use nn::{
    AttentionMask, CrossEntropyLoss, Embedding, FeedForwardActivation, KeyValueCache, Layer, LayerNorm, Linear, Mode,
    Module, TransformerEncoderLayer, TransformerOptions,
};

use super::start::{hash, set_first_values};
use super::{Inference, Network, Scores, Step};
use crate::problem::Problem;
use crate::record::Unit;

pub(super) static NETWORK: Network = Network {
    name: "gpt",
    about: "A small transformer of 2 blocks, width 128, 4 heads; 16 sequences of 64 characters",
    batch: 16,
    unit: Unit::Token,
    units: CONTEXT,
    operations: operations_per_character(),
    step,
    inference: Some(Inference { batches: &[1], scores: generate }),
};

/// Characters of a sequence.
const CONTEXT: usize = 64;
/// Different characters: the most frequent ones of the text; the last index stands for all others.
const CHARACTERS: usize = 65;
/// The width of a character's vector, heads, blocks.
const WIDTH: usize = 128;
const HEADS: usize = 4;
const BLOCKS: usize = 2;
/// The first weights of matrices are uniform between minus and plus this.
const BOUND: f64 = 0.035;

const TEXT: &str = include_str!("../../../nn/examples/data/shakespeare.txt");

/// Floating-point operations of a training step for each character: six for each weight of a matrix product, and those
/// of the scores and the weighted values, as if every key was visible.
const fn operations_per_character() -> f64 {
    let weights = BLOCKS * 12 * WIDTH * WIDTH + WIDTH * CHARACTERS;
    let attention = BLOCKS * 2 * CONTEXT * WIDTH;
    (6 * (weights + attention)) as f64
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
    /// The network with the benchmark's first weights.
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
        set_first_values(&gpt.named_parameters(), |_| BOUND);
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

    /// The scores of the characters, `[batch, 1]`, that follow those in the caches, of which each block has one.
    fn forward_next(&self, characters: &Indices, caches: &mut [KeyValueCache]) -> Tensor {
        let position = Indices::new(vec![caches[0].len() as i64], [1]);
        let mut x = self.characters.forward(characters, Mode::Eval) + self.positions.forward(&position, Mode::Eval);
        for (block, cache) in self.blocks.iter().zip(caches) {
            x = block.forward_cached(&x, cache);
        }
        self.head.forward(&self.norm.forward(&x, Mode::Eval), Mode::Eval)
    }
}

fn step(_: &Arc<Problem>, sequences: usize) -> Step {
    let (model, text, criterion) = (Gpt::new(), text(), CrossEntropyLoss::new());
    let parameters = model.parameters();
    let loss = move |step: usize, mode: Mode<'_>| {
        let (seen, next) = batch(&text, step, sequences);
        criterion.forward(&model.forward(&seen, mode).flatten(0, 1), &next)
    };
    Step::Learning(parameters, Box::new(loss))
}

/// Whole sequences, a character at a time, with cached keys and values: the scores behind the last one. The next
/// character is the text's rather than the one with the best score, so that all contenders see the same.
fn generate(_: &Arc<Problem>, sequences: usize) -> Scores {
    let model = Gpt::new();
    let (seen, _) = batch(&text(), 0, sequences);
    let column = |position: usize| {
        let characters: Vec<i64> = seen.as_slice().iter().skip(position).step_by(CONTEXT).copied().collect();
        Indices::new(characters, [sequences, 1])
    };
    let columns: Vec<Indices> = (0..CONTEXT).map(column).collect();
    Box::new(move || {
        let mut caches = vec![KeyValueCache::new(); BLOCKS];
        let scores = columns.iter().map(|characters| model.forward_next(characters, &mut caches));
        scores.last().expect("a sequence has characters")
    })
}

#[cfg(test)]
mod tests {
    use autograd::no_grad;

    use super::*;

    #[test]
    fn the_text_becomes_easier() {
        let mut work = NETWORK.train(&Arc::new(Problem::dots(1)), 4, 1);
        let first = work(1);
        assert!((first - (CHARACTERS as f64).ln()).abs() < 0.1, "{first}");
        assert!(work(40) < first - 0.5);
    }

    #[test]
    fn a_character_at_a_time_has_the_scores_of_the_whole_sequence() {
        let (seen, _) = batch(&text(), 0, 2);
        let whole = no_grad(|| Gpt::new().forward(&seen, Mode::Eval).select(1, -1));
        let last = no_grad(generate(&Arc::new(Problem::dots(1)), 2)).select(1, 0);
        assert!(last.to_vec().iter().zip(whole.to_vec()).all(|(a, b)| (a - b).abs() < 1e-4));
    }
}
