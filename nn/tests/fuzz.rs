//! Replays what the fuzz target has found interesting; `.ci/fuzz` looks for more.

#[path = "../fuzz/checks.rs"]
mod checks;

use std::fs;
use std::path::Path;
use std::sync::MutexGuard;

/// Memory is counted for the whole program: one test at a time.
fn corpus(name: &str) -> (MutexGuard<'static, ()>, Vec<Vec<u8>>) {
    let alone = checks::memory::alone();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(files.len() >= 5);
    (alone, files)
}

#[test]
fn a_run() {
    let (_alone, files) = corpus("run");
    for whole in files {
        checks::run(&whole);
        for position in (0..whole.len()).step_by(7) {
            checks::run(&whole[..position]);
            let mut changed = whole.clone();
            changed[position] ^= 1 << (position % 8);
            checks::run(&changed);
        }
    }
    // Values of an optimizer that fill the file.
    let name = "optimizer.weight.exp_avg";
    let header = format!(r#"{{"{name}":{{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]}}}}"#);
    checks::run(&[&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; 4_000_000]].concat());
}

#[test]
fn safetensors() {
    let (_alone, files) = corpus("safetensors");
    files.iter().for_each(|file| checks::safetensors(file));
    // Eleven bytes that claim a gigabyte.
    checks::safetensors(&[&(1_u64 << 30).to_le_bytes()[..], b"{}."].concat());
    // Headers that list a million dimensions, or forty thousand tensors.
    let tensor = |shape: &str| format!(r#"{{"dtype":"F32","shape":[{shape}1],"data_offsets":[0,4]}}"#);
    let many = (0..40_000).map(|index| format!(r#""{index}":{}"#, tensor(""))).collect::<Vec<_>>().join(",");
    // A name of a megabyte, which a message does not repeat.
    let long = format!(r#""{}":{}"#, "x".repeat(1 << 20), tensor(""));
    for tensors in [format!(r#""weight":{}"#, tensor(&"1,".repeat(1 << 20))), many, long] {
        let header = format!("{{{tensors}}}");
        checks::safetensors(&[&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 4]].concat());
    }
}
