//! `pointwise` and `optim`: passes over memory, beside a copy of as many bytes in the same run.

use anyhow::{Result, ensure};
use clap::Args;

use super::options::{Agreement, OURS, Options, Outcome, tally_in_words, threads_in_words};
use crate::benchmark::{Contender, Local};
use crate::ours::{copy, gradus};
use crate::table::Table;
use crate::task::{ELEMENTWISE, RULES, Task};
use crate::verdict::Comparison;

/// The options of `pointwise` and of `optim`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Which tasks, a list of the beginnings of their names; all of them if none are given
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

/// The share of a copy's bandwidth at which memory is said to limit a pass.
const LIMITED_BY_MEMORY: f64 = 0.80;

/// Sums of millions of values in different orders.
const AGREEMENT: Agreement = Agreement { warm_up: 3, tolerance: 5e-3 };

const COPY: &str = "a copy";

/// The tasks of a quick run: one of each kind.
const QUICK: [&str; 6] = ["add", "gelu", "sum", "max_rows", "softmax", "transpose"];

pub(super) fn pointwise(arguments: &Arguments) -> Result<()> {
    let quick = arguments.options.effort.quick && arguments.only.is_empty();
    let wanted = ELEMENTWISE.iter().copied().filter(|operation| !quick || QUICK.contains(&operation.name));
    let tasks: Vec<_> = wanted.map(|operation| (operation.name.to_owned(), Task::Elementwise(operation))).collect();
    run(arguments, "pointwise", &tasks)
}

pub(super) fn optim(arguments: &Arguments) -> Result<()> {
    let tasks: Vec<(String, Task)> = [235_146, 10_000_000]
        .into_iter()
        .flat_map(|weights| RULES.map(|rule| (format!("{}, {weights}", rule.name), Task::Optimize { rule, weights })))
        .collect();
    run(arguments, "optim", &tasks)
}

/// How many passes reach what memory allows, or the best peer.
#[derive(Default)]
struct Reached {
    enough: usize,
    of: usize,
}

fn run(Arguments { options, only }: &Arguments, command: &str, tasks: &[(String, Task)]) -> Result<()> {
    let is_wanted = |name: &str| only.is_empty() || only.iter().any(|start| name.starts_with(start));
    let tasks: Vec<_> = tasks.iter().filter(|(name, _)| is_wanted(name)).collect();
    ensure!(!tasks.is_empty(), "no task begins with \"{}\"", only.join("\" or \""));
    let (mut recorder, problem) = options.start(command)?;
    let mut reached = Reached::default();
    for threads in options.threads.list() {
        let mut contenders: Vec<Box<dyn Contender>> = vec![
            Box::new(Local::reference(COPY, copy, &problem, threads)),
            Box::new(Local::new(OURS, gradus, &problem, threads)),
        ];
        contenders.extend(options.start_peers(&problem, threads)?);
        let names: Vec<String> = contenders.iter().map(|contender| contender.info().name.clone()).collect();
        let head = ["task".to_owned(), "MB".to_owned()].into_iter().chain(names.iter().cloned());
        let mut table = Table::new(head.chain(["ours ÷ copy".to_owned()]).chain(Comparison::HEAD.map(str::to_owned)));
        for (name, task) in &tasks {
            let outcome = options.run(&mut contenders, (*task, threads), AGREEMENT, &mut recorder)?;
            table.row(row(name, *task, &names, &outcome, &mut reached));
        }
        let turns = options.rounds();
        let title = format!("GB/s read and written on {}, median of {turns} turns:", threads_in_words(threads));
        recorder.table(title, table);
    }
    let (Reached { enough, of }, share) = (reached, 100.0 * LIMITED_BY_MEMORY);
    let tally = tally_in_words(&recorder);
    recorder.finish(format!(
        "{command}: {enough} of {of} at {share:.0}% of a copy's bandwidth, or not below the best peer{tally}"
    ))
}

/// The cells of a task: its bytes, the bandwidth of each contender, ours to a copy's, and the verdict.
fn row(name: &str, task: Task, names: &[String], outcome: &Outcome, reached: &mut Reached) -> Vec<String> {
    let speed = |name: &str| outcome.median(name).map(|seconds| task.bytes() as f64 / seconds / 1e9);
    let to_copy = speed(OURS).zip(speed(COPY)).map(|(ours, copied)| ours / copied);
    if let Some(share) = to_copy {
        let beats_all = outcome.comparison.as_ref().is_some_and(|comparison| comparison.ratio >= 1.0);
        reached.of += 1;
        reached.enough += usize::from(share >= LIMITED_BY_MEMORY || beats_all);
    }
    let speeds = names.iter().map(|name| speed(name).map_or("-".to_owned(), |speed| format!("{speed:.1}")));
    let percent = to_copy.map_or("-".to_owned(), |share| format!("{:.0}%", 100.0 * share));
    let start = [name.to_owned(), format!("{:.1}", task.bytes() as f64 / 1e6)];
    start.into_iter().chain(speeds).chain([percent]).chain(Comparison::cells(outcome.comparison.as_ref())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Series;

    #[test]
    fn a_pass_is_held_against_a_copy_and_the_best_peer() {
        let task = Task::Optimize { rule: RULES[0], weights: 1_000_000 };
        let series = |name: &str, seconds: f64| Series { name: name.to_owned(), seconds: vec![seconds; 5] };
        let all = vec![series(COPY, 1e-3), series(OURS, 2e-3), series("PyTorch", 3e-3)];
        let comparison = Comparison::with_best("sgd", 1, &all, OURS, &[COPY]);
        let names = all.iter().map(|series| series.name.clone()).collect::<Vec<_>>();
        let mut reached = Reached::default();
        let cells = row("sgd", task, &names, &Outcome { all, comparison }, &mut reached);
        assert_eq!(cells, ["sgd", "12.0", "12.0", "6.0", "4.0", "50%", "1.50 (PyTorch)", "0.0 %", "win"]);
        assert_eq!((reached.enough, reached.of), (1, 1), "half of a copy, but not below the best peer");
    }
}
