//! `peer`: what this program runs as when it is another library's process.

use std::io::{stdin, stdout};
use std::sync::Arc;

use anyhow::Result;
use clap::Args;

use super::positive;
use crate::peers::{Peer, serve};
use crate::problem::Problem;

/// The options of `peer`.
#[derive(Args)]
pub struct Arguments {
    /// candle or burn
    peer: Peer,
    /// How many threads it may use
    #[arg(long, value_parser = positive)]
    threads: usize,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let (info, library) = arguments.peer.library()?;
    let problem = Arc::new(Problem::digits()?);
    serve(&info, library, &problem, arguments.threads, stdin().lock(), stdout().lock())
}
