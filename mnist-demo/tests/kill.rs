//! The process is killed at random times, and nothing is lost.

#![cfg(unix)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use autograd::Random;
use common::{demo, text, write_small_set};
use mnist_demo::checkpoint::Folder;

const KILLS: usize = 200;
const EPOCHS: &str = "40";

fn spawn(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_mnist-demo"))
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn two_hundred_kills_lose_nothing_and_change_no_bit() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    let (data, checkpoints, weights) = (path("data"), path("checkpoints"), path("weights"));
    fs::create_dir(&data).unwrap();
    write_small_set(Path::new(&data));
    // 40 epochs of 32 steps. With `--every 2` the process writes a checkpoint most of the time, so that most kills
    // happen during a write.
    let settings = ["train", "--data", &data, "--epochs", EPOCHS, "--batch-size", "8", "--seed", "11"];
    let whole = demo(&[&settings[..], &["--save", &weights]].concat());
    assert!(whole.status.success(), "{}", text(&whole.stderr));
    let whole = fs::read(&weights).unwrap();
    fs::remove_file(&weights).unwrap();

    let start = Instant::now();
    let mut moments = Random::new(2024);
    let (mut furthest, mut kills, mut inside, mut unfinished, mut ended) = (None, 0, 0, 0, 0);
    let resumed =
        [&settings[..], &["--checkpoint", &checkpoints, "--resume", &checkpoints, "--every", "2", "--save", &weights]]
            .concat();
    while kills < KILLS {
        let mut program = spawn(&resumed);
        thread::sleep(Duration::from_micros(moments.below(60_000)));
        program.kill().unwrap();
        let output = program.wait_with_output().unwrap();
        if output.status.success() {
            ended += 1;
            assert!(fs::read(&weights).unwrap() == whole, "other bits after {kills} kills");
            // The run has ended: start it again.
            fs::remove_file(&weights).unwrap();
            fs::remove_dir_all(&checkpoints).unwrap();
            furthest = None;
            continue;
        }
        kills += 1;
        let stderr = text(&output.stderr);
        assert!(!stderr.contains("damaged") && !stderr.contains("error"), "kill {kills}: {stderr}");
        assert!(furthest.is_none() || !stderr.contains("anew"), "kill {kills}: a run was lost: {stderr}");
        if !Path::new(&checkpoints).exists() {
            assert!(furthest.is_none(), "kill {kills}: the folder is gone");
            continue;
        }
        unfinished += fs::read_dir(&checkpoints)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().starts_with('.'))
            .count();
        let folder = Folder::open(Path::new(&checkpoints)).unwrap();
        let found = folder.newest().unwrap();
        assert!(found.damaged.is_empty(), "kill {kills}: {:?}", found.damaged);
        let step = folder.steps().unwrap().last().copied();
        assert!(step >= furthest, "kill {kills}: back from step {furthest:?} to {step:?}");
        assert!(folder.steps().unwrap().len() <= 4, "kill {kills}: three, and one that was on its way out");
        inside += usize::from(step.is_some_and(|step| step % 32 != 0));
        furthest = step;
    }
    let output = spawn(&resumed).wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(fs::read(&weights).unwrap() == whole, "other bits after {kills} kills");
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{kills} kills in {seconds:.1} s: {inside} left the run inside of an epoch, {unfinished} left a checkpoint \
         half written; {ended} runs ended between them"
    );
    assert!(inside > 0, "some kills must happen inside of an epoch");
}
