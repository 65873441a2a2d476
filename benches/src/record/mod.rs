//! What a command measured, where, and with what: the content of `--json` and `--csv`, and what `compare` and `report`
//! read.

mod csv;
mod earlier;
mod files;
mod machine;
mod recorder;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::chart::Chart;
use crate::measure::{Series, median};
use crate::table::Table;
use crate::verdict::Comparison;

pub use csv::to_csv;
pub use files::{read, write_json, write_whole};
pub use machine::{Cache, Machine, commit_of};
pub use recorder::{Output, Recorder};

/// The version of the file format. It rises when a field changes its meaning or disappears.
pub const FORMAT: u32 = 1;

/// A run of one command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`FORMAT`] of the program that wrote it.
    pub format: u32,
    /// The command, for example `gemm`.
    pub command: String,
    /// The command line after the program's name.
    pub arguments: Vec<String>,
    /// The time at the start, in UTC, as RFC 3339 writes it.
    pub date: String,
    /// The commit of the checkout the program was built from, with `-dirty` if files were changed; `None` without git.
    pub commit: Option<String>,
    /// The machine.
    pub machine: Machine,
    /// What the machine reached at best in this run, for each number of threads.
    pub peaks: Vec<Peak>,
    /// Turns of each contender.
    pub rounds: usize,
    /// The least length of a turn.
    pub turn_milliseconds: f64,
    /// Who took part.
    pub contenders: Vec<ContenderInfo>,
    /// The times.
    pub measurements: Vec<Measurement>,
    /// The engine against its best peer, for each benchmark.
    pub comparisons: Vec<Comparison>,
    /// The tables as they were printed.
    pub tables: Vec<TitledTable>,
    /// The charts.
    pub charts: Vec<Chart>,
    /// Sentences that were printed beside the tables.
    pub notes: Vec<String>,
    /// Processor cores that other processes kept busy, on average; `None` where the system does not say.
    pub busy_cores_of_others: Option<f64>,
    /// Whether that is enough to disturb the measurement.
    pub disturbed: bool,
    /// The last line that was printed.
    pub summary: String,
}

/// What the machine reaches at best.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// The number of threads.
    pub threads: usize,
    /// Multiply-adds in registers, `f32`, in GFLOP/s. In `f64` it is half of that.
    pub gflops: f64,
    /// A copy between buffers that no cache holds, in GB/s read and written.
    pub copy_gbytes: f64,
}

/// Who takes part in a benchmark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContenderInfo {
    /// The name in tables.
    pub name: String,
    /// Its version; empty if it does not say.
    pub version: String,
    /// What was set for it: environment variables, instruction set, options. Each measurement has its threads.
    pub settings: String,
    /// Whether it is code of this repository, which may differ from commit to commit.
    #[serde(default)]
    pub is_ours: bool,
}

impl ContenderInfo {
    /// Another library.
    pub fn peer(name: impl Into<String>, version: impl Into<String>, settings: impl Into<String>) -> Self {
        ContenderInfo { name: name.into(), version: version.into(), settings: settings.into(), is_ours: false }
    }

    /// The engine, or a program over its kernels, in this process.
    pub fn engine(name: &str) -> Self {
        let isa = autograd::kernels::simd::isa::selected().isa.name();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        ContenderInfo { name: name.to_owned(), version, settings: format!("instruction set {isa}"), is_ours: true }
    }
}

/// What one contender needed for one benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The name of the benchmark, for example `square 64`.
    pub benchmark: String,
    /// What it computes, where the name does not say: `(64×784)·(256×784)ᵀ`.
    pub detail: String,
    /// The type of the elements.
    pub dtype: String,
    /// The number of threads.
    pub threads: usize,
    /// The name of the contender.
    pub contender: String,
    /// Seconds of a call, one for each turn.
    pub seconds: Vec<f64>,
    /// The median of them.
    pub median: f64,
    /// The least of them.
    pub best: f64,
    /// The distance between their quartiles, as a share of the median.
    pub spread: f64,
    /// How much work a call is.
    pub amount: Amount,
    /// Other figures of the benchmark, such as m, n and k of a product.
    pub figures: BTreeMap<String, f64>,
}

impl Measurement {
    /// The times of a contender in a benchmark of `f32`.
    pub fn new(benchmark: impl Into<String>, threads: usize, series: &Series, amount: Amount) -> Self {
        Measurement {
            benchmark: benchmark.into(),
            detail: String::new(),
            dtype: "f32".to_owned(),
            threads,
            contender: series.name.clone(),
            seconds: series.seconds.clone(),
            median: series.median(),
            best: series.best(),
            spread: spread(&series.seconds),
            amount,
            figures: BTreeMap::new(),
        }
    }

    /// Work in a second.
    pub fn rate(&self) -> f64 {
        self.amount.value / self.median
    }

    /// The times as a series.
    pub fn series(&self) -> Series {
        Series { name: self.contender.clone(), seconds: self.seconds.clone() }
    }

    /// What makes it the same measurement in another run.
    pub fn key(&self) -> (String, String, usize, String) {
        (self.benchmark.clone(), self.dtype.clone(), self.threads, self.contender.clone())
    }
}

/// The distance between the quartiles, as a share of the median; 0 for fewer than two values.
pub fn spread(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    // The quartiles as the medians of the lower and of the upper half; the middle value belongs to both.
    let half = sorted.len().div_ceil(2);
    (median(&sorted[sorted.len() - half..]) - median(&sorted[..half])) / median(&sorted)
}

/// How much work a call is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Amount {
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: Unit,
}

impl Amount {
    /// An amount of work.
    pub fn new(value: f64, unit: Unit) -> Self {
        Amount { value, unit }
    }
}

/// What work is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Floating-point operations; a multiply-add is two.
    Flop,
    /// Bytes read and written.
    Byte,
    /// Images.
    Image,
    /// Characters of a text.
    Token,
    /// Pairs of words.
    Pair,
    /// Operations of the engine.
    Operation,
}

impl Unit {
    /// A rate in the usual unit, with its name: 2.5e9 FLOP in a second are 2.5 and `GFLOP/s`.
    pub fn rate(self, per_second: f64) -> (f64, &'static str) {
        match self {
            Unit::Flop => (per_second / 1e9, "GFLOP/s"),
            Unit::Byte => (per_second / 1e9, "GB/s"),
            Unit::Image => (per_second / 1e3, "thousand images/s"),
            Unit::Token => (per_second / 1e3, "thousand tokens/s"),
            Unit::Pair => (per_second / 1e3, "thousand pairs/s"),
            Unit::Operation => (per_second / 1e6, "million operations/s"),
        }
    }
}

/// A table and the sentence above it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TitledTable {
    /// The sentence.
    pub title: String,
    /// The table.
    pub table: Table,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::verdict::Verdict;

    /// A small run with one benchmark and two contenders; times are in seconds.
    pub(crate) fn example(ours: &[f64], peer: &[f64]) -> Run {
        let series = |name: &str, seconds: &[f64]| Series { name: name.to_owned(), seconds: seconds.to_vec() };
        let measurement = |name: &str, seconds: &[f64]| Measurement {
            detail: "(64×64)·(64×64)".to_owned(),
            figures: BTreeMap::from([("m".to_owned(), 64.0)]),
            ..Measurement::new("square 64", 1, &series(name, seconds), Amount::new(524_288.0, Unit::Flop))
        };
        let info = |name: &str, version: &str| ContenderInfo {
            is_ours: name == "gradus",
            ..ContenderInfo::peer(name, version, "1 thread")
        };
        let mut table = Table::new(["benchmark", "gradus"]);
        table.row(["square 64", "100.0"]);
        Run {
            format: FORMAT,
            command: "gemm".to_owned(),
            arguments: vec!["gemm".to_owned(), "--quick".to_owned()],
            date: "2026-11-28T12:00:00Z".to_owned(),
            commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
            machine: Machine::example(),
            peaks: vec![Peak { threads: 1, gflops: 118.0, copy_gbytes: 20.0 }],
            rounds: ours.len(),
            turn_milliseconds: 2.0,
            contenders: vec![info("gradus", "0.1.0"), info("openblas", "0.3.21")],
            measurements: vec![measurement("gradus", ours), measurement("openblas", peer)],
            comparisons: vec![Comparison {
                benchmark: "square 64".to_owned(),
                threads: 1,
                contender: "gradus".to_owned(),
                peer: "openblas".to_owned(),
                ratio: 1.25,
                noise: Some(0.02),
                verdict: Verdict::Win,
            }],
            tables: vec![TitledTable { title: "GFLOP/s".to_owned(), table }],
            charts: Vec::new(),
            notes: vec!["a < b & c".to_owned()],
            busy_cores_of_others: Some(0.01),
            disturbed: false,
            summary: "gemm: 1 win".to_owned(),
        }
    }

    #[test]
    fn the_spread_is_the_distance_between_quartiles() {
        assert_eq!(spread(&[1.0]), 0.0);
        assert_eq!(spread(&[1.0, 2.0, 3.0, 4.0, 5.0]), (4.0 - 2.0) / 3.0);
        assert_eq!(spread(&[4.0, 1.0, 3.0, 2.0]), (3.5 - 1.5) / 2.5);
    }

    #[test]
    fn rates_have_their_usual_units() {
        assert_eq!(Unit::Flop.rate(2.5e9), (2.5, "GFLOP/s"));
        assert_eq!(Unit::Image.rate(1500.0), (1.5, "thousand images/s"));
        let run = example(&[2e-6, 1e-6, 3e-6], &[4e-6; 3]);
        assert_eq!(run.measurements[0].rate(), 524_288.0 / 2e-6);
        let spread = run.measurements[0].spread;
        assert!(run.measurements[0].best == 1e-6 && (spread - 0.5).abs() < 1e-12, "{spread}");
    }
}
