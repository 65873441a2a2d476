//! `profile`: where the time of a training step goes, operation by operation, and what limits each of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use autograd::trace::{Event, Phase, record};
use clap::Args;
use serde::Serialize;

use super::model::{Model, PERCEPTRON, model_parser};
use super::options::{Effort, OURS, all_threads, threads_in_words};
use super::positive;
use crate::benchmark::Work;
use crate::chart::{Chart, Point, Roofline};
use crate::counters::Counters;
use crate::measure::{Series, median};
use crate::ours::gradus;
use crate::problem::Problem;
use crate::record::{Amount, ContenderInfo, Measurement, Output, Recorder, Unit, write_json};
use crate::roofline::{Limits, Operation, operations, phase_in_words, shapes};
use crate::table::Table;
use crate::task::Task;

/// The options of `profile`.
#[derive(Args)]
pub struct Arguments {
    /// The network
    #[arg(long, default_value = PERCEPTRON, value_parser = model_parser(|_| true))]
    model: Model,
    /// Examples in a step [default: 64 of the perceptron, else the network's usual number]
    #[arg(long, value_name = "N", value_parser = positive)]
    batch: Option<usize>,
    /// How many threads [default: all]
    #[arg(long, value_name = "N", value_parser = positive)]
    threads: Option<usize>,
    #[command(flatten)]
    effort: Effort,
    /// Digits without a black pixel (1 of 255 instead of 0), so that no product can leave out zeros
    #[arg(long)]
    no_black: bool,
    /// Write what was traced for chrome://tracing or Perfetto
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
    /// Draw the roofline
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Operations below this share of a step are one row together.
const SMALL: f64 = 0.01;

/// What was measured.
struct Profile {
    steps: usize,
    /// Seconds of a step, one figure for each round.
    untraced: Vec<f64>,
    traced: Vec<f64>,
    /// The events of each round.
    rounds: Vec<Vec<Event>>,
}

impl Profile {
    /// Seconds of a traced step inside of operations, one figure for each round.
    fn inside(&self) -> Vec<f64> {
        let of_round = |events: &Vec<Event>| {
            let outermost = events.iter().filter(|event| event.depth == 0);
            outermost.map(|event| event.duration).sum::<Duration>().as_secs_f64() / self.steps as f64
        };
        self.rounds.iter().map(of_round).collect()
    }

    /// The median of what is left of a traced step.
    fn between(&self) -> f64 {
        let left: Vec<f64> = self.traced.iter().zip(self.inside()).map(|(whole, inside)| whole - inside).collect();
        median(&left).max(0.0)
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    // Before any thread starts: counters count the threads that start after them.
    let counters = Counters::open();
    let threads = arguments.threads.unwrap_or_else(all_threads);
    let (task, name, amount) = task_of(arguments);
    let mut problem = Problem::digits()?;
    if arguments.no_black {
        problem.lighten();
    }
    let problem = Arc::new(problem);
    let rounds = arguments.effort.rounds(9, 3);
    let mut work = gradus(&problem, task, threads).expect("Gradus trains");
    work(20);
    let counted = counters.and_then(|mut counters| {
        counters.count(|| {
            work(COUNTED_STEPS);
        })
    });

    let recorder = Recorder::start("profile", &arguments.output, &[threads])?.draw_to(arguments.svg.as_deref())?;
    let turn = arguments.effort.turn(200, 50);
    let mut recorder = recorder.rounds(rounds, turn as f64);
    let limits = Limits::measure(threads, recorder.peak(threads).gflops);
    let profile = measure(&mut work, rounds, Duration::from_millis(turn as u64));
    let all = operations(&profile.rounds, profile.steps);
    let title = format!("A training step of {name} on {}:", threads_in_words(threads));
    recorder.table(title, table(&all, &limits, median(&profile.traced), profile.between()));
    explain(&mut recorder, &profile, arguments.no_black || arguments.model.is_some());
    recorder.note(match counted {
        Ok(counts) => counts.in_words(COUNTED_STEPS),
        Err(reason) => format!("Hardware counters: not available here ({reason})."),
    });
    keep(&mut recorder, &all, &profile, threads);
    recorder.chart(Chart::Roofline(chart(
        &all,
        &limits,
        median(&profile.traced),
        format!("A training step of {name}"),
    )));
    if let Some(path) = &arguments.trace {
        let events: Vec<Complete<'_>> = profile.rounds.iter().flatten().map(Complete::from).collect();
        write_json(path, &events)?;
        recorder.note(format!("{} events are in {}.", events.len(), path.display()));
    }
    let (speed, unit) = amount.unit.rate(amount.value / median(&profile.untraced));
    recorder.finish(format!("profile: {speed:.1} {unit} on {}", threads_in_words(threads)))
}

/// The task, its name and its work.
fn task_of(arguments: &Arguments) -> (Task, String, Amount) {
    let Some(network) = arguments.model else {
        let batch = arguments.batch.unwrap_or(64);
        return (
            Task::Train { batch },
            format!("the perceptron, {batch} images,"),
            Amount::new(batch as f64, Unit::Image),
        );
    };
    let batch = arguments.batch.unwrap_or(network.batch);
    (Task::TrainNetwork { network, batch }, format!("{network}, batch {batch},"), network.amount(batch))
}

/// Steps for the hardware counters.
const COUNTED_STEPS: usize = 200;

/// Runs steps by turns, untraced and traced.
fn measure(work: &mut Work, rounds: usize, turn: Duration) -> Profile {
    /// How long `steps` steps take.
    fn timed(work: &mut Work, steps: usize) -> f64 {
        let start = Instant::now();
        work(steps);
        start.elapsed().as_secs_f64()
    }
    let ten = timed(work, 10);
    let steps = (10.0 * turn.as_secs_f64() / ten).ceil().max(1.0) as usize;
    let mut profile = Profile { steps, untraced: Vec::new(), traced: Vec::new(), rounds: Vec::new() };
    for _ in 0..rounds {
        profile.untraced.push(timed(work, steps) / steps as f64);
        let (traced, events) = record(|| timed(work, steps));
        profile.traced.push(traced / steps as f64);
        profile.rounds.push(events);
    }
    profile
}

/// The operations, the longest first: what they have to do, what they reach, and what limits them.
fn table(all: &[Operation], limits: &Limits, whole: f64, between: f64) -> Table {
    let mut table = Table::new([
        "operation",
        "phase",
        "shapes",
        "µs",
        "share",
        "MFLOP",
        "KB",
        "GFLOP/s",
        "GB/s",
        "of the limit",
        "limit",
    ]);
    let times = |seconds: f64| [format!("{:.1}", 1e6 * seconds), format!("{:.1} %", 100.0 * seconds / whole)];
    let (large, small): (Vec<_>, Vec<_>) = all.iter().partition(|one| one.median() >= SMALL * whole);
    for operation in large {
        let (seconds, cost) = (operation.median(), operation.cost);
        let limit = limits.of(cost, seconds);
        let start = [operation.name.clone(), phase_in_words(operation.phase).to_owned(), operation.shapes.clone()];
        let figures = [cost.flop / 1e6, cost.bytes / 1e3, cost.flop / seconds / 1e9, cost.bytes / seconds / 1e9];
        let figures = figures.map(|figure| format!("{figure:.2}"));
        let name = if limit.is_arithmetic { "arithmetic".to_owned() } else { format!("memory ({})", limit.memory) };
        let end = [format!("{:.0} %", 100.0 * limit.share), name];
        table.row(start.into_iter().chain(times(seconds)).chain(figures).chain(end));
    }
    let mut row = |name: String, phase: &str, seconds: f64| {
        table.row([name, phase.to_owned(), String::new()].into_iter().chain(times(seconds)));
    };
    if !small.is_empty() {
        row(format!("{} others", small.len()), "", small.iter().map(|one| one.median()).sum());
    }
    for phase in [Phase::Forward, Phase::Backward, Phase::Update] {
        let of_phase = all.iter().filter(|one| one.phase == phase);
        row("all".to_owned(), phase_in_words(phase), of_phase.map(Operation::median).sum());
    }
    for (name, is_arithmetic) in [("limited by arithmetic", true), ("limited by memory", false)] {
        let so_limited = |one: &&Operation| limits.of(one.cost, one.median()).is_arithmetic == is_arithmetic;
        row(name.to_owned(), "", all.iter().filter(so_limited).map(Operation::median).sum());
    }
    row("between operations".to_owned(), "", between);
    table
}

/// The sentences below the table.
fn explain(recorder: &mut Recorder, profile: &Profile, skips_nothing: bool) {
    recorder.note(
        "The names are those of functions in autograd/src (grep -rn \"fn linear_relu\"). MFLOP and KB are what the \
         formula needs at least: each input read once, each output written once. The limit is the peak, or a copy of \
         about as many bytes, both measured in this run; above 100 % the data came from a nearer cache than that.",
    );
    if !skips_nothing {
        recorder.note(
            "Digits are mostly black, and products of the first layer leave out zeros: they may exceed the peak. \
             --no-black measures without that.",
        );
    }
    let (traced, untraced) = (median(&profile.traced), median(&profile.untraced));
    let events =
        profile.rounds.iter().map(Vec::len).sum::<usize>() as f64 / (profile.steps * profile.rounds.len()) as f64;
    recorder.note(format!(
        "Traced, a step takes {:.1} µs, untraced {:.1} µs: tracing costs {:.1} µs, for {events:.0} events. Of the \
         traced step {:.1} µs are inside of operations; the rest, \"between operations\", is the training loop, the \
         graph, the memory pool, and most of the tracing.",
        1e6 * traced,
        1e6 * untraced,
        1e6 * (traced - untraced).max(0.0),
        1e6 * median(&profile.inside()),
    ));
}

/// Keeps the times of all operations, and of the step.
fn keep(recorder: &mut Recorder, all: &[Operation], profile: &Profile, threads: usize) {
    recorder.contender(&ContenderInfo::engine(OURS));
    let series = |seconds: &[f64]| Series { name: OURS.to_owned(), seconds: seconds.to_vec() };
    for (name, seconds) in [("step, untraced", &profile.untraced), ("step, traced", &profile.traced)] {
        recorder.measured(Measurement::new(name, threads, &series(seconds), Amount::new(1.0, Unit::Operation)));
    }
    for operation in all {
        let amount = Amount::new(operation.cost.flop, Unit::Flop);
        let name = format!("{} {}", operation.label(), operation.shapes);
        recorder.measured(Measurement {
            detail: operation.shapes.clone(),
            figures: BTreeMap::from([("bytes".to_owned(), operation.cost.bytes)]),
            ..Measurement::new(name, threads, &series(&operation.seconds), amount)
        });
    }
}

/// The operations that take long enough, under the limits.
fn chart(all: &[Operation], limits: &Limits, whole: f64, title: String) -> Roofline {
    let drawn = all.iter().filter(|one| one.median() >= SMALL * whole && one.cost.flop > 0.0 && one.cost.bytes > 0.0);
    let point = |operation: &Operation| Point {
        name: format!("{} {}", operation.label(), operation.shapes.rsplit("-> ").next().unwrap_or_default()),
        intensity: operation.cost.flop / operation.cost.bytes,
        gflops: operation.cost.flop / operation.median() / 1e9,
    };
    let bandwidths = limits.copies.iter().map(|(name, _, bandwidth)| (format!("copy of {name}"), bandwidth / 1e9));
    Roofline { title, peak: limits.peak / 1e9, bandwidths: bandwidths.collect(), points: drawn.map(point).collect() }
}

/// A complete event of the
/// [trace event format](https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU).
#[derive(Serialize)]
struct Complete<'a> {
    name: &'a str,
    #[serde(rename = "cat")]
    category: &'a str,
    #[serde(rename = "ph")]
    kind: &'a str,
    /// In microseconds, as the next.
    #[serde(rename = "ts")]
    start: f64,
    #[serde(rename = "dur")]
    duration: f64,
    #[serde(rename = "pid")]
    process: usize,
    #[serde(rename = "tid")]
    thread: usize,
    args: BTreeMap<&'a str, String>,
}

impl<'a> From<&'a Event> for Complete<'a> {
    fn from(event: &'a Event) -> Self {
        let micros = |time: Duration| time.as_nanos() as f64 / 1e3;
        Complete {
            name: event.name,
            category: phase_in_words(event.phase),
            kind: "X",
            start: micros(event.start),
            duration: micros(event.duration),
            process: 1,
            thread: event.thread,
            args: BTreeMap::from([("shapes", shapes(event))]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::Tensor;
    use std::sync::Mutex;

    fn events() -> Vec<Event> {
        // A trace has the events of all threads, also those of other tests.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock().unwrap();
        let x: Tensor = Tensor::ones([3, 5]).requires_grad();
        let mut events = record(|| x.tanh().sum().backward()).1;
        let thread = events.iter().find(|event| event.name == "tanh" && event.output == [3, 5]).unwrap().thread;
        events.retain(|event| event.thread == thread);
        events.iter_mut().for_each(|event| event.duration = Duration::from_micros(10));
        events
    }

    fn limits() -> Limits {
        Limits { threads: 1, peak: 1e11, copies: vec![("12 KiB", 12 << 10, 1e10)] }
    }

    #[test]
    fn what_ran_is_a_row_with_its_limit() {
        let all = operations(&[events()], 1);
        let text = table(&all, &limits(), 1e-4, 1e-5).to_string();
        // 15 operations on 120 bytes in 10 µs: 0.0015 GFLOP/s and 0.012 GB/s, of 10.
        let row = text.lines().find(|line| line.contains("| tanh ") && line.contains("forward")).unwrap();
        for words in ["[3, 5] -> [3, 5]", "| 10.0 |", "10.0 %", "0.00", "0.01", "memory (12 KiB)"] {
            assert!(row.contains(words), "{words} is missing in\n{row}");
        }
        assert_eq!(text.matches("| tanh ").count(), 2, "one forward, one backward:\n{text}");
        let whole = table(&all, &limits(), 1.0, 0.25).to_string();
        assert!(
            whole.contains(&format!("| {} others", all.len())) && whole.contains("| 250000.0 | 25.0 % |"),
            "{whole}"
        );
    }

    #[test]
    fn the_roofline_has_the_operations_that_take_long_enough() {
        let all = operations(&[events()], 1);
        let drawn = chart(&all, &limits(), 1e-4, String::new());
        assert!(drawn.points.iter().any(|point| point.name == "tanh forward [3, 5]" && point.intensity == 0.125));
        assert!(Chart::Roofline(drawn).svg().unwrap().contains("tanh backward"));
        assert!(chart(&all, &limits(), 1.0, String::new()).points.is_empty());
    }

    #[test]
    fn untraced_and_traced_steps_take_turns() {
        let mut calls = 0;
        let mut work: Work = Box::new(move |repeats| {
            calls += repeats;
            calls as f64
        });
        let mut profile = measure(&mut work, 3, Duration::from_nanos(1));
        // Other tests may have run meanwhile.
        profile.rounds = vec![Vec::new(); profile.rounds.len()];
        assert_eq!((profile.untraced.len(), profile.traced.len(), profile.rounds.len()), (3, 3, 3));
        assert!(work(0) >= 16.0);
        assert_eq!(profile.inside(), [0.0; 3]);
        assert_eq!(profile.between(), median(&profile.traced), "nothing ran that is traced");
    }

    #[test]
    fn a_trace_has_the_fields_that_viewers_ask_for() {
        let events = events();
        let value = serde_json::to_value(events.iter().map(Complete::from).collect::<Vec<_>>()).unwrap();
        let tanh = value.as_array().unwrap().iter().find(|event| event["name"] == "tanh").unwrap();
        assert_eq!((tanh["ph"].as_str(), tanh["cat"].as_str()), (Some("X"), Some("forward")));
        assert!(tanh["ts"].is_number() && tanh["dur"].is_number() && tanh["pid"] == 1 && tanh["tid"].is_number());
        assert_eq!(tanh["args"]["shapes"], "[3, 5] -> [3, 5]");
    }
}
