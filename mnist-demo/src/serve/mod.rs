//! A page where one draws a digit, or what else a network knows, and sees the network read it. It is for this machine
//! alone, unless another address is asked for.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /` | the page, one file without anything from elsewhere |
//! | `POST /predict` with `image/png` or `image/jpeg` | what the network made of it, as JSON |
//! | `POST /predict` with `application/json`, `[0, 0, 255, ...]` | the same for 784 pixels as MNIST has them, from 0, ground, to 255, ink |
//! | `GET /labels` | the labels of the classes, in their order |
//! | `GET /progress` | how a training run is getting on, if there is one |
//!
//! The answer to `POST /predict` has the class, its label, the labels and probabilities of all classes, the outputs of
//! the hidden layers, and the 28 × 28 pixels that they saw.
//!
//! Whatever comes in, the server goes on: a request has limits in size and time, and what is wrong with it is answered
//! with a 4xx and a line of JSON.

mod answer;
mod progress;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

pub use answer::{MAX_BYTES, Site};
pub use progress::Watcher;

use crate::failure::Failure;

/// Connections at a time; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 32;

/// The time that a client has to send the head of a request; a connection on which nothing comes is closed after it
/// too.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// The life of a connection. A page simply makes a new one.
const LIFE: Duration = Duration::from_secs(120);

/// What is left after it for an answer under way.
const GRACE: Duration = Duration::from_secs(10);

/// The port of the page, where none is named.
pub const PORT: u16 = 8000;

/// A server that has its port and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Takes a port on an address of this machine, or a free port for 0. `flag` is the option with which a user
    /// chooses the port, for messages.
    ///
    /// # Errors
    /// If the port is taken or not for everybody, or this machine has no such address.
    pub fn bind(host: IpAddr, port: u16, flag: &str) -> Result<Self, Failure> {
        let address = SocketAddr::from((host, port));
        let bound = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(Server { address: listener.local_addr()?, listener })
        });
        bound.map_err(|source| Failure::Listen { address, source: with_advice(source, flag) })
    }

    /// Where the page is, for a browser on this machine.
    pub fn address(&self) -> String {
        let host = match self.address.ip() {
            IpAddr::V4(host) if host.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::V6(host) if host.is_unspecified() => IpAddr::from(Ipv6Addr::LOCALHOST),
            host => host,
        };
        format!("http://{}/", SocketAddr::from((host, self.address.port())))
    }

    /// What is to be known about an address that is not for this machine alone.
    pub fn warning(&self) -> Option<String> {
        let public = !self.address.ip().is_loopback();
        public.then(|| format!("warning: anyone who can reach this machine at {} can use the page", self.address))
    }

    /// Answers on a thread of its own for as long as the program runs.
    ///
    /// # Errors
    /// If the system has no means to wait for connections, or no thread.
    pub fn run(self, site: Site) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let answer = move || runtime.block_on(accept(self.listener, Arc::new(site)));
        thread::Builder::new().name("page".into()).spawn(answer).map(drop)
    }
}

/// An error of listening with what to do about it.
fn with_advice(error: io::Error, flag: &str) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => format!("{flag} N takes another port, {flag} 0 a free one"),
        io::ErrorKind::PermissionDenied => {
            format!(
                "ports below 1024 are for administrators; {flag} {PORT} is for everybody, {flag} 0 takes a free one"
            )
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address; --host 0.0.0.0 stands for all that it has".to_owned()
        }
        _ => return error,
    };
    io::Error::new(error.kind(), format!("{error}: {advice}"))
}

/// Takes connections for ever.
async fn accept(listener: TcpListener, site: Arc<Site>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let seats = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let seat = Arc::clone(&seats).acquire_owned().await.expect("nobody closes the semaphore");
        match listener.accept().await {
            Ok((stream, _)) => {
                let site = Arc::clone(&site);
                tokio::spawn(async move {
                    converse(stream, site).await;
                    drop(seat);
                });
            }
            // The client has left already, or the system is short of something: it may have it again soon.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Answers the requests of one connection, whatever it is, until it ends.
pub async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, site: Arc<Site>) {
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(site.answer(request).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            // A client that has said all closes its half and may still listen.
            .half_close(true)
            .max_headers(64)
            .max_buf_size(64 << 10)
            .serve_connection(TokioIo::new(stream), service)
    );
    // That a client breaks off, or does not speak HTTP, is its own affair: hyper has answered what can be answered.
    if timeout(LIFE, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(GRACE, connection).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_listening_say_what_to_type() {
        let told = |kind| with_advice(io::Error::from(kind), "--port").to_string();
        assert!(told(io::ErrorKind::AddrInUse).ends_with(": --port N takes another port, --port 0 a free one"));
        assert!(told(io::ErrorKind::PermissionDenied).contains("--port 8000 is for everybody"));
        assert!(told(io::ErrorKind::AddrNotAvailable).contains("--host 0.0.0.0"));
        assert_eq!(told(io::ErrorKind::OutOfMemory), io::Error::from(io::ErrorKind::OutOfMemory).to_string());
    }

    #[test]
    fn a_public_page_is_named_by_an_address_that_a_browser_can_open() {
        let server = Server::bind(Ipv4Addr::UNSPECIFIED.into(), 0, "--port").unwrap();
        assert!(server.address().starts_with("http://127.0.0.1:"), "{}", server.address());
        assert!(server.warning().unwrap().contains("at 0.0.0.0:"));
        assert_eq!(Server::bind(Ipv4Addr::LOCALHOST.into(), 0, "--port").unwrap().warning(), None);
    }
}
