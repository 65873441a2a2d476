//! The copy of the exercises that a reader fills in.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("exercises")
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn every_exercise_has_a_solution_and_its_tests() {
    let problems = names(&here().join("problems"));
    assert_eq!(problems, names(&here().join("solutions")));
    for (program, folder) in [("exercises.rs", "mine"), ("problems.rs", "problems"), ("solutions.rs", "solutions")] {
        let text = fs::read_to_string(here().join(program)).unwrap();
        for name in &problems {
            assert!(text.contains(&format!("#[path = \"{folder}/{name}\"]")), "{program} has {name}");
            let tests = here().join("tests").join(&name[..3]).with_extension("rs");
            assert!(tests.is_file(), "{} is missing", tests.display());
        }
    }
}

#[test]
fn solving_the_exercises_changes_nothing_that_git_sees() {
    let ignored = fs::read_to_string(here().join("../../.gitignore")).unwrap();
    assert!(ignored.lines().any(|line| line == "/autograd/exercises/mine"), "{ignored}");
}

/// The command that makes the copy, in another folder: it copies all exercises, and keeps what was written.
#[cfg(unix)]
#[test]
fn the_copy_is_made_by_one_command_which_overwrites_nothing() {
    use std::process::Command;

    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("exercises-{}", std::process::id()));
    fs::create_dir_all(folder.join("problems")).unwrap();
    fs::copy(here().join("start"), folder.join("start")).unwrap();
    for name in names(&here().join("problems")) {
        fs::copy(here().join("problems").join(&name), folder.join("problems").join(&name)).unwrap();
    }
    let start = || {
        let output = Command::new("sh").arg(folder.join("start")).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(start().contains("cargo test -p autograd --features exercises --test exercises e01"));
    let (mine, problems) = (folder.join("mine"), folder.join("problems"));
    assert_eq!(names(&mine), names(&problems));
    let first = mine.join("e01_strides.rs");
    assert_eq!(fs::read(&first).unwrap(), fs::read(problems.join("e01_strides.rs")).unwrap());
    fs::write(&first, "// my solution").unwrap();
    fs::remove_file(mine.join("e02_broadcast.rs")).unwrap();
    start();
    assert_eq!(fs::read_to_string(&first).unwrap(), "// my solution");
    assert_eq!(names(&mine), names(&problems));
    fs::remove_dir_all(folder).unwrap();
}
