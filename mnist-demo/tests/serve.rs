//! The page's server, with requests of browsers, of programs, and with wrong ones.

mod common;

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use common::http::{Server, body, weights};
use common::{assert_refused, demo};
use serde_json::Value;

fn answers(page: &Server) -> bool {
    page.ask("GET", "/", "", b"").0 == 200
}

/// A simple digit 1 in MNIST's format.
fn one() -> Vec<u8> {
    let ink = |x: usize, y: usize| if (4..24).contains(&y) && (13..16).contains(&x) { 255 } else { 0 };
    (0..784).map(|index| ink(index % 28, index / 28)).collect()
}

#[test]
fn the_page_and_its_answers() {
    let page = Server::page();
    let (status, answer) = page.ask("GET", "/", "", b"");
    assert_eq!(status, 200);
    assert!(answer.contains("content-security-policy: default-src 'none'") && answer.ends_with("</html>\n"));
    assert!(
        !answer.contains("://") || answer.matches("://").count() == answer.matches("http://127.0.0.1").count(),
        "the page names another address"
    );
    let (status, answer) = page.ask("HEAD", "/", "", b"");
    assert!(status == 200 && answer.ends_with("\r\n\r\n"), "{answer}");
    assert_eq!(body(&page.ask("GET", "/progress", "", b"").1)["training"], Value::Null);

    let (status, answer) = page.predict("application/json", serde_json::to_string(&one()).unwrap().as_bytes());
    let value = body(&answer);
    assert_eq!((status, &value["class"]), (200, &1.into()));
    let sizes: Vec<_> = ["probabilities", "pixels"].map(|name| value[name].as_array().unwrap().len()).into();
    assert_eq!(sizes, [10, 784]);
    let layers: Vec<_> = value["hidden"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layer["activations"].as_array().unwrap().len())
        .collect();
    assert_eq!(layers, [256, 128]);

    let mut png = std::io::Cursor::new(Vec::new());
    let image = image::GrayImage::from_raw(28, 28, one()).unwrap();
    image.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let (status, answer) = page.predict("image/png", &png.into_inner());
    assert_eq!((status, &body(&answer)["class"]), (200, &1.into()));
}

#[test]
fn wrong_requests_are_refused_and_the_server_goes_on() {
    let page = Server::page();
    let refused = |(status, answer): (u16, String), expected: u16, words: &str| {
        assert_eq!(status, expected, "{answer}");
        let error = body(&answer)["error"].as_str().unwrap().to_owned();
        assert!(error.contains(words), "{words:?} is not in {error:?}");
    };
    refused(page.ask("GET", "/elsewhere", "", b""), 404, "there is no such page");
    refused(page.ask("DELETE", "/", "", b""), 405, "/ is for GET, HEAD");
    let (status, answer) = page.ask("GET", "/predict", "", b"");
    assert!(answer.contains("allow: POST\r\n"), "{answer}");
    refused((status, answer), 405, "/predict is for POST");
    refused(page.ask("POST", "/predict", "Content-Type: image/png\r\n", b""), 411, "does not give its length");
    refused(page.ask("POST", "/predict", "Content-Length: 999999999999\r\n", b""), 413, "longer than 1048576 bytes");
    let chunks = [&b"100000\r\n"[..], &vec![b' '; 1 << 20], b"\r\n1\r\n \r\n0\r\n\r\n"].concat();
    refused(page.ask("POST", "/predict", "Transfer-Encoding: chunked\r\n", &chunks), 413, "longer than 1048576 bytes");
    refused(page.predict("text/plain", b"7"), 415, "expected image/png, image/jpeg or application/json");
    refused(page.predict("application/json", b"[1, 2"), 400, "expected a JSON array of 784 numbers");
    refused(page.predict("application/json", b"[1, 2]"), 400, "found 2 numbers, expected 784");
    let long = format!("[{}0]", "0,".repeat(1 << 18));
    refused(page.predict("application/json", long.as_bytes()), 400, "found 524291 bytes, expected a JSON array");
    let bright = serde_json::to_string(&vec![256; 784]).unwrap();
    refused(
        page.predict("application/json", bright.as_bytes()),
        400,
        "found the number 256, expected numbers from 0 to 255",
    );
    refused(page.predict("image/png", b"\x89PNG"), 422, "damaged PNG");
    refused(page.predict("image/jpeg", b"three"), 422, "found something else");
    // Bytes that are not HTTP.
    for rubbish in [&b"\r\n\r\nhello\r\n\r\n"[..], b"GET / HTTP/9.9\r\n\r\n", b"GET\0/ HTTP/1.1\r\n\r\n", &[0xff; 300]]
    {
        assert!(page.say(rubbish).starts_with("HTTP/1.1 400 "), "{rubbish:?}");
    }
    let long = [&b"GET /"[..], &vec![b'a'; 1 << 20], b" HTTP/1.1\r\n\r\n"].concat();
    let answer = page.say(&long);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert!(page.say(b"POST /predict HTTP/1.1\r\nContent-Length: 100\r\n\r\n[1").len() < 1000, "a body cut short");
    assert!(answers(&page));
}

#[test]
fn many_idle_connections_do_not_stop_it() {
    let page = Server::page();
    // Fewer connections than the maximum, which send nothing.
    let idle: Vec<TcpStream> = (0..24).map(|_| page.connect()).collect();
    assert!(answers(&page));
    drop(idle);
    assert!(answers(&page));
}

#[test]
fn a_taken_port_is_one_line() {
    let page = Server::page();
    let port = page.address.rsplit(':').next().unwrap();
    for (command, flag) in [("serve", "--port"), ("train", "--serve")] {
        let output = demo(&[command, flag, port]);
        assert_refused(&output, 1, "cannot be listened on: Address already in use");
        assert_refused(&output, 1, &format!(": {flag} N takes another port, {flag} 0 a free one\n"));
    }
    assert_refused(&demo(&["serve", "--port", "70000"]), 2, "--port");
}

#[test]
fn the_address_can_be_chosen_and_a_public_one_is_warned_of() {
    let arguments = ["serve", "--port", "0", "--weights", weights(), "--host"];
    let mut program = Command::new(env!("CARGO_BIN_EXE_mnist-demo"))
        .args(arguments.iter().chain(&["0.0.0.0"]))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let mut address = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let port = address.trim_end().strip_prefix("http://127.0.0.1:").and_then(|rest| rest.strip_suffix('/'));
    let port = port.unwrap_or_else(|| panic!("{address}"));
    assert_eq!(line, format!("warning: anyone who can reach this machine at 0.0.0.0:{port} can use the page\n"));
    assert!(TcpStream::connect(format!("127.0.0.1:{port}")).is_ok());
    program.kill().unwrap();
    program.wait().unwrap();
    // 192.0.2.1 is reserved for documentation; no machine has this address.
    let output = demo(&[&arguments[..], &["192.0.2.1"]].concat());
    assert_refused(&output, 1, "192.0.2.1:0: cannot be listened on: ");
    assert_refused(&output, 1, "--host 0.0.0.0 stands for all that it has");
    assert_refused(&demo(&[&arguments[..], &["nohost"]].concat()), 2, "wanted an IP address of this machine");
    assert_refused(&demo(&["train", "--host", "0.0.0.0"]), 2, "--serve");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_cleanly() {
    let mut page = Server::page();
    let interrupted = Command::new("kill").args(["-INT", &page.program.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(page.program.wait().unwrap().code(), Some(0));
}

#[test]
fn a_training_run_is_watched_on_the_page() {
    let mut page = Server::demo(&["train", "--epochs", "2", "--serve", "0"]);
    // The network can predict from the first step on.
    let pixels = serde_json::to_string(&one()).unwrap();
    assert_eq!(page.predict("application/json", pixels.as_bytes()).0, 200);
    let mut line = String::new();
    while !line.starts_with("Test Accuracy: ") {
        line.clear();
        assert_ne!(page.lines.as_mut().unwrap().read_line(&mut line).unwrap(), 0, "the program has ended");
    }
    let training = body(&page.ask("GET", "/progress", "", b"").1)["training"].take();
    assert_eq!((&training["finished"], &training["epochs"]), (&true.into(), &2.into()));
    let accuracies = training["accuracies"].as_array().unwrap();
    let losses = training["losses"].as_array().unwrap();
    assert!(accuracies.len() == 2 && accuracies[1].as_f64().unwrap() > 0.95, "{training}");
    assert!((200..512).contains(&losses.len()), "{}", losses.len());
    let loss = |point: &Value| (point[0].as_f64().unwrap(), point[1].as_f64().unwrap());
    let (first, last) = (loss(&losses[0]), loss(losses.last().unwrap()));
    assert!(first.0 < 0.1 && first.1 > 1.0 && last.0 > 1.9 && last.1 < 0.5, "{first:?} {last:?}");
    assert_eq!(body(&page.predict("application/json", pixels.as_bytes()).1)["class"], 1);
}
