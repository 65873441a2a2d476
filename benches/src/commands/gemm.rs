//! `gemm`: the engine's matrix product, its peers, and the peak.
//!
//! Each number of threads runs in a process of its own, because some of the peers fix theirs when they start. That process prints a line of
//! JSON for each case; this one makes tables of them.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use autograd::Scalar;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::positive;
use crate::chart::{self, Labels, Line, Panel};
use crate::json;
use crate::measure::{self, Contestant, Settings, Verdict};
use crate::neighbours::{self, Watch};
use crate::operands::{Operands, Oracle};
use crate::peak;
use crate::products::{self, Multiplier, Number, blas};
use crate::shapes::{Case, Shapes};
use crate::table::Table;

/// The options of `gemm`.
#[derive(Args)]
pub struct Arguments {
    /// How many threads, a list; each has its table
    #[arg(long, value_delimiter = ',', default_value = "1,2", value_parser = positive)]
    threads: Vec<usize>,
    /// Which products
    #[arg(long, value_enum, default_value = "all")]
    shapes: Shapes,
    /// Only the products whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Leave out products with a dimension above this; 4096 takes a third of the time of them all
    #[arg(long, value_name = "N")]
    largest: Option<usize>,
    /// The type of the numbers
    #[arg(long, value_enum, default_value = "f32")]
    dtype: Dtype,
    /// Turns of each contestant
    #[arg(long, default_value = "15", value_parser = positive)]
    rounds: usize,
    /// A shared library with the C interface of BLAS, as often as you like; else those of GRADUS_BLAS, else OpenBLAS and MKL if the system has them
    #[arg(long, value_name = "PATH")]
    blas: Vec<PathBuf>,
    /// Write the results as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw GFLOP/s against size
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Enter the engine twice: how its second self fares against the first is what noise looks like
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

/// A contestant whose best turn is slower than this multiple of the fastest one's rests after three turns: it can't be the best peer.
const HOPELESS: f64 = 1.35;

/// The engine's second self.
const CONTROL: &str = "control";

/// What one contestant reached in a case.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Figure {
    name: String,
    /// GFLOP/s, the median of its turns and the best one.
    median: f64,
    best: f64,
    /// Its turns, which are few if it was hopeless.
    turns: usize,
    /// How far the ratio to ours is to be trusted.
    noise: f64,
}

/// What a worker tells.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Message {
    /// The peak in GFLOP/s, the instruction set, and which BLAS libraries there are.
    Start { peak: f64, isa: String, libraries: Vec<String> },
    /// The figures of a case, ours first.
    Case { name: String, formula: String, size: f64, m: usize, n: usize, k: usize, figures: Vec<Figure> },
    /// The end, and how many cores others kept busy.
    End { others: Option<f64> },
}

/// A row of the JSON file: the engine against the best of its peers, in GFLOP/s.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The case's name.
    pub case: String,
    /// The rows of C.
    pub m: usize,
    /// The columns of C.
    pub n: usize,
    /// The terms of each sum.
    pub k: usize,
    /// The number of threads.
    pub threads: usize,
    /// What the engine reached.
    pub ours: f64,
    /// What the best peer reached.
    pub best_peer: f64,
    /// Who that was.
    pub peer: String,
    /// Ours to theirs.
    pub ratio: f64,
    /// How far the ratio is to be trusted, as a share of it.
    pub noise: f64,
    /// How it ended.
    pub verdict: Verdict,
}

/// One case at one number of threads.
struct Row {
    formula: String,
    size: f64,
    is_square: bool,
    figures: Vec<Figure>,
    outcome: Outcome,
}

/// All cases at one number of threads.
struct Run {
    threads: usize,
    peak: f64,
    isa: String,
    libraries: Vec<String>,
    cases: Vec<Row>,
    others: Option<f64>,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let cases = cases(arguments)?;
    if arguments.worker {
        return autograd::with_threads(arguments.threads[0], || match arguments.dtype {
            Dtype::F32 => worker::<f32>(arguments, &cases),
            Dtype::F64 => worker::<f64>(arguments, &cases),
        });
    }
    let mut runs = Vec::new();
    for &threads in &arguments.threads {
        let run = ask(threads, cases.len())?;
        print(&run, arguments.dtype);
        runs.push(run);
    }
    let outcomes: Vec<&Outcome> = runs.iter().flat_map(|run| &run.cases).map(|case| &case.outcome).collect();
    if let Some(path) = &arguments.json {
        json::write(path, &outcomes)?;
    }
    if let Some(path) = &arguments.svg {
        let panels: Vec<Panel> = runs.iter().map(|run| panel(run, arguments.dtype)).collect();
        chart::lines(path, &panels)?;
    }
    println!("gemm: {}", measure::tally(outcomes.iter().map(|outcome| outcome.verdict)));
    Ok(())
}

fn cases(arguments: &Arguments) -> Result<Vec<Case>> {
    let mut cases = arguments.shapes.cases();
    cases.retain(|case| arguments.largest.is_none_or(|largest| case.largest() <= largest));
    cases.retain(|case| arguments.only.as_ref().is_none_or(|text| case.name.contains(text.as_str())));
    if cases.is_empty() {
        bail!("no product is left: --shapes, --only and --largest together exclude all");
    }
    Ok(cases)
}

/// Measures here, inside a pool of the wanted number of threads.
fn worker<T: Number>(arguments: &Arguments, cases: &[Case]) -> Result<()> {
    let threads = arguments.threads[0];
    let say = |message: &Message| -> Result<()> {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, message)?;
        writeln!(out)?;
        Ok(out.flush()?)
    };
    let watch = Watch::start();
    let isa = autograd::kernels::simd::isa::selected().isa;
    let libraries = blas::find(&arguments.blas)?.iter().map(blas::Library::description).collect();
    let share = size_of::<f32>() as f64 / size_of::<T>() as f64;
    say(&Message::Start { peak: share * peak::flops(isa, threads) / 1e9, isa: isa.name().to_owned(), libraries })?;
    let mut multipliers = products::all::<T>(threads, &arguments.blas)?;
    if arguments.control {
        multipliers.push(Multiplier { name: CONTROL.to_owned(), ..products::ours() });
    }
    for case in cases {
        let mut operands = Operands::<T>::new(case);
        let (a, b, mut c) = operands.views();
        let oracle = Oracle::new(a, b);
        for multiplier in &multipliers {
            c.fill(T::NAN);
            (multiplier.multiply)(a, b, c.view_mut());
            if let Err(error) = oracle.check(c.view()) {
                bail!("{}, {} on {threads} threads, {}: {error}", multiplier.name, case.name, case.formula());
            }
        }
        let c = RefCell::new(c);
        let mut contestants: Vec<Contestant<'_>> = Vec::new();
        for multiplier in &multipliers {
            let run = || (multiplier.multiply)(a, b, c.borrow_mut().view_mut());
            contestants.push(Contestant { settle: multiplier.settle, ..Contestant::new(&multiplier.name, run) });
        }
        let settings = Settings { rounds: arguments.rounds, hopeless: HOPELESS, ..Settings::default() };
        let all = measure::interleave(&mut contestants, settings);
        let speed = |seconds: f64| case.flop() / seconds / 1e9;
        let figures = all.iter().map(|series| Figure {
            name: series.name.clone(),
            median: speed(series.median()),
            best: speed(series.best()),
            turns: series.seconds.len(),
            noise: measure::noise(&all[0], series),
        });
        let Case { m, n, k, .. } = *case;
        let (name, formula, size) = (case.name.clone(), case.formula(), case.size());
        say(&Message::Case { name, formula, size, m, n, k, figures: figures.collect() })?;
    }
    say(&Message::End { others: watch.others() })
}

/// Runs this program again as a worker, and listens to it.
fn ask(threads: usize, count: usize) -> Result<Run> {
    let mut command = Command::new(std::env::current_exe()?);
    // The same command line; of two `--threads` the last one counts no more than the first, so the worker's own comes instead.
    command.args(without_threads(std::env::args_os().skip(1)));
    command.args(["--worker", "--threads", &threads.to_string()]);
    command.env("MATMUL_NUM_THREADS", threads.to_string());
    for (name, value) in blas::SLEEP_SOON {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    let mut child = command.stdout(Stdio::piped()).spawn().context("this program can't be started again")?;
    let out = child.stdout.take().context("the worker has no output")?;
    let mut run =
        Run { threads, peak: 0.0, isa: String::new(), libraries: Vec::new(), cases: Vec::new(), others: None };
    for line in BufReader::new(out).lines() {
        match serde_json::from_str(&line?).context("the worker's answer can't be read")? {
            Message::Start { peak, isa, libraries } => (run.peak, run.isa, run.libraries) = (peak, isa, libraries),
            Message::End { others } => run.others = others,
            Message::Case { name, formula, size, m, n, k, figures } => {
                eprintln!("{threads} thread{}: {}/{count} {name}", plural(threads), run.cases.len() + 1);
                let is_square = m == n && n == k && !formula.contains('ᵀ');
                let outcome = outcome(name, (m, n, k), threads, &figures).context("a case without a peer")?;
                run.cases.push(Row { formula, size, is_square, figures, outcome });
            }
        }
    }
    if !child.wait()?.success() {
        bail!("stopped: the run with {threads} threads failed");
    }
    Ok(run)
}

/// The command line without its `--threads`.
fn without_threads(arguments: impl Iterator<Item = std::ffi::OsString>) -> Vec<std::ffi::OsString> {
    let mut kept = Vec::new();
    let mut skip = false;
    for argument in arguments {
        let text = argument.to_string_lossy();
        if skip {
            skip = false;
        } else if text == "--threads" {
            skip = true;
        } else if !text.starts_with("--threads=") {
            kept.push(argument);
        }
    }
    kept
}

/// Compares ours, the first of the figures, with the best of the others.
fn outcome(case: String, (m, n, k): (usize, usize, usize), threads: usize, figures: &[Figure]) -> Option<Outcome> {
    let (ours, peers) = figures.split_first()?;
    let best =
        peers.iter().filter(|peer| peer.name != CONTROL).max_by(|one, other| one.median.total_cmp(&other.median))?;
    let (ratio, noise) = (ours.median / best.median, best.noise);
    Some(Outcome {
        case,
        m,
        n,
        k,
        threads,
        ours: ours.median,
        best_peer: best.median,
        peer: best.name.clone(),
        ratio,
        noise,
        verdict: Verdict::of(ratio, noise),
    })
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn print(run: &Run, dtype: Dtype) {
    let dtype = dtype_name(dtype);
    let threads = run.threads;
    println!(
        "{dtype}, {threads} thread{}, instruction set {}: the peak is {:.1} GFLOP/s, measured in this run. Figures are medians in GFLOP/s",
        plural(threads),
        run.isa,
        run.peak
    );
    println!("(best: our best turn; ~: out of the race after three turns).");
    for library in &run.libraries {
        println!("{library}");
    }
    if let Some(warning) = neighbours::warning(run.others) {
        println!("{warning}");
    }
    let Some(first) = run.cases.first() else { return };
    let mut head: Vec<String> = ["case", "product"].map(str::to_owned).to_vec();
    head.push(first.figures[0].name.clone());
    head.extend(["best", "of peak"].map(str::to_owned));
    head.extend(first.figures[1..].iter().map(|figure| figure.name.clone()));
    head.extend(["ratio to best peer", "noise", "verdict"].map(str::to_owned));
    let mut table = Table::new(head);
    let most = run.cases.iter().flat_map(|case| &case.figures).map(|figure| figure.turns).max().unwrap_or(0);
    for Row { formula, figures, outcome, .. } in &run.cases {
        let ours = &figures[0];
        let mut row = vec![outcome.case.clone(), formula.clone(), format!("{:.1}", ours.median)];
        row.extend([format!("{:.1}", ours.best), format!("{:.0} %", 100.0 * ours.median / run.peak)]);
        row.extend(figures[1..].iter().map(|figure| {
            let rested = if figure.turns < most { "~" } else { "" };
            format!("{rested}{:.1}", figure.median)
        }));
        row.extend([format!("{:.2} ({})", outcome.ratio, outcome.peer), format!("{:.1} %", 100.0 * outcome.noise)]);
        row.push(outcome.verdict.to_string());
        table.row(row);
    }
    println!("\n{table}");
}

fn dtype_name(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F32 => <f32 as Scalar>::NAME,
        Dtype::F64 => <f64 as Scalar>::NAME,
    }
}

/// The chart of a run: of the squares, if there are two at least, else of everything.
fn panel(run: &Run, dtype: Dtype) -> Panel {
    let squares = run.cases.iter().filter(|case| case.is_square).count() >= 2;
    let mut cases: Vec<&Row> = run.cases.iter().filter(|case| case.is_square || !squares).collect();
    cases.sort_by(|one, other| one.size.total_cmp(&other.size));
    let names = run.cases.first().map(|case| case.figures.as_slice()).unwrap_or_default();
    let line = |(index, figure): (usize, &Figure)| Line {
        name: figure.name.clone(),
        points: cases.iter().map(|case| (case.size, case.figures[index].median)).collect(),
    };
    let (threads, of) = (run.threads, if squares { "square products" } else { "products" });
    Panel {
        labels: Labels {
            title: format!("{} {of}, {threads} thread{}, {}", dtype_name(dtype), plural(threads), run.isa),
            x: if squares { "size" } else { "size: cube root of m·n·k" }.to_owned(),
            y: "GFLOP/s".to_owned(),
        },
        lines: names.iter().enumerate().map(line).collect(),
        ceiling: Some(("peak".to_owned(), run.peak)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(name: &str, median: f64, noise: f64) -> Figure {
        Figure { name: name.to_owned(), median, best: median, turns: 15, noise }
    }

    #[test]
    fn ours_is_held_against_the_best_peer() {
        let figures = [figure("gradus", 100.0, 0.0), figure("slow", 50.0, 0.3), figure("quick", 95.0, 0.02)];
        let found = outcome("x".into(), (1, 2, 3), 2, &figures).unwrap();
        assert_eq!((found.peer.as_str(), found.verdict), ("quick", Verdict::Win));
        assert!((found.ratio - 100.0 / 95.0).abs() < 1e-12);
        let figures = [figure("gradus", 100.0, 0.0), figure("quick", 105.0, 0.08)];
        assert_eq!(outcome("x".into(), (1, 2, 3), 2, &figures).unwrap().verdict, Verdict::Tie);
        assert!(outcome("x".into(), (1, 2, 3), 2, &figures[..1]).is_none());
    }

    #[test]
    fn the_workers_command_line_has_its_own_threads() {
        let line = ["gemm", "--threads", "1,2", "--shapes", "mlp", "--threads=3", "--rounds", "1"];
        let kept = without_threads(line.iter().map(Into::into));
        assert_eq!(kept, ["gemm", "--shapes", "mlp", "--rounds", "1"]);
    }
}
