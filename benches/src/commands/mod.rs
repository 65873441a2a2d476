//! The commands of the program, one file each.

pub mod gemm;
mod peak;

use anyhow::Result;
use clap::Subcommand;

/// What the program can do.
#[derive(Subcommand)]
pub enum Command {
    /// Compare the matrix product with those of other libraries, and with the peak of this machine.
    Gemm(gemm::Arguments),
    /// Measure the limits of this machine: multiply-adds a second, and bytes a second.
    Peak(peak::Arguments),
}

/// Runs a command.
///
/// # Errors
/// What went wrong, in words for the person at the terminal.
pub fn run(command: Command) -> Result<()> {
    match autograd::kernels::simd::isa::try_selected() {
        Ok(_) => {}
        Err(error) => anyhow::bail!("{error}"),
    }
    match command {
        Command::Gemm(arguments) => gemm::run(&arguments),
        Command::Peak(arguments) => peak::run(&arguments),
    }
}

/// The thread counts of a list such as `1,2`.
pub(crate) fn positive(text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("\"{text}\" is not a number of at least 1")),
    }
}
