//! Output on a terminal: ASCII where the locale has no more, and a warning about too many threads.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use autograd::Random;
use common::{assert_refused, demo, program, text, write_small_set};
use mnist_demo::model::perceptron_for;
use nn::checkpoint;

#[test]
fn a_locale_without_utf8_gets_ascii() {
    let folder = tempfile::tempdir().unwrap();
    write_small_set(folder.path());
    let weights = folder.path().join("weights");
    checkpoint::save(&perceptron_for(28 * 28, 10, &mut Random::new(0)), &weights).unwrap();
    let labels = folder.path().join("names.txt");
    fs::write(&labels, ["ß"; 10].join("\n")).unwrap();
    let labels = labels.to_str().unwrap();
    let (weights, data) = (weights.to_str().unwrap(), folder.path().to_str().unwrap());
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/images/three.png");
    let commands = [
        vec!["summary"],
        vec!["predict", picture.to_str().unwrap(), "--weights", weights],
        vec!["predict", picture.to_str().unwrap(), "--weights", weights, "--labels", labels],
        // A message with the size of images.
        vec!["--data", data, "--serve", "0"],
        vec!["--help"],
        vec!["train", "--help"],
    ];
    for (number, command) in commands.iter().enumerate() {
        let shown = |locale: &str| {
            let output = program(command).env("LC_ALL", locale).output().unwrap();
            (text(&output.stdout), text(&output.stderr))
        };
        for locale in ["C", "POSIX", "de_DE.ISO-8859-1"] {
            let (stdout, stderr) = shown(locale);
            assert!(stdout.is_ascii() && stderr.is_ascii(), "{command:?}: {stdout} {stderr}");
        }
        let (stdout, stderr) = shown("C.UTF-8");
        // The table of `summary` is of ASCII anyway.
        assert!(
            number == 0 || number > 3 || !(stdout.is_ascii() && stderr.is_ascii()),
            "{command:?}: {stdout} {stderr}"
        );
    }
}

/// The progress bar, on a terminal that the program `script` emulates.
#[cfg(target_os = "linux")]
#[test]
fn the_progress_bar_is_of_ascii_too() {
    let folder = tempfile::tempdir().unwrap();
    write_small_set(folder.path());
    let demo = env!("CARGO_BIN_EXE_mnist-demo");
    let epochs = if cfg!(debug_assertions) { 5 } else { 300 };
    let command = format!("stty cols 100; {demo} --epochs {epochs} --data {}", folder.path().display());
    let shown = |locale: &str| {
        let mut script = Command::new("script");
        let output = script.args(["-qec", &command, "/dev/null"]).env("LC_ALL", locale).env("TERM", "xterm").output();
        output.ok().map(|output| text(&output.stdout))
    };
    let (Some(plain), Some(rich)) = (shown("C"), shown("C.UTF-8")) else {
        // Without that program only the lines without a bar can be tested.
        assert!(demo_is_ascii(folder.path()));
        return;
    };
    assert!(plain.contains("images/s") && plain.contains(" left") && plain.contains('='), "{plain}");
    assert!(plain.is_ascii(), "{plain}");
    assert!(rich.contains('━'), "{rich}");
}

#[cfg(target_os = "linux")]
fn demo_is_ascii(data: &Path) -> bool {
    let arguments = ["--epochs", "1", "--data", data.to_str().unwrap()];
    program(&arguments).env("LC_ALL", "C").output().unwrap().stdout.is_ascii()
}

#[test]
fn more_threads_than_cores_give_a_warning_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    write_small_set(folder.path());
    let data = folder.path().to_str().unwrap();
    let cores = thread::available_parallelism().unwrap().get();
    let run = |threads: usize| demo(&["--epochs", "1", "--data", data, "--threads", &threads.to_string()]);
    let output = run(cores + 1);
    assert!(output.status.success());
    let stderr = text(&output.stderr);
    assert!(stderr.starts_with(&format!("warning: --threads {} is slower", cores + 1)), "{stderr}");
    assert!(stderr.matches("warning").count() == 1 && stderr.contains("this machine has "), "{stderr}");
    assert!(!text(&run(cores).stderr).contains("warning"));
    let most = (64 * cores).min(1024);
    assert_refused(&run(most + 1), 2, &format!("wanted a whole number from 0 (one for each core) to {most}"));
}
