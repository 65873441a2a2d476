//! `train`: the plain training step, beside the same step of other libraries and beside the one without an engine.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use autograd::kernels::simd::isa::selected;
use clap::Args;

use super::options::{Agreement, Options, Record, threads_in_words};
use super::positive;
use crate::chart::{Labels, bars};
use crate::contest::{Entrant, Local, Task};
use crate::measure::Series;
use crate::ours::{gradus, gradus_from_singles, limit};
use crate::peak;
use crate::problem::{Problem, operations_per_image};
use crate::table::Table;

/// The options of `train`.
#[derive(Args)]
pub struct Arguments {
    /// Images in a step, a list
    #[arg(long, value_delimiter = ',', default_value = "32,64,128,512", value_parser = positive)]
    batch: Vec<usize>,
    /// Train on images kept as f32 and chosen by index_select, too
    #[arg(long)]
    singles: bool,
    #[command(flatten)]
    options: Options,
    /// Where to draw the figures of the largest number of threads
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// The batch and the share of the peak by which the limit is judged, on one thread. A limit below that is none.
const JUDGED_BATCH: usize = 64;
const JUDGED_SHARE: f64 = 0.78;

/// After 20 steps all losses must agree to a hundredth: sums in another order move them by much less, another gradient, rate or batch by much more.
const AGREEMENT: Agreement = Agreement { warm_up: 20, tolerance: 0.01 };

/// Names in the table.
const OURS: &str = "Gradus";
const LIMIT: &str = "limit";
const SINGLES: &str = "from f32";

/// The figures of one batch size and number of threads, in images a second.
struct Row {
    threads: usize,
    batch: usize,
    /// Name, median, best.
    speeds: Vec<(String, f64, f64)>,
}

impl Row {
    fn new(threads: usize, batch: usize, all: &[Series]) -> Self {
        let speed = |seconds: f64| batch as f64 / seconds;
        let speeds = all.iter().map(|one| (one.name.clone(), speed(one.median()), speed(one.best()))).collect();
        Row { threads, batch, speeds }
    }

    fn median(&self, name: &str) -> f64 {
        self.speeds.iter().find(|(own, ..)| own == name).map_or(f64::NAN, |(_, median, _)| *median)
    }

    fn best_peer(&self) -> Option<(&str, f64)> {
        let peers = self.speeds.iter().filter(|(name, ..)| ![OURS, LIMIT, SINGLES].contains(&name.as_str()));
        peers.map(|(name, median, _)| (name.as_str(), *median)).max_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn ratio(&self) -> String {
        self.best_peer().map_or("-".to_owned(), |(_, speed)| format!("{:.2}", self.median(OURS) / speed))
    }

    fn share(&self, limit_counts: bool) -> String {
        let share = 100.0 * self.median(OURS) / self.median(LIMIT);
        if limit_counts { format!("{share:.0}%") } else { "-".to_owned() }
    }

    /// The last line of the command.
    fn summary(&self, limit_counts: bool) -> String {
        let (name, speed) = self.best_peer().map_or(("none", "-".to_owned()), |(name, speed)| (name, thousands(speed)));
        format!(
            "train: ours {} k, best peer {speed} k ({name}), ratio {}, limit share {}",
            thousands(self.median(OURS)),
            self.ratio(),
            self.share(limit_counts)
        )
    }
}

fn thousands(speed: f64) -> String {
    format!("{:.1}", speed / 1e3)
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let options = &arguments.options;
    let problem = options.problem()?;
    let (mut rows, mut records) = (Vec::new(), Vec::new());
    let share = share_of_peak(options, &problem, &mut records)?;
    for &threads in &options.threads {
        let mut entrants: Vec<Box<dyn Entrant>> = vec![
            Box::new(Local::new(OURS, gradus, &problem, threads)),
            Box::new(Local::new(LIMIT, limit, &problem, threads)),
        ];
        if arguments.singles {
            entrants.push(Box::new(Local::new(SINGLES, gradus_from_singles, &problem, threads)));
        }
        entrants.extend(options.start_peers(&problem, threads)?);
        for &batch in &arguments.batch {
            let task = Task::Train { batch };
            let all = options.run(&mut entrants, (task, threads), AGREEMENT, &mut records)?;
            rows.push(Row::new(threads, batch, &all));
        }
    }
    let limit_counts = share >= JUDGED_SHARE;
    for &threads in &options.threads {
        let of_these: Vec<&Row> = rows.iter().filter(|row| row.threads == threads).collect();
        println!(
            "Thousand images a second on {}, median of {} turns (best):\n",
            threads_in_words(threads),
            options.rounds
        );
        println!("{}", table(&of_these, limit_counts));
    }
    println!(
        "The limit at batch {JUDGED_BATCH} on one thread gets done {:.0}% of what the peak measured in this run allows{}.",
        100.0 * share,
        if limit_counts {
            String::new()
        } else {
            format!(": less than {:.0}%, so it is no limit", 100.0 * JUDGED_SHARE)
        }
    );
    options.write(&records)?;
    let most = options.threads.iter().copied().max().expect("a list has an element");
    let of_most: Vec<&Row> = rows.iter().filter(|row| row.threads == most).collect();
    if let Some(path) = &arguments.svg {
        draw(path, &of_most, most)?;
    }
    let judged = of_most.iter().find(|row| row.batch == JUDGED_BATCH).unwrap_or(&of_most[0]);
    println!("{}", judged.summary(limit_counts));
    Ok(())
}

/// The arithmetic that the limit gets done in a second, as a share of what the machine can do, both measured now. Counted are the operations of the
/// formulas: products that leave out zeros may do more of them in a second than there could be.
fn share_of_peak(options: &Options, problem: &Arc<Problem>, records: &mut Vec<Record>) -> Result<f64> {
    let isa = selected().isa;
    let before = peak::flops(isa, 1);
    let mut entrants: Vec<Box<dyn Entrant>> = vec![Box::new(Local::new(LIMIT, limit, problem, 1))];
    let task = Task::Train { batch: JUDGED_BATCH };
    let all = options.run(&mut entrants, (task, 1), AGREEMENT, records)?;
    let peak = before.max(peak::flops(isa, 1));
    let reached = JUDGED_BATCH as f64 * operations_per_image() / all[0].median();
    println!(
        "Peak on one thread: {:.1} GFLOP/s ({}); the limit gets {:.1} done.\n",
        peak / 1e9,
        isa.name(),
        reached / 1e9
    );
    Ok(reached / peak)
}

fn table(rows: &[&Row], limit_counts: bool) -> Table {
    let names = rows[0].speeds.iter().map(|(name, ..)| name.clone());
    let head = ["batch".to_owned()].into_iter().chain(names);
    let mut table = Table::new(head.chain(["ours ÷ best peer".to_owned(), "ours ÷ limit".to_owned()]));
    for row in rows {
        let speeds =
            row.speeds.iter().map(|(_, median, best)| format!("{} ({})", thousands(*median), thousands(*best)));
        let cells = [row.batch.to_string()].into_iter().chain(speeds);
        table.row(cells.chain([row.ratio(), row.share(limit_counts)]));
    }
    table
}

fn draw(path: &std::path::Path, rows: &[&Row], threads: usize) -> Result<()> {
    let labels = Labels {
        title: format!("Training 784-256-128-10 with Adam on {}", threads_in_words(threads)),
        x: "images in a step".into(),
        y: "thousand images a second".into(),
    };
    let groups: Vec<String> = rows.iter().map(|row| row.batch.to_string()).collect();
    let series: Vec<(String, Vec<f64>)> = rows[0]
        .speeds
        .iter()
        .map(|(name, ..)| (name.clone(), rows.iter().map(|row| row.median(name) / 1e3).collect()))
        .collect();
    bars(path, &labels, &groups, &series)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(peers: &[(&str, f64)]) -> Row {
        let all: Vec<Series> = [(OURS, 2e-3), (LIMIT, 1.6e-3)]
            .iter()
            .chain(peers)
            .map(|(name, seconds)| Series { name: (*name).to_owned(), seconds: vec![*seconds] })
            .collect();
        Row::new(2, 64, &all)
    }

    #[test]
    fn the_last_line_names_the_best_peer() {
        let row = row(&[("slow 1", 8e-3), ("quick 2", 4e-3)]);
        assert_eq!(row.summary(true), "train: ours 32.0 k, best peer 16.0 k (quick 2), ratio 2.00, limit share 80%");
        assert_eq!(row.summary(false), "train: ours 32.0 k, best peer 16.0 k (quick 2), ratio 2.00, limit share -");
        assert_eq!(table(&[&row], true).to_string().lines().count(), 3);
    }

    #[test]
    fn without_peers_there_is_no_ratio() {
        assert_eq!(row(&[]).summary(true), "train: ours 32.0 k, best peer - k (none), ratio -, limit share 80%");
    }
}
