//! `pointwise` and `optim`: passes over memory, beside a copy of as many bytes in the same run.

use anyhow::Result;
use clap::Args;

use super::options::{Agreement, Options, threads_in_words};
use crate::contest::{ELEMENTWISE, Entrant, Local, RULES, Task};
use crate::measure::Series;
use crate::ours::{copy, gradus};
use crate::table::Table;

/// The options of `pointwise` and of `optim`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Which tasks, a list of the beginnings of their names; all of them if none are given
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

/// The share of a copy's bandwidth from which a pass is said to be bound by memory.
const ENOUGH: f64 = 0.80;

/// Sums of millions of numbers in different orders.
const AGREEMENT: Agreement = Agreement { warm_up: 3, tolerance: 5e-3 };

const COPY: &str = "a copy";

pub(super) fn pointwise(arguments: &Arguments) -> Result<()> {
    let tasks = ELEMENTWISE.map(|operation| (operation.name.to_owned(), Task::Elementwise(operation)));
    run(arguments, "pointwise", &tasks)
}

pub(super) fn optim(arguments: &Arguments) -> Result<()> {
    let tasks: Vec<(String, Task)> = [235_146, 10_000_000]
        .into_iter()
        .flat_map(|weights| RULES.map(|rule| (format!("{}, {weights}", rule.name), Task::Optimize { rule, weights })))
        .collect();
    run(arguments, "optim", &tasks)
}

fn run(Arguments { options, only }: &Arguments, command: &str, tasks: &[(String, Task)]) -> Result<()> {
    let is_wanted = |name: &str| only.is_empty() || only.iter().any(|start| name.starts_with(start));
    let problem = options.problem()?;
    let mut records = Vec::new();
    let (mut enough, mut judged) = (0, 0);
    for &threads in &options.threads {
        let mut entrants: Vec<Box<dyn Entrant>> = vec![
            Box::new(Local::yardstick(COPY, copy, &problem, threads)),
            Box::new(Local::new("Gradus", gradus, &problem, threads)),
        ];
        entrants.extend(options.start_peers(&problem, threads)?);
        let names: Vec<String> = entrants.iter().map(|entrant| entrant.name().to_owned()).collect();
        let head = ["task".to_owned(), "MB".to_owned()].into_iter().chain(names.iter().cloned());
        let mut table = Table::new(head.chain(["ours ÷ copy".to_owned(), "ours ÷ best peer".to_owned()]));
        for (name, task) in tasks.iter().filter(|(name, _)| is_wanted(name)) {
            let all = options.run(&mut entrants, (*task, threads), AGREEMENT, &mut records)?;
            let speed = |name: &str| speed(&all, name, task.bytes());
            let cells = names.iter().map(|name| speed(name).map_or("-".to_owned(), |speed| format!("{speed:.1}")));
            let (copied, ours) = (speed(COPY), speed("Gradus"));
            let best = names.iter().skip(2).filter_map(|name| speed(name)).max_by(f64::total_cmp);
            let to_copy = ours.zip(copied).map(|(ours, copied)| ours / copied);
            let to_best = ours.zip(best).map(|(ours, best)| ours / best);
            if let Some(share) = to_copy {
                judged += 1;
                enough += usize::from(share >= ENOUGH || to_best.is_some_and(|ratio| ratio >= 1.0));
            }
            let percent = to_copy.map_or("-".to_owned(), |share| format!("{:.0}%", 100.0 * share));
            let ratio = to_best.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
            let start = [name.clone(), format!("{:.1}", task.bytes() as f64 / 1e6)];
            table.row(start.into_iter().chain(cells).chain([percent, ratio]));
        }
        println!("GB/s read and written on {}, median of {} turns:\n", threads_in_words(threads), options.rounds);
        println!("{table}");
    }
    options.write(&records)?;
    println!(
        "{command}: {enough} of {judged} at {:.0}% of a copy's bandwidth, or not below the best peer",
        100.0 * ENOUGH
    );
    Ok(())
}

/// Gigabytes a second of an entrant that did the task.
fn speed(all: &[Series], name: &str, bytes: usize) -> Option<f64> {
    let series = all.iter().find(|series| series.name == name)?;
    Some(bytes as f64 / series.median() / 1e9)
}
