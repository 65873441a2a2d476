//! `inference`: the perceptron's scores, one image at a time and many.

use anyhow::Result;
use clap::Args;

use super::options::{Agreement, Options, threads_in_words};
use super::positive;
use crate::contest::{Entrant, Local, Task};
use crate::ours::gradus;
use crate::table::Table;

/// The options of `inference`.
#[derive(Args)]
pub struct Arguments {
    /// Images at once, a list
    #[arg(long, value_delimiter = ',', default_value = "1,256,10000", value_parser = positive)]
    batch: Vec<usize>,
    #[command(flatten)]
    options: Options,
}

const AGREEMENT: Agreement = Agreement { warm_up: 3, tolerance: 1e-3 };

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let options = &arguments.options;
    let problem = options.problem()?;
    let mut records = Vec::new();
    let mut last = String::new();
    for &threads in &options.threads {
        let mut entrants: Vec<Box<dyn Entrant>> = vec![Box::new(Local::new("Gradus", gradus, &problem, threads))];
        entrants.extend(options.start_peers(&problem, threads)?);
        let mut table = Table::new(["images at once", "entrant", "µs", "best", "thousand images/s"]);
        let mut ours = Vec::new();
        for &batch in &arguments.batch {
            let all = options.run(&mut entrants, (Task::Infer { batch }, threads), AGREEMENT, &mut records)?;
            for series in &all {
                let micros = |seconds: f64| format!("{:.1}", 1e6 * seconds);
                let speed = format!("{:.1}", batch as f64 / series.median() / 1e3);
                table.row([
                    batch.to_string(),
                    series.name.clone(),
                    micros(series.median()),
                    micros(series.best()),
                    speed,
                ]);
            }
            ours.push(format!("{batch}: {:.1} µs", 1e6 * all[0].median()));
        }
        println!("Scores on {}, median of {} turns:\n", threads_in_words(threads), options.rounds);
        println!("{table}");
        last = format!("inference: ours on {}, {}", threads_in_words(threads), ours.join(", "));
    }
    options.write(&records)?;
    println!("{last}");
    Ok(())
}
