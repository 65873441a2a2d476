//! A training whose loss or weights are not finite is a failure, and does not replace earlier results.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use autograd::{Random, Tensor};
use common::{assert_refused, demo, text, write_small_set};
use mnist_demo::checkpoint::Folder;
use mnist_demo::finite::first_non_finite;
use mnist_demo::model::perceptron_for;
use nn::{Module, checkpoint};

/// A folder with a small data set, and paths in it.
struct Folders(tempfile::TempDir);

impl Folders {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        write_small_set(root.path());
        Folders(root)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_and_overwrites_nothing() {
    let folders = Folders::new();
    let [data, good, report, run] = ["", "good", "report", "run"].map(|name| folders.path(name));
    fs::write(&good, "good weights").unwrap();
    fs::create_dir(&report).unwrap();
    fs::write(folders.path("report/report.html"), "good report").unwrap();
    let results = ["--save", &good, "--out", &report, "--checkpoint", &run, "--every", "1", "--keep", "100"];
    let output = demo(&[&["--data", &data, "--lr", "1e30", "--epochs", "2"], &results[..]].concat());
    assert_refused(&output, 1, "the training diverged in epoch 1, step ");
    let stderr = text(&output.stderr);
    let reported = ["the loss is ", " (the last finite loss was ", "a smaller --lr than 1e30, such as 0.001"];
    assert!(reported.iter().all(|words| stderr.contains(words)), "{stderr}");
    assert_eq!(fs::read_to_string(&good).unwrap(), "good weights");
    assert_eq!(fs::read_to_string(folders.path("report/report.html")).unwrap(), "good report");
    assert_eq!(fs::read_dir(&report).unwrap().count(), 1);
    // The checkpoints of earlier steps stay, and are finite. The recipe best is checked in the same way.
    let newest = Folder::open(Path::new(&run)).unwrap().newest().unwrap().newest.unwrap();
    assert_eq!(first_non_finite(newest.1.tensors()), None);
    let best = demo(&["--data", &data, "--lr", "1e30", "--recipe", "best", "--epochs", "2", "--save", &good]);
    assert_refused(&best, 1, "a smaller --lr than 1e30, such as 0.002");
}

#[test]
fn weights_that_are_not_finite_after_the_last_step_are_not_saved() {
    let folders = Folders::new();
    let [data, good, run] = ["", "good", "run"].map(|name| folders.path(name));
    fs::write(&good, "good weights").unwrap();
    // One step, with the loss of the initial weights; the learning rate is infinite as an f32.
    let one_step = ["--data", &data, "--lr", "1e39", "--epochs", "1", "--batch-size", "256", "--save", &good];
    assert_refused(&demo(&one_step), 1, "the training diverged in epoch 1, step 1: fc1.weight has the value ");
    assert_eq!(fs::read_to_string(&good).unwrap(), "good weights");
    assert_refused(&demo(&[&one_step[..], &["--checkpoint", &run]].concat()), 1, "fc1.weight has the value ");
    assert_eq!(Folder::open(Path::new(&run)).unwrap().steps().unwrap(), [0], "only that of the start");
}

#[test]
fn weights_that_are_not_finite_are_refused_wherever_they_are_read() {
    let folders = Folders::new();
    let model = perceptron_for(28 * 28, 10, &mut Random::new(0));
    let (name, bias) = model.named_parameters().remove(3);
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/images/three.png");
    let weights = folders.path("weights");
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = bias.tensor().to_vec();
        values[7] = value;
        bias.set(&Tensor::from_vec(values, [128]));
        checkpoint::save(&model, &weights).unwrap();
        let words = format!("weights: found an element of {name} that is {value}, expected finite ones");
        assert_refused(&demo(&["eval", "--weights", &weights]), 1, &words);
        assert_refused(&demo(&["predict", picture.to_str().unwrap(), "--weights", &weights]), 1, &words);
        assert_refused(&demo(&["serve", "--port", "0", "--weights", &weights]), 1, &words);
    }
}

#[test]
fn a_checkpoint_that_is_not_finite_is_refused() {
    let folders = Folders::new();
    let [data, run] = ["", "run"].map(|name| folders.path(name));
    assert!(demo(&["--data", &data, "--epochs", "1", "--checkpoint", &run, "--keep", "1"]).status.success());
    let path: PathBuf = fs::read_dir(&run).unwrap().next().unwrap().unwrap().path();
    // Changes the first value after the header, and the checksum accordingly.
    let mut bytes = fs::read(&path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[8 + header..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    let end = bytes.len() - 4;
    let checksum = crc32fast::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    let output = demo(&["--resume", &run, "--epochs", "3"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let words = format!("{}: found an element of model.fc1.bias that is NaN, expected finite ones", path.display());
    assert!(stderr.contains(&words), "{stderr}");
    let weights = format!("error: {}: found an element of fc1.bias that is NaN, expected finite ones", path.display());
    for kept in [&run, path.to_str().unwrap()] {
        let output = demo(&["eval", "--data", &data, "--weights", kept]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        assert!(text(&output.stderr).contains(&weights), "{}", text(&output.stderr));
    }
    assert!(output.stdout.is_empty() && fs::read(&path).unwrap() == bytes, "nothing is trained, nothing is written");
}

#[test]
fn a_loss_that_grew_without_becoming_infinite_is_reported() {
    let folders = Folders::new();
    let [data, report, weights] = ["", "report", "weights"].map(|name| folders.path(name));
    let results = ["--data", &data, "--batch-size", "16", "--epochs", "3", "--save", &weights, "--out", &report];
    let page = || fs::read_to_string(folders.path("report/report.html")).unwrap();
    let json = || fs::read_to_string(folders.path("report/history.json")).unwrap();
    let usual = demo(&results);
    assert!(usual.status.success() && !text(&usual.stderr).contains("diverged"), "{}", text(&usual.stderr));
    assert!(!page().contains("diverged") && json().contains("\"warning\": null"));
    let output = demo(&[&results[..], &["--lr", "100"]].concat());
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let line = stderr.lines().find(|line| line.starts_with("warning: the training diverged: ")).expect(&stderr);
    assert!(line.ends_with("try a new run with a smaller --lr than 100.0, such as 0.001"), "{line}");
    let sentence = line.strip_prefix("warning: ").unwrap();
    assert!(page().contains(&format!("Warning: {sentence}.")) && json().contains(sentence), "{sentence}");
}
