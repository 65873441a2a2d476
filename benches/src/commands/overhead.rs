//! `overhead`: what an operation costs when its arithmetic costs nothing.

use anyhow::Result;
use clap::Args;

use super::options::{Agreement, Options, threads_in_words};
use crate::contest::{CHAIN, Entrant, Local, Task};
use crate::ours::gradus;
use crate::table::Table;

/// The options of `overhead`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    options: Options,
}

/// Rounding moves a gradient of 500 factors by far less.
const AGREEMENT: Agreement = Agreement { warm_up: 3, tolerance: 1e-3 };

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let options = &arguments.options;
    let problem = options.problem()?;
    let mut records = Vec::new();
    let mut summary = Vec::new();
    for &threads in &options.threads {
        let mut entrants: Vec<Box<dyn Entrant>> = vec![Box::new(Local::new("Gradus", gradus, &problem, threads))];
        entrants.extend(options.start_peers(&problem, threads)?);
        let mut table = Table::new(["chain", "entrant", "ns an operation", "best"]);
        for (backward, what) in [(true, "forward and backward"), (false, "forward, no gradients")] {
            for extent in [1, 32] {
                let task = (Task::Chain { extent, backward }, threads);
                let all = options.run(&mut entrants, task, AGREEMENT, &mut records)?;
                for series in &all {
                    let each = |seconds: f64| format!("{:.0}", 1e9 * seconds / CHAIN as f64);
                    table.row([
                        format!("[{extent}], {what}"),
                        series.name.clone(),
                        each(series.median()),
                        each(series.best()),
                    ]);
                }
                summary.push(format!("[{extent}] {what} {:.0} ns", 1e9 * all[0].median() / CHAIN as f64));
            }
        }
        println!("{CHAIN} operations in a row on {}, median of {} turns:\n", threads_in_words(threads), options.rounds);
        println!("{table}");
    }
    options.write(&records)?;
    println!("overhead: ours {}", summary[summary.len() - 4..].join(", "));
    Ok(())
}
