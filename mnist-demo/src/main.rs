//! The program: reads the command line, runs the command, and answers with an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    mnist_demo::cli::run()
}
