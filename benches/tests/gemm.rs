//! The command `gemm`, as a person or a program uses it.

use std::process::{Command, Output};

use benches::commands::gemm::Outcome;
use benches::measure::Verdict;

fn gemm(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_benches"));
    command.arg("gemm").args(arguments).env_remove("GRADUS_BLAS").output().expect("the program starts")
}

#[test]
fn a_run_ends_with_the_tally_and_leaves_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let (json, svg) = (folder.path().join("gemm.json"), folder.path().join("gemm.svg"));
    let output = gemm(&[
        "--shapes",
        "mlp",
        "--only",
        "batch 1 ",
        "--threads",
        "1,2",
        "--rounds",
        "2",
        "--json",
        json.to_str().unwrap(),
        "--svg",
        svg.to_str().unwrap(),
    ]);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.success(), "{err}");

    let outcomes: Vec<Outcome> = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(outcomes.iter().map(|outcome| outcome.threads).collect::<Vec<_>>(), [vec![1; 8], vec![2; 8]].concat());
    let forward = &outcomes[0];
    assert_eq!((forward.case.as_str(), forward.m, forward.n, forward.k), ("batch 1 forward 1", 1, 256, 784));
    for outcome in &outcomes {
        assert!((outcome.ratio - outcome.ours / outcome.best_peer).abs() < 1e-9 && outcome.noise >= 0.0);
        assert_eq!(outcome.verdict, Verdict::of(outcome.ratio, outcome.noise));
    }
    let count = |verdict| outcomes.iter().filter(|outcome| outcome.verdict == verdict).count();
    let tally =
        format!("gemm: {} win, {} tie, {} lose, of 16", count(Verdict::Win), count(Verdict::Tie), count(Verdict::Lose));
    assert_eq!(out.lines().last(), Some(tally.as_str()));
    assert_eq!(out.matches("GFLOP/s, measured in this run").count(), 2, "the peak stands above each table");
    assert!(std::fs::read_to_string(&svg).unwrap().contains("peak"));
}

#[test]
fn wrong_arguments_are_answered_in_words() {
    let output = gemm(&["--shapes", "round"]);
    assert_eq!(output.status.code(), Some(2));
    let output = gemm(&["--only", "no such case"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no product is left"));
    let output = gemm(&["--blas", "/no/such/libblas.so", "--only", "square 16", "--threads", "1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/no/such/libblas.so can't be loaded"));
}
