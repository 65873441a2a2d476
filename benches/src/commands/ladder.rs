//! `ladder`: one product, made fast step by step.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use autograd::kernels::gemm::{Epilogue, gemm};
use autograd::ndarray::{ArrayView2, ArrayViewMut2};
use autograd::with_threads;
use clap::Args;

use super::options::{Effort, all_threads, threads_in_words};
use super::positive;
use crate::chart::{BarChart, Chart, Labels};
use crate::ladder::{STEPS, Sizes};
use crate::measure::{Series, Settings, TimedCall, interleave};
use crate::operands::{Operands, Oracle};
use crate::record::{Amount, ContenderInfo, Measurement, Output, Recorder, Unit};
use crate::shapes::Case;
use crate::table::Table;

/// The options of `ladder`.
#[derive(Args)]
pub struct Arguments {
    /// The rows and columns of the matrices [default: 1000; 512 for a quick run]
    #[arg(long, value_name = "N", value_parser = positive)]
    size: Option<usize>,
    /// How many threads the last step has [default: all]
    #[arg(long, value_name = "N", value_parser = positive)]
    threads: Option<usize>,
    #[command(flatten)]
    effort: Effort,
    #[command(flatten)]
    output: Output,
    /// Draw the steps as bars
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// C ← A·B, or C ← C + A·B.
type Multiply = Box<dyn Fn(&[f32], &[f32], &mut [f32])>;

/// What is measured: a step of the ladder, or the engine's product at a number of threads.
struct Rung {
    name: String,
    change: String,
    threads: usize,
    multiply: Multiply,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let effort = &arguments.effort;
    let size = arguments.size.unwrap_or(if effort.quick { 512 } else { 1000 });
    let threads = arguments.threads.unwrap_or_else(all_threads);
    let (rounds, turn) = (effort.rounds(5, 3), effort.turn(2, 2));
    let list = if threads == 1 { vec![1] } else { vec![1, threads] };
    let recorder = Recorder::start("ladder", &arguments.output, &list)?.rounds(rounds, turn as f64);
    let mut recorder = recorder.draw_to(arguments.svg.as_deref())?;
    let rungs = rungs(size, &list);
    let settings = Settings { rounds, turn: Duration::from_millis(turn as u64), ..Settings::default() };
    let series = measure(&rungs, size, settings)?;

    let case = Case::new(format!("square {size}"), (size, size, size));
    let mut speeds = Vec::new();
    for (rung, series) in rungs.iter().zip(&series) {
        recorder.contender(&ContenderInfo::engine(&rung.name));
        let measurement = Measurement::new(&case.name, rung.threads, series, Amount::new(case.flop(), Unit::Flop));
        speeds.push(measurement.rate() / 1e9);
        recorder.measured(measurement);
    }
    let peaks = list.iter().map(|&threads| (threads, recorder.peak(threads).gflops)).collect::<Vec<_>>();
    let words: Vec<String> =
        peaks.iter().map(|(threads, peak)| format!("{peak:.1} GFLOP/s on {}", threads_in_words(*threads))).collect();
    let words = words.join(" and ");
    let title = format!("{size} × {size} elements, f32. The peak is {words}, measured in this run.");
    recorder.table(title, table(&rungs, &speeds, &peaks));
    recorder.note("What each step changes:\n");
    for Rung { name, change, .. } in &rungs {
        recorder.note(format!("- {name}: {change}"));
    }
    recorder.chart(chart(&case.name, &rungs, &speeds));
    let best = speeds.iter().copied().fold(0.0, f64::max);
    recorder.finish(format!("ladder: from {:.1} to {best:.1} GFLOP/s", speeds[0]))
}

/// Compares each product with the oracle, and times it.
fn measure(rungs: &[Rung], size: usize, settings: Settings) -> Result<Vec<Series>> {
    let mut operands = Operands::<f32>::new(&Case::new("", (size, size, size)));
    let (a, b, _) = operands.views();
    let oracle = Oracle::new(a, b);
    let (a, b) = a.as_slice().zip(b.as_slice()).context("the operands are not stored by rows")?;
    let mut c = vec![0.0; size * size];
    let mut all = Vec::new();
    for rung in rungs {
        eprintln!("{}", rung.name);
        c.fill(0.0);
        (rung.multiply)(a, b, &mut c);
        if let Err(error) = oracle.check(ArrayView2::from_shape((size, size), &c)?) {
            bail!("{}: {error}", rung.name);
        }
        // Some steps add to what C holds. In a timed call that does not matter: nobody reads its C.
        let call = TimedCall::new(&rung.name, || (rung.multiply)(a, b, &mut c));
        all.extend(interleave(&mut [call], settings));
    }
    Ok(all)
}

/// Each step, its share of the peak, and how many times as fast it is as the step before. The engine's product is
/// compared with the last step on as many threads.
fn table(rungs: &[Rung], speeds: &[f64], peaks: &[(usize, f64)]) -> Table {
    let mut table = Table::new(["step", "GFLOP/s", "of peak", "times as fast"]);
    for (index, (rung, &speed)) in rungs.iter().zip(speeds).enumerate() {
        let peak = peaks.iter().find(|(threads, _)| *threads == rung.threads).map_or(f64::NAN, |(_, peak)| *peak);
        let alike = (0..index).rev().find(|&before| rungs[before].threads == rung.threads);
        let times =
            alike.or(index.checked_sub(1)).map_or(String::new(), |before| format!("{:.1}", speed / speeds[before]));
        table.row([rung.name.clone(), format!("{speed:.1}"), format!("{:.0} %", 100.0 * speed / peak), times]);
    }
    table
}

fn chart(title: &str, rungs: &[Rung], speeds: &[f64]) -> Chart {
    let labels = Labels { title: format!("The ladder: {title}"), x: "step".to_owned(), y: "GFLOP/s".to_owned() };
    let groups = (1..=rungs.len()).map(|step| step.to_string()).collect();
    Chart::Bars(BarChart { labels, groups, series: vec![("GFLOP/s".to_owned(), speeds.to_vec())] })
}

/// The steps of the ladder, the last on the most threads, and the engine's product for comparison.
fn rungs(size: usize, list: &[usize]) -> Vec<Rung> {
    let sizes = Sizes { m: size, n: size, k: size };
    let mut rungs: Vec<Rung> = Vec::new();
    for step in STEPS {
        let threads = if step.is_parallel { list[list.len() - 1] } else { 1 };
        let of_threads = format!(", {}", threads_in_words(threads));
        rungs.push(Rung {
            name: format!("{}{}", step.name, if step.is_parallel { of_threads.as_str() } else { "" }),
            change: step.change.to_owned(),
            threads,
            multiply: Box::new(move |a, b, c| with_threads(threads, || (step.multiply)(sizes, a, b, c))),
        });
    }
    for &threads in list {
        rungs.push(Rung {
            name: format!("autograd::gemm, {}", threads_in_words(threads)),
            change: "The same ideas for any strides and any size, with a path for each kind of shape.".to_owned(),
            threads,
            multiply: Box::new(move |a, b, c| {
                let square = (size, size);
                let (a, b) = (ArrayView2::from_shape(square, a), ArrayView2::from_shape(square, b));
                let (Ok(a), Ok(b), Ok(c)) = (a, b, ArrayViewMut2::from_shape(square, c)) else { return };
                with_threads(threads, || gemm(a, b, c, Epilogue::Store));
            }),
        });
    }
    rungs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_compared_with_the_last_step_on_as_many_threads() {
        let rungs = rungs(16, &[1, 2]);
        let speeds: Vec<f64> = (1..=rungs.len()).map(|step| step as f64).collect();
        let text = table(&rungs, &speeds, &[(1, 10.0), (2, 20.0)]).to_string();
        let times = |name: &str| {
            let line = text.lines().find(|line| line.contains(name)).unwrap();
            line.split('|').map(str::trim).nth_back(1).unwrap().to_owned()
        };
        assert_eq!((times("| naive"), times("autograd::gemm, 1 thread")), (String::new(), format!("{:.1}", 7.0 / 5.0)));
        assert_eq!(times("autograd::gemm, 2 threads"), format!("{:.1}", 8.0 / 6.0));
        assert_eq!(
            measure(&rungs, 16, Settings { rounds: 1, turn: Duration::ZERO, ..Settings::default() }).unwrap().len(),
            8
        );
    }
}
