//! The command line: chooses the command and converts its result into an exit code. Each command is in its own file
//! of [`commands`](crate::commands).

use std::process::ExitCode;

use autograd::kernels::simd::isa;
use clap::{Parser, Subcommand};

use crate::commands::{eval, graph, launch, predict, serve, summary, train};
use crate::failure::Failure;

/// Trains a small neural network to recognize handwritten digits, and reports its test accuracy.
///
/// Without a command it trains for 10 epochs on the MNIST digits, which are built into the program. The options
/// below are those of the command train.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 110, after_help = ENDINGS)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    train: train::Arguments,
}

const ENDINGS: &str = "\
For help on a command, with examples: mnist-demo COMMAND --help
Exit codes: 0 success, 1 failure, 2 wrong arguments, 75 another process was lost, 130 stopped with Ctrl-C.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Train the network and print its test accuracy after each epoch (the default)
    Train(Box<train::Arguments>),
    /// Print the test accuracy of saved weights
    Eval(eval::Arguments),
    /// Train on several processes: run mpirun or srun, and end with one line and 75 if one of them is lost
    Launch(launch::Arguments),
    /// Draw the computation graph of one training step
    Graph(graph::Arguments),
    /// Print the network's layers, shapes and parameter counts
    Summary(summary::Arguments),
    /// Classify the digits in PNG or JPEG pictures
    Predict(predict::Arguments),
    /// Open a web page: draw a digit or choose a picture of one, and the network classifies it and shows why
    Serve(serve::Arguments),
}

/// Runs the program with the process's arguments. The exit code is 0 for success, 1 for a failure, 2 for wrong usage,
/// 75 if another rank was lost, 130 after Ctrl-C.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match (isa::try_selected(), cli.command.unwrap_or(Command::Train(Box::new(cli.train)))) {
        (Err(error), _) => Err(Failure::Usage(error.to_string())),
        (Ok(_), Command::Train(arguments)) => train::run(&arguments),
        (Ok(_), Command::Eval(arguments)) => eval::run(&arguments),
        (Ok(_), Command::Launch(arguments)) => launch::run(&arguments),
        (Ok(_), Command::Graph(arguments)) => graph::run(&arguments),
        (Ok(_), Command::Summary(arguments)) => summary::run(&arguments),
        (Ok(_), Command::Predict(arguments)) => predict::run(&arguments),
        (Ok(_), Command::Serve(arguments)) => serve::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}
