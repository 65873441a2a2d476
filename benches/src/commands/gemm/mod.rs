//! `gemm`: the engine's matrix product, its peers, and the peak.
//!
//! Each number of threads is measured in a process of its own, a worker, because some of the peers fix
//! their number when they start. A worker prints a line of JSON for each case; this process makes tables of them.

mod present;
mod worker;

use std::path::PathBuf;

use anyhow::{Result, bail};
use autograd::Arithmetic;
use clap::{Args, ValueEnum};

use super::options::{Effort, Threads};
use crate::chart::Chart;
use crate::products::OURS;
use crate::record::{Measurement, Output, Recorder};
use crate::shapes::{Case, Shapes};
use crate::verdict::{Comparison, tally};

/// The options of `gemm`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    threads: Threads,
    /// Which products
    #[arg(long, value_enum, default_value = "all")]
    shapes: Shapes,
    /// Only the products whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Leave out products with a dimension above this; 4096 takes a third of the time of them all
    #[arg(long, value_name = "N")]
    largest: Option<usize>,
    /// The type of the elements
    #[arg(long, value_enum, default_value = "f32")]
    dtype: Dtype,
    #[command(flatten)]
    effort: Effort,
    /// A shared library with cblas_sgemm or cblas_dgemm, as often as you like; else those of GRADUS_BLAS. OpenBLAS and
    /// MKL are measured beside it where the system has them
    #[arg(long, value_name = "PATH")]
    blas: Vec<PathBuf>,
    /// Measure the function in benches/src/yours.rs, too
    #[arg(long)]
    yours: bool,
    /// Whom the last columns compare with the best of the others: "yours", or a library by its name
    #[arg(long, value_name = "NAME", default_value = OURS)]
    judge: String,
    #[command(flatten)]
    output: Output,
    /// Draw GFLOP/s against size
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Measure the engine alone, without peers
    #[arg(long)]
    alone: bool,
    /// Measure the engine twice: how its second copy compares with the first is what noise looks like
    #[arg(long)]
    control: bool,
    /// Measure one number of threads here, and print lines of JSON
    #[arg(long, hide = true)]
    worker: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Dtype {
    F32,
    F64,
}

impl Dtype {
    fn name(self) -> &'static str {
        match self {
            Dtype::F32 => <f32 as Arithmetic>::NAME,
            Dtype::F64 => <f64 as Arithmetic>::NAME,
        }
    }

    /// Values in a vector register, as a share of those of `f32`.
    fn share_of_peak(self) -> f64 {
        match self {
            Dtype::F32 => 1.0,
            Dtype::F64 => 0.5,
        }
    }
}

/// The name of the engine's second copy.
const CONTROL: &str = "control";

impl Arguments {
    fn rounds(&self) -> usize {
        self.effort.rounds(15, 5)
    }

    fn turn(&self) -> usize {
        self.effort.turn(2, 1)
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let cases = cases(arguments)?;
    let threads = arguments.threads.list();
    if arguments.worker {
        return autograd::with_threads(threads[0], || match arguments.dtype {
            Dtype::F32 => worker::run::<f32>(arguments, threads[0], &cases),
            Dtype::F64 => worker::run::<f64>(arguments, threads[0], &cases),
        });
    }
    let recorder = Recorder::start("gemm", &arguments.output, &threads)?;
    let recorder = recorder.rounds(arguments.rounds(), arguments.turn() as f64);
    let mut recorder = recorder.draw_to(arguments.svg.as_deref())?;
    let mut panels = Vec::new();
    for threads in threads {
        let (infos, measured) = worker::ask(threads, cases.len())?;
        infos.iter().for_each(|info| recorder.contender(info));
        let results = results(measured, threads, (!arguments.alone).then_some(arguments.judge.as_str()))?;
        let peak = recorder.peak(threads).gflops * arguments.dtype.share_of_peak();
        let (title, table) = present::table(&results, arguments, threads, peak);
        recorder.table(title, table);
        panels.extend(present::panel(&results, arguments.dtype, threads, peak));
        for CaseResult { measurements, comparison } in results {
            measurements.into_iter().for_each(|measurement| recorder.measured(measurement));
            comparison.into_iter().for_each(|comparison| recorder.compared(comparison));
        }
    }
    if !panels.is_empty() {
        recorder.chart(Chart::Lines(panels));
    }
    if arguments.alone {
        let count = recorder.run().measurements.len();
        return recorder.finish(format!("gemm: {count} measurements without peers"));
    }
    let tally = tally(recorder.run().comparisons.iter().map(|comparison| comparison.verdict));
    let who = if arguments.judge == OURS { String::new() } else { format!("{}: ", arguments.judge) };
    recorder.finish(format!("gemm: {who}{tally}"))
}

fn cases(arguments: &Arguments) -> Result<Vec<Case>> {
    let mut cases = arguments.shapes.cases();
    if arguments.effort.quick {
        cases.retain(|case| {
            case.largest() <= 1024 && (!case.name.starts_with("batch") || case.name.starts_with("batch 64 "))
        });
    }
    cases.retain(|case| arguments.largest.is_none_or(|largest| case.largest() <= largest));
    cases.retain(|case| arguments.only.as_ref().is_none_or(|text| case.name.contains(text.as_str())));
    if cases.is_empty() {
        bail!("no product is left: --shapes, --only and --largest together exclude all");
    }
    Ok(cases)
}

/// A case at a number of threads: the times of all contenders, and the comparison of the judged one.
struct CaseResult {
    measurements: Vec<Measurement>,
    /// `None` if the engine is alone.
    comparison: Option<Comparison>,
}

/// Compares the judged contender, if there is one, with the best of the others in each case.
fn results(measured: Vec<Vec<Measurement>>, threads: usize, judged: Option<&str>) -> Result<Vec<CaseResult>> {
    let compare = |measurements: Vec<Measurement>| {
        let Some(judged) = judged else { return Ok(CaseResult { measurements, comparison: None }) };
        let all: Vec<_> = measurements.iter().map(Measurement::series).collect();
        let benchmark = measurements.first().map_or("", |first| &first.benchmark);
        let comparison = Comparison::with_best(benchmark, threads, &all, judged, &[CONTROL]);
        if comparison.is_none() {
            let names: Vec<&str> = all.iter().map(|series| series.name.as_str()).collect();
            bail!("--judge {judged}: there are {}", names.join(", "));
        }
        Ok(CaseResult { measurements, comparison })
    };
    measured.into_iter().map(compare).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Series;
    use crate::record::{Amount, Unit};

    fn measurements(seconds: &[(&str, f64)]) -> Vec<Measurement> {
        let one = |(name, seconds): &(&str, f64)| {
            let series = Series { name: (*name).to_owned(), seconds: vec![*seconds; 5] };
            Measurement::new("square 64", 2, &series, Amount::new(524_288.0, Unit::Flop))
        };
        seconds.iter().map(one).collect()
    }

    #[test]
    fn the_judged_contender_is_compared_with_the_best_of_the_others() {
        let all = measurements(&[("gradus", 1.0), ("quick", 1.1), ("slow", 2.0), ("control", 0.9), ("yours", 1.5)]);
        let found = results(vec![all.clone()], 2, Some("gradus")).unwrap();
        let comparison = found[0].comparison.as_ref().unwrap();
        assert_eq!((comparison.peer.as_str(), comparison.threads), ("quick", 2));
        let found = results(vec![all.clone()], 2, Some("yours")).unwrap();
        let comparison = found[0].comparison.as_ref().unwrap();
        assert_eq!((comparison.peer.as_str(), comparison.contender.as_str()), ("gradus", "yours"));
        assert_eq!(results(vec![all.clone()], 2, None).unwrap()[0].comparison, None);
        let error = results(vec![all], 2, Some("mine")).err().unwrap().to_string();
        assert_eq!(error, "--judge mine: there are gradus, quick, slow, control, yours");
    }
}
