//! `serve`: a page to draw on.

use std::path::PathBuf;

use clap::Args;

use super::{print, reader, values};
use crate::failure::Failure;
use crate::interrupt;
use crate::serve::{Server, Site};

/// The arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "Example: mnist-demo serve --weights weights.safetensors, then open http://127.0.0.1:8000/")]
pub struct Arguments {
    /// The weights, as train --save wrote them; without this the network is trained first, for 3 epochs, which takes seconds
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// The port on 127.0.0.1 at which the page is; 0 takes a free one. The page's address is printed
    #[arg(long, value_name = "PORT", default_value_t = 8000, value_parser = values::port)]
    port: u16,
}

/// Shows the page until Ctrl-C, and prints its address as soon as it is there.
///
/// # Errors
/// If the port is taken or the weights cannot be read.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    // A taken port is told before the training.
    let server = Server::bind(arguments.port)?;
    let site = Site::new(reader(arguments.weights.as_deref())?);
    interrupt::listen();
    print(&server.address())?;
    eprintln!("open this address in a browser; Ctrl-C ends the program");
    server.run(site)?;
    interrupt::wait();
    Ok(())
}
