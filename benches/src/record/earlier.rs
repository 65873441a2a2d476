//! Runs from before there was a format: lists of figures, without machine and commit. `compare` reads them, so that a
//! commit of that time can be compared with one of today.

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::{Amount, ContenderInfo, FORMAT, Machine, Measurement, Run, Unit};
use crate::measure::Series;
use crate::task::Task;

/// A line of such a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    /// Of `gemm`: GFLOP/s of the engine and of its best peer.
    Product { case: String, m: f64, n: f64, k: f64, threads: usize, ours: f64, best_peer: f64, peer: String },
    /// Of the other commands: seconds, one for each turn.
    Task { task: String, threads: usize, entrant: String, seconds: Vec<f64> },
}

/// Reads such a list. Of a product only one time is known.
pub(super) fn read(text: &str) -> Result<Run> {
    let entries: Vec<Entry> = serde_json::from_str(text)?;
    ensure!(!entries.is_empty(), "an empty list");
    let mut run = empty(if matches!(entries[0], Entry::Product { .. }) { "gemm" } else { "tasks" });
    for entry in entries {
        match entry {
            Entry::Product { case, m, n, k, threads, ours, best_peer, peer } => {
                let amount = Amount::new(2.0 * m * n * k, Unit::Flop);
                for (name, gflops) in [("gradus", ours), (&peer, best_peer)] {
                    let seconds = vec![amount.value / (1e9 * gflops)];
                    keep(
                        &mut run,
                        Measurement::new(&case, threads, &Series { name: name.to_owned(), seconds }, amount),
                    );
                }
            }
            Entry::Task { task, threads, entrant, seconds } => {
                let amount = task.parse::<Task>()?.amount();
                keep(&mut run, Measurement::new(&task, threads, &Series { name: entrant, seconds }, amount));
            }
        }
    }
    Ok(run)
}

fn keep(run: &mut Run, measurement: Measurement) {
    let name = &measurement.contender;
    if run.contenders.iter().all(|info| info.name != *name) {
        let is_ours = ["gradus", "Gradus"].contains(&name.as_str());
        run.contenders.push(ContenderInfo { is_ours, ..ContenderInfo::peer(name, "", "") });
    }
    run.measurements.push(measurement);
}

fn empty(command: &str) -> Run {
    let unknown = || "unknown".to_owned();
    let machine = Machine {
        processor: unknown(),
        threads: 0,
        caches: Vec::new(),
        instruction_set: unknown(),
        available_sets: Vec::new(),
        system: unknown(),
    };
    Run {
        format: FORMAT,
        command: command.to_owned(),
        arguments: Vec::new(),
        date: unknown(),
        commit: None,
        machine,
        peaks: Vec::new(),
        rounds: 0,
        turn_milliseconds: 0.0,
        contenders: Vec::new(),
        measurements: Vec::new(),
        comparisons: Vec::new(),
        tables: Vec::new(),
        charts: Vec::new(),
        notes: Vec::new(),
        busy_cores_of_others: None,
        disturbed: false,
        summary: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_products() {
        let text = r#"[{"case": "square 16", "m": 16, "n": 16, "k": 16, "threads": 2, "ours": 50.0, "best_peer": 80.0,
            "peer": "openblas", "ratio": 0.625, "noise": 0.01, "verdict": "lose"}]"#;
        let run = read(text).unwrap();
        assert_eq!((run.command.as_str(), run.measurements.len()), ("gemm", 2));
        let rate = |index: usize| (run.measurements[index].contender.as_str(), run.measurements[index].rate());
        assert!(rate(0).0 == "gradus" && (rate(0).1 - 50e9).abs() < 1.0, "{:?}", rate(0));
        assert!(rate(1).0 == "openblas" && (rate(1).1 - 80e9).abs() < 1.0, "{:?}", rate(1));
        assert_eq!(run.contenders.iter().map(|info| info.is_ours).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn a_list_of_tasks() {
        let text = r#"[{"task": "train 64", "threads": 1, "entrant": "Gradus", "seconds": [1.0, 3.0, 2.0]}]"#;
        let run = read(text).unwrap();
        let found = &run.measurements[0];
        assert_eq!((found.median, found.amount, found.seconds.len()), (2.0, Amount::new(64.0, Unit::Image), 3));
        assert!(read(r#"[{"task": "sing 64", "threads": 1, "entrant": "Gradus", "seconds": []}]"#).is_err());
        assert!(read("[]").is_err());
    }
}
