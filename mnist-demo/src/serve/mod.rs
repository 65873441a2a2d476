//! A page on this machine alone, where one draws a digit and sees a network read it.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /` | the page, one file without anything from elsewhere |
//! | `POST /predict` with `image/png` or `image/jpeg` | the digit, its probabilities, what the hidden layers made of it, and the 28 × 28 pixels that they saw |
//! | `POST /predict` with `application/json`, `[0, 0, 255, ...]` | the same for 784 pixels as MNIST has them, from 0, ground, to 255, ink |
//! | `GET /progress` | how a training run is getting on, if there is one |
//!
//! Whatever comes in, the server goes on: a request has limits in size and time, and what is wrong with it is answered with a 4xx and a line of JSON.

mod answer;
mod progress;

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
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

pub use answer::{MOST_BYTES, Site};
pub use progress::Watcher;

use crate::failure::Failure;

/// Connections at a time; more wait in the system's queue.
const MOST_CONNECTIONS: usize = 32;

/// The time that a client has to send the head of a request; a connection on which nothing comes is closed after it too.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// The life of a connection. A page simply makes a new one.
const LIFE: Duration = Duration::from_secs(120);

/// What is left after it for an answer under way.
const GRACE: Duration = Duration::from_secs(10);

/// A server that has its port and does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Takes a port on 127.0.0.1, or a free one for 0.
    ///
    /// # Errors
    /// If it is taken, or not for everybody.
    pub fn bind(port: u16) -> Result<Self, Failure> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let bound = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(Server { address: listener.local_addr()?, listener })
        });
        bound.map_err(|source| Failure::Listen { address, source })
    }

    /// Where the page is.
    pub fn address(&self) -> String {
        format!("http://{}/", self.address)
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

/// Takes connections for ever.
async fn accept(listener: TcpListener, site: Arc<Site>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let seats = Arc::new(Semaphore::new(MOST_CONNECTIONS));
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
