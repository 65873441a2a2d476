//! Data sets with any number of classes, from their files to the page: EMNIST with its transposed images, its splits
//! and its labels.

mod common;

use std::fs;
use std::path::Path;

use common::http::{Server, body};
use common::{assert_refused, bar, demo, text, train_on, transposed, write_emnist};
use mnist_demo::dataset::{Dataset, split_path};
use serde_json::Value;

/// The characters of EMNIST's split balanced.
const BALANCED: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt";

fn mapping(first: usize, characters: &str) -> String {
    characters.chars().enumerate().map(|(class, c)| format!("{} {}\n", class + first, c as u32)).collect()
}

/// The image of a class as a PNG that the program does not have to scale or centre.
fn write_picture(path: &Path, class: u32) {
    image::GrayImage::from_raw(28, 28, bar(class)).unwrap().save(path).unwrap();
}

/// The lines of `predict --json` for a picture.
fn predicted(arguments: &[&str]) -> Vec<Value> {
    let output = demo(&[&["predict", "--json"], arguments].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn emnist_is_read_upright_and_its_letters_from_zero() {
    let folder = tempfile::tempdir().unwrap();
    write_emnist(folder.path(), "letters", 26, 1);
    let data = Dataset::from_folder(folder.path()).unwrap();
    assert_eq!((data.train.len(), data.test.len(), data.classes, data.labels.name(25)), (104, 26, 26, "z"));
    assert_eq!((data.train.image(27), data.train.labels()[27]), (&bar(1)[..], 1));
    assert_ne!(bar(1), transposed(&bar(1)));
    // Once the mapping file is there, its labels are used.
    let letters: String = (1..=26).map(|class| format!("{class} {} {}\n", 64 + class, 96 + class)).collect();
    fs::write(folder.path().join("emnist-letters-mapping.txt"), letters).unwrap();
    assert_eq!(Dataset::from_folder(folder.path()).unwrap().labels, data.labels);
    fs::write(folder.path().join("emnist-letters-mapping.txt"), mapping(1, "abc")).unwrap();
    let message = Dataset::from_folder(folder.path()).unwrap_err().to_string();
    assert!(
        message.ends_with("emnist-letters-mapping.txt: found 3 labels, expected 26, one for each class"),
        "{message}"
    );
    fs::remove_file(folder.path().join("emnist-letters-mapping.txt")).unwrap();
    write_emnist(folder.path(), "letters", 26, 0);
    let message = Dataset::from_folder(folder.path()).unwrap_err().to_string();
    assert!(
        message.contains("train-labels-idx1-ubyte.gz: found the label 0, expected labels from 1 to 26"),
        "{message}"
    );
}

#[test]
fn of_several_splits_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    write_emnist(folder.path(), "letters", 26, 1);
    write_emnist(folder.path(), "digits", 10, 0);
    let summary = |split: &[&str]| demo(&[&["summary", "--data", data], split].concat());
    assert_refused(
        &summary(&[]),
        1,
        "found the EMNIST splits digits, letters, expected one of them to be named: --split NAME",
    );
    assert!(text(&summary(&["--split", "letters"]).stdout).contains("in_features=128, out_features=26"));
    assert!(text(&summary(&["--split", "digits"]).stdout).contains("in_features=128, out_features=10"));
    assert_refused(
        &summary(&["--split", "byclass"]),
        1,
        "found the EMNIST splits digits, letters, expected emnist-byclass-train-images-idx3-ubyte and so on",
    );
    assert_refused(&demo(&["summary", "--split", "digits"]), 2, "--data <DIR>");
    let elsewhere = tempfile::tempdir().unwrap();
    let output = demo(&["summary", "--data", elsewhere.path().join("emnist-digits").to_str().unwrap()]);
    assert_refused(
        &output,
        1,
        "emnist-digits: found no such folder, expected a folder with the four files of a data set",
    );
    // Half of a split.
    fs::remove_file(folder.path().join("emnist-digits-test-labels-idx1-ubyte.gz")).unwrap();
    assert_refused(&summary(&["--split", "digits"]), 1, "expected emnist-digits-test-labels-idx1-ubyte too");
    // MNIST's names are preferred; they are not transposed.
    common::write_small_set(folder.path());
    let read = Dataset::from_folder(folder.path()).unwrap();
    assert_eq!((read.classes, read.train.rows, read.train.columns), (4, 5, 4));
    assert_eq!(Dataset::from_folder(&split_path(folder.path(), "letters")).unwrap().classes, 26);
}

#[test]
fn a_network_of_47_classes_is_used_with_its_labels() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, weights) = (path("data"), path("balanced.safetensors"));
    fs::create_dir(&data).unwrap();
    write_emnist(Path::new(&data), "balanced", 47, 0);
    fs::write(Path::new(&data).join("emnist-balanced-mapping.txt"), mapping(0, BALANCED)).unwrap();
    let report = path("report");
    train_on(&["--data", &data, "--split", "balanced", "--out", &report], &weights);
    assert!(fs::read_to_string(Path::new(&report).join("report.html")).unwrap().contains("<th scope=\"row\">t</th>"));
    let evaluated = demo(&["eval", "--weights", &weights, "--data", &data]);
    assert_eq!(text(&evaluated.stdout), "Test Accuracy: 100.00%\n");

    // The labels are in the file with the weights: the data is not needed any more.
    fs::remove_dir_all(&data).unwrap();
    let pictures: Vec<String> = ["one.png", "two.png"].map(path).into();
    write_picture(Path::new(&pictures[0]), 46);
    write_picture(Path::new(&pictures[1]), 3);
    let answers = predicted(&[&pictures[0], &pictures[1], "--weights", &weights]);
    assert_eq!(answers.len(), 2);
    for (answer, file) in answers.iter().zip(&pictures) {
        let count = |name: &str| answer[name].as_array().unwrap().len();
        assert_eq!((count("labels"), count("probabilities"), &answer["file"]), (47, 47, &file.as_str().into()));
        let class = answer["class"].as_u64().unwrap() as usize;
        assert_eq!(answer["label"].as_str(), BALANCED.get(class..=class));
        assert_eq!(answer["labels"][class], answer["label"]);
        let probabilities = answer["probabilities"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap());
        assert_eq!(probabilities.clone().fold(0.0, f64::max), probabilities.clone().nth(class).unwrap());
        assert!((probabilities.sum::<f64>() - 1.0).abs() < 1e-4);
    }
    let output = demo(&["predict", &pictures[0], "--weights", &weights]);
    assert!(text(&output.stdout).contains("\n  37 other classes: "), "{}", text(&output.stdout));

    // Other labels, and wrong ones.
    let names = path("names.txt");
    fs::write(&names, (0..47).map(|class| format!("kind {class}\n")).collect::<String>()).unwrap();
    let answer = predicted(&[&pictures[0], "--weights", &weights, "--labels", &names]).remove(0);
    assert_eq!(answer["label"], format!("kind {}", answer["class"]));
    fs::write(&names, "a\nb\n").unwrap();
    let output = demo(&["predict", &pictures[0], "--weights", &weights, "--labels", &names]);
    assert_refused(&output, 1, "names.txt: found 2 labels, expected 47, one for each class");

    // The page, with the image of a class as in training.
    let page = Server::demo(&["serve", "--port", "0", "--weights", &weights]);
    assert_eq!(body(&page.ask("GET", "/labels", "", b"").1)["labels"][46], "t");
    for class in [0, 10, 46] {
        let pixels = serde_json::to_string(&bar(class)).unwrap();
        let answer = body(&page.predict("application/json", pixels.as_bytes()).1);
        assert_eq!(
            (&answer["class"], answer["label"].as_str()),
            (&class.into(), BALANCED.get(class as usize..=class as usize))
        );
        assert_eq!(answer["probabilities"].as_array().unwrap().len(), 47);
    }
}

#[test]
fn labels_beside_the_weights_are_taken_when_they_fit() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, weights, picture) = (path("data"), path("weights"), path("picture.png"));
    fs::create_dir(&data).unwrap();
    // A split that EMNIST does not have, with 27 classes and without labels.
    write_emnist(Path::new(&data), "own", 27, 0);
    train_on(&["--data", &data], &weights);
    write_picture(Path::new(&picture), 20);
    let answer = predicted(&[&picture, "--weights", &weights]).remove(0);
    assert_eq!((&answer["label"], &answer["labels"][26]), (&answer["class"].to_string().into(), &"26".into()));
    fs::write(path("labels.txt"), (0..27).map(|class| format!("kind {class}\n")).collect::<String>()).unwrap();
    let answer = predicted(&[&picture, "--weights", &weights]).remove(0);
    assert_eq!(answer["label"], format!("kind {}", answer["class"]));
    // The mapping of EMNIST's letters, which count from 1, for a network whose class 0 has no images.
    let letters: String = (1..=26).map(|class| format!("{class} {} {}\n", 64 + class, 96 + class)).collect();
    fs::write(path("mapping.txt"), letters).unwrap();
    let answer = predicted(&[&picture, "--weights", &weights, "--labels", &path("mapping.txt")]).remove(0);
    assert_eq!((&answer["labels"][0], &answer["labels"][26]), (&"0".into(), &"z".into()));
    // A file that may belong to other weights.
    fs::write(path("labels.txt"), "a\nb\n").unwrap();
    let output = demo(&["predict", "--json", &picture, "--weights", &weights]);
    assert!(output.status.success());
    assert_eq!(
        text(&output.stderr),
        format!("not used: {}: found 2 labels, expected 27, one for each class\n", path("labels.txt"))
    );
}

#[test]
fn a_folder_of_checkpoints_stands_for_its_newest_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, run, weights, picture) = (path("data"), path("run"), path("weights"), path("picture.png"));
    fs::create_dir(&data).unwrap();
    write_emnist(Path::new(&data), "letters", 26, 1);
    write_emnist(Path::new(&data), "digits", 10, 0);
    let split = ["--data", &data, "--split", "letters"];
    train_on(&[&split[..], &["--checkpoint", &run]].concat(), &weights);
    write_picture(Path::new(&picture), 20);
    let from_file = predicted(&[&picture, "--weights", &weights]);
    let names = || {
        let mut names: Vec<_> = fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    };
    let checkpoints = names();
    assert_eq!(checkpoints.len(), 3);
    let newest = checkpoints[2].to_str().unwrap();
    for named in [&run, newest] {
        assert_eq!(predicted(&[&picture, "--weights", named]), from_file);
        let evaluated = demo(&[&["eval", "--weights", named], &split[..]].concat());
        assert_eq!(text(&evaluated.stdout), "Test Accuracy: 100.00%\n");
        let said = format!("using {newest}: after epoch 30\n");
        assert_eq!(text(&evaluated.stderr), if *named == run { said } else { String::new() });
    }
    let page = Server::demo(&["serve", "--port", "0", "--weights", &run]);
    assert_eq!(body(&page.ask("GET", "/labels", "", b"").1)["labels"][25], "z");
    // A resumed run knows its split.
    let resumed = demo(&["train", "--resume", &run, "--epochs", "31"]);
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));

    // A damaged checkpoint is skipped and not renamed. Weights do not fit a data set with another number of classes.
    let checkpoints = names();
    fs::write(&checkpoints[2], b"half of it").unwrap();
    let output = demo(&["predict", &picture, "--weights", &run]);
    assert!(output.status.success());
    let stderr = text(&output.stderr);
    assert!(
        stderr.starts_with(&format!("damaged, not used: {}: found 10 bytes", checkpoints[2].display())),
        "{stderr}"
    );
    assert!(stderr.contains(&format!("\nusing {}: ", checkpoints[1].display())), "{stderr}");
    assert_eq!(names(), checkpoints);
    let output = demo(&["eval", "--weights", checkpoints[1].to_str().unwrap()]);
    assert_refused(&output, 1, "fc3.weight: found f32 of shape [26, 128], expected f32 of shape [10, 128]");
    checkpoints[..2].iter().for_each(|path| fs::remove_file(path).unwrap());
    let output = demo(&["predict", &picture, "--weights", &run]);
    assert!(text(&output.stderr).ends_with(&format!(
        "error: {run}: found no whole checkpoint, expected checkpoints, as train --checkpoint writes them\n"
    )));
    fs::remove_file(&checkpoints[2]).unwrap();
    assert_refused(&demo(&["eval", "--weights", &run]), 1, "run: found no checkpoint, expected checkpoints");
}
