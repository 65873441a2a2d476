//! The command line: it chooses the command and turns its outcome into an exit code. What a command does stands in
//! its file of [`commands`](crate::commands).

use std::process::ExitCode;

use autograd::kernels::simd::isa;
use clap::{Parser, Subcommand};

use crate::commands::{eval, graph, predict, serve, summary, train};
use crate::failure::Failure;

/// Trains a small neural network to read handwritten digits, and tells how well it does.
///
/// Without a command it trains: 10 epochs on the MNIST digits, which are part of the program. The options here are
/// those of the command train.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 110, after_help = ENDINGS)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    train: train::Arguments,
}

const ENDINGS: &str = "\
mnist-demo COMMAND --help tells about a command, with examples.
The exit code is 0 when all went well, 1 after a failure, 2 for wrong usage, 75 when another process does not answer,
130 after Ctrl-C.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Train the network and print its test accuracy after each epoch (the default)
    Train(Box<train::Arguments>),
    /// Print the test accuracy of saved weights
    Eval(eval::Arguments),
    /// Draw the graph that a training step of the network records
    Graph(graph::Arguments),
    /// Print the network's layers, shapes and parameter counts
    Summary(summary::Arguments),
    /// Read the digits in PNG or JPEG pictures
    Predict(predict::Arguments),
    /// Show a page on which one draws a digit and sees the network read it
    Serve(serve::Arguments),
}

/// Runs the program on the process's arguments. The exit code is 0, 1 for a failure, 2 for wrong usage, 75 for ranks
/// that do not answer, 130 after Ctrl-C.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match (isa::try_selected(), cli.command.unwrap_or(Command::Train(Box::new(cli.train)))) {
        (Err(error), _) => Err(Failure::Usage(error.to_string())),
        (Ok(_), Command::Train(arguments)) => train::run(&arguments),
        (Ok(_), Command::Eval(arguments)) => eval::run(&arguments),
        (Ok(_), Command::Graph(arguments)) => graph::run(&arguments),
        (Ok(_), Command::Summary(arguments)) => summary::run(&arguments),
        (Ok(_), Command::Predict(arguments)) => predict::run(&arguments),
        (Ok(_), Command::Serve(arguments)) => serve::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            failure.exit_code()
        }
    }
}
