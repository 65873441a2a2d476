//! Operations are compiled in this crate, for both element types, and not once more in each program that calls them.
//!
//! The operations are read from the sources: each is named by a line `instances!(...)` of its file, or calls what is
//! named there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The Rust files below a folder.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let (mut found, mut waiting) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            found.push((path, source));
        }
    }
    found
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect()
}

/// The public methods of the generic `Tensor` that are neither compiled in the crate nor call a function that is.
fn missing(source: &str) -> Vec<&str> {
    let compiled: String = source
        .split("\ninstances!")
        .skip(1)
        .map(|rest| rest.split(");\n").next().unwrap())
        .collect::<Vec<_>>()
        .join(" ");
    let compiled = words(&compiled);
    let mut missing = Vec::new();
    for methods in source.split("\nimpl<T: Float> Tensor<T> {\n").skip(1) {
        let methods = methods.split("\n}\n").next().unwrap();
        for method in methods.split("\n    pub fn ").skip(1) {
            let name = method.split(['(', '<']).next().unwrap();
            let body = words(method.split("\n    }").next().unwrap());
            if !compiled.contains(name) && body.is_disjoint(&compiled) {
                missing.push(name);
            }
        }
    }
    missing
}

#[test]
fn every_operation_is_compiled_in_the_crate() {
    let operations = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ops");
    for (path, source) in sources(&operations) {
        let missing = missing(&source);
        assert!(missing.is_empty(), "{}: no instances!(...) names {}", path.display(), missing.join(", "));
    }
}

#[test]
fn an_operation_that_is_not_compiled_is_seen() {
    let source = "\nimpl<T: Float> Tensor<T> {\n    pub fn a(&self) {\n    }\n    pub fn b(&self) {\n        \
        self.c()\n    }\n    \
                  pub fn d(&self) {\n    }\n}\n\ninstances!(a c);\n";
    assert_eq!(missing(source), ["d"]);
}
