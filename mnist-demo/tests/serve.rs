//! The page's server, with requests of browsers, of programs, and with wrong ones.

mod common;

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use autograd::{Random, Tensor};
use common::http::{Server, body, weights};
use common::{assert_refused, demo};
use mnist_demo::model::perceptron_for;
use nn::{Module, checkpoint};
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
    for (path, kind) in [("/page.css", "text/css"), ("/page.js", "text/javascript"), ("/sheet.js", "text/javascript")] {
        let (status, file) = page.ask("GET", path, "", b"");
        assert!(status == 200 && file.contains(&format!("content-type: {kind}; charset=utf-8\r\n")), "{file}");
        assert!(answer.contains(path) || path == "/sheet.js", "the page has {path}");
        assert!(!file.contains("://"), "{path} names another address");
    }
    assert!(!answer.contains("://"), "the page names another address");
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

/// What the page shows behind *Why?*, computed by hand: the weights of the active units multiplied along all paths from
/// a pixel to the class, times the pixel.
#[test]
fn the_contributions_are_those_of_the_engine() {
    let page = Server::page();
    let pixels = serde_json::to_string(&one()).unwrap();
    let json = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", pixels.len());
    let (status, answer) = page.ask("POST", "/explain", &json, pixels.as_bytes());
    let value = body(&answer);
    assert_eq!((status, &value["class"]), (200, &1.into()));
    let (_, predicted) = page.predict("application/json", pixels.as_bytes());
    for (name, part) in body(&predicted).as_object().unwrap() {
        assert_eq!(&value[name], part, "{name} is the same as of /predict");
    }

    let model = perceptron_for(784, 10, &mut Random::new(0));
    checkpoint::load(&model, Path::new(weights())).unwrap();
    let [w1, b1, w2, b2, w3, b3] = [0, 1, 2, 3, 4, 5].map(|index| model.parameters()[index].tensor().detach());
    let x = Tensor::from_vec(one().iter().map(|&ink| f32::from(ink) / 255.0).collect(), [1, 784]);
    let first = x.linear(&w1, Some(&b1));
    let second = first.relu().linear(&w2, Some(&b2));
    let score = second.relu().linear(&w3, Some(&b3)).select(1, 1).item();
    let active = |outputs: &Tensor| -> Tensor {
        let mask = outputs.to_vec().into_iter().map(|output| if output > 0.0 { 1.0 } else { 0.0 });
        Tensor::from_vec(mask.collect(), [1, outputs.numel()])
    };
    let paths = (w3.slice(0, 1, 2, 1) * active(&second)).matmul(&w2) * active(&first);
    let expected = (paths.matmul(&w1) * &x).to_vec();
    let found: Vec<f64> =
        value["contributions"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    assert_eq!(found.len(), 784);
    for (pixel, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert!((found - f64::from(*expected)).abs() < 1e-4, "pixel {pixel}: {found}, {expected}");
    }
    assert!((value["score"].as_f64().unwrap() - f64::from(score)).abs() < 1e-3, "{} {score}", value["score"]);
    let sum: f64 = found.iter().sum();
    assert!(sum > 1.0, "all in all the digit speaks for its class: {sum}");
    // The same reading of a picture.
    let (status, answer) = page.ask("POST", "/explain", "Content-Type: image/png\r\nContent-Length: 4\r\n", b"\x89PNG");
    assert_eq!((status, body(&answer)["error"].as_str().unwrap().contains("damaged PNG")), (422, true), "{answer}");
}

#[test]
fn photographs_are_read_as_predict_reads_them() {
    let page = Server::page();
    // A photograph: larger than what the page itself sends, a digit on grey paper, in the middle of many pixels.
    let ink = |x: u32, y: u32| (880..1120).contains(&x) && (500..2500).contains(&y);
    let paper = |x: u32, y: u32| 180 + (x.wrapping_mul(31) ^ y.wrapping_mul(17)) as u8 % 16;
    let photograph =
        image::GrayImage::from_fn(2000, 3000, |x, y| image::Luma([if ink(x, y) { 20 } else { paper(x, y) }]));
    let mut png = std::io::Cursor::new(Vec::new());
    photograph.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let png = png.into_inner();
    assert!(png.len() > 1 << 20, "{} bytes", png.len());
    // The page sends files without looking at their names: the format is recognized by the first bytes.
    for kind in ["image/png", "image/jpeg", "application/octet-stream"] {
        let (status, answer) = page.predict(kind, &png);
        assert_eq!((status, &body(&answer)["class"]), (200, &1.into()), "{answer}");
    }
    let file = tempfile::Builder::new().suffix(".png").tempfile().unwrap();
    std::fs::write(file.path(), &png).unwrap();
    let output = demo(&["predict", "--json", "--weights", weights(), file.path().to_str().unwrap()]);
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["probabilities"], body(&page.predict("image/png", &png).1)["probabilities"]);
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
    refused(page.ask("GET", "/explain", "", b""), 405, "/explain is for POST");
    let large = "Content-Type: image/jpeg\r\nContent-Length: 16777217\r\n";
    for path in ["/predict", "/explain"] {
        refused(page.ask("POST", path, large, b""), 413, "found a file of more than 16 MiB, expected at most 16 MiB");
    }
    refused(page.predict("application/octet-stream", b"GIF89a"), 422, "found a GIF picture, expected a PNG or JPEG");
    refused(page.predict("application/octet-stream", b"three"), 422, "expected a PNG or JPEG picture");
    refused(page.predict("application/octet-stream", b""), 422, "found an empty file");
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
