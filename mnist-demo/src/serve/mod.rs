//! A web page where the user draws a digit (or another class of the network), and the network classifies it. Only this
//! machine can open the page, unless the user chooses another address.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /` | the page, a single file |
//! | `POST /predict` with `image/png` or `image/jpeg` | the prediction, as JSON |
//! | `POST /predict` with `application/json`, `[0, 0, 255, ...]` | the same for 784 pixels, 0 to 255 (ink) |
//! | `GET /labels` | the labels of the classes, in their order |
//! | `GET /progress` | the progress of the training run, if there is one |
//!
//! The answer to `POST /predict` has the class, its label, the labels and probabilities of all classes, the outputs of
//! the hidden layers, the 28 × 28 pixels of the input, and, if the first layer is a convolution, its feature maps.
//!
//! No request can stop the server: a request has limits in size and time, and a wrong request is answered with a
//! status of 4xx and a line of JSON.

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

/// The maximum number of simultaneous connections; others wait in the system's queue.
const MAX_CONNECTIONS: usize = 32;

/// The maximum time for the arrival of a request's head. An idle connection is closed after the same time.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// The maximum duration of a connection. The page opens a new one when it needs it.
const LIFE: Duration = Duration::from_secs(120);

/// The time after that to finish the current answer.
const GRACE: Duration = Duration::from_secs(10);

/// The default port of the page.
pub const PORT: u16 = 8000;

/// A server that has bound its port but does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Binds a port on an address of this machine; port 0 chooses a free one. `flag` is the option that chooses the
    /// port, for error messages.
    ///
    /// # Errors
    /// If the port is in use or not permitted, or this machine has no such address.
    pub fn bind(host: IpAddr, port: u16, flag: &str) -> Result<Self, Failure> {
        let address = SocketAddr::from((host, port));
        let bound = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(Server { address: listener.local_addr()?, listener })
        });
        bound.map_err(|source| Failure::Listen { address, source: with_advice(source, flag) })
    }

    /// The address of the page for a browser on this machine.
    pub fn address(&self) -> String {
        let host = match self.address.ip() {
            IpAddr::V4(host) if host.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::V6(host) if host.is_unspecified() => IpAddr::from(Ipv6Addr::LOCALHOST),
            host => host,
        };
        format!("http://{}/", SocketAddr::from((host, self.address.port())))
    }

    /// A warning, if other machines can open the page.
    pub fn warning(&self) -> Option<String> {
        let public = !self.address.ip().is_loopback();
        public.then(|| format!("warning: anyone who can reach this machine at {} can use the page", self.address))
    }

    /// Answers requests on a new thread until the program ends.
    ///
    /// # Errors
    /// If the system cannot wait for connections or start a thread.
    pub fn run(self, site: Site) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let answer = move || runtime.block_on(accept(self.listener, Arc::new(site)));
        thread::Builder::new().name("page".into()).spawn(answer).map(drop)
    }
}

/// Adds advice to an error of binding a port.
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

/// Accepts connections until the program ends.
async fn accept(listener: TcpListener, site: Arc<Site>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let permit = Arc::clone(&permits).acquire_owned().await.expect("nobody closes the semaphore");
        match listener.accept().await {
            Ok((stream, _)) => {
                let site = Arc::clone(&site);
                tokio::spawn(async move {
                    converse(stream, site).await;
                    drop(permit);
                });
            }
            // The client has already closed the connection, or the system lacks a resource: try again later.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Answers the requests of one connection, of any kind, until it ends.
pub async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, site: Arc<Site>) {
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(site.answer(request).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            // A client may close its sending half after the last request and still wait for the answer.
            .half_close(true)
            .max_headers(64)
            .max_buf_size(64 << 10)
            .serve_connection(TokioIo::new(stream), service)
    );
    // Errors of the connection are ignored: hyper has already answered where an answer was possible.
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
        let answer = |kind| with_advice(io::Error::from(kind), "--port").to_string();
        assert!(answer(io::ErrorKind::AddrInUse).ends_with(": --port N takes another port, --port 0 a free one"));
        assert!(answer(io::ErrorKind::PermissionDenied).contains("--port 8000 is for everybody"));
        assert!(answer(io::ErrorKind::AddrNotAvailable).contains("--host 0.0.0.0"));
        assert_eq!(answer(io::ErrorKind::OutOfMemory), io::Error::from(io::ErrorKind::OutOfMemory).to_string());
    }

    #[test]
    fn a_public_page_is_named_by_an_address_that_a_browser_can_open() {
        let server = Server::bind(Ipv4Addr::UNSPECIFIED.into(), 0, "--port").unwrap();
        assert!(server.address().starts_with("http://127.0.0.1:"), "{}", server.address());
        assert!(server.warning().unwrap().contains("at 0.0.0.0:"));
        assert_eq!(Server::bind(Ipv4Addr::LOCALHOST.into(), 0, "--port").unwrap().warning(), None);
    }
}
