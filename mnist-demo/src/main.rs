//! The program: reads the command line, runs the command, and returns an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    mnist_demo::cli::run()
}
