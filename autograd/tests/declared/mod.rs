//! The public operations as the sources declare them: what is checked, documented and listed is derived from here.

#![allow(dead_code)] // Each test uses a part.

pub mod tables;

use std::fs;
use std::path::{Path, PathBuf};

/// A public function of an operation's file.
pub struct Operation {
    pub name: String,
    /// The folder or file below `ops` that it is in, or another place.
    pub family: String,
    pub path: PathBuf,
    /// Its documentation, paragraph by paragraph.
    pub docs: Vec<String>,
    pub is_method_of_tensor: bool,
    pub returns_a_tensor: bool,
    pub is_track_caller: bool,
    /// The checks of gradients that call it.
    pub checks: Vec<Check>,
}

/// A line `gradients!(...)`.
#[derive(Clone)]
pub struct Check {
    pub expression: String,
    pub shapes: Vec<Vec<usize>>,
    pub is_fixed: bool,
}

/// The Rust files below a folder, in order.
pub fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let (mut found, mut waiting) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            found.push((path, source));
        }
    }
    found.sort();
    found
}

/// All public operations: those of `ops`, and those that the engine needs below.
pub fn operations() -> Vec<Operation> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = sources(&source.join("ops"));
    files.extend(sources(&source.join("graph/broadcast.rs")));
    let mut operations = Vec::new();
    for (path, text) in files {
        let beside = path.with_extension("").join("tests.rs");
        let mut lines = checks(&text);
        lines.extend(checks(&fs::read_to_string(beside).unwrap_or_default()));
        // What the engine needs below is checked with its family.
        let family = match path.strip_prefix(source.join("ops")) {
            Ok(below) => {
                below.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
            }
            Err(_) => {
                lines.extend(checks(&fs::read_to_string(source.join("ops/shape/tests.rs")).unwrap()));
                "shape".to_owned()
            }
        };
        operations.extend(declared(&text, &family, &path, &lines));
    }
    operations
}

/// The public functions of a source.
pub fn declared(source: &str, family: &str, path: &Path, checks: &[Check]) -> Vec<Operation> {
    let (mut found, mut docs, mut attributes, mut owner) = (Vec::new(), Vec::new(), String::new(), String::new());
    for (position, line) in source.match_indices('\n').map(|(at, _)| at + 1).zip(source.lines().skip(1)) {
        let code = line.trim_start();
        if line.starts_with("impl") {
            owner = line.to_owned();
        } else if line == "mod tests {" {
            break;
        }
        if let Some(text) = code.strip_prefix("///") {
            docs.push(text.strip_prefix(' ').unwrap_or(text).to_owned());
        } else if code.starts_with("#[") {
            attributes.push_str(code);
        } else {
            if let Some(rest) = line.strip_prefix("    pub fn ") {
                let name = rest.split(['(', '<']).next().unwrap().to_owned();
                let signature = source[position..].split(" {\n").next().unwrap();
                let call = [format!(".{name}("), format!("Tensor::{name}(")];
                let calls = |check: &&Check| call.iter().any(|call| check.expression.contains(call));
                found.push(Operation {
                    family: family.to_owned(),
                    path: path.to_owned(),
                    docs: paragraphs(&docs),
                    is_method_of_tensor: owner.contains(" Tensor<T>") && !owner.contains(" for "),
                    returns_a_tensor: signature.rsplit("->").next().unwrap().contains("Tensor<"),
                    is_track_caller: attributes.contains("track_caller"),
                    checks: checks.iter().filter(calls).cloned().collect(),
                    name,
                });
            }
            docs.clear();
            attributes.clear();
        }
    }
    found
}

fn paragraphs(lines: &[String]) -> Vec<String> {
    lines.split(|line| line.is_empty()).map(|lines| lines.join(" ")).collect()
}

/// The lines `gradients!(...)` of a source.
pub fn checks(source: &str) -> Vec<Check> {
    let bodies = source.match_indices("gradients!(").map(|(at, start)| &source[at + start.len()..]);
    bodies.map(|rest| check(&rest[..end_of_group(rest)])).collect()
}

/// Where the bracket closes that was opened before the text.
fn end_of_group(text: &str) -> usize {
    let mut depth = 0;
    let closes = |(_, c): &(usize, char)| {
        depth += i32::from(matches!(c, '(' | '[' | '{')) - i32::from(matches!(c, ')' | ']' | '}'));
        depth < 0
    };
    text.char_indices().find(closes).expect("a bracket closes").0
}

/// Takes `name: |x| expression, [shape], [shape]; fixed` apart, from its end.
fn check(line: &str) -> Check {
    let mut rest = line.trim_end();
    let is_fixed = rest.ends_with("fixed");
    rest = rest.trim_end_matches("fixed").trim_end().trim_end_matches(';').trim_end();
    let mut shapes = Vec::new();
    while let Some((before, shape)) = rest.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) {
        let extents: Option<Vec<usize>> = shape
            .split(',')
            .filter(|extent| !extent.trim().is_empty())
            .map(|extent| extent.trim().parse().ok())
            .collect();
        let (Some(extents), Some(before)) = (extents, before.trim_end().strip_suffix(',')) else { break };
        shapes.insert(0, extents);
        rest = before.trim_end();
    }
    assert!(!shapes.is_empty(), "the shapes of gradients!({line}) are literals at its end");
    Check { expression: rest.to_owned(), shapes, is_fixed }
}
