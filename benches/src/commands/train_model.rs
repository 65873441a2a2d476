//! `train --model`: the training step of another network than the perceptron, beside the same step of other libraries.

use anyhow::Result;

use super::options::{Agreement, OURS, Options, Outcome, threads_in_words};
use super::train::thousands;
use crate::benchmark::{Contender, Local};
use crate::gpt::operations_per_character;
use crate::ours::gradus;
use crate::peak;
use crate::table::Table;
use crate::task::{Model, Task};
use crate::verdict::Comparison;

/// After these steps all losses must agree to a hundredth: the order of sums changes them by much less.
const AGREEMENT: Agreement = Agreement { warm_up: 10, tolerance: 0.01 };

/// Sequences in a step.
const BATCH: usize = 16;

pub(super) fn run(model: Model, batches: &[usize], options: &Options) -> Result<()> {
    let (mut recorder, problem) = options.start("train")?;
    let batches = if batches.is_empty() { &[BATCH] } else { batches };
    let mut last = String::new();
    for threads in options.threads.list() {
        let mut contenders: Vec<Box<dyn Contender>> = vec![Box::new(Local::new(OURS, gradus, &problem, threads))];
        contenders.extend(options.start_peers(&problem, threads)?);
        let head = ["sequences", "contender", "ms", "best", "thousand tokens/s", "share of the peak"];
        let mut table = Table::new(head.into_iter().chain(Comparison::HEAD));
        let before = peak::flops(autograd::kernels::simd::isa::selected().isa, threads);
        for &batch in batches {
            let task = Task::TrainModel { model, batch };
            let outcome = options.run(&mut contenders, (task, threads), AGREEMENT, &mut recorder)?;
            let peak = before.max(peak::flops(autograd::kernels::simd::isa::selected().isa, threads));
            rows(task, &outcome, peak).into_iter().for_each(|row| table.row(row));
            last = summary(task, &outcome, peak);
        }
        let (words, turns) = (threads_in_words(threads), options.rounds());
        recorder.table(format!("Training the network {model} on {words}, median of {turns} turns:"), table);
    }
    recorder.finish(last)
}

/// Tokens a second, by a time in seconds.
fn speed(task: Task, seconds: f64) -> f64 {
    task.amount().value / seconds
}

/// The share of the peak, in percent, that the operations of the formulas are.
fn share(task: Task, seconds: f64, peak: f64) -> String {
    format!("{:.0}%", 100.0 * speed(task, seconds) * operations_per_character() / peak)
}

/// The last line of the command.
fn summary(task: Task, outcome: &Outcome, peak: f64) -> String {
    let ours = outcome.median(OURS).unwrap_or(f64::NAN);
    let peer = outcome.comparison.as_ref().map_or("no peer".to_owned(), |comparison| {
        let Comparison { peer, ratio, verdict, .. } = comparison;
        let of_peer = speed(task, outcome.median(peer).unwrap_or(f64::NAN));
        format!("best peer {} k ({peer}), ratio {ratio:.2} ({verdict})", thousands(of_peer))
    });
    format!("train: ours {} k, {peer}, share of the peak {}", thousands(speed(task, ours)), share(task, ours, peak))
}

/// A row for each contender; ours has the verdict.
fn rows(task: Task, outcome: &Outcome, peak: f64) -> Vec<Vec<String>> {
    let Task::TrainModel { batch, .. } = task else { unreachable!("networks are trained here") };
    let row = |series: &crate::measure::Series| {
        let millis = |seconds: f64| format!("{:.2}", 1e3 * seconds);
        let (median, best) = (series.median(), series.best());
        let start = [batch.to_string(), series.name.clone(), millis(median), millis(best)];
        let verdict = (series.name == OURS).then(|| Comparison::cells(outcome.comparison.as_ref()));
        let speeds = [thousands(speed(task, median)), share(task, median, peak)];
        start.into_iter().chain(speeds).chain(verdict.into_iter().flatten()).collect()
    };
    outcome.all.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Series;

    #[test]
    fn the_last_line_names_the_best_peer() {
        let series = |name: &str, seconds: f64| Series { name: name.to_owned(), seconds: vec![seconds; 3] };
        let all = vec![series(OURS, 20e-3), series("quick", 40e-3), series("slow", 80e-3)];
        let comparison = Comparison::with_best("train gpt 16", 1, &all, OURS, &[]);
        let (task, outcome) = (Task::TrainModel { model: Model::Gpt, batch: 16 }, Outcome { all, comparison });
        let peak = 2.0 * 51_200.0 * operations_per_character();
        let line = "train: ours 51.2 k, best peer 25.6 k (quick), ratio 2.00 (win), share of the peak 50%";
        assert_eq!(summary(task, &outcome, peak), line);
        assert_eq!(rows(task, &outcome, peak)[1][..3], ["16", "quick", "40.00"]);
    }
}
