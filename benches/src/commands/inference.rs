//! `inference`: the scores of a network, of one example at a time and of many.

use anyhow::Result;
use clap::Args;

use super::model::{Model, PERCEPTRON, model_parser};
use super::options::{Agreement, OURS, Options, Outcome, tally_in_words, threads_in_words};
use super::positive;
use crate::benchmark::{Contender, Local};
use crate::measure::Series;
use crate::ours::gradus;
use crate::table::Table;
use crate::task::Task;
use crate::verdict::Comparison;

/// The options of `inference`.
#[derive(Args)]
pub struct Arguments {
    /// The network; the GPT is given whole sequences, a character at a time, and keeps keys and values
    #[arg(long, default_value = PERCEPTRON, value_parser = model_parser(|network| network.inference.is_some()))]
    model: Model,
    /// Examples at once, a list [default: 1,256,10000; of the CNN 1,64; of the GPT 1]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = positive)]
    batch: Vec<usize>,
    #[command(flatten)]
    options: Options,
}

impl Arguments {
    /// The tasks of all batches.
    fn tasks(&self) -> Vec<Task> {
        let usual: &[usize] = match self.model {
            None => &[1, 256, 10_000],
            Some(network) => network.inference.as_ref().map_or(&[], |inference| inference.batches),
        };
        let batches = if self.batch.is_empty() { usual } else { &self.batch };
        let task = |&batch: &usize| match self.model {
            None => Task::Infer { batch },
            Some(network) => Task::InferNetwork { network, batch },
        };
        batches.iter().map(task).collect()
    }
}

const AGREEMENT: Agreement = Agreement { warm_up: 3, tolerance: 1e-3 };

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let options = &arguments.options;
    let (mut recorder, problem) = options.start("inference")?;
    let mut last = String::new();
    let tasks = arguments.tasks();
    let (_, unit) = tasks[0].amount().unit.rate(0.0);
    for threads in options.threads.list() {
        let mut contenders: Vec<Box<dyn Contender>> = vec![Box::new(Local::new(OURS, gradus, &problem, threads))];
        contenders.extend(options.start_peers(&problem, threads)?);
        let mut table = Table::new(["task", "contender", "µs", "best", unit].into_iter().chain(Comparison::HEAD));
        let mut ours = Vec::new();
        for &task in &tasks {
            let outcome = options.run(&mut contenders, (task, threads), AGREEMENT, &mut recorder)?;
            rows(task, &outcome).into_iter().for_each(|row| table.row(row));
            ours.push(format!("{task}: {:.1} µs", 1e6 * outcome.median(OURS).unwrap_or(f64::NAN)));
        }
        let title = format!("Scores on {}, median of {} turns:", threads_in_words(threads), options.rounds());
        recorder.table(title, table);
        last = format!("inference: ours on {}, {}", threads_in_words(threads), ours.join(", "));
    }
    let tally = tally_in_words(&recorder);
    recorder.finish(last + &tally)
}

/// A row for each contender; ours has the verdict.
fn rows(task: Task, outcome: &Outcome) -> Vec<Vec<String>> {
    let row = |series: &Series| {
        let micros = |seconds: f64| format!("{:.1}", 1e6 * seconds);
        let amount = task.amount();
        let (speed, _) = amount.unit.rate(amount.value / series.median());
        let figures = [micros(series.median()), micros(series.best()), format!("{speed:.1}")];
        let verdict = (series.name == OURS).then(|| Comparison::cells(outcome.comparison.as_ref()));
        let cells = [task.to_string(), series.name.clone()].into_iter().chain(figures);
        cells.chain(verdict.into_iter().flatten()).collect()
    };
    outcome.all.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn tasks(line: &[&str]) -> Vec<String> {
        let line = Line::try_parse_from(["inference"].iter().chain(line)).unwrap();
        line.arguments.tasks().iter().map(Task::to_string).collect()
    }

    #[test]
    fn each_network_has_its_batches() {
        assert_eq!(tasks(&[]), ["infer 1", "infer 256", "infer 10000"]);
        assert_eq!(tasks(&["--model", "cnn"]), ["infer cnn 1", "infer cnn 64"]);
        assert_eq!(tasks(&["--model", "gpt", "--batch", "2,3"]), ["infer gpt 2", "infer gpt 3"]);
        assert!(Line::try_parse_from(["inference", "--model", "lstm"]).is_err());
    }

    #[test]
    fn a_row_counts_what_the_network_is_given() {
        let all = vec![Series { name: OURS.to_owned(), seconds: vec![1e-3; 3] }];
        let task: Task = "infer gpt 2".parse().unwrap();
        let rows = rows(task, &Outcome { all, comparison: None });
        assert_eq!(rows[0][..5], ["infer gpt 2", OURS, "1000.0", "1000.0", "128.0"]);
    }
}
