//! `serve`: a web page to draw on.

use std::net::IpAddr;

use clap::Args;

use super::{Network, print, values};
use crate::console::eprint_line;
use crate::failure::Failure;
use crate::interrupt;
use crate::serve::{PORT, Server, Site};

const EXAMPLES: &str = "\
Examples:
  mnist-demo serve --weights weights.safetensors    then open http://127.0.0.1:8000/
  mnist-demo serve --weights run --port 0           the newest checkpoint of a run, on a free port
  mnist-demo serve --host 0.0.0.0                   in a container: reachable from outside";

/// The arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    network: Network,
    /// The address of this machine to listen on. With 0.0.0.0 other machines can open the page too, and a container
    /// can be reached from outside
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = values::host)]
    host: IpAddr,
    /// The port of the page; 0 chooses a free one. The page's address is printed
    #[arg(long, value_name = "PORT", default_value_t = PORT, value_parser = values::port)]
    port: u16,
}

/// Serves the page until Ctrl-C, and prints its address as soon as the page can be opened.
///
/// # Errors
/// If the port is taken, or the weights or labels cannot be read.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    // The port is bound before the training, so that a port in use is reported at once.
    let server = Server::bind(arguments.host, arguments.port, "--port")?;
    let site = Site::new(arguments.network.classifier()?);
    interrupt::listen();
    server.warning().iter().for_each(|warning| eprint_line(warning));
    print(&server.address())?;
    eprint_line("open this address in a browser; Ctrl-C stops the program");
    server.run(site)?;
    interrupt::wait();
    Ok(())
}
