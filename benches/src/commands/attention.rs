//! `attention`: attention in shapes of real networks, forward, and forward with the gradients.

use anyhow::Result;
use autograd::kernels::simd::isa::selected;
use clap::Args;

use super::options::{Agreement, OURS, Options, Outcome, tally_in_words, threads_in_words};
use super::positive;
use crate::benchmark::{Contender, Local};
use crate::ours::gradus;
use crate::peak;
use crate::table::Table;
use crate::task::{AttentionTask, Task};
use crate::verdict::Comparison;

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
    let (mut recorder, problem) = options.start("attention")?;
    for threads in options.threads.list() {
        let mut contenders: Vec<Box<dyn Contender>> = vec![Box::new(Local::new(OURS, gradus, &problem, threads))];
        contenders.extend(options.start_peers(&problem, threads)?);
        let names: Vec<String> = contenders.iter().map(|contender| contender.info().name.clone()).collect();
        let head = ["attention", "MB"].map(str::to_owned).into_iter().chain(names.iter().cloned());
        let head = head.chain(["GFLOP/s", "share of the peak"].map(str::to_owned));
        let mut table = Table::new(head.chain(Comparison::HEAD.map(str::to_owned)));
        let peak = peak::flops(selected().isa, threads);
        for (name, task) in tasks(lengths) {
            let outcome = options.run(&mut contenders, (Task::Attention(task), threads), AGREEMENT, &mut recorder)?;
            table.row(row(&name, task, &names, &outcome, peak));
        }
        let (words, turns) = (threads_in_words(threads), options.rounds());
        recorder.table(format!("Attention on {words}, µs, median of {turns} turns:"), table);
    }
    let tally = tally_in_words(&recorder);
    recorder.finish(format!("attention: {} benchmarks{tally}", tasks(lengths).len()))
}

/// The cells of a benchmark: its bytes, the times of all, our speed and share of the peak, and the verdict.
fn row(name: &str, task: AttentionTask, names: &[String], outcome: &Outcome, peak: f64) -> Vec<String> {
    let micros = |name: &String| outcome.median(name).map_or("-".to_owned(), |time| format!("{:.1}", 1e6 * time));
    let ours = outcome.median(OURS).unwrap_or(f64::NAN);
    let speed = task.flop() / ours;
    let start = [name.to_owned(), format!("{:.2}", task.bytes() as f64 / 1e6)];
    let own = [format!("{:.1}", speed / 1e9), format!("{:.0}%", 100.0 * speed / peak)];
    let verdict = Comparison::cells(outcome.comparison.as_ref());
    start.into_iter().chain(names.iter().map(micros)).chain(own).chain(verdict).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Series;

    #[test]
    fn products_are_counted_and_compared() {
        let (name, task) = tasks(&[64]).swap_remove(1);
        assert_eq!(name, "16×12×64×64, gradients");
        assert_eq!(task.flop(), 7.0 * 2.0 * (16 * 12) as f64 * 64_f64.powi(3));
        let series = |name: &str, seconds: f64| Series { name: name.to_owned(), seconds: vec![seconds; 3] };
        let all = vec![series(OURS, 1e-3), series("PyTorch", 2e-3)];
        let comparison = Comparison::with_best("attention", 1, &all, OURS, &[]);
        let names = all.iter().map(|series| series.name.clone()).collect::<Vec<_>>();
        let cells = row(&name, task, &names, &Outcome { all, comparison }, 2e3 * task.flop());
        assert_eq!(cells[2..4], ["1000.0", "2000.0"]);
        assert_eq!(cells[5..], ["50%", "2.00 (PyTorch)", "0.0 %", "win"]);
    }
}
