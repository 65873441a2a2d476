//! Interrupted and resumed runs: the same bits, nothing lost, and no resumption from the wrong state.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use common::{assert_refused, demo, notes, text, write_small_set};
use mnist_demo::checkpoint::Folder;

/// A data set, a folder for checkpoints, and one for weights.
struct Folders {
    root: tempfile::TempDir,
}

impl Folders {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("data")).unwrap();
        write_small_set(&root.path().join("data"));
        Folders { root }
    }

    fn path(&self, name: &str) -> String {
        self.root.path().join(name).to_str().unwrap().to_owned()
    }

    /// A new run of 6 epochs of 16 steps, with more arguments.
    fn train(&self, more: &[&str]) -> Output {
        let data = self.path("data");
        let epochs = if more.contains(&"--epochs") { &[][..] } else { &["--epochs", "6"] };
        demo(&[&["train", "--data", &data, "--batch-size", "16", "--seed", "5"], epochs, more].concat())
    }

    /// The weights of a run that was not interrupted.
    fn whole(&self, more: &[&str]) -> Vec<u8> {
        let weights = self.path("whole");
        succeeded(&self.train(&[&["--save", &weights], more].concat()));
        fs::read(weights).unwrap()
    }

    /// Resumes the run in `checkpoints`, with more arguments.
    fn resume(&self, more: &[&str]) -> Output {
        demo(&[&["train", "--resume", &self.path("checkpoints")], more].concat())
    }

    fn steps(&self) -> Vec<usize> {
        Folder::open(Path::new(&self.path("checkpoints"))).unwrap().steps().unwrap()
    }

    fn file(&self, step: usize) -> PathBuf {
        Folder::open(Path::new(&self.path("checkpoints"))).unwrap().file(step)
    }
}

#[track_caller]
fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_run_goes_on_from_any_checkpoint_and_ends_with_the_same_bits() {
    let folders = Folders::new();
    let (whole, checkpoints, weights) = (folders.whole(&[]), folders.path("checkpoints"), folders.path("weights"));
    succeeded(&folders.train(&["--checkpoint", &checkpoints, "--every", "5", "--keep", "100", "--threads", "1"]));
    let steps = folders.steps();
    assert_eq!(steps.len(), 25, "the start, 6 ends of epochs, 18 inside of epochs: {steps:?}");
    assert_eq!((steps[0], steps[24]), (0, 96));
    // From the end of an epoch, from its middle, from the start: newer checkpoints are deleted first.
    let places = [
        "after epoch 5",
        "in epoch 5, after 176 images",
        "in epoch 3, after 48 images",
        "in epoch 1, after 80 images",
        "before the first step",
    ];
    for (step, place) in [80, 75, 35, 5, 0].into_iter().zip(places) {
        steps.iter().filter(|&&newer| newer > step).for_each(|&newer| fs::remove_file(folders.file(newer)).unwrap());
        let output = folders.resume(&["--save", &weights, "--threads", "2"]);
        succeeded(&output);
        let path = folders.file(step);
        let words = format!("resuming from {}: {place}\n", path.display());
        let saved = format!("saved weights: {weights}\nsaved checkpoint: {}\n", folders.file(96).display());
        let next = format!("next: {} serve --weights {weights}\n", env!("CARGO_BIN_EXE_mnist-demo"));
        let stderr = notes(&output);
        let stderr: Vec<&str> = stderr.split_inclusive('\n').filter(|line| !line.starts_with("warning: ")).collect();
        assert_eq!(stderr.concat(), words + &saved + &next, "except for a warning if two threads are too many");
        assert_eq!(text(&output.stdout).lines().count(), 6 - step / 16 + 1);
        assert!(fs::read(&weights).unwrap() == whole, "other bits from step {step}");
        assert_eq!(folders.steps(), steps, "it goes on writing");
    }
    // A finished run does not train, unless there are more epochs now.
    let output = folders.resume(&["--save", &weights]);
    assert_eq!(text(&output.stdout).lines().count(), 1);
    let words = format!("the run is finished: it has 6 epochs; go on with: {}", env!("CARGO_BIN_EXE_mnist-demo"));
    let again = format!(" train --resume {checkpoints} --save {weights} --epochs 12\n");
    assert!(text(&output.stderr).contains(&(words + &again)), "{}", text(&output.stderr));
    assert!(fs::read(&weights).unwrap() == whole);
    let output = folders.resume(&["--epochs", "8", "--keep", "2", "--every", "1000"]);
    assert!(text(&output.stdout).starts_with("epoch 7/8  loss"), "{}", text(&output.stdout));
    assert_eq!(folders.steps(), [112, 128]);
}

#[test]
fn another_run_is_refused_with_both_values() {
    let folders = Folders::new();
    let checkpoints = folders.path("checkpoints");
    succeeded(&folders.train(&["--checkpoint", &checkpoints]));
    assert_eq!(folders.steps(), [64, 80, 96], "the last three");
    let before: Vec<Vec<u8>> = folders.steps().iter().map(|&step| fs::read(folders.file(step)).unwrap()).collect();
    assert_refused_after_notice(&folders.resume(&["--seed", "6"]), 2, "--seed: found 6, expected 5");
    assert_refused_after_notice(&folders.resume(&["--batch-size", "8"]), 2, "--batch-size: found 8, expected 16");
    assert_refused_after_notice(&folders.resume(&["--lr", "0.002"]), 2, "--lr: found 0.002, expected 0.001");
    let other = Folders::new();
    let labels = other.root.path().join("data/t10k-labels-idx1-ubyte.gz");
    fs::write(&labels, common::gzip(&common::idx(&[64], &[0; 64]))).unwrap();
    let output = folders.resume(&["--data", &other.path("data")]);
    assert_refused_after_notice(&output, 2, "--data: found 256 + 64 images of 5 × 4 in 4 classes, checksum ");
    assert_eq!(text(&output.stderr).matches("checksum").count(), 2, "both: {}", text(&output.stderr));
    let after: Vec<Vec<u8>> = folders.steps().iter().map(|&step| fs::read(folders.file(step)).unwrap()).collect();
    assert!(before == after, "a refusal changed the checkpoints");
    // The same settings again, and the same data set from another folder, are accepted.
    let same = Folders::new();
    let data = same.path("data");
    succeeded(&folders.resume(&[
        "--data",
        &data,
        "--batch-size",
        "16",
        "--seed",
        "5",
        "--lr",
        "1e-3",
        "--recipe",
        "plain",
    ]));
    // The data set of the run has changed. That is not wrong usage, but the run cannot be resumed.
    fs::copy(&labels, same.root.path().join("data/t10k-labels-idx1-ubyte.gz")).unwrap();
    assert_refused_after_notice(&folders.resume(&["--epochs", "7"]), 1, "found 256 + 64 images");
    assert_refused(&folders.train(&["--checkpoint", &checkpoints]), 1, "the checkpoints of a run, the last of step 96");
    assert_refused(&folders.train(&["--checkpoint", "a", "--resume", "b"]), 2, "--checkpoint: found a, expected b");
    assert_refused(&demo(&["--every", "5"]), 2, "--every");
    assert_refused(&demo(&["--target-acc", "101"]), 2, "wanted percent, from 1 to 100");
    assert_refused(&demo(&["--target-acc", "0.98"]), 2, "such as 98");
}

/// As [`assert_refused`], but the first line names the run that was found.
#[track_caller]
fn assert_refused_after_notice(output: &Output, code: i32, words: &str) {
    let stderr = text(&output.stderr);
    let (notice, error) = stderr.split_once('\n').unwrap();
    assert!(notice.starts_with("resuming from "), "{stderr}");
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(error.starts_with("error: ") && error.contains(words) && error.lines().count() == 1, "{stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn damaged_checkpoints_are_reported_and_passed_over() {
    let folders = Folders::new();
    let (whole, checkpoints, weights) = (folders.whole(&[]), folders.path("checkpoints"), folders.path("weights"));
    succeeded(&folders.train(&["--checkpoint", &checkpoints]));
    let good = fs::read(folders.file(96)).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 4;
    fs::write(folders.file(96), &flipped).unwrap();
    fs::write(folders.file(80), &good[..good.len() - 1]).unwrap();
    let output = folders.resume(&["--save", &weights]);
    succeeded(&output);
    let stderr = text(&output.stderr);
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 7, "{stderr}");
    assert!(lines[0].starts_with("damaged, set aside: ") && lines[0].contains("step-000000000096"), "{stderr}");
    assert!(lines[1].contains("step-000000000080") && lines[1].contains("expected"), "{stderr}");
    assert!(lines[2].contains("step-000000000064.safetensors: after epoch 4"), "{stderr}");
    assert!(fs::read(&weights).unwrap() == whole);
    assert!(fs::read(format!("{}.damaged", folders.file(96).display())).unwrap() == flipped, "nothing is thrown away");
    // All checkpoints are damaged: the program reports it and starts a new run.
    folders.steps().iter().for_each(|&step| fs::write(folders.file(step), b"").unwrap());
    let data = folders.path("data");
    let anew = ["--data", &data, "--epochs", "6", "--batch-size", "16", "--seed", "5", "--save", &weights];
    let anew = [&anew[..], &["--checkpoint", &checkpoints]].concat();
    let output = folders.resume(&anew);
    succeeded(&output);
    assert!(text(&output.stderr).contains("no whole checkpoint: starting anew"), "{}", text(&output.stderr));
    assert!(fs::read(&weights).unwrap() == whole);
    // The same without a folder.
    fs::remove_dir_all(&checkpoints).unwrap();
    let output = folders.resume(&anew);
    succeeded(&output);
    assert!(text(&output.stderr).contains("no whole checkpoint: starting anew"), "{}", text(&output.stderr));
    assert!(fs::read(&weights).unwrap() == whole);
}

#[test]
fn a_folder_without_a_run_is_resumed_only_where_one_is_wanted() {
    let folders = Folders::new();
    let (checkpoints, data) = (folders.path("checkpoints"), folders.path("data"));
    let words = format!("a run to go on with; --checkpoint {checkpoints} starts one");
    let refused = |found: &str| {
        let output = folders.resume(&["--data", &data]);
        assert_refused(&output, 1, &format!("checkpoints: found {found}, expected {words}"));
    };
    refused("no such folder");
    assert!(!Path::new(&checkpoints).exists(), "a slip of the pen makes no folder");
    fs::create_dir(&checkpoints).unwrap();
    refused("no whole checkpoint");
    assert_eq!(fs::read_dir(&checkpoints).unwrap().count(), 0);
    let both = ["--data", &data, "--epochs", "1", "--checkpoint", &checkpoints];
    succeeded(&folders.resume(&both));
    assert!(text(&folders.resume(&both).stderr).contains("the run is finished: it has 1 epoch; go on with: "));
}

#[test]
fn a_run_that_reached_its_target_says_how_to_go_on() {
    let folders = Folders::new();
    let checkpoints = folders.path("checkpoints");
    succeeded(&folders.train(&["--checkpoint", &checkpoints, "--target-acc", "10", "--epochs", "1000"]));
    let stderr = text(&folders.resume(&[]).stderr);
    assert!(stderr.contains("the run is finished: it reached 10.00% after "), "{stderr}");
    assert!(stderr.contains(&format!("--resume {checkpoints} --target-acc 100\n")), "{stderr}");
}

#[test]
fn a_folder_takes_one_run_at_a_time() {
    let folders = Folders::new();
    let held = Folder::open(Path::new(&folders.path("checkpoints"))).unwrap();
    assert_refused(&folders.resume(&[]), 1, "another run is writing its checkpoints here");
    drop(held);
}

#[test]
fn the_target_ends_the_run_and_the_seconds_are_reported() {
    let folders = Folders::new();
    let output = folders.train(&["--target-acc", "60"]);
    succeeded(&output);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(
        notes(&output).starts_with("reached 60.00% after ") && stderr.contains(" s, evaluation included"),
        "{stderr}"
    );
    let last = stdout.lines().last().unwrap();
    let reached: f64 = last.strip_prefix("Test Accuracy: ").unwrap().strip_suffix('%').unwrap().parse().unwrap();
    assert!(reached >= 60.0);
    // The epoch before did not reach the target.
    let accuracies: Vec<f64> = stdout
        .lines()
        .filter_map(|line| line.split_once("test accuracy ")?.1.split_once('%')?.0.parse().ok())
        .collect();
    assert!(accuracies[..accuracies.len() - 1].iter().all(|&accuracy| accuracy < 60.0), "{stdout}");
    let output = demo(&["--data", &folders.path("data"), "--epochs", "1", "--lr", "1e-9", "--target-acc", "99.5"]);
    succeeded(&output);
    assert!(notes(&output).starts_with("did not reach 99.50% in 1 epoch and"), "{}", text(&output.stderr));
}

#[cfg(unix)]
#[test]
fn control_c_finishes_the_step_and_says_how_to_resume() {
    let folders = Folders::new();
    let (checkpoints, weights) = (folders.path("checkpoints"), folders.path("weights"));
    let interrupted = |keep: bool| {
        let mut arguments = vec!["train", "--epochs", "100000", "--batch-size", "16", "--seed", "5"];
        let data = folders.path("data");
        arguments.extend(["--data", &data]);
        if keep {
            arguments.extend(["--checkpoint", &checkpoints, "--keep", "1000000", "--every", "7"]);
        }
        let program = Command::new(env!("CARGO_BIN_EXE_mnist-demo"))
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(500));
        assert!(Command::new("kill").args(["-INT", &program.id().to_string()]).status().unwrap().success());
        program.wait_with_output().unwrap()
    };
    let output = interrupted(false);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(notes(&output).starts_with("interrupted in epoch ") && stderr.contains("--checkpoint DIR"), "{stderr}");
    let output = interrupted(true);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    let again = format!("go on with: {} train --resume {checkpoints}", env!("CARGO_BIN_EXE_mnist-demo"));
    assert!(stderr.contains(&again), "{stderr}");
    assert_eq!(notes(&output).lines().count(), 2, "where it is saved, and how it is continued: {stderr}");
    // The resumed run continues exactly as the uninterrupted one, from the same step.
    let epochs = (folders.steps().last().unwrap() / 16 + 2).to_string();
    let whole = folders.whole(&["--epochs", &epochs]);
    succeeded(&folders.resume(&["--epochs", &epochs, "--every", "1000000", "--save", &weights]));
    assert!(fs::read(&weights).unwrap() == whole);
}
