//! Small data sets in the IDX form, and the program to run on them.

#![allow(dead_code)]

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

/// Images of bright columns, whose place tells the class: `count` images of `rows` × `columns`, and their labels.
pub fn columns_of_light(count: u32, rows: u32, columns: u32) -> (Vec<u8>, Vec<u8>) {
    let labels: Vec<u8> = (0..count).map(|image| (image % columns) as u8).collect();
    let pixel = |image: u32, column: u32| {
        if image % columns == column { 200 + (image % 50) as u8 } else { (image * 7 % 30) as u8 }
    };
    let pixels =
        (0..count).flat_map(|image| (0..rows * columns).map(move |place| pixel(image, place % columns))).collect();
    (pixels, labels)
}

/// Writes a whole data set that can be learnt: 256 training and 64 test images of 5 × 4 in 4 classes.
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

/// The program, ready to run on a machine that shows UTF-8.
pub fn program(arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_mnist-demo"));
    program.args(arguments).env_remove("AUTOGRAD_ISA").env("LC_ALL", "C.UTF-8");
    program
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Checks that the program failed with this code and said one line that has these words, on stderr alone.
#[track_caller]
pub fn assert_refused(output: &Output, code: i32, words: &str) {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.contains(words), "{words:?} is not in {stderr:?}");
    if code == 1 {
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with("error: "), "{stderr}");
    }
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
}
