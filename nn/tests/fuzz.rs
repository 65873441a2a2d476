//! Replays what the fuzz target has found interesting; `.ci/fuzz` looks for more.

#[path = "../fuzz/checks.rs"]
mod checks;

use std::fs;
use std::path::Path;

#[test]
fn safetensors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/safetensors");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(files.len() >= 5);
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
