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
    let foreign = |name: &str| page.matches(name).count();
    let namespaces = foreign("xmlns=\"http://www.w3.org/2000/svg\"");
    assert_eq!((namespaces, foreign("http")), (2, 2), "nothing is fetched");
    assert!(foreign("<script") == 0 && foreign("@import") == 0 && foreign("url(") == 0);
    assert_eq!(foreign("</tr>"), 1 + 4 + 1 + 4 + 10, "a row for each class, twice, and the configuration");

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
    assert!(fs::read_to_string(out.join("curves.svg")).unwrap().contains("Loss in training"));
    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(out.join("curves.png")).unwrap()));
    assert_eq!(decoder.read_info().unwrap().info().size(), (2240, 720));
}

#[test]
fn a_report_without_a_place_is_told_before_the_training() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    assert_refused(&demo(&["--out", file.to_str().unwrap()]), 1, "file: cannot be written");
}
