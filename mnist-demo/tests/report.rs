//! `--out DIR`: a page that needs no network, the curves, and the history.

mod common;

use std::fs;

use common::{assert_refused, demo, text, write_small_set};

#[test]
fn a_run_leaves_its_report() {
    let root = tempfile::tempdir().unwrap();
    write_small_set(root.path());
    let data = root.path().to_str().unwrap();
    let out = root.path().join("some/report");
    let output = demo(&["--data", data, "--epochs", "3", "--batch-size", "16", "--out", out.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    let last = stdout.lines().last().unwrap();
    let accuracy = last.strip_prefix("Test Accuracy: ").unwrap();
    let mut names: Vec<String> =
        fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["curves.png", "curves.svg", "history.csv", "history.json", "report.html"]);

    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains(&format!("<h1>{accuracy}</h1>")), "{accuracy}");
    for part in [
        "Training curves",
        "Confusion matrix",
        "Most confident mistakes",
        "Precision and recall",
        "First-layer weights",
    ] {
        assert!(page.contains(&format!("<h2>{part}</h2>")) || part.contains("mistakes"), "{part}");
    }
    for part in ["model", "data set", "optimizer", "date", "processor", "command line", "version"] {
        assert!(page.contains(&format!("<dt>{part}</dt><dd>")), "{part}");
    }
    let position = |words: &str| page.find(words).unwrap();
    assert!(position("<h2>The run</h2>") < position("<h2>Training curves</h2>"), "what was run is near the top");
    assert!(position("<dt>command line</dt>") < position("<dt>model</dt>"), "the command first");
    assert!(page.contains("20 → 256 → 128 → 4, ReLU") && page.contains("Adam, learning rate 0.001"));
    let foreign = |name: &str| page.matches(name).count();
    let namespaces = foreign("xmlns=\"http://www.w3.org/2000/svg\"");
    assert_eq!((namespaces, foreign("http")), (2, 2), "nothing is fetched");
    assert!(foreign("<script") == 0 && foreign("@import") == 0 && foreign("url(") == 0);
    assert_eq!(foreign("</tr>"), 2 + 4 + 1 + 4 + 9, "a row for each class, twice, and the configuration");
    assert!(page.contains("predicted class") && page.contains("true class"), "the axes of the confusion matrix");
    assert_eq!(foreign("<details><summary><h2>First-layer weights"), 1, "the weights are folded");
    let length = |row: &str| row.split('%').next().unwrap().parse::<f64>().unwrap();
    let lengths: Vec<f64> = page.split("--length:").skip(1).map(length).collect();
    assert!(lengths.len() == 2 * 4 && lengths.iter().all(|length| (0.0..=100.0).contains(length)), "{lengths:?}");

    let csv = fs::read_to_string(out.join("history.csv")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "epoch,loss,train_accuracy,test_accuracy,seconds,images,images_per_second");
    assert_eq!(lines.len(), 4);
    let json: serde_json::Value = serde_json::from_slice(&fs::read(out.join("history.json")).unwrap()).unwrap();
    assert_eq!(json["epochs"].as_array().unwrap().len(), 3);
    assert_eq!(json["curve"].as_array().unwrap().len(), 3 * 16, "a point for each step, since they are few");
    assert_eq!(format!("{:.2}%", 100.0 * json["test_accuracy"].as_f64().unwrap()), accuracy);
    let images: u64 = json["confusion"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!(images, 64);
    assert!(fs::read_to_string(out.join("curves.svg")).unwrap().contains("Training loss"));
    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(out.join("curves.png")).unwrap()));
    assert_eq!(decoder.read_info().unwrap().info().size(), (2240, 907));
}

#[test]
fn a_report_that_cannot_be_written_is_reported_before_the_training() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    assert_refused(&demo(&["--out", file.to_str().unwrap()]), 1, "file: cannot be written");
}

/// Ctrl-C, where there are signals.
#[cfg(unix)]
mod interrupted_runs {
    use std::io::{BufRead, BufReader};
    use std::path::Path;
    use std::process::{Child, Command, Output, Stdio};
    use std::thread::{sleep, spawn};
    use std::time::Duration;

    use super::*;

    /// Starts the program.
    fn start(arguments: &[&str]) -> Child {
        let mut program = Command::new(env!("CARGO_BIN_EXE_mnist-demo"));
        program.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Presses Ctrl-C.
    fn interrupted(program: Child) -> Output {
        assert!(Command::new("kill").args(["-INT", &program.id().to_string()]).status().unwrap().success());
        program.wait_with_output().unwrap()
    }

    #[test]
    fn an_interrupted_run_leaves_a_report_of_what_was_trained() {
        let root = tempfile::tempdir().unwrap();
        write_small_set(root.path());
        let (data, out) = (root.path().to_str().unwrap(), root.path().join("report"));
        let mut program = start(&["--data", data, "--epochs", "1000000", "--out", out.to_str().unwrap()]);
        let mut stdout = BufReader::new(program.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.starts_with("epoch "), "{line}");
        // Something must read the remaining lines while the program ends.
        let rest = spawn(move || stdout.lines().map_while(Result::ok).count());
        let output = interrupted(program);
        rest.join().unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{stderr}");
        assert!(stderr.contains("report: ") && stderr.contains("interrupted in epoch "), "{stderr}");
        let page = fs::read_to_string(out.join("report.html")).unwrap();
        assert!(page.contains(" of 1000000"), "it says how many epochs there should have been");
        assert!(fs::read_to_string(out.join("history.csv")).unwrap().lines().count() > 1);
    }

    #[test]
    fn a_run_that_is_interrupted_in_its_first_epoch_says_that_there_is_no_report() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        let (run, out) = (path("run"), path("report"));
        let (folder, report) = (run.to_str().unwrap(), out.to_str().unwrap());
        let program = start(&["--batch-size", "1", "--threads", "1", "--checkpoint", folder, "--out", report]);
        // The first checkpoint shows that the training has begun.
        let begun =
            |run: &Path| fs::read_dir(run).is_ok_and(|mut files| files.any(|file| whole(&file.unwrap().path())));
        while !begun(&run) {
            sleep(Duration::from_millis(5));
        }
        let output = interrupted(program);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{stderr}");
        assert!(stderr.contains("\nno report: no epoch was completed\ninterrupted in epoch 1, after "), "{stderr}");
        assert!(stderr.contains(&format!("--out {report}")), "{stderr}");
        assert!(!out.exists(), "no empty folder is left");
    }

    /// Whether a file is a checkpoint, and not one that is being written.
    fn whole(path: &Path) -> bool {
        path.file_name().unwrap().to_str().unwrap().starts_with("step-")
    }
}
