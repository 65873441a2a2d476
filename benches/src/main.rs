//! The program: reads the command line, runs a command, and answers with an exit code.

use std::process::ExitCode;

use benches::commands::{Command, run};
use clap::Parser;

/// Measures the engine: against the limits of this machine, and against others in the same run.
#[derive(Parser)]
#[command(name = "benches", version)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    match run(Line::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
