//! `profile`: where the time of a training epoch goes, operation by operation.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use autograd::trace::{Event, Phase, record};
use clap::Args;
use serde::Serialize;

use super::options::threads_in_words;
use super::positive;
use crate::contest::Task;
use crate::json;
use crate::ours::gradus;
use crate::problem::Problem;
use crate::table::Table;

/// The options of `profile`.
#[derive(Args)]
pub struct Arguments {
    /// Images in a step
    #[arg(long, default_value = "64", value_parser = positive)]
    batch: usize,
    /// How many threads
    #[arg(long, default_value = "2", value_parser = positive)]
    threads: usize,
    /// Where to write the epoch as a trace for chrome://tracing or Perfetto
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let &Arguments { batch, threads, ref trace } = arguments;
    let problem = std::sync::Arc::new(Problem::digits()?);
    let steps = problem.order.len() / batch;
    let mut work = gradus(&problem, Task::Train { batch }, threads).expect("Gradus trains");
    work(20);
    let start = Instant::now();
    work(steps);
    let untraced = start.elapsed();
    let start = Instant::now();
    let (_, events) = record(|| work(steps));
    let whole = start.elapsed();

    println!("An epoch of {steps} steps with {batch} images each on {}:\n", threads_in_words(threads));
    println!("{}", table(&events, whole, steps));
    println!(
        "Traced it takes {:.3} s, untraced {:.3} s: looking costs about a microsecond an event, most of what lies between.",
        whole.as_secs_f64(),
        untraced.as_secs_f64()
    );
    if let Some(path) = trace {
        json::write(path, &events.iter().map(Complete::from).collect::<Vec<_>>())?;
        println!("{} events are in {}.", events.len(), path.display());
    }
    Ok(())
}

/// The outermost events by phase, name and shapes, the longest first, and what lies between them.
fn table(events: &[Event], whole: Duration, steps: usize) -> Table {
    let mut sums: BTreeMap<(Phase, &str, String), Duration> = BTreeMap::new();
    for event in events.iter().filter(|event| event.depth == 0) {
        *sums.entry((event.phase, event.name, shapes(event))).or_default() += event.duration;
    }
    let between = whole.saturating_sub(sums.values().sum());
    let mut rows: Vec<_> = sums.into_iter().filter(|(_, duration)| !duration.is_zero()).collect();
    rows.sort_by_key(|(_, duration)| std::cmp::Reverse(*duration));
    let mut table = Table::new(["operation", "phase", "shapes", "µs a step", "share"]);
    let figures = |duration: Duration| {
        let share = 100.0 * duration.as_secs_f64() / whole.as_secs_f64();
        [format!("{:.1}", 1e6 * duration.as_secs_f64() / steps as f64), format!("{share:.1}%")]
    };
    for ((phase, name, shapes), duration) in rows {
        table.row([name.to_owned(), in_words(phase).to_owned(), shapes].into_iter().chain(figures(duration)));
    }
    for phase in [Phase::Forward, Phase::Backward, Phase::Update] {
        let of_phase = events.iter().filter(|event| event.depth == 0 && event.phase == phase);
        let sum = of_phase.map(|event| event.duration).sum();
        table.row(["all".into(), in_words(phase).into(), String::new()].into_iter().chain(figures(sum)));
    }
    table.row(["between operations".into(), String::new(), String::new()].into_iter().chain(figures(between)));
    table
}

fn in_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Forward => "forward",
        Phase::Backward => "backward",
        Phase::Update => "update",
    }
}

fn shapes(event: &Event) -> String {
    let inputs: Vec<String> = event.inputs.iter().map(ToString::to_string).collect();
    format!("{} -> {}", inputs.join(" "), event.output).trim_start().to_owned()
}

/// A complete event of the [trace event format](https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU).
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
            category: in_words(event.phase),
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

    fn events() -> Vec<Event> {
        let x: Tensor = Tensor::ones([3, 5]).requires_grad();
        record(|| x.tanh().sum().backward()).1
    }

    #[test]
    fn what_ran_is_summed_by_name_and_phase() {
        let mut events = events();
        events.extend(events.clone());
        let text = table(&events, Duration::from_secs(1), 2).to_string();
        for words in ["| tanh ", "|  forward | [3, 5] -> [3, 5] |", "| sum ", "backward", "between operations"] {
            assert!(text.contains(words), "{words} is missing in\n{text}");
        }
        assert_eq!(text.matches("| tanh ").count(), 2, "one forward, one backward:\n{text}");
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
