//! `compare`: what changed between two runs, or between a commit and this one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use super::positive;
use crate::checkout::{Build, Checkout};
use crate::comparison::{self, Changes};
use crate::record::{ContenderInfo, Measurement, Output, Recorder, Run, commit_of, read};

/// The options of `compare`. They come before the files or the command.
#[derive(Args)]
pub struct Arguments {
    /// Build this commit in a worktree in the target folder, and run it and this program by turns
    #[arg(long, value_name = "COMMIT")]
    commit: Option<String>,
    /// With --commit: turns of each program
    #[arg(long, value_name = "N", default_value = "5", value_parser = positive)]
    turns: usize,
    /// Whom to compare [default: the engine, and what else is code of this repository]
    #[arg(long, value_name = "NAME")]
    contender: Option<String>,
    /// Show also what has not changed
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: Output,
    /// Two files that --json wrote, the old one first. With --commit: a command and its options, instead of
    /// "gemm --quick --alone"
    #[arg(value_name = "OLD NEW | COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// The command that `--commit` runs if none is given: the engine's products without its peers.
const USUAL: [&str; 3] = ["gemm", "--quick", "--alone"];

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let mut recorder = Recorder::without_peaks("compare", &arguments.output)?;
    let is_wanted = |run: &Run, measurement: &Measurement| match &arguments.contender {
        Some(name) => measurement.contender == *name,
        None => comparison::is_ours(run, measurement),
    };
    let (old, new, changes) = match &arguments.commit {
        Some(commit) => {
            let turns = run_by_turns(arguments, commit)?;
            recorder = recorder.rounds(turns.len(), 0.0);
            let changes = comparison::by_turns(&turns, is_wanted);
            let (old, new): (Vec<Run>, Vec<Run>) = turns.into_iter().unzip();
            let both = comparison::merged(old).zip(comparison::merged(new));
            let (old, new) = both.context("no turn")?;
            (old, new, changes)
        }
        None => {
            let [old, new] = &arguments.rest[..] else {
                bail!("two files are needed, the old one and the new one, after the options; or --commit");
            };
            let (old, new) = (read(Path::new(old))?, read(Path::new(new))?);
            let changes = comparison::of_two_runs(&old, &new, is_wanted);
            (old, new, changes)
        }
    };
    if changes.all.is_empty() {
        let names: Vec<&str> = new.contenders.iter().map(|info| info.name.as_str()).collect();
        bail!(
            "nothing to compare: no benchmark has the same contender in both runs; the new one has {}",
            names.join(", ")
        );
    }
    show(&mut recorder, arguments, (&old, &new), &changes);
    recorder.finish(format!("compare: {}", changes.summary()))
}

/// Prints what the runs are, what changed, and keeps both sides' figures.
fn show(recorder: &mut Recorder, arguments: &Arguments, (old, new): (&Run, &Run), changes: &Changes) {
    let commit = |run: &Run| run.commit.clone().unwrap_or_else(|| "unknown".to_owned());
    recorder.note(format!("old: {}, {}\nnew: {}, {}", commit(old), old.date, commit(new), new.date));
    for warning in comparison::warnings(old, new) {
        recorder.note(warning);
    }
    match changes.drift {
        Some(drift) => recorder.note(format!(
            "The peers, the same programs in both runs, have {drift:.3} times their speed in the new one; the \
             difference counts as noise."
        )),
        None if arguments.commit.is_none() => recorder.note(
            "Without peers in both runs nothing shows how the machine has drifted between them; --commit measures by \
             turns.",
        ),
        None => {}
    }
    match changes.table(arguments.all) {
        Some(table) => recorder.table("\nWork in a second, medians:", table),
        None => recorder.note("\nNothing has changed beyond the noise."),
    }
    for (run, which) in [(old, "old"), (new, "new")] {
        for info in run.contenders.iter().filter(|info| changes.all.iter().any(|one| one.contender == info.name)) {
            let (name, settings) = (format!("{} ({which})", info.name), format!("{}, {}", commit(run), info.settings));
            recorder.contender(&ContenderInfo { name, settings, ..info.clone() });
        }
        for measurement in &run.measurements {
            let is_compared = changes.all.iter().any(|one| one.contender == measurement.contender);
            if is_compared {
                let contender = format!("{} ({which})", measurement.contender);
                recorder.measured(Measurement { contender, ..measurement.clone() });
            }
        }
    }
}

/// Builds the commit, and runs its program and this one: old, new, new, old, ...
fn run_by_turns(arguments: &Arguments, commit: &str) -> Result<Vec<(Run, Run)>> {
    let own = std::env::current_exe().context("this program does not find itself")?;
    let build = Build::like(&own)?;
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    ensure!(commit_of(repository).is_some(), "{} is in no git repository", repository.display());
    let checkout = Checkout::new(repository, commit, &build.worktree())?;
    eprintln!("building {commit} in {}", checkout.folder().display());
    let other = checkout.build(&build)?;
    let command = if arguments.rest.is_empty() { USUAL.map(str::to_owned).to_vec() } else { arguments.rest.clone() };
    let mut turns = alternate(&other, &own, &command, arguments.turns)?;
    for (old, new) in turns.iter_mut().filter(|(old, _)| old.commit.is_none()) {
        // A program from before there was a format does not say them.
        old.commit = commit_of(checkout.folder());
        (old.machine, old.date) = (new.machine.clone(), new.date.clone());
    }
    Ok(turns)
}

/// Runs a command of two programs by turns.
fn alternate(old: &Path, new: &Path, command: &[String], count: usize) -> Result<Vec<(Run, Run)>> {
    let folder = tempfile::tempdir()?;
    let mut turns = Vec::new();
    for turn in 0..count {
        let one = |program: &Path, which: &str| {
            eprintln!("turn {} of {count}, {which}", turn + 1);
            measure(program, command, &folder.path().join(format!("{which}-{turn}.json")))
        };
        turns.push(if turn % 2 == 0 {
            let before = one(old, "old")?;
            (before, one(new, "new")?)
        } else {
            let now = one(new, "new")?;
            (one(old, "old")?, now)
        });
    }
    Ok(turns)
}

/// Runs a command of a program; its tables are not shown.
pub(super) fn measure(program: &Path, command: &[String], json: &PathBuf) -> Result<Run> {
    let mut process = Command::new(program);
    let status = process.args(command).arg("--json").arg(json).stdout(Stdio::null()).status();
    let status = status.with_context(|| format!("{} can't be started", program.display()))?;
    ensure!(status.success(), "{} {} has failed; the reason is printed above", program.display(), command.join(" "));
    read(json)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::record::tests::example;
    use crate::record::write_json;

    /// A program that writes a run to its last argument, and notes that it ran.
    fn program(folder: &Path, name: &str, seconds: f64) -> PathBuf {
        let (run, script) = (folder.join(format!("{name}.json")), folder.join(name));
        write_json(&run, &example(&[seconds; 3], &[5e-6; 3])).unwrap();
        let log = folder.join("log");
        let text = format!(
            "#!/bin/sh\nfor last in \"$@\"; do :; done\necho {name} $1 >> '{}'\ncp '{}' \"$last\"\n",
            log.display(),
            run.display()
        );
        // Written by another process: a file that this one has open for writing can't be run, and a test that forks
        // meanwhile would keep it open.
        let write = "printf %s \"$1\" > \"$2\" && chmod +x \"$2\"";
        let status = Command::new("sh").args(["-c", write, "sh", &text]).arg(&script).status().unwrap();
        assert!(status.success());
        script
    }

    #[test]
    fn two_programs_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (program(folder.path(), "old", 4e-6), program(folder.path(), "new", 3e-6));
        let turns = alternate(&old, &new, &["gemm".to_owned()], 3).unwrap();
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(
            log.lines().collect::<Vec<_>>(),
            ["old gemm", "new gemm", "new gemm", "old gemm", "old gemm", "new gemm"]
        );
        let changes = comparison::by_turns(&turns, comparison::is_ours);
        assert_eq!(changes.summary(), "1 faster, 0 slower, 0 the same, 0 inconclusive, of 1");
    }

    #[test]
    fn a_program_that_fails_ends_the_comparison() {
        let error = measure(Path::new("false"), &["gemm".to_owned()], &PathBuf::from("none.json")).unwrap_err();
        assert!(error.to_string().contains("false gemm has failed"), "{error}");
    }
}
