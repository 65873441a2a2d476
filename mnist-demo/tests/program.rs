//! The program as a user sees it: its lines, exit codes and files, and the same bits every time.

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use common::{assert_refused, demo, text, write_small_set};

#[test]
fn lines_have_their_form_and_the_last_is_the_accuracy() {
    let folder = tempfile::tempdir().unwrap();
    write_small_set(folder.path());
    let data = folder.path().to_str().unwrap();
    let weights = folder.path().join("weights.safetensors");
    let weights = weights.to_str().unwrap();
    let output = demo(&["train", "--data", data, "--epochs", "12", "--batch-size", "16", "--save", weights]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let stderr = text(&output.stderr);
    let notes: Vec<&str> = stderr.lines().collect();
    assert_eq!(notes.len(), 3, "no bar where there is no terminal: {stderr}");
    let start = format!("training on {data}: 256 + 64 images of 5 × 4 in 4 classes; model 20 → 256 → 128 → 4, ReLU, ");
    assert!(notes[0].starts_with(&start) && notes[0].contains(" parameters; "), "{stderr}");
    assert_eq!(notes[1], format!("saved weights: {weights}"));
    assert!(notes[2].starts_with("next: ") && notes[2].ends_with(&format!("serve --weights {weights}")), "{stderr}");
    let stdout = text(&output.stdout);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 13);
    for (index, line) in lines[..12].iter().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert!(line.starts_with(&format!("epoch {:>2}/12  loss ", index + 1)), "{line}");
        assert_eq!(words.len(), 11, "{line}");
        assert_eq!((words[4], words[5], words[8], words[10]), ("test", "accuracy", "s", "images/s"), "{line}");
        assert!(words[6].ends_with('%') && words[9].parse::<u64>().is_ok(), "{line}");
    }
    assert_eq!(lines[12], "Test Accuracy: 100.00%");
    let evaluated = demo(&["eval", "--weights", weights, "--data", data]);
    assert_eq!(text(&evaluated.stdout), "Test Accuracy: 100.00%\n");
}

#[test]
fn the_same_seed_writes_the_same_bytes_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    write_small_set(folder.path());
    let run = |seed: &str, threads: &str| {
        let path = folder.path().join(format!("{seed}-{threads}.safetensors"));
        let data = folder.path().to_str().unwrap();
        let save = path.to_str().unwrap();
        let output = demo(&["--data", data, "--epochs", "2", "--seed", seed, "--threads", threads, "--save", save]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        fs::read(path).unwrap()
    };
    let first = run("3", "1");
    assert!(run("3", "1") == first, "two runs differ");
    assert!(run("3", "2") == first, "one thread and two differ");
    assert!(run("4", "1") != first, "two seeds agree");
}

#[test]
fn the_real_digits_give_the_same_bytes_on_one_thread_and_on_two() {
    let folder = tempfile::tempdir().unwrap();
    let run = |threads: &str| {
        let path = folder.path().join(format!("{threads}.safetensors"));
        let output = demo(&["--epochs", "1", "--threads", threads, "--save", path.to_str().unwrap()]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        fs::read(path).unwrap()
    };
    assert!(run("1") == run("2"), "one thread and two differ");
}

#[test]
fn wrong_usage_exits_with_two() {
    for option in ["--epochs", "--batch-size", "--shards", "--patience", "--every", "--keep"] {
        let words = format!("'0' for '{option} <");
        assert_refused(&demo(&[option, "0"]), 2, &words);
        assert_refused(&demo(&[option, "0"]), 2, "wanted a whole number from 1 to 1000000000 (a billion), such as 10");
    }
    assert_refused(&demo(&["--batch-size", "-1"]), 2, "--batch-size");
    assert_refused(&demo(&["--seed", "abc"]), 2, "wanted a whole number from 0 on, of at most 19 digits, such as 42");
    assert_refused(&demo(&["--serve", "http"]), 2, "to 65535, such as 8000");
    assert_refused(&demo(&["serve", "--port", "70000"]), 2, "to 65535, such as 8000");
    assert_refused(&demo(&["--lr", "nan"]), 2, "wanted a number above 0");
    assert_refused(&demo(&["train", "--threads", "2000"]), 2, "wanted a whole number from 0 (one for each core) to ");
    assert_refused(&demo(&["eval"]), 2, "--weights <PATH>");
    assert_refused(&demo(&["serve", "--host", "nohost"]), 2, "wanted an IP address of this machine");
    assert_refused(&demo(&["fly"]), 2, "fly");
    let program = env!("CARGO_BIN_EXE_mnist-demo");
    let output = Command::new(program).env("AUTOGRAD_ISA", "mmx").output().unwrap();
    assert_refused(&output, 2, "AUTOGRAD_ISA is \"mmx\"; this machine has: portable");
    assert_eq!(text(&output.stderr).lines().count(), 1);
}

#[test]
fn a_path_that_cannot_be_written_is_reported_before_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere/weights");
    assert_refused(&demo(&["--save", nowhere.to_str().unwrap()]), 1, "nowhere/weights: cannot be written");
    assert_refused(&demo(&["--save", folder.path().to_str().unwrap()]), 1, "it is a folder");
}

#[test]
fn a_closed_stdout_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    write_small_set(folder.path());
    let mut program = Command::new(env!("CARGO_BIN_EXE_mnist-demo"))
        .args(["--epochs", "200", "--data", folder.path().to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("epoch "), "{line}");
    // The reader was dropped; the program ends without an error message.
    let output = program.wait_with_output().unwrap();
    let stderr = text(&output.stderr);
    assert!(output.status.success() && stderr.starts_with("training on ") && stderr.lines().count() == 1, "{stderr}");
}

#[test]
fn the_summary_counts_what_is_trained() {
    let output = demo(&["summary"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    let rows: Vec<Vec<&str>> = stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    let linear = |line: usize| rows[line].join(" ");
    assert_eq!(linear(1), "fc1 Linear(in_features=784, out_features=256, bias=True) [1, 256] 200960");
    assert_eq!(linear(5), "fc3 Linear(in_features=128, out_features=10, bias=True) [1, 10] 1290");
    assert_eq!(stdout.lines().last().unwrap(), "235146 parameters, 918.5 KiB as f32");
    let folder = tempfile::tempdir().unwrap();
    write_small_set(folder.path());
    let output = demo(&["summary", "--data", folder.path().to_str().unwrap()]);
    let stdout = text(&output.stdout);
    assert!(stdout.contains("in_features=20, out_features=256") && stdout.contains("in_features=128, out_features=4"));
}
