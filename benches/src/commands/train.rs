//! `train`: the plain training step, beside the same step of other libraries and beside the hand-fused one.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use autograd::kernels::simd::isa::selected;
use clap::Args;

use super::model::{Model, PERCEPTRON, model_parser};
use super::options::{Agreement, OURS, Options, Outcome, threads_in_words};
use super::{positive, train_model};
use crate::benchmark::{Contender, Local};
use crate::chart::{BarChart, Chart, Labels};
use crate::measure::Series;
use crate::ours::{gradus, gradus_from_singles, hand_fused};
use crate::peak;
use crate::problem::{Problem, operations_per_image};
use crate::record::Recorder;
use crate::table::Table;
use crate::task::Task;
use crate::verdict::Comparison;

/// The options of `train`.
#[derive(Args)]
pub struct Arguments {
    /// The network that is trained
    #[arg(long, default_value = PERCEPTRON, value_parser = model_parser(|_| true))]
    model: Model,
    /// Examples in a step, a list [default: of the perceptron 32,64,128,512, 64 for a quick run]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = positive)]
    batch: Vec<usize>,
    /// Train on images kept as f32 and chosen by index_select, too
    #[arg(long)]
    singles: bool,
    #[command(flatten)]
    options: Options,
    /// Draw the figures of the largest number of threads
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl Arguments {
    fn batches(&self) -> &[usize] {
        match (self.batch.as_slice(), self.options.effort.quick) {
            ([], true) => &[JUDGED_BATCH],
            ([], false) => &[32, 64, 128, 512],
            (given, _) => given,
        }
    }
}

/// The hand-fused step is a measure for ours only if it reaches this share of the peak at this batch on one thread.
const JUDGED_BATCH: usize = 64;
const JUDGED_SHARE: f64 = 0.78;

/// After 20 steps all losses must agree to a hundredth: sums in another order change them by much less, another
/// gradient, rate or batch by much more.
const AGREEMENT: Agreement = Agreement { warm_up: 20, tolerance: 0.01 };

/// Names in the table.
const HAND_FUSED: &str = "hand-fused";
const SINGLES: &str = "from f32";

/// The figures of one batch size and number of threads, in images a second.
struct Figures {
    threads: usize,
    batch: usize,
    /// Name, median, best.
    speeds: Vec<(String, f64, f64)>,
    comparison: Option<Comparison>,
}

impl Figures {
    fn new(threads: usize, batch: usize, outcome: Outcome) -> Self {
        let speed = |seconds: f64| batch as f64 / seconds;
        let of = |one: &Series| (one.name.clone(), speed(one.median()), speed(one.best()));
        let speeds = outcome.all.iter().map(of).collect();
        Figures { threads, batch, speeds, comparison: outcome.comparison }
    }

    fn median(&self, name: &str) -> f64 {
        self.speeds.iter().find(|(own, ..)| own == name).map_or(f64::NAN, |(_, median, _)| *median)
    }

    fn share(&self, is_measure: bool) -> String {
        let share = 100.0 * self.median(OURS) / self.median(HAND_FUSED);
        if is_measure { format!("{share:.0}%") } else { "-".to_owned() }
    }

    /// The last line of the command.
    fn summary(&self, is_measure: bool) -> String {
        let (ours, share) = (thousands(self.median(OURS)), self.share(is_measure));
        let peer = self.comparison.as_ref().map_or("no peer".to_owned(), |comparison| {
            let Comparison { peer, ratio, verdict, .. } = comparison;
            format!("best peer {} k ({peer}), ratio {ratio:.2} ({verdict})", thousands(self.median(peer)))
        });
        format!("train: ours {ours} k, {peer}, share of hand-fused {share}")
    }
}

/// A speed in thousands, with three digits at least.
pub(super) fn thousands(speed: f64) -> String {
    let thousands = speed / 1e3;
    let places = if thousands < 1.0 {
        3
    } else if thousands < 10.0 {
        2
    } else {
        1
    };
    format!("{thousands:.places$}")
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let options = &arguments.options;
    if let Some(network) = arguments.model {
        return train_model::run(network, &arguments.batch, options);
    }
    let (recorder, problem) = options.start("train")?;
    let mut recorder = recorder.draw_to(arguments.svg.as_deref())?;
    let is_measure = hand_fused_is_a_measure(options, &problem, &mut recorder)?;
    let threads = options.threads.list();
    let mut all = Vec::new();
    for &threads in &threads {
        let mut contenders = contenders(arguments, &problem, threads)?;
        for &batch in arguments.batches() {
            let task = Task::Train { batch };
            let outcome = options.run(&mut contenders, (task, threads), AGREEMENT, &mut recorder)?;
            all.push(Figures::new(threads, batch, outcome));
        }
    }
    for &threads in &threads {
        let of_these: Vec<&Figures> = all.iter().filter(|figures| figures.threads == threads).collect();
        let (threads, turns) = (threads_in_words(threads), options.rounds());
        let title = format!("Thousand images a second on {threads}, median of {turns} turns (best):");
        recorder.table(title, table(&of_these, is_measure));
    }
    let most = threads.iter().copied().max().expect("a list has an element");
    let of_most: Vec<&Figures> = all.iter().filter(|figures| figures.threads == most).collect();
    recorder.chart(chart(&of_most, most));
    let judged = of_most.iter().find(|figures| figures.batch == JUDGED_BATCH).unwrap_or(&of_most[0]);
    recorder.finish(judged.summary(is_measure))
}

fn contenders(arguments: &Arguments, problem: &Arc<Problem>, threads: usize) -> Result<Vec<Box<dyn Contender>>> {
    let mut contenders: Vec<Box<dyn Contender>> = vec![
        Box::new(Local::new(OURS, gradus, problem, threads)),
        Box::new(Local::new(HAND_FUSED, hand_fused, problem, threads)),
    ];
    if arguments.singles {
        contenders.push(Box::new(Local::new(SINGLES, gradus_from_singles, problem, threads)));
    }
    contenders.extend(arguments.options.start_peers(problem, threads)?);
    Ok(contenders)
}

/// Whether the hand-fused step reaches enough of the peak to measure ours by it. Counted are the operations of the
/// formulas: products that leave out zeros may do more of them in a second than the peak allows.
fn hand_fused_is_a_measure(options: &Options, problem: &Arc<Problem>, recorder: &mut Recorder) -> Result<bool> {
    let isa = selected().isa;
    let before = peak::flops(isa, 1);
    let mut contenders: Vec<Box<dyn Contender>> = vec![Box::new(Local::new(HAND_FUSED, hand_fused, problem, 1))];
    let task = Task::Train { batch: JUDGED_BATCH };
    let mut aside = Recorder::without_peaks("train", &Default::default())?;
    let outcome = options.run(&mut contenders, (task, 1), AGREEMENT, &mut aside)?;
    let peak = before.max(peak::flops(isa, 1));
    let median = outcome.median(HAND_FUSED).unwrap_or(f64::NAN);
    let reached = JUDGED_BATCH as f64 * operations_per_image() / median;
    let (share, needed) = (100.0 * reached / peak, 100.0 * JUDGED_SHARE);
    let is_measure = reached / peak >= JUDGED_SHARE;
    let verdict =
        if is_measure { String::new() } else { format!(", less than {needed:.0}%: ours is not measured by it") };
    recorder.note(format!(
        "Peak on one thread: {:.1} GFLOP/s ({}). The hand-fused step does {:.1} at batch {JUDGED_BATCH}, \
         {share:.0}% of it{verdict}.\n",
        peak / 1e9,
        isa.name(),
        reached / 1e9
    ));
    Ok(is_measure)
}

fn table(all: &[&Figures], is_measure: bool) -> Table {
    let names = all[0].speeds.iter().map(|(name, ..)| name.clone());
    let head = ["batch".to_owned()].into_iter().chain(names).chain(["ours ÷ hand-fused".to_owned()]);
    let mut table = Table::new(head.chain(Comparison::HEAD.map(str::to_owned)));
    for figures in all {
        let speeds =
            figures.speeds.iter().map(|(_, median, best)| format!("{} ({})", thousands(*median), thousands(*best)));
        let cells = [figures.batch.to_string()].into_iter().chain(speeds).chain([figures.share(is_measure)]);
        table.row(cells.chain(Comparison::cells(figures.comparison.as_ref())));
    }
    table
}

fn chart(all: &[&Figures], threads: usize) -> Chart {
    let labels = Labels {
        title: format!("Training 784-256-128-10 with Adam on {}", threads_in_words(threads)),
        x: "images in a step".into(),
        y: "thousand images a second".into(),
    };
    let groups = all.iter().map(|figures| figures.batch.to_string()).collect();
    let names = all[0].speeds.iter().map(|(name, ..)| name);
    let series = names.map(|name| (name.clone(), all.iter().map(|figures| figures.median(name) / 1e3).collect()));
    Chart::Bars(BarChart { labels, groups, series: series.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(peers: &[(&str, f64)]) -> Figures {
        let all: Vec<Series> = [(OURS, 2e-3), (HAND_FUSED, 1.6e-3)]
            .iter()
            .chain(peers)
            .map(|(name, seconds)| Series { name: (*name).to_owned(), seconds: vec![*seconds; 3] })
            .collect();
        let comparison = Comparison::with_best("train 64", 2, &all, OURS, &[HAND_FUSED]);
        Figures::new(2, 64, Outcome { all, comparison })
    }

    #[test]
    fn the_last_line_names_the_best_peer() {
        let figures = figures(&[("slow 1", 8e-3), ("quick 2", 4e-3)]);
        let line = "train: ours 32.0 k, best peer 16.0 k (quick 2), ratio 2.00 (win), share of hand-fused";
        assert_eq!(figures.summary(true), format!("{line} 80%"));
        assert_eq!(figures.summary(false), format!("{line} -"));
        assert_eq!(table(&[&figures], true).to_string().lines().count(), 3);
        assert!(chart(&[&figures], 2).svg().unwrap().contains("quick 2"));
    }

    #[test]
    fn without_peers_there_is_no_ratio() {
        assert_eq!(figures(&[]).summary(true), "train: ours 32.0 k, no peer, share of hand-fused 80%");
    }
}
