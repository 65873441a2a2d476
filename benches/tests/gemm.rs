//! The program as a person or another program uses it: `gemm`, and what `compare` and `report` make of its run.

use std::path::Path;
use std::process::{Command, Output};

use benches::record::{Run, read};
use benches::verdict::{Verdict, tally};

fn benches(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_benches"));
    command.args(arguments).env_remove("GRADUS_BLAS").output().expect("the program starts")
}

/// What a run that succeeds prints.
fn printed(arguments: &[&str]) -> String {
    let output = benches(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a run that fails says, and its exit code.
fn refused(arguments: &[&str]) -> (i32, String) {
    let output = benches(arguments);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn measure(folder: &Path) -> (Run, String) {
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (json, csv, svg) = (file("gemm.json"), file("gemm.csv"), file("gemm.svg"));
    let mut line =
        vec!["gemm", "--shapes", "mlp", "--only", "batch 1 ", "--threads", "1,2", "--rounds", "3", "--yours"];
    line.extend(["--json", &json, "--csv", &csv, "--svg", &svg]);
    let out = printed(&line);
    (read(Path::new(&json)).unwrap(), out)
}

#[test]
fn a_run_leaves_its_files_and_they_can_be_compared_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (run, out) = measure(folder.path());

    assert_eq!(run.comparisons.iter().map(|one| one.threads).collect::<Vec<_>>(), [vec![1; 8], vec![2; 8]].concat());
    let first = &run.measurements[0];
    assert_eq!((first.benchmark.as_str(), first.detail.as_str()), ("batch 1 forward 1", "(1×784)·(256×784)ᵀ"));
    assert_eq!((first.figures["m"], first.figures["n"], first.figures["k"]), (1.0, 256.0, 784.0));
    for one in &run.comparisons {
        assert_eq!(one.verdict, Verdict::of(one.ratio, one.noise.unwrap()));
    }
    let last = format!("gemm: {}", tally(run.comparisons.iter().map(|one| one.verdict)));
    assert_eq!((out.lines().last(), run.summary.as_str()), (Some(last.as_str()), last.as_str()));
    assert_eq!(out.matches("GFLOP/s, measured in this run").count(), 2, "the peak is printed above each table");
    assert_eq!((run.peaks.len(), run.rounds, run.tables.len(), run.charts.len()), (2, 3, 2, 1));
    let infos: Vec<&str> = run.contenders.iter().map(|info| info.name.as_str()).collect();
    assert!(infos.contains(&"gradus") && infos.contains(&"matrixmultiply") && infos.contains(&"yours"), "{infos:?}");
    let csv = std::fs::read_to_string(folder.path().join("gemm.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + run.measurements.len());
    assert!(std::fs::read_to_string(folder.path().join("gemm.svg")).unwrap().contains("peak"));

    let json = folder.path().join("gemm.json").to_str().unwrap().to_owned();
    let out = printed(&["compare", &json, &json]);
    assert!(out.contains("Nothing has changed beyond the noise."), "{out}");
    assert!(out.lines().last().unwrap().starts_with("compare: 0 faster, 0 slower, "), "{out}");
    let html = folder.path().join("page.html").to_str().unwrap().to_owned();
    assert!(printed(&["report", "--html", &html, &json, &json]).starts_with("report: 2 runs in"));
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("batch 1 forward 1") && page.matches("<svg").count() == 2);
}

#[test]
fn wrong_arguments_are_answered_in_words() {
    assert_eq!(refused(&["gemm", "--shapes", "round"]).0, 2);
    assert_eq!(refused(&["gemm", "--threads", "0"]).0, 2);
    for (line, words) in [
        (vec!["gemm", "--only", "no such case"], "no product is left"),
        (
            vec!["gemm", "--blas", "/no/such/libblas.so", "--only", "square 16", "--threads", "1"],
            "/no/such/libblas.so can't be loaded",
        ),
        (vec!["gemm", "--json", "/no/such/folder/a.json"], "there is no folder /no/such/folder"),
        (vec!["pointwise", "--only", "cbrt"], "no task begins with \"cbrt\""),
        (vec!["compare", "one.json"], "two files are needed"),
        (vec!["compare", "/no/such/old.json", "/no/such/new.json"], "/no/such/old.json can't be read"),
        (vec!["compare", "--commit", "no-such-commit"], "no-such-commit"),
        (vec!["report", "/no/such/run.json"], "/no/such/run.json can't be read"),
    ] {
        let (code, said) = refused(&line);
        assert!(code == 1 && said.contains(words), "{line:?}: {code}, {said}");
    }
}
