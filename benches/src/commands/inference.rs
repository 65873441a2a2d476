//! `inference`: the perceptron's scores, one image at a time and many.

use anyhow::Result;
use clap::Args;

use super::options::{Agreement, OURS, Options, tally_in_words, threads_in_words};
use super::positive;
use crate::benchmark::{Contender, Local};
use crate::ours::gradus;
use crate::table::Table;
use crate::task::Task;
use crate::verdict::Comparison;

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
    let (mut recorder, problem) = options.start("inference")?;
    let mut last = String::new();
    for threads in options.threads.list() {
        let mut contenders: Vec<Box<dyn Contender>> = vec![Box::new(Local::new(OURS, gradus, &problem, threads))];
        contenders.extend(options.start_peers(&problem, threads)?);
        let head = ["images at once", "contender", "µs", "best", "thousand images/s"];
        let mut table = Table::new(head.into_iter().chain(Comparison::HEAD));
        let mut ours = Vec::new();
        for &batch in &arguments.batch {
            let outcome = options.run(&mut contenders, (Task::Infer { batch }, threads), AGREEMENT, &mut recorder)?;
            for series in &outcome.all {
                let micros = |seconds: f64| format!("{:.1}", 1e6 * seconds);
                let speed = format!("{:.1}", batch as f64 / series.median() / 1e3);
                let figures = [micros(series.median()), micros(series.best()), speed];
                let verdict = (series.name == OURS).then(|| Comparison::cells(outcome.comparison.as_ref()));
                let cells = [batch.to_string(), series.name.clone()].into_iter().chain(figures);
                table.row(cells.chain(verdict.into_iter().flatten()));
            }
            ours.push(format!("{batch}: {:.1} µs", 1e6 * outcome.median(OURS).unwrap_or(f64::NAN)));
        }
        let title = format!("Scores on {}, median of {} turns:", threads_in_words(threads), options.rounds());
        recorder.table(title, table);
        last = format!("inference: ours on {}, {}", threads_in_words(threads), ours.join(", "));
    }
    let tally = tally_in_words(&recorder);
    recorder.finish(last + &tally)
}
