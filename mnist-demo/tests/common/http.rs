//! A running server, and a minimal HTTP client.

#![allow(dead_code)]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use super::{demo, text};

/// Weights of a short training, which is done once.
pub fn weights() -> &'static str {
    static WEIGHTS: OnceLock<PathBuf> = OnceLock::new();
    let path = WEIGHTS.get_or_init(|| {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{}.safetensors", std::process::id()));
        let output = demo(&["--epochs", "2", "--save", path.to_str().unwrap()]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        path
    });
    path.to_str().unwrap()
}

/// A server program, which is ended with the test.
pub struct Server {
    pub program: Child,
    /// Host and port.
    pub address: String,
    /// Kept open: a program whose stdout is closed may end.
    pub lines: Option<BufReader<ChildStdout>>,
}

impl Server {
    /// Starts a program and waits for a line from which `address` can read its address.
    pub fn start(command: &mut Command, address: impl Fn(&str) -> Option<String>) -> Server {
        let program = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        // Created before anything can fail, so that the program is ended in any case.
        let mut server = Server { program, address: String::new(), lines: None };
        let mut lines = BufReader::new(server.program.stdout.take().unwrap());
        let mut line = String::new();
        while server.address.is_empty() {
            line.clear();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "the program ended without an address");
            server.address = address(&line).unwrap_or_default();
        }
        server.lines = Some(lines);
        server
    }

    /// The demo with these arguments.
    pub fn demo(arguments: &[&str]) -> Server {
        let address = |line: &str| Some(line.strip_prefix("http://")?.strip_suffix("/\n")?.to_owned());
        Server::start(Command::new(env!("CARGO_BIN_EXE_mnist-demo")).args(arguments), address)
    }

    /// The page with briefly trained weights.
    pub fn page() -> Server {
        Server::demo(&["serve", "--port", "0", "--weights", weights()])
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends bytes, closes the sending half, and returns everything until the server closes the connection.
    pub fn say(&self, bytes: &[u8]) -> String {
        self.exchange(bytes, true)
    }

    /// The same. `close` is whether the sending half is closed, which not every server accepts.
    pub fn exchange(&self, bytes: &[u8], close: bool) -> String {
        let mut stream = self.connect();
        // An error is ignored: a server that has already refused the request need not read the rest.
        let _ = stream.write_all(bytes);
        if close {
            let _ = stream.shutdown(Shutdown::Write);
        }
        let (mut answer, mut more) = (Vec::new(), [0; 4096]);
        // Not every server closes the connection after its answer.
        while !is_whole(&answer) {
            match stream.read(&mut more) {
                Ok(count) if count > 0 => answer.extend(&more[..count]),
                // After a stop of the whole program, a read may be interrupted here.
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                _ => break,
            }
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends a request; returns the status and the whole answer.
    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", self.address);
        let answer = self.exchange(&[head.as_bytes(), body].concat(), false);
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        (status.unwrap_or_else(|| panic!("{method} {path} {headers}: {answer:?}")), answer)
    }

    /// Requests the prediction for a body.
    pub fn predict(&self, kind: &str, body: &[u8]) -> (u16, String) {
        self.ask("POST", "/predict", &format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len()), body)
    }
}

/// Whether an answer has as many bytes as its header says.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_lowercase();
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    let start = answer.windows(4).position(|four| four == b"\r\n\r\n").map(|end| end + 4);
    length.zip(start).is_some_and(|(length, start)| answer.len() >= start + length)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// The JSON in an answer.
pub fn body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}
