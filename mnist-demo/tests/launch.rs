//! `launch`: one line and the exit code 75 however a rank is lost. Shells take the place of mpirun.
#![cfg(unix)]

mod common;

use std::time::{Duration, Instant};

use common::{assert_refused, demo, text};

/// Runs a script in the place of mpirun and its ranks; `words` follow it.
fn launched(script: &str, words: &[&str]) -> std::process::Output {
    demo(&[&["launch", "sh", "-c", script], words].concat())
}

#[test]
fn exit_codes_of_the_program_itself_stay() {
    for code in [0, 1, 2, 101] {
        let output = launched(&format!("echo out; echo note >&2; exit {code}"), &[]);
        assert_eq!(output.status.code(), Some(code));
        assert_eq!((text(&output.stdout), text(&output.stderr)), ("out\n".to_owned(), "note\n".to_owned()));
    }
}

#[test]
fn a_process_that_is_killed_and_a_host_that_is_gone_end_with_75_and_one_line_that_goes_on() {
    let words =
        ["mpirun", "-n", "3", "a demo", "train", "--mpi", "--shards", "8", "--threads", "1", "--checkpoint", "a run"];
    for (script, how) in
        [("kill -9 $$", "signal: 9"), ("exit 137", "exit status: 137"), ("exit 205", "exit status: 205")]
    {
        let output = launched(script, &words);
        assert_eq!(output.status.code(), Some(75));
        let line = text(&output.stderr);
        assert!(line.starts_with("error: a rank or its host was lost (") && line.contains(how), "{line}");
        let end = " mpirun -n 3 'a demo' train --resume 'a run' --mpi --threads 1\n";
        assert!(line.contains("go on from the last checkpoint with: ") && line.ends_with(end), "{line}");
        assert!(line.contains(&format!(" launch sh -c '{script}'")) || script.contains('$'), "{line}");
        assert_eq!(line.lines().count(), 1);
    }
    let nothing = text(&launched("exit 137", &["demo", "train", "--mpi", "--shards", "8"]).stderr);
    assert!(nothing.contains("nothing of the run was kept: --checkpoint DIR makes one that can go on"), "{nothing}");
    let unknown = text(&launched("exit 137", &[]).stderr);
    assert!(unknown.ends_with("a run with --checkpoint goes on with --resume\n"), "{unknown}");
}

#[test]
fn a_starter_that_hangs_after_a_rank_has_spoken_is_ended() {
    let line = "error: rank 1: another rank has not answered for 5 s; go on";
    let start = Instant::now();
    let output = launched(&format!("echo '{line}' >&2; exec sleep 60"), &[]);
    assert!(start.elapsed() < Duration::from_secs(30));
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(75), format!("{line}\n")));
    // Two ranks that say so: one line.
    let output = launched(&format!("echo '{line}' >&2; echo '{line}' >&2; echo more >&2; exit 75"), &[]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(75), format!("{line}\nmore\n")));
    // One that ends with another code: the line has been said.
    let output = launched(&format!("echo '{line}' >&2; exit 205"), &[]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(75), format!("{line}\n")));
}

#[test]
fn a_starter_that_is_not_there_is_named() {
    assert_refused(&demo(&["launch", "no-such-mpirun", "-n", "2"]), 2, "no-such-mpirun: cannot be started: ");
    assert_refused(&demo(&["launch"]), 2, "<COMMAND>");
}
