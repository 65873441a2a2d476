//! What the commands have in common: threads, effort, and the benchmarks of whole tasks.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::positive;
use crate::benchmark::{Contender, Rounds, benchmark};
use crate::measure::Series;
use crate::peers::{self, Peer};
use crate::problem::Problem;
use crate::record::{Measurement, Output, Recorder};
use crate::task::Task;
use crate::verdict::Comparison;

/// On how many threads to measure.
#[derive(Args, Clone, Debug)]
pub struct Threads {
    /// How many threads, a list [default: 1, and all]
    #[arg(long, value_delimiter = ',', value_parser = positive)]
    threads: Vec<usize>,
}

impl Threads {
    /// The list; one, and all that this process may use, if none was given.
    pub fn list(&self) -> Vec<usize> {
        list_or_default(&self.threads, all_threads())
    }
}

fn list_or_default(given: &[usize], all: usize) -> Vec<usize> {
    match (given, all) {
        ([], 1) => vec![1],
        ([], all) => vec![1, all],
        _ => given.to_vec(),
    }
}

/// The threads that this process may use at once.
pub fn all_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// How long to measure.
#[derive(Args, Clone, Debug)]
pub struct Effort {
    /// Turns of each contender [default: depends on the command]
    #[arg(long, value_name = "N", value_parser = positive)]
    rounds: Option<usize>,
    /// The least length of a turn, in milliseconds [default: depends on the command]
    #[arg(long, value_name = "N", value_parser = positive)]
    turn: Option<usize>,
    /// A table within a minute: fewer benchmarks, fewer and shorter turns, more noise
    #[arg(long)]
    pub quick: bool,
}

impl Effort {
    /// The rounds; if none were given, `usual` or, quickly, `quick`.
    pub fn rounds(&self, usual: usize, quick: usize) -> usize {
        self.rounds.unwrap_or(if self.quick { quick } else { usual })
    }

    /// The length of a turn in milliseconds, in the same way.
    pub fn turn(&self, usual: usize, quick: usize) -> usize {
        self.turn.unwrap_or(if self.quick { quick } else { usual })
    }
}

/// Who takes part in the benchmark of a task, on how many threads, and for how long.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    pub threads: Threads,
    /// Whom to compare with, a list of candle and burn (build with --features peers), torch, torch-compile,
    /// torch-channels-last and jax (with --python); each takes part in the tasks that it has
    #[arg(long, value_delimiter = ',')]
    pub peers: Vec<Peer>,
    /// A Python that has torch or jax
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,
    #[command(flatten)]
    pub effort: Effort,
    /// Digits without a black pixel (1 of 255 instead of 0), so that no product can leave out zeros
    #[arg(long)]
    pub no_black: bool,
    #[command(flatten)]
    pub output: Output,
}

/// How many repetitions go before the first turn, and how much the contenders' values may then differ.
#[derive(Clone, Copy)]
pub struct Agreement {
    /// Repetitions.
    pub warm_up: usize,
    /// As a share.
    pub tolerance: f64,
}

impl Options {
    /// Turns of each contender.
    pub fn rounds(&self) -> usize {
        self.effort.rounds(9, 5)
    }

    fn turn(&self) -> usize {
        self.effort.turn(40, 10)
    }

    /// Begins a run of a command, and makes the data.
    ///
    /// # Errors
    /// If the digits can't be read, or an output can't be written.
    pub fn start(&self, command: &str) -> Result<(Recorder, Arc<Problem>)> {
        let mut problem = Problem::digits()?;
        if self.no_black {
            problem.lighten();
        }
        let recorder = Recorder::start(command, &self.output, &self.threads.list())?;
        Ok((recorder.rounds(self.rounds(), self.turn() as f64), Arc::new(problem)))
    }

    /// The peers that were asked for, ready to run.
    ///
    /// # Errors
    /// If one can't be started.
    pub fn start_peers(&self, problem: &Problem, threads: usize) -> Result<Vec<Box<dyn Contender>>> {
        peers::start(&self.peers, self.python.as_deref(), problem, threads)
    }

    /// Runs a task and keeps its times, and the comparison of the contender `ours` with the best peer.
    ///
    /// # Errors
    /// Those of [`benchmark`].
    pub fn run(
        &self,
        contenders: &mut [Box<dyn Contender>],
        (task, threads): (Task, usize),
        Agreement { warm_up, tolerance }: Agreement,
        recorder: &mut Recorder,
    ) -> Result<Outcome> {
        let turn = Duration::from_millis(self.turn() as u64);
        let all = benchmark(contenders, task, Rounds { rounds: self.rounds(), turn, warm_up, tolerance })?;
        for contender in contenders.iter() {
            recorder.contender(contender.info());
        }
        for series in &all {
            recorder.measured(Measurement::new(task.to_string(), threads, series, task.amount()));
        }
        let no_peers: Vec<&str> =
            contenders.iter().filter(|one| !one.is_peer()).map(|one| one.info().name.as_str()).collect();
        let comparison = Comparison::with_best(&task.to_string(), threads, &all, OURS, &no_peers);
        if let Some(comparison) = &comparison {
            recorder.compared(comparison.clone());
        }
        Ok(Outcome { all, comparison })
    }
}

/// What the engine is called in the tables of tasks.
pub const OURS: &str = "Gradus";

/// What came out of the benchmark of a task.
pub struct Outcome {
    /// The times of all contenders that have such an operation.
    pub all: Vec<Series>,
    /// The engine against the best peer; `None` without peers.
    pub comparison: Option<Comparison>,
}

impl Outcome {
    /// The median of a contender, in seconds.
    pub fn median(&self, name: &str) -> Option<f64> {
        self.all.iter().find(|series| series.name == name).map(Series::median)
    }
}

/// The tally of the comparisons, as part of a last line; empty without peers.
pub fn tally_in_words(recorder: &Recorder) -> String {
    let comparisons = &recorder.run().comparisons;
    if comparisons.is_empty() {
        return String::new();
    }
    let verdicts = comparisons.iter().map(|comparison| comparison.verdict);
    format!("; against the best peer {}", crate::verdict::tally(verdicts))
}

/// `1 thread`, `2 threads`.
pub fn threads_in_words(threads: usize) -> String {
    format!("{threads} thread{}", if threads == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_one_and_all_if_none_are_given() {
        assert_eq!(list_or_default(&[], 1), [1]);
        assert_eq!(list_or_default(&[], 8), [1, 8]);
        assert_eq!(list_or_default(&[3], 8), [3]);
    }

    #[test]
    fn what_is_given_goes_before_quick() {
        let effort = |rounds, quick| Effort { rounds, turn: None, quick };
        assert_eq!(effort(None, false).rounds(15, 5), 15);
        assert_eq!(effort(None, true).rounds(15, 5), 5);
        assert_eq!(effort(Some(7), true).rounds(15, 5), 7);
        assert_eq!((effort(None, true).turn(40, 10), effort(None, false).turn(40, 10)), (10, 40));
    }
}
