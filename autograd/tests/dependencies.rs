//! Rules of the workspace: the libraries have few dependencies, and the members are five.

use std::fs;
use std::path::{Path, PathBuf};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

/// The names in a section of a manifest.
fn section<'a>(manifest: &'a str, name: &str) -> Vec<&'a str> {
    let lines = manifest.lines().skip_while(|line| *line != format!("[{name}]")).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| line.split(['.', ' ', '=']).next().unwrap())
        .collect()
}

#[test]
fn the_libraries_stay_light() {
    let allowed: [(&str, &[&str]); 3] = [
        ("autograd", &["ndarray", "matrixmultiply", "rayon", "smallvec"]),
        ("nn", &["autograd", "ndarray-npy", "safetensors", "thiserror", "tempfile", "zip"]),
        ("optim", &["autograd", "mpi"]),
    ];
    for (member, names) in allowed {
        let manifest = fs::read_to_string(workspace().join(member).join("Cargo.toml")).unwrap();
        let found = section(&manifest, "dependencies");
        let of_linux = section(&manifest, "target.'cfg(target_os = \"linux\")'.dependencies");
        assert!(of_linux.is_empty() || of_linux == ["libc"], "{member} depends on {of_linux:?} on Linux");
        assert!(!found.is_empty() && found.iter().all(|name| names.contains(name)), "{member} depends on {found:?}");
    }
}

#[test]
fn mpi_is_a_dependency_only_of_the_feature_that_is_off_by_default() {
    for member in ["optim", "mnist-demo"] {
        let manifest = fs::read_to_string(workspace().join(member).join("Cargo.toml")).unwrap();
        let features = section(&manifest, "features");
        assert_eq!(features, ["mpi"], "{member}: there is no default feature");
        let lines = manifest.lines().filter(|line| line.starts_with("mpi"));
        let expected: &[&str] = match member {
            "optim" => &[r#"mpi = ["dep:mpi"]"#, "mpi = { workspace = true, optional = true }"],
            _ => &[r#"mpi = ["optim/mpi"]"#],
        };
        assert_eq!(lines.collect::<Vec<_>>(), expected, "{member}");
    }
}

#[test]
fn the_workspace_has_its_five_members() {
    let manifest = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    let members = manifest.lines().find(|line| line.starts_with("members")).unwrap();
    assert_eq!(members, r#"members = ["autograd", "nn", "optim", "mnist-demo", "benches"]"#);
}
