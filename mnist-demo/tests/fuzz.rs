//! Replays what the fuzz targets have found interesting, and some claims; `.ci/fuzz` looks for more.

#[path = "../fuzz/checks.rs"]
mod checks;

use std::fs;
use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        check(&fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count >= 5, "{target} has a corpus of {count}");
}

#[test]
fn idx() {
    replay("idx", checks::idx);
    // Few bytes that claim a gigabyte and more.
    checks::idx(b"\0\0\x08\x01\x40\0\0\0......");
    checks::idx(b"\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x01");
}

#[test]
fn gzip() {
    replay("gzip", checks::gzip);
}

#[test]
fn picture() {
    replay("picture", checks::picture);
}

#[test]
fn request() {
    replay("request", checks::request);
}

#[test]
fn checkpoint() {
    replay("checkpoint", checks::checkpoint);
}
