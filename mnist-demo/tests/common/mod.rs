//! Small data sets in the IDX format, and functions that run the program.

#![allow(dead_code)]

pub mod browser;
pub mod http;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use flate2::{Compression, write::GzEncoder};

/// An IDX file of bytes.
pub fn idx(extents: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, extents.len() as u8];
    file.extend(extents.iter().flat_map(|extent| extent.to_be_bytes()));
    file.extend(bytes);
    file
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Images with a bright column, whose index is the class: `count` images of `rows` × `columns`, and their labels.
pub fn columns_of_light(count: u32, rows: u32, columns: u32) -> (Vec<u8>, Vec<u8>) {
    let labels: Vec<u8> = (0..count).map(|image| (image % columns) as u8).collect();
    let pixel = |image: u32, column: u32| {
        if image % columns == column { 200 + (image % 50) as u8 } else { (image * 7 % 30) as u8 }
    };
    let pixels =
        (0..count).flat_map(|image| (0..rows * columns).map(move |index| pixel(image, index % columns))).collect();
    (pixels, labels)
}

/// Writes a complete data set that is easy to learn: 256 training and 64 test images of 5 × 4 in 4 classes.
pub fn write_small_set(folder: &Path) {
    for (name, count) in [("train", 256), ("t10k", 64)] {
        let (pixels, labels) = columns_of_light(count, 5, 4);
        fs::write(folder.join(format!("{name}-images-idx3-ubyte")), idx(&[count, 5, 4], &pixels)).unwrap();
        fs::write(folder.join(format!("{name}-labels-idx1-ubyte.gz")), gzip(&idx(&[count], &labels))).unwrap();
    }
}

/// Runs the program.
pub fn demo(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

/// The program, ready to run in a locale with UTF-8.
pub fn program(arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_mnist-demo"));
    program.args(arguments).env_remove("AUTOGRAD_ISA").env("LC_ALL", "C.UTF-8");
    program
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What the program printed on stderr, without the line that describes a training before it starts.
pub fn notes(output: &Output) -> String {
    let stderr = text(&output.stderr);
    stderr.split_inclusive('\n').filter(|line| !line.starts_with("training on ")).collect()
}

/// Checks that the program failed with this code and printed only one line, on stderr, with these words.
#[track_caller]
pub fn assert_refused(output: &Output, code: i32, words: &str) {
    let stderr = notes(output);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.contains(words), "{words:?} is not in {stderr:?}");
    if code == 1 {
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with("error: "), "{stderr}");
    }
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
}

/// The files of a split of EMNIST: 4 training and 1 test image of each class, 28 × 28 pixels, stored transposed as
/// in EMNIST. The image of a class is a bar at its own position, and a mark below, which shows whether the image is
/// transposed.
pub fn write_emnist(folder: &Path, split: &str, classes: u32, first_label: u32) {
    for (name, times) in [("train", 4), ("test", 1)] {
        let labels: Vec<u8> = (0..times * classes).map(|image| (image % classes + first_label) as u8).collect();
        let pixels: Vec<u8> = (0..times * classes).flat_map(|image| transposed(&bar(image % classes))).collect();
        let write =
            |kind: &str, bytes: &[u8]| fs::write(folder.join(format!("emnist-{split}-{name}-{kind}-ubyte.gz")), bytes);
        write("images-idx3", &gzip(&idx(&[times * classes, 28, 28], &pixels))).unwrap();
        write("labels-idx1", &gzip(&idx(&[times * classes], &labels))).unwrap();
    }
}

/// The image of a class of [`write_emnist`], upright: a horizontal bar at one of 8 × 6 positions, and a short one at
/// the bottom.
pub fn bar(class: u32) -> Vec<u8> {
    let (top, left) = (class / 8 * 4, class % 8 * 3);
    let ink = |x: u32, y: u32| (y / 2 == top / 2 && (left..left + 6).contains(&x)) || (y == 27 && x < 4);
    (0..28 * 28).map(|index| if ink(index % 28, index / 28) { 255 } else { 0 }).collect()
}

/// An image of 28 × 28 pixels, transposed.
pub fn transposed(image: &[u8]) -> Vec<u8> {
    (0..28 * 28).map(|index| image[index % 28 * 28 + index / 28]).collect()
}

/// Trains on the data set in `arguments` until all of its few images are classified correctly, and saves the weights.
pub fn train_on(arguments: &[&str], weights: &str) {
    let output = demo(&[&["train", "--epochs", "30", "--batch-size", "16", "--save", weights], arguments].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).ends_with("Test Accuracy: 100.00%\n"), "{}", text(&output.stdout));
}
