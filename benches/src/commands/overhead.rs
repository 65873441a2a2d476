//! `overhead`: what an operation costs when its arithmetic costs nothing.

use anyhow::Result;
use clap::Args;

use super::options::{Agreement, OURS, Options, tally_in_words, threads_in_words};
use crate::benchmark::{Contender, Local};
use crate::ours::gradus;
use crate::table::Table;
use crate::task::{CHAIN, Task};
use crate::verdict::Comparison;

/// The options of `overhead`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    options: Options,
}

/// Rounding moves a gradient of 500 factors by far less.
const AGREEMENT: Agreement = Agreement { warm_up: 3, tolerance: 1e-3 };

/// Whether the chain runs backward, and what that is called.
const DIRECTIONS: [(bool, &str); 2] = [(true, "forward and backward"), (false, "forward, no gradients")];

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let options = &arguments.options;
    let (mut recorder, problem) = options.start("overhead")?;
    let mut summary = Vec::new();
    for threads in options.threads.list() {
        let mut contenders: Vec<Box<dyn Contender>> = vec![Box::new(Local::new(OURS, gradus, &problem, threads))];
        contenders.extend(options.start_peers(&problem, threads)?);
        let head = ["chain", "contender", "ns an operation", "best"];
        let mut table = Table::new(head.into_iter().chain(Comparison::HEAD));
        summary.clear();
        for ((backward, what), extent) in DIRECTIONS.into_iter().flat_map(|direction| [(direction, 1), (direction, 32)])
        {
            let task = (Task::Chain { extent, backward }, threads);
            let outcome = options.run(&mut contenders, task, AGREEMENT, &mut recorder)?;
            for series in &outcome.all {
                let each = |seconds: f64| format!("{:.0}", 1e9 * seconds / CHAIN as f64);
                let cells = [format!("[{extent}], {what}"), series.name.clone()];
                let verdict = (series.name == OURS).then(|| Comparison::cells(outcome.comparison.as_ref()));
                let figures = [each(series.median()), each(series.best())];
                table.row(cells.into_iter().chain(figures).chain(verdict.into_iter().flatten()));
            }
            let ours = 1e9 * outcome.median(OURS).unwrap_or(f64::NAN) / CHAIN as f64;
            summary.push(format!("[{extent}] {what} {ours:.0} ns"));
        }
        let turns = options.rounds();
        let title = format!("{CHAIN} operations in a row on {}, median of {turns} turns:", threads_in_words(threads));
        recorder.table(title, table);
    }
    let tally = tally_in_words(&recorder);
    recorder.finish(format!("overhead: ours {}{tally}", summary.join(", ")))
}
