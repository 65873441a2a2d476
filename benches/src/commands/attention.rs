//! `attention`: attention in shapes of real networks, forward, and forward with the gradients.

use anyhow::Result;
use clap::Args;

use super::against_peak;
use super::options::{Agreement, Options};
use super::positive;
use crate::task::{AttentionTask, Task};

/// The options of `attention`.
#[derive(Args)]
pub struct Arguments {
    /// Tokens of a sequence, a list [default: 64,256,1024; 64,256 for a quick run]
    #[arg(long, value_delimiter = ',', value_parser = positive)]
    tokens: Vec<usize>,
    #[command(flatten)]
    options: Options,
}

/// Sums in other orders.
const AGREEMENT: Agreement = Agreement { warm_up: 2, tolerance: 5e-3 };

/// The tokens of a benchmark: as many sequences as make so many.
const TOKENS: usize = 1024;

/// The benchmarks with their names: the heads of GPT-2 small, of the small GPT of `train`, and one new token.
fn tasks(lengths: &[usize]) -> Vec<(String, AttentionTask)> {
    let mut tasks = Vec::new();
    for &tokens in lengths {
        for (heads, width) in [(12, 64), (4, 32)] {
            for is_causal in [false, true] {
                for backward in [false, true] {
                    let batch = (TOKENS / tokens).max(1);
                    let task = AttentionTask { batch, heads, queries: tokens, tokens, width, is_causal, backward };
                    let words = [if is_causal { ", causal" } else { "" }, if backward { ", gradients" } else { "" }];
                    tasks.push((format!("{batch}×{heads}×{tokens}×{width}{}", words.concat()), task));
                }
            }
        }
    }
    let (heads, width, is_causal, backward) = (12, 64, false, false);
    for &tokens in lengths {
        let task = AttentionTask { batch: 1, heads, queries: 1, tokens, width, is_causal, backward };
        tasks.push((format!("one token after {tokens}, {heads} heads of {width}"), task));
    }
    tasks
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let options = &arguments.options;
    let lengths: &[usize] = match (&arguments.tokens[..], options.effort.quick) {
        ([], true) => &[64, 256],
        ([], false) => &[64, 256, 1024],
        (given, _) => given,
    };
    let tasks = tasks(lengths).into_iter().map(|(name, task)| (name, Task::Attention(task)));
    against_peak::run("attention", &tasks.collect::<Vec<_>>(), AGREEMENT, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_counted() {
        let (name, task) = tasks(&[64]).swap_remove(1);
        assert_eq!(name, "16×12×64×64, gradients");
        assert_eq!(task.flop(), 7.0 * 2.0 * (16 * 12) as f64 * 64_f64.powi(3));
    }
}
