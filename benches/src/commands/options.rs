//! What all commands with a contest have in common.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::positive;
use crate::contest::{Entrant, Rounds, Task, contest};
use crate::measure::Series;
use crate::peers::{self, Peer};
use crate::problem::Problem;

/// Who takes part, on how many threads, and for how long.
#[derive(Args)]
pub struct Options {
    /// How many threads, a list
    #[arg(long, value_delimiter = ',', default_value = "1,2", value_parser = positive)]
    pub threads: Vec<usize>,
    /// Whom to compare with, a list of candle and burn (build with --features peers), torch and jax (with --python)
    #[arg(long, value_delimiter = ',')]
    pub peers: Vec<Peer>,
    /// A Python that has torch or jax
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,
    /// How often it is everybody's turn
    #[arg(long, default_value = "9", value_parser = positive)]
    pub rounds: usize,
    /// How many milliseconds a turn lasts
    #[arg(long, default_value = "40", value_parser = positive)]
    pub turn: usize,
    /// Digits without a black pixel (1 of 255 instead of 0), so that no product can leave out zeros
    #[arg(long)]
    pub no_black: bool,
    /// Where to write all figures
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// One figure of a contest, as it is written to a file.
#[derive(Serialize)]
pub struct Record {
    task: String,
    threads: usize,
    entrant: String,
    /// Of one repetition of the task, in seconds, a number for each turn.
    seconds: Vec<f64>,
}

/// How many repetitions go before the first turn, and how far the entrants' numbers may then lie apart.
#[derive(Clone, Copy)]
pub struct Agreement {
    /// Repetitions.
    pub warm_up: usize,
    /// As a share.
    pub tolerance: f64,
}

impl Options {
    /// The peers that were asked for, ready to run.
    ///
    /// # Errors
    /// If one can't be started.
    pub fn start_peers(&self, problem: &Problem, threads: usize) -> Result<Vec<Box<dyn Entrant>>> {
        peers::start(&self.peers, self.python.as_deref(), problem, threads)
    }

    /// The digits, or an error that names the file.
    ///
    /// # Errors
    /// If they can't be read.
    pub fn problem(&self) -> Result<Arc<Problem>> {
        let mut problem = Problem::digits()?;
        if self.no_black {
            problem.lighten();
        }
        Ok(Arc::new(problem))
    }

    /// Runs a task and keeps the figures in `records`.
    ///
    /// # Errors
    /// Those of [`contest`].
    pub fn run(
        &self,
        entrants: &mut [Box<dyn Entrant>],
        (task, threads): (Task, usize),
        Agreement { warm_up, tolerance }: Agreement,
        records: &mut Vec<Record>,
    ) -> Result<Vec<Series>> {
        let turn = Duration::from_millis(self.turn as u64);
        let all = contest(entrants, task, Rounds { rounds: self.rounds, turn, warm_up, tolerance })?;
        records.extend(all.iter().map(|series| Record {
            task: task.to_string(),
            threads,
            entrant: series.name.clone(),
            seconds: series.seconds.clone(),
        }));
        Ok(all)
    }

    /// Writes the figures, if that was asked for.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, records: &[Record]) -> Result<()> {
        self.json.as_deref().map_or(Ok(()), |path| crate::json::write(path, records))
    }
}

/// `1 thread`, `2 threads`.
pub fn threads_in_words(threads: usize) -> String {
    format!("{threads} thread{}", if threads == 1 { "" } else { "s" })
}
