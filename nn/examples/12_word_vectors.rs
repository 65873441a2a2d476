//! Word vectors: words that stand beside the same words get similar vectors.
//!
//! `cargo run --release -p nn --example 12_word_vectors` (a number of steps may follow `--`)
//!
//! Skip-gram with negative sampling (Mikolov et al., [arXiv:1310.4546](https://arxiv.org/abs/1310.4546)): the vector of
//! a word should agree with those of its neighbours in the text, and not with those of words drawn at random.

use std::collections::HashMap;

use autograd::{Indices, Random, Stream, Tensor, no_grad, with_threads};
use nn::{Embedding, Mode, Module};
use optim::Adam;

const TEXT: &str = include_str!("data/shakespeare.txt");
const BATCH: usize = 1024;
const NEGATIVES: usize = 5;
const REACH: u64 = 4;

struct SkipGram {
    words: Embedding,
    neighbours: Embedding,
}
nn::module!(SkipGram { words, neighbours });

/// The mean of -ln σ(w · n) over the pairs and of -ln σ(-w · m) over the words m that were drawn.
fn loss(model: &SkipGram, [words, neighbours, drawn]: &[Indices; 3], mode: Mode<'_>) -> Tensor {
    let word = model.words.forward(words, mode).unsqueeze(1);
    let agreement = |of: &Indices, shape: [usize; 2]| {
        (&word * model.neighbours.forward(&of.reshape(shape), mode)).sum_dim(2, false)
    };
    let near = agreement(neighbours, [BATCH, 1]).log_sigmoid().sum();
    let far = (-agreement(drawn, [BATCH, NEGATIVES])).log_sigmoid().sum();
    -(near + far) / BATCH as f32
}

/// The words that occur often enough, the most frequent first, and the text as their numbers.
fn read() -> (Vec<String>, Vec<i64>) {
    let words = || TEXT.split(|letter: char| !letter.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    let mut counts: HashMap<String, usize> = HashMap::new();
    words().for_each(|word| *counts.entry(word.to_ascii_lowercase()).or_default() += 1);
    let mut known: Vec<(String, usize)> = counts.into_iter().filter(|(_, count)| *count >= 8).collect();
    known.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let known: Vec<String> = known.into_iter().map(|(word, _)| word).collect();
    let number: HashMap<&str, i64> = known.iter().map(String::as_str).zip(0..).collect();
    let text = words().filter_map(|word| number.get(word.to_ascii_lowercase().as_str()).copied()).collect();
    (known, text)
}

/// Pairs of words and neighbours, and words drawn as often as they occur in the text.
fn batch(text: &[i64], random: &mut Random) -> [Indices; 3] {
    let (mut words, mut neighbours) = (Vec::new(), Vec::new());
    while words.len() < BATCH {
        let at = random.below(text.len() as u64) as usize;
        let distance = 1 + random.below(REACH) as usize;
        let other = if random.below(2) == 0 { at.checked_sub(distance) } else { Some(at + distance) };
        let Some(&neighbour) = other.and_then(|other| text.get(other)) else { continue };
        // Words that are everywhere say little: most of their pairs are left out.
        if [text[at], neighbour].into_iter().all(|word| random.uniform() < (word as f64 + 5.0) / 300.0) {
            words.push(text[at]);
            neighbours.push(neighbour);
        }
    }
    let drawn = (0..BATCH * NEGATIVES).map(|_| text[random.below(text.len() as u64) as usize]);
    let drawn: Vec<i64> = drawn.collect();
    [words.into(), neighbours.into(), drawn.into()]
}

/// The words whose vectors point most nearly in the same direction.
fn nearest(vectors: &Tensor, word: usize, known: &[String]) -> Vec<String> {
    let similar = vectors.matmul(&vectors.select(0, word as isize));
    let (_, found) = similar.topk(7, 0, true);
    found.as_slice()[1..].iter().map(|&word| known[word as usize].clone()).collect()
}

fn main() {
    println!("Shows: vectors of words, learned from their neighbours in a text");
    println!("Uses:  Embedding, Tensor::log_sigmoid, topk, norm, Adam, with_threads\n");
    let steps: usize = std::env::args().nth(1).map_or(12_000, |text| text.parse().expect("a number of steps"));
    let (known, text) = read();
    let mut random = Random::new(0);
    let model = SkipGram {
        words: Embedding::new(known.len(), 64, &mut random),
        neighbours: Embedding::new(known.len(), 64, &mut random),
    };
    model.parameters().iter().for_each(|param| param.set(&(param.tensor().detach() * 0.1)));
    println!("{} words, {} of them known; {} parameters", text.len(), known.len(), model.parameter_count());
    let mut adam = Adam::new(model.parameters(), 0.003);
    let (mut first, mut last) = (0.0, 0.0);
    with_threads(0, || {
        let stream = Stream::new(1);
        for step in 0..steps {
            let loss = loss(&model, &batch(&text, &mut random), Mode::Train(&stream));
            if step == 0 {
                first = loss.item();
            }
            last = if step == 0 { first } else { 0.98 * last + 0.02 * loss.item() };
            if step % (steps / 8).max(1) == 0 {
                println!("step {step:5}  loss {last:.3}");
            }
            adam.step(&loss.backward());
        }
    });
    let vectors = no_grad(|| {
        let vectors = model.words.weight.tensor().detach();
        &vectors / vectors.norm(2.0, [1], true)
    });
    for word in ["king", "love", "night", "sword", "father", "eyes", "death"] {
        if let Some(number) = known.iter().position(|other| other == word) {
            println!("{word:>8}: {}", nearest(&vectors, number, &known).join(", "));
        }
    }
    assert!(last < first - 0.5, "the loss only fell from {first} to {last}");
}
