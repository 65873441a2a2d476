//! Word vectors by skip-gram with negative sampling, as in `nn/examples/12_word_vectors.rs`: the vector of a word
//! should agree with that of a neighbour in the text, and not with those of words that are drawn.

use std::collections::HashMap;
use std::sync::Arc;

use autograd::Indices;
use nn::{Embedding, Mode, Module};

use super::start::{hash, set_first_values};
use super::{Network, Step};
use crate::problem::Problem;
use crate::record::Unit;

pub(super) static NETWORK: Network = Network {
    name: "skip-gram",
    about: "Word vectors of 64 elements by skip-gram with 5 negative samples; 1024 pairs of words",
    batch: 1024,
    unit: Unit::Pair,
    units: 1,
    operations: (6 * (1 + NEGATIVES) * WIDTH) as f64,
    step,
    inference: None,
};

const TEXT: &str = include_str!("../../../nn/examples/data/shakespeare.txt");
/// Words that occur less often are left out.
const OCCURRENCES: usize = 8;
const WIDTH: usize = 64;
const NEGATIVES: usize = 5;
/// A neighbour stands at most so many words behind.
const REACH: usize = 4;
/// Different batches; they are made before anything is timed, and used again and again.
const BATCHES: usize = 64;
/// The first weights are uniform between minus and plus this.
const BOUND: f64 = 0.1;

struct SkipGram {
    words: Embedding,
    neighbours: Embedding,
}
nn::module!(SkipGram { words, neighbours });

/// How many words are known, and the text as their indices: the most frequent word is 0.
fn text() -> (usize, Vec<i64>) {
    let words = || TEXT.split(|letter: char| !letter.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    let mut counts: HashMap<String, usize> = HashMap::new();
    words().for_each(|word| *counts.entry(word.to_ascii_lowercase()).or_default() += 1);
    let mut known: Vec<(String, usize)> = counts.into_iter().filter(|(_, count)| *count >= OCCURRENCES).collect();
    known.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let index: HashMap<&str, i64> = known.iter().map(|(word, _)| word.as_str()).zip(0..).collect();
    let text = words().filter_map(|word| index.get(word.to_ascii_lowercase().as_str()).copied()).collect();
    (known.len(), text)
}

/// Words `[batch]`, a neighbour of each `[batch, 1]`, and words that are drawn for each `[batch, NEGATIVES]`.
fn examples(text: &[i64], number: usize, batch: usize) -> [Indices; 3] {
    let (mut words, mut neighbours, mut drawn) = (Vec::new(), Vec::new(), Vec::new());
    for pair in number * batch..(number + 1) * batch {
        // Two integers for the pair, then one for each word that is drawn.
        let random = |index: usize| hash((pair * (2 + NEGATIVES) + index) as u32) as usize;
        let position = random(0) % (text.len() - REACH);
        words.push(text[position]);
        neighbours.push(text[position + 1 + random(1) % REACH]);
        drawn.extend((0..NEGATIVES).map(|index| text[random(2 + index) % text.len()]));
    }
    [Indices::new(words, [batch]), Indices::new(neighbours, [batch, 1]), Indices::new(drawn, [batch, NEGATIVES])]
}

fn step(_: &Arc<Problem>, batch: usize) -> Step {
    let (count, text) = text();
    let model = SkipGram { words: Embedding::new(count, WIDTH, 0), neighbours: Embedding::new(count, WIDTH, 0) };
    set_first_values(&model.named_parameters(), |_| BOUND);
    let batches: Vec<_> = (0..BATCHES).map(|number| examples(&text, number, batch)).collect();
    let parameters = model.parameters();
    let loss = move |step: usize, mode: Mode<'_>| {
        let [words, neighbours, drawn] = &batches[step % BATCHES];
        let word = model.words.forward(words, mode).unsqueeze(1);
        let agreement = |of: &Indices| (&word * model.neighbours.forward(of, mode)).sum_dim(2, false);
        let near = agreement(neighbours).log_sigmoid().sum();
        let far = (-agreement(drawn)).log_sigmoid().sum();
        -(near + far) / batch as f32
    };
    Step::Learning(parameters, Box::new(loss))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_told_from_words_that_are_drawn() {
        let mut work = NETWORK.train(&Arc::new(Problem::dots(1)), 16, 1);
        let first = work(1);
        // At first every pair is as likely as not.
        assert!((first - (1 + NEGATIVES) as f64 * 2_f64.ln()).abs() < 0.05, "{first}");
        assert!(work(400) < first - 0.5);
    }
}
