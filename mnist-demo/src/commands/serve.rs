//! `serve`: a page to draw on.

use std::net::IpAddr;

use clap::Args;

use super::{Network, print, values};
use crate::console::tell;
use crate::failure::Failure;
use crate::interrupt;
use crate::serve::{PORT, Server, Site};

const EXAMPLES: &str = "\
Examples:
  mnist-demo serve --weights weights.safetensors    then open http://127.0.0.1:8000/
  mnist-demo serve --weights run --port 0           the newest checkpoint of a run, at a free port
  mnist-demo serve --host 0.0.0.0                   in a container: reached from outside too";

/// The arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    network: Network,
    /// The address of this machine at which the page is. With 0.0.0.0 it is reached from other machines too, and from
    /// outside of a container
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = values::host)]
    host: IpAddr,
    /// The port at which the page is; 0 takes a free one. The page's address is printed
    #[arg(long, value_name = "PORT", default_value_t = PORT, value_parser = values::port)]
    port: u16,
}

/// Shows the page until Ctrl-C, and prints its address as soon as it is there.
///
/// # Errors
/// If the port is taken, or the weights or labels cannot be read.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    // A taken port is told before the training.
    let server = Server::bind(arguments.host, arguments.port, "--port")?;
    let site = Site::new(arguments.network.reader()?);
    interrupt::listen();
    server.warning().iter().for_each(|warning| tell(warning));
    print(&server.address())?;
    tell("open this address in a browser; Ctrl-C ends the program");
    server.run(site)?;
    interrupt::wait();
    Ok(())
}
