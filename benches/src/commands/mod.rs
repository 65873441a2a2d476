//! The commands of the program, one file each.

mod against_peak;
mod attention;
mod bandwidth;
mod compare;
mod conv;
pub mod gemm;
mod inference;
mod ladder;
mod model;
mod options;
mod overhead;
mod peak;
mod peer;
mod profile;
mod report;
mod scale;
mod train;
mod train_model;

use anyhow::Result;
use clap::Subcommand;

/// What the program can do.
#[derive(Subcommand)]
pub enum Command {
    /// Compare the matrix product with those of other libraries, and with the peak of this machine.
    ///
    /// Faer's kernels are measured through the crate that holds them; built with `--features faer`, faer itself is.
    Gemm(gemm::Arguments),
    /// Make one matrix product fast, step by step, and measure each step.
    Ladder(ladder::Arguments),
    /// Measure the limits of this machine: multiply-adds a second, and bytes a second.
    Peak(peak::Arguments),
    /// Compare a training step with those of other libraries, and with a hand-fused one.
    Train(train::Arguments),
    /// Compare the scores of one image, and of many.
    Inference(inference::Arguments),
    /// Compare what an operation costs beside its arithmetic.
    Overhead(overhead::Arguments),
    /// Compare elementwise operations, reductions and softmax with a copy of as many bytes.
    Pointwise(bandwidth::Arguments),
    /// Compare attention with that of other libraries, and with the peak of this machine.
    Attention(attention::Arguments),
    /// Compare convolutions and their gradients with those of other libraries, and with the peak of this machine.
    Conv(conv::Arguments),
    /// Compare optimizers with a copy of as many bytes.
    Optim(bandwidth::Arguments),
    /// Show where the time of a training step goes, operation by operation, and what limits each: a roofline.
    Profile(profile::Arguments),
    /// Compare two runs that --json kept, or a commit with this one: what changed beyond the noise.
    Compare(compare::Arguments),
    /// Write one page of all tables and charts.
    Report(report::Arguments),
    /// Compare data-parallel training on ranks with one process and with PyTorch's, and predict it for many machines.
    Scale(scale::Arguments),
    /// Answer requests as another library: what these comparisons start.
    #[command(hide = true)]
    Peer(peer::Arguments),
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
        Command::Ladder(arguments) => ladder::run(&arguments),
        Command::Peak(arguments) => peak::run(&arguments),
        Command::Train(arguments) => train::run(&arguments),
        Command::Inference(arguments) => inference::run(&arguments),
        Command::Overhead(arguments) => overhead::run(&arguments),
        Command::Attention(arguments) => attention::run(&arguments),
        Command::Conv(arguments) => conv::run(&arguments),
        Command::Pointwise(arguments) => bandwidth::pointwise(&arguments),
        Command::Optim(arguments) => bandwidth::optim(&arguments),
        Command::Profile(arguments) => profile::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Scale(arguments) => scale::run(&arguments),
        Command::Peer(arguments) => peer::run(&arguments),
    }
}

/// The thread counts of a list such as `1,2`.
pub(crate) fn positive(text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("\"{text}\" is not a number of at least 1")),
    }
}
