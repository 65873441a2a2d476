//! `train --model`: the training step of another network than the perceptron, beside the same step of other libraries.

use anyhow::Result;
use autograd::kernels::simd::isa::selected;

use super::options::{Agreement, OURS, Options, Outcome, threads_in_words};
use super::train::thousands;
use crate::benchmark::{Contender, Local};
use crate::measure::Series;
use crate::networks::Network;
use crate::ours::gradus;
use crate::peak;
use crate::table::Table;
use crate::task::Task;
use crate::verdict::Comparison;

/// After these steps all values must agree to a hundredth: the order of sums changes them by much less.
const AGREEMENT: Agreement = Agreement { warm_up: 10, tolerance: 0.01 };

pub(super) fn run(network: &'static Network, batches: &[usize], options: &Options) -> Result<()> {
    let (mut recorder, problem) = options.start("train")?;
    let batches = if batches.is_empty() { &[network.batch] } else { batches };
    let mut last = String::new();
    let peak_of = |threads: usize| peak::flops(selected().isa, threads);
    for threads in options.threads.list() {
        let mut contenders: Vec<Box<dyn Contender>> = vec![Box::new(Local::new(OURS, gradus, &problem, threads))];
        contenders.extend(options.start_peers(&problem, threads)?);
        let (_, unit) = network.unit.rate(0.0);
        let head = ["batch", "contender", "ms", "best", unit, "share of the peak"];
        let mut table = Table::new(head.into_iter().chain(Comparison::HEAD));
        let before = peak_of(threads);
        for &batch in batches {
            let figures = Figures { network, batch, peak: before };
            let task = Task::TrainNetwork { network, batch };
            let outcome = options.run(&mut contenders, (task, threads), AGREEMENT, &mut recorder)?;
            let figures = Figures { peak: before.max(peak_of(threads)), ..figures };
            figures.rows(&outcome).into_iter().for_each(|row| table.row(row));
            last = figures.summary(&outcome);
        }
        let (words, turns) = (threads_in_words(threads), options.rounds());
        recorder.table(format!("Training the network {network} on {words}, median of {turns} turns:"), table);
    }
    recorder.finish(last)
}

/// What the figures of a batch are counted by.
struct Figures {
    network: &'static Network,
    batch: usize,
    /// FLOP/s.
    peak: f64,
}

impl Figures {
    /// The speed in units a second, by the seconds of a step.
    fn speed(&self, seconds: f64) -> f64 {
        self.network.amount(self.batch).value / seconds
    }

    /// The share of the peak, in percent, that the operations of the formulas are.
    fn share(&self, seconds: f64) -> String {
        format!("{:.0}%", 100.0 * self.speed(seconds) * self.network.operations / self.peak)
    }

    /// The last line of the command.
    fn summary(&self, outcome: &Outcome) -> String {
        let ours = outcome.median(OURS).unwrap_or(f64::NAN);
        let peer = outcome.comparison.as_ref().map_or("no peer".to_owned(), |comparison| {
            let Comparison { peer, ratio, verdict, .. } = comparison;
            let of_peer = self.speed(outcome.median(peer).unwrap_or(f64::NAN));
            format!("best peer {} k ({peer}), ratio {ratio:.2} ({verdict})", thousands(of_peer))
        });
        format!("train: ours {} k, {peer}, share of the peak {}", thousands(self.speed(ours)), self.share(ours))
    }

    /// A row for each contender; ours has the verdict.
    fn rows(&self, outcome: &Outcome) -> Vec<Vec<String>> {
        let row = |series: &Series| {
            let millis = |seconds: f64| format!("{:.2}", 1e3 * seconds);
            let (median, best) = (series.median(), series.best());
            let start = [self.batch.to_string(), series.name.clone(), millis(median), millis(best)];
            let verdict = (series.name == OURS).then(|| Comparison::cells(outcome.comparison.as_ref()));
            let speeds = [thousands(self.speed(median)), self.share(median)];
            start.into_iter().chain(speeds).chain(verdict.into_iter().flatten()).collect()
        };
        outcome.all.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_names_the_best_peer() {
        let series = |name: &str, seconds: f64| Series { name: name.to_owned(), seconds: vec![seconds; 3] };
        let all = vec![series(OURS, 20e-3), series("quick", 40e-3), series("slow", 80e-3)];
        let comparison = Comparison::with_best("train gpt 16", 1, &all, OURS, &[]);
        let network: &Network = "gpt".parse().unwrap();
        let figures = Figures { network, batch: 16, peak: 2.0 * 51_200.0 * network.operations };
        let outcome = Outcome { all, comparison };
        let line = "train: ours 51.2 k, best peer 25.6 k (quick), ratio 2.00 (win), share of the peak 50%";
        assert_eq!(figures.summary(&outcome), line);
        assert_eq!(figures.rows(&outcome)[1][..3], ["16", "quick", "40.00"]);
    }

    #[test]
    fn slow_speeds_have_three_digits() {
        assert_eq!([0.1234e3, 1.234e3, 12.34e3, 123.4e3].map(thousands), ["0.123", "1.23", "12.3", "123.4"]);
    }
}
