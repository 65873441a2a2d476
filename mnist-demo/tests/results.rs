//! The results of a run when one of them cannot be written, and paths that are refused before the training.

#![cfg(unix)]

mod common;

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use common::{assert_refused, demo, notes, program, write_small_set};

/// Enough epochs that a test can change something while the run continues.
const EPOCHS: &str = if cfg!(debug_assertions) { "10" } else { "400" };

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

    /// Starts a run and returns it after its first epoch, with the rest of its output.
    fn begun(&self, arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
        let data = self.path("");
        let mut run = program(&[&["--epochs", EPOCHS, "--data", &data], arguments].concat());
        let mut run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(run.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.starts_with("epoch ") && line.contains(&format!(" 1/{EPOCHS} ")), "{line}");
        (run, stdout)
    }
}

/// The rest of a run: its exit code, the last line of stdout, and stderr.
fn ended((run, mut stdout): (Child, BufReader<ChildStdout>)) -> (Option<i32>, String, String) {
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    let output = run.wait_with_output().unwrap();
    (output.status.code(), rest.lines().last().unwrap().to_owned(), notes(&output))
}

#[test]
fn a_late_failure_loses_neither_the_other_results_nor_the_accuracy() {
    let folders = Folders::new();
    let [lost, weights, report] = ["lost", "lost/weights", "report"].map(|name| folders.path(name));
    fs::create_dir(&lost).unwrap();
    let run = folders.begun(&["--save", &weights, "--out", &report]);
    fs::remove_dir(&lost).unwrap();
    let (code, last, stderr) = ended(run);
    let expected = format!(
        "error: {weights}: cannot be written: there is no folder {lost}\nsaved report: {report}/report.html\n\
         error: 1 of the results could not be saved: see the errors above\n"
    );
    assert_eq!((code, stderr), (Some(1), expected));
    assert!(last.starts_with("Test Accuracy: "), "{last}");

    // The other way round.
    let [weights, upper, report] = ["weights", "upper", "upper/report"].map(|name| folders.path(name));
    fs::create_dir_all(&report).unwrap();
    let run = folders.begun(&["--save", &weights, "--out", &report]);
    fs::remove_dir_all(&upper).unwrap();
    fs::write(&upper, "a file now").unwrap();
    let (code, last, stderr) = ended(run);
    assert!(code == Some(1) && last.starts_with("Test Accuracy: "), "{last}");
    assert!(stderr.starts_with(&format!("saved weights: {weights}\nerror: {report}")), "{stderr}");
    assert!(Path::new(&weights).exists());
}

#[test]
fn a_checkpoint_that_fails_is_reported_once_and_the_training_continues() {
    let folders = Folders::new();
    let [run, moved, weights] = ["run", "moved", "weights"].map(|name| folders.path(name));
    let begun = folders.begun(&["--checkpoint", &run, "--save", &weights]);
    // In one step: a folder in which a checkpoint is just being written could not be removed.
    fs::rename(&run, &moved).unwrap();
    let (code, last, stderr) = ended(begun);
    assert!(code == Some(1) && last.starts_with("Test Accuracy: "), "{last}");
    assert_eq!(stderr.matches("the training goes on without this checkpoint").count(), 1, "{stderr}");
    assert!(stderr.contains(&format!("saved weights: {weights}\n")), "{stderr}");
    assert!(stderr.ends_with("error: 1 of the results could not be saved: see the errors above\n"), "{stderr}");
}

#[test]
fn weights_are_saved_although_nobody_reads_what_is_printed() {
    let folders = Folders::new();
    let [data, weights] = ["", "weights"].map(|name| folders.path(name));
    let saved = |stdout: Stdio, stderr: Stdio| {
        let _ = fs::remove_file(&weights);
        let mut run = program(&["--epochs", "2", "--data", &data, "--save", &weights]);
        let mut run = run.stdout(stdout).stderr(stderr).spawn().unwrap();
        drop(run.stderr.take());
        drop(run.stdout.take());
        let code = run.wait().unwrap().code();
        assert!(Path::new(&weights).exists());
        code
    };
    assert_eq!(saved(Stdio::piped(), Stdio::piped()), Some(0), "readers that left are no failure");
    if let Ok(full) = File::options().write(true).open("/dev/full") {
        assert_eq!(saved(full.into(), Stdio::null()), Some(1), "a full disk under the output is one");
    }
}

#[test]
fn results_go_where_links_lead_and_keep_their_modes() {
    let folders = Folders::new();
    let [data, link, file, svg] = ["", "link", "file", "graph.svg"].map(|name| folders.path(name));
    symlink("file", &link).unwrap();
    assert!(demo(&["--epochs", "1", "--data", &data, "--save", &link]).status.success());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && fs::metadata(&file).unwrap().len() > 100_000);
    fs::write(&svg, "old").unwrap();
    fs::set_permissions(&svg, Permissions::from_mode(0o640)).unwrap();
    assert!(demo(&["graph", "--data", &data, "--svg", &svg]).status.success());
    assert_eq!(fs::metadata(&svg).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::read_to_string(&svg).unwrap().starts_with("<svg"));
}

#[test]
fn what_cannot_be_written_is_refused_before_the_training() {
    let folders = Folders::new();
    let [data, kept, out] = ["", "kept", "out"].map(|name| folders.path(name));
    fs::write(&kept, "old").unwrap();
    fs::set_permissions(&kept, Permissions::from_mode(0o444)).unwrap();
    let refused = |arguments: &[&str], words: &str| {
        assert_refused(&demo(&[&["--data", &data], arguments].concat()), 1, words);
    };
    refused(&["--save", &kept], "kept: cannot be written: it is read-only");
    refused(&["--save", &format!("{kept}s/")], "cannot be written: it names a folder");
    fs::create_dir(&out).unwrap();
    fs::create_dir(folders.path("out/report.html")).unwrap();
    refused(&["--out", &out], "out/report.html: cannot be written: it is a folder");
    refused(&["--out", &kept], "kept: cannot be written: it is not a folder");
    refused(&["--out", &format!("{kept}/deep/report")], "cannot be written: ");
    refused(&["--checkpoint", &kept], "kept: ");
    assert_refused(&demo(&["graph", "--data", &data, "--dot", &kept]), 1, "it is read-only");
    assert_eq!(fs::read_to_string(&kept).unwrap(), "old");
    // A folder is not created before there is something to write to it, whether or not its path ends with a slash.
    let missing = folders.path("no data here");
    let later = folders.path("later/report/");
    assert_refused(&demo(&["--data", &missing, "--out", &later, "--checkpoint", &later]), 1, "no data here");
    assert!(!Path::new(&folders.path("later")).exists());
    assert!(demo(&["--data", &data, "--epochs", "1", "--out", &later]).status.success());
    assert!(Path::new(&folders.path("later/report/report.html")).exists());
}

#[test]
fn a_pipe_takes_the_weights() {
    let folders = Folders::new();
    let [data, pipe] = ["", "pipe"].map(|name| folders.path(name));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let run = program(&["--epochs", "1", "--data", &data, "--save", &pipe]).stdout(Stdio::null()).spawn().unwrap();
    let bytes = fs::read(&pipe).unwrap();
    assert!(run.wait_with_output().unwrap().status.success());
    fs::remove_file(&pipe).unwrap();
    fs::write(&pipe, bytes).unwrap();
    assert!(demo(&["eval", "--data", &data, "--weights", &pipe]).status.success());
}
