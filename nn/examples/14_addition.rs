//! An LSTM that adds: it reads "345+67" digit by digit, from the last to the first, and says the digits of the sum.
//!
//! `cargo run --release -p nn --example 14_addition` (a number of steps may follow `--`)
//!
//! At each step it sees a digit of each number and says one of the sum, so what it has to keep in mind is the carry. It
//! is trained on numbers of 6 digits and tried on longer ones.

use autograd::{Indices, Random, Stream, Tensor, no_grad, with_threads};
use nn::recurrent::{Lstm, Recurrence};
use nn::{CrossEntropyLoss, Layer, Linear, Mode, Module};
use optim::{Adam, clip_grad_norm};

struct Adder {
    lstm: Lstm,
    head: Linear,
}
nn::module!(Adder { lstm, head });

impl Adder {
    /// The scores of the sum's digits, `[digits, N, 10]`, from pairs of digits `[digits, N, 20]`.
    fn forward(&self, pairs: &Tensor, mode: Mode<'_>) -> Tensor {
        self.head.forward(&self.lstm.forward(pairs, None, mode).0, mode)
    }
}

/// Pairs of numbers and their sums, as digits from the last to the first: `[digits, N, 20]` and `[digits · N]`.
fn problems(digits: usize, count: usize, random: &mut Random) -> (Tensor, Indices) {
    let mut pairs = vec![0.0; digits * count * 20];
    let mut sums = vec![0; digits * count];
    for problem in 0..count {
        let mut carry = 0;
        for digit in 0..digits {
            // The last pair is empty: there is only a carry.
            let [a, b] = [0; 2].map(|zero| if digit + 1 == digits { zero } else { random.below(10) as usize });
            let at = digit * count + problem;
            pairs[at * 20 + a] = 1.0;
            pairs[at * 20 + 10 + b] = 1.0;
            sums[at] = ((a + b + carry) % 10) as i64;
            carry = (a + b + carry) / 10;
        }
    }
    (Tensor::from_vec(pairs, [digits, count, 20]), sums.into())
}

/// The share of sums of which each digit is right.
fn right(model: &Adder, digits: usize, random: &mut Random) -> f64 {
    let count = 500;
    let (pairs, sums) = problems(digits, count, random);
    let said = no_grad(|| model.forward(&pairs, Mode::Eval)).argmax(2, false);
    let is_right = |problem: usize| {
        (0..digits).all(|digit| said.as_slice()[digit * count + problem] == sums.as_slice()[digit * count + problem])
    };
    (0..count).filter(|&problem| is_right(problem)).count() as f64 / count as f64
}

/// Writes down a problem and what the network says.
fn show(model: &Adder, digits: usize, random: &mut Random) {
    let (pairs, _) = problems(digits, 1, random);
    let said = no_grad(|| model.forward(&pairs, Mode::Eval)).argmax(2, false);
    let number = |shift: usize| -> String {
        let digit = |digit: usize| (0..10).find(|value| pairs.to_vec()[digit * 20 + shift + value] == 1.0);
        (0..digits - 1).rev().map(|at| digit(at).expect("a digit").to_string()).collect()
    };
    let sum: String = said.as_slice().iter().rev().map(|digit| digit.to_string()).collect();
    println!("  {} + {} = {}", number(0), number(10), sum.trim_start_matches('0'));
}

fn main() {
    println!("Shows: an LSTM that learns to add, and adds longer numbers than it was trained on");
    println!("Uses:  recurrent::Lstm, module!, CrossEntropyLoss, clip_grad_norm, Adam\n");
    let steps: usize = std::env::args().nth(1).map_or(4000, |text| text.parse().expect("a number of steps"));
    let mut random = Random::new(0);
    let model =
        Adder { lstm: Lstm::new(20, 64, Recurrence::default(), &mut random), head: Linear::new(64, 10, &mut random) };
    println!("{model}");
    let (mut adam, criterion) = (Adam::new(model.parameters(), 0.005), CrossEntropyLoss::new());
    let (mut first, mut last) = (0.0, 0.0);
    with_threads(0, || {
        let stream = Stream::new(1);
        for step in 0..steps {
            let (pairs, sums) = problems(7, 64, &mut random);
            let loss = criterion.forward(&model.forward(&pairs, Mode::Train(&stream)).flatten(0, 1), &sums);
            last = loss.item();
            if step == 0 {
                first = last;
            }
            if step % (steps / 8).max(1) == 0 {
                println!("step {step:4}  loss {last:.4}");
            }
            let mut gradients = loss.backward();
            clip_grad_norm(&mut gradients, model.parameters(), 1.0);
            adam.step(&gradients);
        }
    });
    for digits in [6, 12, 24] {
        println!("sums of {digits} digits that are right: {:.1}%", 100.0 * right(&model, digits + 1, &mut random));
    }
    show(&model, 13, &mut random);
    show(&model, 25, &mut random);
    assert!(last < first / 3.0, "the loss only fell from {first} to {last}");
}
