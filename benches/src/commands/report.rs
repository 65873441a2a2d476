//! `report`: one page of all tables and charts.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use super::compare::measure;
use crate::page::page;
use crate::record::{Run, read, write_whole};

/// The options of `report`.
#[derive(Args)]
pub struct Arguments {
    /// The page
    #[arg(long, value_name = "FILE", default_value = "benches.html")]
    html: PathBuf,
    /// Keep the runs in this folder, a JSON file for each command
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Measure quickly
    #[arg(long)]
    quick: bool,
    /// How many threads, a list, for all commands that take one
    #[arg(long, value_name = "LIST")]
    threads: Option<String>,
    /// Whom to compare tasks with: see `train`
    #[arg(long, value_name = "LIST")]
    peers: Option<String>,
    /// A Python that has torch or jax
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Runs that --json wrote; if there are none, all commands are run
    runs: Vec<PathBuf>,
}

/// The commands of a page, and whether they take a list of threads, and peers.
const COMMANDS: [(&str, bool, bool); 11] = [
    ("peak", true, false),
    ("ladder", false, false),
    ("gemm", true, false),
    ("train", true, true),
    ("inference", true, true),
    ("overhead", true, true),
    ("attention", true, true),
    ("conv", true, true),
    ("pointwise", true, true),
    ("optim", true, true),
    ("profile", false, false),
];

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let runs = if arguments.runs.is_empty() {
        measure_all(arguments)?
    } else {
        arguments.runs.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?
    };
    write_whole(&arguments.html, page(&runs)?.as_bytes())?;
    println!("report: {} runs in {}", runs.len(), arguments.html.display());
    Ok(())
}

/// Runs all commands, one after the other.
fn measure_all(arguments: &Arguments) -> Result<Vec<Run>> {
    let program = std::env::current_exe().context("this program does not find itself")?;
    let temporary = tempfile::tempdir()?;
    let folder = arguments.keep.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
    let mut runs = Vec::new();
    for (name, _, _) in COMMANDS {
        eprintln!("{name}");
        runs.push(measure(&program, &command(name, arguments), &folder.join(format!("{name}.json")))?);
    }
    Ok(runs)
}

/// The command line of one of the commands.
fn command(name: &str, arguments: &Arguments) -> Vec<String> {
    let (takes_threads, takes_peers) =
        COMMANDS.iter().find(|(own, ..)| *own == name).map_or((false, false), |(_, threads, peers)| (*threads, *peers));
    let mut line = vec![name.to_owned()];
    if arguments.quick {
        line.push("--quick".to_owned());
    }
    let mut option = |name: &str, value: Option<String>| line.extend(value.map(|value| format!("--{name}={value}")));
    option("threads", arguments.threads.clone().filter(|_| takes_threads));
    option("peers", arguments.peers.clone().filter(|_| takes_peers));
    let python = arguments.python.as_ref().map(|path| path.display().to_string());
    option("python", python.filter(|_| takes_peers));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_gets_the_options_that_it_has() {
        let arguments = Arguments {
            html: "a.html".into(),
            keep: None,
            quick: true,
            threads: Some("1,2".into()),
            peers: Some("torch".into()),
            python: Some("/x/python".into()),
            runs: Vec::new(),
        };
        assert_eq!(command("ladder", &arguments), ["ladder", "--quick"]);
        assert_eq!(command("gemm", &arguments), ["gemm", "--quick", "--threads=1,2"]);
        let train = ["train", "--quick", "--threads=1,2", "--peers=torch", "--python=/x/python"];
        assert_eq!(command("train", &arguments), train);
    }
}
