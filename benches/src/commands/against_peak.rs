//! What `attention` and `conv` have in common: operations whose products are counted, beside those of other libraries
//! and the peak of this machine.

use anyhow::Result;
use autograd::kernels::simd::isa::selected;

use super::options::{Agreement, OURS, Options, Outcome, tally_in_words, threads_in_words};
use crate::benchmark::{Contender, Local};
use crate::ours::gradus;
use crate::peak;
use crate::table::Table;
use crate::task::Task;
use crate::verdict::Comparison;

/// Runs the named tasks of a command, whose work is counted in FLOP.
pub(super) fn run(command: &str, tasks: &[(String, Task)], agreement: Agreement, options: &Options) -> Result<()> {
    let (mut recorder, problem) = options.start(command)?;
    for threads in options.threads.list() {
        let mut contenders: Vec<Box<dyn Contender>> = vec![Box::new(Local::new(OURS, gradus, &problem, threads))];
        contenders.extend(options.start_peers(&problem, threads)?);
        let names: Vec<String> = contenders.iter().map(|contender| contender.info().name.clone()).collect();
        let head = [command, "MB"].map(str::to_owned).into_iter().chain(names.iter().cloned());
        let head = head.chain(["GFLOP/s", "share of the peak"].map(str::to_owned));
        let mut table = Table::new(head.chain(Comparison::HEAD.map(str::to_owned)));
        let peak = peak::flops(selected().isa, threads);
        for (name, task) in tasks {
            let outcome = options.run(&mut contenders, (*task, threads), agreement, &mut recorder)?;
            table.row(row(name, *task, &names, &outcome, peak));
        }
        let (words, turns) = (threads_in_words(threads), options.rounds());
        recorder.table(format!("Times of {command} on {words}, µs, median of {turns} turns:"), table);
    }
    let tally = tally_in_words(&recorder);
    recorder.finish(format!("{command}: {} benchmarks{tally}", tasks.len()))
}

/// The cells of a benchmark: its bytes, the times of all, our speed and share of the peak, and the verdict.
fn row(name: &str, task: Task, names: &[String], outcome: &Outcome, peak: f64) -> Vec<String> {
    let micros = |name: &String| outcome.median(name).map_or("-".to_owned(), |time| format!("{:.1}", 1e6 * time));
    let ours = outcome.median(OURS).unwrap_or(f64::NAN);
    let speed = task.amount().value / ours;
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
        let task: Task = "attention 16 12 64 64 64 0 1".parse().unwrap();
        let flop = 7.0 * 2.0 * (16 * 12) as f64 * 64_f64.powi(3);
        let series = |name: &str, seconds: f64| Series { name: name.to_owned(), seconds: vec![seconds; 3] };
        let all = vec![series(OURS, 1e-3), series("PyTorch", 2e-3)];
        let comparison = Comparison::with_best("attention", 1, &all, OURS, &[]);
        let names = all.iter().map(|series| series.name.clone()).collect::<Vec<_>>();
        let cells = row("heads", task, &names, &Outcome { all, comparison }, 2e3 * flop);
        assert_eq!((cells[0].as_str(), &cells[2..4]), ("heads", &["1000.0".to_owned(), "2000.0".to_owned()][..]));
        assert_eq!(cells[5..], ["50%", "2.00 (PyTorch)", "0.0 %", "win"]);
    }
}
